//! Everything that differs between tokio and the browser.

#[cfg(not(target_arch = "wasm32"))]
mod native;
#[cfg(target_arch = "wasm32")]
mod web;

#[cfg(not(target_arch = "wasm32"))]
use native as imp;
#[cfg(target_arch = "wasm32")]
use web as imp;

pub use imp::{
    BoxFuture, Clock, MaybeSend, MaybeSync, Sleep, Stopwatch, WAKE_LATENCY, sleep, spawn,
};
pub(crate) use imp::{Polling, Yielding, poll_proceed, wake};

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

/// Runs `future` for at most `limit`. Returns `None` when it was not ready by then.
pub async fn timeout<F: Future>(limit: Duration, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut sleep = pin!(sleep(limit));
    std::future::poll_fn(|cx: &mut Context<'_>| {
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(Some(output));
        }
        Pin::as_mut(&mut sleep).poll(cx).map(|()| None)
    })
    .await
}
