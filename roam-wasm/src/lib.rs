//! roam-wasm
