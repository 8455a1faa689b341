//! The browser's side of roam, in a browser: against sockets that are made in the test, so that
//! every event of theirs can be caused.
#![cfg(target_arch = "wasm32")]

mod browser {
    mod face;
    mod socket;
    mod testbed;

    mod calls;
    mod channels;
    mod ends;
    mod lifetime;
    mod pressure;
    mod runtime;
    mod serving;
    mod transport;
}

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);
