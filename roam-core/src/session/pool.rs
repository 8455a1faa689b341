//! Tasks that run one future after the other.
//!
//! The memory of a new task is aligned in a way that allocators are slow at, the more so when
//! another thread gives it back. So a task whose future is done waits for another one, until it
//! turns out not to be needed.

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

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
    /// Whether it is going to be looked.
    is_watched: bool,
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
            is_watched: false,
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

    /// Ends those that have not been needed of late. Tells whether any are left.
    fn dismiss(&self) -> bool {
        let mut idle = self.lock();
        let unneeded = idle.unneeded;
        let dismissed: Vec<_> = idle.free.drain(..unneeded).collect();
        idle.free.shrink_to_fit();
        idle.unneeded = idle.free.len();
        idle.is_watched = !idle.free.is_empty();
        let are_left = idle.is_watched;
        drop(idle);
        for seat in dismissed {
            seat.end();
        }
        are_left
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
        let is_watched = mem::replace(&mut idle.is_watched, true);
        drop(idle);
        if !is_watched {
            rt::spawn(watch(Arc::downgrade(self)));
        }
        true
    }
}

/// Ends tasks that are not needed, until none is left.
async fn watch<F>(idle: Weak<Idle<F>>) {
    loop {
        rt::sleep(PATIENCE).await;
        if !idle.upgrade().is_some_and(|idle| idle.dismiss()) {
            return;
        }
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

#[cfg(all(test, not(target_arch = "wasm32")))]
#[path = "pool_tests.rs"]
mod tests;
