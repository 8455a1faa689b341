//! Telling an aborted future from one that has finished.
//!
//! Dropping a sender closes its channel. But when a handler is aborted, a panic unwinds, or a call
//! fails before it is sent, the sender has not finished: its reader must not see a clean end.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

thread_local! {
    static ABORTING: Cell<bool> = const { Cell::new(false) };
}

/// Returns whether a sender that is dropped now must reset its channel.
pub(crate) fn is_aborting() -> bool {
    ABORTING.get() || std::thread::panicking()
}

/// Runs `act`. Senders that are dropped in it reset their channels.
pub(crate) fn aborting<R>(act: impl FnOnce() -> R) -> R {
    /// Restores the flag, also when user code panics.
    struct Restore(bool);

    impl Drop for Restore {
        fn drop(&mut self) {
            ABORTING.set(self.0);
        }
    }

    let _restore = Restore(ABORTING.replace(true));
    act()
}

/// A future that resets the channels it holds when it is dropped before it is ready.
#[derive(Debug)]
pub(crate) struct AbortOnDrop<F>(Option<F>);

impl<F> AbortOnDrop<F> {
    pub(crate) fn new(future: F) -> Self {
        Self(Some(future))
    }
}

impl<F: Future + Unpin> Future for AbortOnDrop<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let Some(future) = &mut self.0 else {
            panic!("polled after it was ready")
        };
        let polled = Pin::new(future).poll(cx);
        if polled.is_ready() {
            self.0 = None;
        }
        polled
    }
}

impl<F> Drop for AbortOnDrop<F> {
    fn drop(&mut self) {
        if let Some(future) = self.0.take() {
            aborting(|| drop(future));
        }
    }
}
