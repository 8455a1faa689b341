//! Tasks that run one future after the other, each of which can be stopped.
//!
//! The memory of a new task is aligned in a way that allocators are slow at, the more so when
//! another thread gives it back. So a task whose future is done waits for another one, until it
//! turns out not to be needed. What stops a future costs no memory of its own either: it is a number
//! at the task's seat.

use std::convert::Infallible;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use futures::channel::oneshot;

use crate::rt::{self, MaybeSend};

/// How many tasks of a link wait for another future, at most: as many as handlers run, unless that
/// bound was raised. Each has about half a KiB.
const MAX_IDLE: usize = 256;
/// Tasks that were not needed for as long as this end, at the latest after twice the time.
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs futures, each in a task that runs nothing else meanwhile.
pub(super) struct Pool<F>(Arc<Idle<F>>);

/// Those that wait for another future.
struct Idle<F>(Mutex<Seats<F>>);

struct Seats<F> {
    /// Those last that were the last to be done.
    free: Vec<Arc<Seat<F>>>,
    /// How many have been there all the time since it was looked for those that are not needed.
    unneeded: usize,
    /// Held for [`watch`], so that it hears when there is no need of it.
    watched: Option<oneshot::Sender<Infallible>>,
    /// The pool is gone.
    is_closed: bool,
}

/// Where a task is given one future after the other.
pub(super) struct Seat<F> {
    place: Mutex<Place<F>>,
    /// Of the task, as of when it was first polled: it stays the same.
    waker: OnceLock<Waker>,
    /// How many futures there have been. It changes only under the lock.
    round: AtomicU64,
}

struct Place<F> {
    next: Next<F>,
    /// The last round that was to be stopped.
    stopped: u64,
}

enum Next<F> {
    Nothing,
    Future(F),
    /// There will be none: the task, or the pool, is gone.
    Over,
}

/// Stops a future. Dropped, it does nothing.
pub(super) struct Stopper<F> {
    seat: Arc<Seat<F>>,
    round: u64,
}

/// What such a task is made of.
struct Worker<F> {
    seat: Arc<Seat<F>>,
    pool: Arc<Idle<F>>,
    future: Option<F>,
}

/// What a task is to do.
enum Duty {
    Run,
    /// Its future is not to be run any more.
    Stop,
    Wait,
    End,
}

impl<F: Future + Unpin + MaybeSend + 'static> Pool<F> {
    pub(super) fn new() -> Self {
        let seats = Seats {
            free: Vec::new(),
            unneeded: 0,
            watched: None,
            is_closed: false,
        };
        Self(Arc::new(Idle(Mutex::new(seats))))
    }

    /// Seats for so many futures. Each of them is to be [given](Self::run) one.
    pub(super) fn seats(&self, count: usize) -> Vec<Arc<Seat<F>>> {
        let mut seats = self.0.take(count);
        seats.resize_with(count, || Arc::new(Seat::new()));
        seats
    }

    /// Runs a future in the background, to its end or until it is stopped. It comes back when the
    /// seat's task is gone.
    pub(super) fn run(&self, seat: Arc<Seat<F>>, future: F) -> Option<F> {
        let is_new = seat.waker.get().is_none();
        let refused = seat.give(future);
        if is_new {
            rt::spawn(Worker {
                seat,
                pool: Arc::clone(&self.0),
                future: None,
            });
        }
        refused
    }
}

impl<F> Drop for Pool<F> {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl<F> Idle<F> {
    /// Takes as many of them, or all there are.
    fn take(&self, count: usize) -> Vec<Arc<Seat<F>>> {
        let mut idle = self.lock();
        let rest = idle.free.len().saturating_sub(count);
        idle.unneeded = idle.unneeded.min(rest);
        idle.free.split_off(rest)
    }

    /// Ends those that have not been needed of late.
    fn dismiss(&self) {
        let mut idle = self.lock();
        let unneeded = idle.unneeded;
        let dismissed: Vec<_> = idle.free.drain(..unneeded).collect();
        idle.free.shrink_to_fit();
        idle.unneeded = idle.free.len();
        if idle.free.is_empty() {
            idle.watched = None;
        }
        drop(idle);
        for seat in dismissed {
            seat.end();
        }
    }

    /// Ends all of them, and has none wait any more.
    fn close(&self) {
        let mut idle = self.lock();
        idle.is_closed = true;
        idle.watched = None;
        let free = mem::take(&mut idle.free);
        drop(idle);
        for seat in free {
            seat.end();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Seats<F>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F: MaybeSend + 'static> Idle<F> {
    /// Keeps a task that waits, if the pool is there and has room.
    fn keep(self: &Arc<Self>, seat: &Arc<Seat<F>>) -> bool {
        let mut idle = self.lock();
        if idle.is_closed || idle.free.len() >= MAX_IDLE {
            return false;
        }
        idle.free.push(Arc::clone(seat));
        if idle.is_watched() {
            return true;
        }
        let (held, over) = oneshot::channel();
        idle.watched = Some(held);
        drop(idle);
        rt::spawn(watch(Arc::downgrade(self), over));
        true
    }
}

/// Ends tasks that are not needed, until none is left or the pool is gone.
async fn watch<F>(idle: Weak<Idle<F>>, mut over: oneshot::Receiver<Infallible>) {
    while rt::timeout(PATIENCE, &mut over).await.is_none() {
        if let Some(idle) = idle.upgrade() {
            idle.dismiss();
        }
    }
}

impl<F> Seats<F> {
    fn is_watched(&self) -> bool {
        let watched = self.watched.as_ref();
        watched.is_some_and(|held| !held.is_canceled())
    }
}

impl<F> Seat<F> {
    fn new() -> Self {
        let place = Place {
            next: Next::Nothing,
            stopped: 0,
        };
        Self {
            place: Mutex::new(place),
            waker: OnceLock::new(),
            round: AtomicU64::new(0),
        }
    }

    /// What stops the future that is given next.
    pub(super) fn stopper(self: &Arc<Self>) -> Stopper<F> {
        Stopper {
            seat: Arc::clone(self),
            round: self.round.load(Ordering::Relaxed) + 1,
        }
    }

    /// Gives its task a future. When the task is gone, it comes back.
    fn give(&self, future: F) -> Option<F> {
        let mut place = self.lock();
        if let Next::Over = place.next {
            return Some(future);
        }
        place.next = Next::Future(future);
        self.round.fetch_add(1, Ordering::Relaxed);
        drop(place);
        self.wake();
        None
    }

    /// What its task is to do, which has this future or takes the next.
    fn attend(&self, future: &mut Option<F>) -> Duty {
        let mut place = self.lock();
        if future.is_none() {
            match mem::replace(&mut place.next, Next::Nothing) {
                Next::Nothing => return Duty::Wait,
                Next::Future(next) => *future = Some(next),
                Next::Over => return Duty::End,
            }
        }
        if place.stopped == self.round.load(Ordering::Relaxed) {
            Duty::Stop
        } else {
            Duty::Run
        }
    }

    /// There will be no other future. Returns one that was not begun.
    fn end(&self) -> Option<F> {
        let next = mem::replace(&mut self.lock().next, Next::Over);
        self.wake();
        match next {
            Next::Future(future) => Some(future),
            _ => None,
        }
    }

    /// Wakes its task, unless that is about to be polled for the first time.
    fn wake(&self) {
        if let Some(waker) = self.waker.get() {
            waker.wake_by_ref();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Place<F>> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F> Stopper<F> {
    /// Has the future dropped, if it is not done, instead of being polled another time.
    pub(super) fn stop(&self) {
        let mut place = self.seat.lock();
        place.stopped = place.stopped.max(self.round);
        drop(place);
        self.seat.wake();
    }
}

impl<F: Future + Unpin + MaybeSend + 'static> Future for Worker<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { seat, pool, future } = &mut *self;
        // Before it looks, so that whoever changes something afterwards can wake it.
        seat.waker.get_or_init(|| cx.waker().clone());
        match (seat.attend(future), future.as_mut()) {
            (Duty::Run, Some(future)) => {
                ready!(Pin::new(future).poll(cx));
            }
            (Duty::Wait, _) => return Poll::Pending,
            (Duty::End, _) => return Poll::Ready(()),
            _ => {}
        }
        *future = None;
        if pool.keep(seat) {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    }
}

impl<F> Drop for Worker<F> {
    fn drop(&mut self) {
        // It may have been given a future that it cannot run any more.
        drop(self.seat.end());
    }
}

#[cfg(test)]
#[path = "pool_tests.rs"]
mod tests;
