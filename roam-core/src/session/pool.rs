//! Tasks that run one future after the other.
//!
//! The memory of a new task is aligned in a way that allocators are slow at, the more so when
//! another thread gives it back. So a task whose future is done waits for another one, until it
//! turns out not to be needed.

use std::convert::Infallible;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use futures::channel::oneshot;

use crate::rt::{self, MaybeSend};

use super::waiters::set_waker;

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
}

/// Where a task is given its next future.
struct Seat<F>(Mutex<Next<F>>);

enum Next<F> {
    Nothing(Option<Waker>),
    Future(F),
    /// There will be none: the task, or the pool, is gone.
    Over,
}

/// What such a task is made of.
struct Worker<F> {
    seat: Arc<Seat<F>>,
    pool: Weak<Idle<F>>,
    future: Option<F>,
}

impl<F: Future + Unpin + MaybeSend + 'static> Pool<F> {
    pub(super) fn new() -> Self {
        let seats = Seats {
            free: Vec::new(),
            unneeded: 0,
            watched: None,
        };
        Self(Arc::new(Idle(Mutex::new(seats))))
    }

    /// Runs futures to their ends in the background.
    pub(super) fn run(&self, futures: impl ExactSizeIterator<Item = F>) {
        let mut idle = self.0.take(futures.len()).into_iter();
        for future in futures {
            let refused = match idle.next() {
                Some(seat) => seat.give(future),
                None => Some(future),
            };
            if let Some(future) = refused {
                self.start(future);
            }
        }
    }

    /// Runs a future in a new task.
    fn start(&self, future: F) {
        rt::spawn(Worker {
            seat: Arc::new(Seat(Mutex::new(Next::Nothing(None)))),
            pool: Arc::downgrade(&self.0),
            future: Some(future),
        });
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

    fn lock(&self) -> MutexGuard<'_, Seats<F>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F: MaybeSend + 'static> Idle<F> {
    /// Keeps a task, if there is room for it.
    fn keep(self: &Arc<Self>, seat: &Arc<Seat<F>>) -> bool {
        let mut idle = self.lock();
        if idle.free.len() >= MAX_IDLE {
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

impl<F> Drop for Idle<F> {
    fn drop(&mut self) {
        for seat in self.take(MAX_IDLE) {
            seat.end();
        }
    }
}

impl<F> Seat<F> {
    /// Gives its task a future. When the task is gone, it comes back.
    fn give(&self, future: F) -> Option<F> {
        let mut next = self.lock();
        if let Next::Over = *next {
            return Some(future);
        }
        let before = mem::replace(&mut *next, Next::Future(future));
        drop(next);
        if let Next::Nothing(Some(waker)) = before {
            waker.wake();
        }
        None
    }

    /// The next future; `None` when there will be none.
    fn poll_next(&self, cx: &Context<'_>) -> Poll<Option<F>> {
        let mut next = self.lock();
        match &mut *next {
            Next::Nothing(waker) => {
                let before = set_waker(waker, cx.waker());
                drop(next);
                drop(before);
                Poll::Pending
            }
            Next::Future(_) => match mem::replace(&mut *next, Next::Nothing(None)) {
                Next::Future(future) => Poll::Ready(Some(future)),
                _ => Poll::Ready(None),
            },
            Next::Over => Poll::Ready(None),
        }
    }

    /// There will be no other future.
    fn end(&self) {
        if let Next::Nothing(Some(waker)) = self.replace(Next::Over) {
            waker.wake();
        }
    }

    fn replace(&self, next: Next<F>) -> Next<F> {
        mem::replace(&mut *self.lock(), next)
    }

    fn lock(&self) -> MutexGuard<'_, Next<F>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F: MaybeSend + 'static> Worker<F> {
    /// Waits for another future, if the pool is there and has room.
    fn rest(&self) -> bool {
        let pool = self.pool.upgrade();
        pool.is_some_and(|pool| pool.keep(&self.seat))
    }
}

impl<F: Future + Unpin + MaybeSend + 'static> Future for Worker<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.future.is_none() {
            let Some(next) = ready!(self.seat.poll_next(cx)) else {
                return Poll::Ready(());
            };
            self.future = Some(next);
        }
        if let Some(future) = &mut self.future {
            ready!(Pin::new(future).poll(cx));
        }
        self.future = None;
        if !self.rest() {
            return Poll::Ready(());
        }
        self.future = ready!(self.seat.poll_next(cx));
        if self.future.is_none() {
            return Poll::Ready(());
        }
        // Others are to run before it.
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<F> Drop for Worker<F> {
    fn drop(&mut self) {
        // It may have been given a future that it cannot run any more.
        drop(self.seat.replace(Next::Over));
    }
}

#[cfg(test)]
#[path = "pool_tests.rs"]
mod tests;
