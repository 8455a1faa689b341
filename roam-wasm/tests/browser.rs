//! Tests of roam-wasm in a browser, on fake sockets that let a test cause every event.
#![cfg(target_arch = "wasm32")]

mod browser {
    mod page;
    mod socket;
    mod testbed;

    mod calls;
    mod channels;
    mod closing;
    mod lifetime;
    mod pressure;
    mod runtime;
    mod serving;
    mod transport;
}

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);
