//! On tokio, with several threads.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::Context;
use std::time::Duration;

use tokio::time::Instant;

/// What it may cost to put a thread to sleep and to wake it: up to 60 µs on virtual machines, of
/// which each of two threads loses a part.
pub const WAKING: Duration = Duration::from_micros(100);

/// `Send` where there are threads.
pub trait MaybeSend: Send {}
impl<T: Send + ?Sized> MaybeSend for T {}

/// `Sync` where there are threads.
pub trait MaybeSync: Sync {}
impl<T: Sync + ?Sized> MaybeSync for T {}

/// A boxed future, `Send` where there are threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A future that is ready after a while.
pub type Sleep = tokio::time::Sleep;

/// Runs a future to its end in the background.
pub fn spawn(future: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(future);
}

/// Has the task woken again when those have run that are ready to.
pub fn wake_after_others(cx: &mut Context<'_>) {
    // A task that wakes itself would rouse another thread to take it over; this one does not.
    let _ = pin!(tokio::task::yield_now()).poll(cx);
}

/// Waits for a while.
pub fn sleep(duration: Duration) -> Sleep {
    tokio::time::sleep(duration)
}

/// Tells how long ago it was made, by the clock that timers go by: tests may stop it.
#[derive(Clone, Copy, Debug)]
pub struct Clock(Instant);

impl Clock {
    /// A clock that starts now.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// The time since the start.
    pub fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

/// Tells how long ago it was made, by a clock that nobody stops.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(std::time::Instant);

impl Stopwatch {
    /// One that starts now.
    pub fn start() -> Self {
        Self(std::time::Instant::now())
    }

    /// The time since the start.
    pub fn now(&self) -> Duration {
        self.0.elapsed()
    }
}
