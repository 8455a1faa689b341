//! Where a link waits for the next transport of its initiator.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::proto::Attach;
use crate::session::identity::Identity;

/// The place of a link at its acceptor: transports of its initiator are put here for its driver.
#[derive(Debug)]
pub(super) struct Seat<T>(Mutex<State<T>>);

#[derive(Debug)]
struct State<T> {
    /// Boxed, since a transport is large and the seat is nearly always empty.
    offer: Option<Box<Offer<T>>>,
    waker: Option<Waker>,
}

/// What a driver finds in its seat.
#[derive(Debug)]
pub(super) enum Offer<T> {
    /// Another transport, its first frame, and who opened it.
    Transport {
        transport: T,
        attach: Attach,
        identity: Option<Identity>,
    },
    /// The acceptor has no room for the link while it has no transport.
    Evicted,
}

impl<T> Seat<T> {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(State {
            offer: None,
            waker: None,
        })))
    }

    /// Puts something into the seat. Returns what was there before: only the last transport counts.
    pub(super) fn put(&self, offer: Offer<T>) -> Option<Offer<T>> {
        let (before, waker) = {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let before = state.offer.replace(Box::new(offer));
            (before.map(|before| *before), state.waker.take())
        };
        if let Some(waker) = waker {
            waker.wake();
        }
        before
    }

    /// Takes what is in the seat, or registers the task.
    pub(super) fn poll_take(&self, cx: &Context<'_>) -> Poll<Offer<T>> {
        let mut replaced = None;
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = state.offer.take();
        if taken.is_none()
            && !state
                .waker
                .as_ref()
                .is_some_and(|it| it.will_wake(cx.waker()))
        {
            replaced = state.waker.replace(cx.waker().clone());
        }
        drop(state);
        // A waker is user code, which does not run under the lock.
        drop(replaced);
        taken.map_or(Poll::Pending, |offer| Poll::Ready(*offer))
    }
}
