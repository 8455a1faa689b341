//! A value that several change and on which several wait.

use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use super::waiters::{Ticket, Waiters};

/// A value that several change and on which several wait, for whatever it may become.
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

    /// Looks at the value. No user code may run in `look`, nor in that of the other methods.
    pub(super) fn look<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        look(&self.lock().value)
    }

    /// Changes the value, and wakes everybody who waits.
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

    /// Waits until `check` finds something. It is asked at once, and again after each change.
    pub(super) async fn wait_for<R>(&self, mut check: impl FnMut(&T) -> Option<R>) -> R {
        let mut place = Place {
            watch: self,
            ticket: None,
        };
        poll_fn(|cx| place.poll(cx, &mut check)).await
    }

    fn lock(&self) -> MutexGuard<'_, Watched<T>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of a future among those that wait. It is given up when the future is dropped.
struct Place<'a, T> {
    watch: &'a Watch<T>,
    ticket: Option<Ticket>,
}

impl<T> Place<'_, T> {
    fn poll<R>(&mut self, cx: &Context<'_>, check: impl FnOnce(&T) -> Option<R>) -> Poll<R> {
        let mut watched = self.watch.lock();
        if let Some(found) = check(&watched.value) {
            return Poll::Ready(found);
        }
        let ticket = *self.ticket.get_or_insert_with(Ticket::draw);
        let replaced = watched.waiters.wait(ticket, cx.waker());
        drop(watched);
        drop(replaced);
        Poll::Pending
    }
}

impl<T> Drop for Place<'_, T> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            let waker = self.watch.lock().waiters.leave(ticket);
            drop(waker);
        }
    }
}
