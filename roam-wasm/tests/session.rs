//! Runs roam-core's session tests in a browser.
#![cfg(target_arch = "wasm32")]

#[path = "../../roam-core/tests/session.rs"]
mod roam_core_tests;
