//! What is dropped before it was done.
//!
//! A sending end that is dropped closes its channel. But when a handler is stopped, when a panic
//! unwinds, or when a call fails before it was sent, the sender has not said its last word: its
//! reader must not take the end of it for a clean one.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

thread_local! {
    static CUTTING: Cell<bool> = const { Cell::new(false) };
}

/// Whether what is dropped here and now is cut short.
pub(super) fn is_cutting() -> bool {
    CUTTING.get() || std::thread::panicking()
}

/// Runs something in which all that is dropped is cut short.
pub(super) fn cutting<R>(act: impl FnOnce() -> R) -> R {
    /// Goes back also when user code panics.
    struct Back(bool);

    impl Drop for Back {
        fn drop(&mut self) {
            CUTTING.set(self.0);
        }
    }

    let _back = Back(CUTTING.replace(true));
    act()
}

/// A future that is cut short when it is dropped before it was ready.
#[derive(Debug)]
pub(crate) struct Unfinished<F>(Option<F>);

impl<F> Unfinished<F> {
    pub(crate) fn new(future: F) -> Self {
        Self(Some(future))
    }
}

impl<F: Future + Unpin> Future for Unfinished<F> {
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

impl<F> Drop for Unfinished<F> {
    fn drop(&mut self) {
        if let Some(future) = self.0.take() {
            cutting(|| drop(future));
        }
    }
}
