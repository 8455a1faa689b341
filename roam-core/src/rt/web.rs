//! In a browser (or Node), with one thread.

use std::cell::RefCell;
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
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(callback: &Closure<dyn FnMut()>, millis: f64) -> JsValue;

    #[wasm_bindgen(js_name = clearTimeout)]
    fn clear_timeout(timer: &JsValue);
}

/// Runs a future to its end in the background.
pub fn spawn(future: impl Future<Output = ()> + 'static) {
    wasm_bindgen_futures::spawn_local(future);
}

/// Waits for a while.
pub fn sleep(duration: Duration) -> Sleep {
    let state = Rc::new(RefCell::new(Alarm::default()));
    let ring = Rc::clone(&state);
    let callback = Closure::new(move || ring.borrow_mut().ring());
    let timer = set_timeout(&callback, duration.as_secs_f64() * 1000.0);
    Sleep { state, timer, _callback: callback }
}

/// A future that is ready after a while.
#[derive(Debug)]
pub struct Sleep {
    state: Rc<RefCell<Alarm>>,
    timer: JsValue,
    _callback: Closure<dyn FnMut()>,
}

#[derive(Debug, Default)]
struct Alarm {
    rung: bool,
    waker: Option<Waker>,
}

impl Alarm {
    fn ring(&mut self) {
        self.rung = true;
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut alarm = self.state.borrow_mut();
        if alarm.rung {
            return Poll::Ready(());
        }
        alarm.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        clear_timeout(&self.timer);
    }
}

/// Tells how long ago it was made.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started: f64,
}

impl Clock {
    /// A clock that starts now.
    pub fn start() -> Self {
        Self { started: js_sys::Date::now() }
    }

    /// The time since the start.
    pub fn now(&self) -> Duration {
        // The system's clock may be set back.
        Duration::from_secs_f64((js_sys::Date::now() - self.started).max(0.0) / 1000.0)
    }
}
