//! The browser's replacement for tokio.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::{AbortHandle, Abortable, Aborted};
use roam_core::rt::{self, Clock};
use wasm_bindgen_test::wasm_bindgen_test;

/// Blocks the thread, so that no timer fires, as when a browser delays those of a hidden page.
pub(crate) fn block(time: Duration) {
    let clock = Clock::start();
    while clock.now() < time {}
}

#[wasm_bindgen_test]
async fn sleep_does_not_end_early() {
    let clock = Clock::start();
    rt::sleep(Duration::from_micros(10_500)).await;
    // The clock may have a resolution of only a millisecond.
    assert!(
        clock.now() >= Duration::from_micros(9_500),
        "{:?}",
        clock.now()
    );
}

#[wasm_bindgen_test]
async fn sleep_whose_timer_is_late_ends_by_the_clock() {
    let sleep = rt::sleep(Duration::from_millis(5));
    block(Duration::from_millis(10));
    assert!(sleep.now_or_never().is_some());
}

#[wasm_bindgen_test]
async fn sleep_can_exceed_the_longest_timer() {
    let long = rt::sleep(Duration::from_secs(u64::from(u32::MAX)));
    assert!(rt::timeout(Duration::from_millis(20), long).await.is_none());
    let longest = rt::sleep(Duration::MAX);
    assert!(
        rt::timeout(Duration::from_millis(20), longest)
            .await
            .is_none()
    );
}

#[wasm_bindgen_test]
async fn timeout_returns_the_value() {
    let done = rt::timeout(Duration::from_mins(1), async { 7 }).await;
    assert_eq!(done, Some(7));
}

#[wasm_bindgen_test]
async fn task_runs_until_aborted() {
    struct Running(Rc<Cell<bool>>);
    impl Drop for Running {
        fn drop(&mut self) {
            self.0.set(false);
        }
    }
    let running = Rc::new(Cell::new(true));
    let (abort, registration) = AbortHandle::new_pair();
    let guard = Running(Rc::clone(&running));
    let task = Abortable::new(
        async move {
            let _guard = guard;
            std::future::pending::<()>().await;
        },
        registration,
    );
    let (done, result) = futures::channel::oneshot::channel();
    rt::spawn(async {
        let _ = done.send(task.await);
    });
    rt::sleep(Duration::ZERO).await;
    assert!(running.get());
    abort.abort();
    assert_eq!(result.await, Ok(Err(Aborted)));
    assert!(!running.get());
}
