//! tokio, with several threads.

mod long_polls;

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::task::coop;
use tokio::time::Instant;

pub(crate) use long_polls::{Polling, Yielding, wake};

/// What it costs to put a thread to sleep and to wake it: up to 60 µs on virtual machines, split
/// between two threads.
pub const WAKE_LATENCY: Duration = Duration::from_micros(100);

/// `Send` where there are threads.
pub trait MaybeSend: Send {}
impl<T: Send + ?Sized> MaybeSend for T {}

/// `Sync` where there are threads.
pub trait MaybeSync: Sync {}
impl<T: Sync + ?Sized> MaybeSync for T {}

/// A boxed future, `Send` where there are threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A future that is ready after a duration.
pub type Sleep = tokio::time::Sleep;

/// Runs a future in the background.
pub fn spawn(future: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(future);
}

/// Returns a future that is ready after `duration`.
pub fn sleep(duration: Duration) -> Sleep {
    tokio::time::sleep(duration)
}

/// Ready while the running task may go on; otherwise it is polled again once others have run. A task that always
/// finds elements to read, or room to send, would hold its thread for ever.
#[inline]
pub(crate) fn poll_proceed(cx: &Context<'_>) -> Poll<coop::RestoreOnPending> {
    coop::poll_proceed(&mut Context::from_waker(cx.waker()))
}

/// Measures the time since it was started, by the clock of timers, which tests may pause.
#[derive(Clone, Copy, Debug)]
pub struct Clock(Instant);

impl Clock {
    /// Starts a clock.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Returns the time since the start.
    pub fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

/// Measures the time since it was started, by a clock that is never paused.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(std::time::Instant);

impl Stopwatch {
    /// Starts a stopwatch.
    pub fn start() -> Self {
        Self(std::time::Instant::now())
    }

    /// Returns the time since the start.
    pub fn now(&self) -> Duration {
        self.0.elapsed()
    }
}
