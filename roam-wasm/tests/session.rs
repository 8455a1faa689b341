//! The behaviour of the session layer, in a browser: the tests of roam-core.
#![cfg(target_arch = "wasm32")]

#[path = "../../roam-core/tests/session.rs"]
mod roam_core_tests;
