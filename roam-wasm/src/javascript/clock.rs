//! The time since a link began.

use core::time::Duration;

use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// Milliseconds; unlike `Date.now` it never goes back.
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    fn performance_now() -> f64;
}

/// Measures the time since it was started, like the session's `Clock`.
pub(super) struct Clock {
    /// In milliseconds.
    started: f64,
}

impl Clock {
    pub(super) fn start() -> Self {
        Self {
            started: performance_now(),
        }
    }

    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the cast saturates, and less than a microsecond does not matter"
    )]
    pub(super) fn now(&self) -> Duration {
        Duration::from_micros(((performance_now() - self.started) * 1000.0) as u64)
    }
}
