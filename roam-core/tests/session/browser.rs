//! Runs the tests in a browser, on its only thread. The watchdog is that of wasm-bindgen's runner.

use wasm_bindgen_test::wasm_bindgen_test_configure;

// In a worker: a page that computes for long does not answer those who drive the browser.
wasm_bindgen_test_configure!(run_in_dedicated_worker);

/// Runs each of the named tests.
macro_rules! runs {
    ($($name:ident)*) => {
        mod browser {
            $(#[wasm_bindgen_test::wasm_bindgen_test]
            async fn $name() {
                super::$name().await;
            })*
        }
    };
}

/// Only compiles the named tests: a browser has no clock that can be paused.
macro_rules! runs_with_paused_clock {
    ($($name:ident)*) => {
        const _: () = { $(let _ = $name;)* };
    };
}

/// Only compiles the named tests: a panic in wasm32 does not unwind, it ends the program.
macro_rules! runs_where_panics_unwind {
    ($($name:ident)*) => {
        const _: () = { $(let _ = $name;)* };
    };
}
