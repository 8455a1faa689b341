//! A shared value that tasks can wait on.

use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use super::link::wait::{WaitGuard, WaitList, WaiterId, Waiters};

/// A value that several tasks change and on which several wait.
#[derive(Debug, Default)]
pub(super) struct Watch<T> {
    watched: Mutex<Watched<T>>,
}

#[derive(Debug, Default)]
struct Watched<T> {
    value: T,
    waiters: Waiters,
}

impl<T> Watch<T> {
    pub(super) fn new(value: T) -> Self {
        let waiters = Waiters::default();
        Self {
            watched: Mutex::new(Watched { value, waiters }),
        }
    }

    /// Reads the value. No user code may run in `read`, nor in the closures of the other methods.
    pub(super) fn read<R>(&self, read: impl FnOnce(&T) -> R) -> R {
        read(&self.lock().value)
    }

    /// Changes the value and wakes everybody who waits.
    pub(super) fn change<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        let (result, waiters) = {
            let mut watched = self.lock();
            let result = change(&mut watched.value);
            (result, std::mem::take(&mut watched.waiters))
        };
        for waker in waiters.into_wakers() {
            waker.wake();
        }
        result
    }

    /// Waits until `check` returns a value. It runs at once, and again after each change.
    pub(super) async fn wait_for<R>(&self, mut check: impl FnMut(&T) -> Option<R>) -> R {
        let mut guard = WaitGuard::new(self);
        poll_fn(|cx| self.poll_wait(&mut guard.waiter, cx, &mut check)).await
    }

    /// Like [`wait_for`](Self::wait_for), for `waiter`, which must [leave](Self::leave) when it is
    /// dropped.
    pub(super) fn poll_wait<R>(
        &self,
        waiter: &mut Option<WaiterId>,
        cx: &Context<'_>,
        check: impl FnOnce(&T) -> Option<R>,
    ) -> Poll<R> {
        let mut watched = self.lock();
        if let Some(found) = check(&watched.value) {
            return Poll::Ready(found);
        }
        let waiter = *waiter.get_or_insert_with(WaiterId::next);
        let replaced = watched.waiters.wait(waiter, cx.waker());
        drop(watched);
        drop(replaced);
        Poll::Pending
    }

    /// Removes a waiter, if it still waits.
    pub(super) fn leave(&self, waiter: WaiterId) {
        let waker = self.lock().waiters.leave(waiter);
        drop(waker);
    }

    fn lock(&self) -> MutexGuard<'_, Watched<T>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> WaitList for &Watch<T> {
    fn leave(&self, waiter: WaiterId) {
        Watch::leave(self, waiter);
    }
}
