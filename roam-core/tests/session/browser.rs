//! The browser test runner, on the only thread. wasm-bindgen's runner is the watchdog.

use wasm_bindgen_test::wasm_bindgen_test_configure;

// In a worker, because a page that computes for long does not respond to the WebDriver.
wasm_bindgen_test_configure!(run_in_dedicated_worker);

/// Runs each listed test.
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

/// Only compiles the listed tests, because a browser's clock cannot be paused.
macro_rules! runs_with_paused_clock {
    ($($name:ident)*) => {
        const _: () = { $(let _ = $name;)* };
    };
}

/// Only compiles the listed tests: a panic does not unwind in wasm32; it ends the program.
macro_rules! runs_where_panics_unwind {
    ($($name:ident)*) => {
        const _: () = { $(let _ = $name;)* };
    };
}
