//! A browser (or Node), with one thread.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use wasm_bindgen::prelude::*;

/// `Send` where there are threads.
pub trait MaybeSend {}
impl<T: ?Sized> MaybeSend for T {}

/// `Sync` where there are threads.
pub trait MaybeSync {}
impl<T: ?Sized> MaybeSync for T {}

/// A boxed future, `Send` where there are threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

#[wasm_bindgen]
extern "C" {
    // A number in browsers, an object in Node.
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(callback: &Closure<dyn FnMut()>, millis: f64) -> JsValue;

    #[wasm_bindgen(js_name = clearTimeout)]
    fn clear_timeout(timer: &JsValue);

    /// Milliseconds; unlike `Date.now` it never goes back.
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    fn performance_now() -> f64;
}

/// Runs a future in the background.
pub fn spawn(future: impl Future<Output = ()> + 'static) {
    wasm_bindgen_futures::spawn_local(future);
}

/// The longest that `setTimeout` waits; it treats more as zero.
const LONGEST_TIMER: Duration = Duration::from_millis(i32::MAX as u64);

/// A handler is polled until this is dropped. While it computes, nothing else can run.
#[must_use]
pub(crate) struct Polling(());

impl Polling {
    pub(crate) fn begin() -> Self {
        Self(())
    }
}

/// Wakes a task.
pub(crate) fn wake(waker: Waker) {
    waker.wake();
}

/// A task that lets others run first, now and then.
#[derive(Debug)]
pub(crate) struct Yielding(());

impl Yielding {
    pub(crate) fn new() -> Self {
        Self(())
    }

    /// Wakes the task again after every ready task has run.
    #[expect(clippy::unused_self, reason = "where there are threads, it is used")]
    pub(crate) fn wake_after_others(&mut self, cx: &mut Context<'_>) {
        // Tasks run in the order in which they were woken.
        cx.waker().wake_by_ref();
    }

    /// The task sleeps.
    #[expect(clippy::unused_self, reason = "where there are threads, it is used")]
    pub(crate) fn leave(&mut self) {}
}

/// Returns a future that is ready after `duration`.
pub fn sleep(duration: Duration) -> Sleep {
    let alarm = Rc::new(RefCell::new(Alarm::default()));
    let ringing = Rc::clone(&alarm);
    let callback = Closure::new(move || {
        let waiting = ringing.borrow_mut().ring();
        if let Some(waker) = waiting {
            waker.wake();
        }
    });
    let mut sleep = Sleep {
        alarm,
        timer: JsValue::UNDEFINED,
        callback,
        clock: Clock::start(),
        duration,
        is_last_timer: false,
    };
    sleep.set_timer();
    sleep
}

/// A future that is ready after a duration.
///
/// The timer wakes it, and the clock decides: browsers delay the timers of hidden pages, so a task
/// that is woken by something else may find that its time has passed.
pub struct Sleep {
    alarm: Rc<RefCell<Alarm>>,
    timer: JsValue,
    callback: Closure<dyn FnMut()>,
    clock: Clock,
    duration: Duration,
    /// Whether the timer that is set waits for all that is left. Its end counts whatever the clock
    /// says, whose resolution may be as low as 100 ms.
    is_last_timer: bool,
}

#[derive(Default)]
struct Alarm {
    rung: bool,
    waker: Option<Waker>,
}

impl Alarm {
    fn ring(&mut self) -> Option<Waker> {
        self.rung = true;
        self.waker.take()
    }
}

impl Sleep {
    /// Returns whether a timer has rung since the last poll.
    pub fn is_elapsed(&self) -> bool {
        self.alarm.borrow().rung
    }

    /// Sets a timer for the rest, as far as one timer can wait.
    fn set_timer(&mut self) {
        let rest = self.duration.saturating_sub(self.clock.now());
        let time = rest.min(LONGEST_TIMER);
        self.is_last_timer = time == rest;
        self.alarm.borrow_mut().rung = false;
        // Timers truncate fractions and would fire too early.
        self.timer = set_timeout(&self.callback, (time.as_secs_f64() * 1000.0).ceil());
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let rung = self.alarm.borrow().rung;
        if (rung && self.is_last_timer) || self.clock.now() >= self.duration {
            return Poll::Ready(());
        }
        if rung {
            self.set_timer();
        }
        self.alarm.borrow_mut().waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        clear_timeout(&self.timer);
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep")
            .field("duration", &self.duration)
            .finish_non_exhaustive()
    }
}

/// Sleeping is free: no event of the socket comes while tasks are ready.
pub const WAKE_LATENCY: Duration = Duration::ZERO;

/// The clock, which is never paused here.
pub type Stopwatch = Clock;

/// Measures the time since it was started.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// In milliseconds.
    started: f64,
}

impl Clock {
    /// Starts a clock.
    pub fn start() -> Self {
        Self {
            started: performance_now(),
        }
    }

    /// Returns the time since the start.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the cast saturates, and less than a microsecond does not matter"
    )]
    pub fn now(&self) -> Duration {
        Duration::from_micros(((performance_now() - self.started) * 1000.0) as u64)
    }
}

/// A task goes on for as long as it likes: the browser has one thread, and events come when it rests.
pub(crate) fn poll_proceed(_: &Context<'_>) -> Poll<Unlimited> {
    Poll::Ready(Unlimited)
}

/// Nothing is counted.
pub(crate) struct Unlimited;

impl Unlimited {
    #[allow(clippy::unused_self, reason = "elsewhere it is counted")]
    pub(crate) fn made_progress(&self) {}
}
