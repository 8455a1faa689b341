//! Tests of the session layer, over the memory transport.
//!
//! Tests order steps by events, never by sleeping. Each test runs natively on one thread and on
//! several, and in a browser as a test of roam-wasm, always under a watchdog, so that a deadlock
//! fails. Tests of timers run on one thread with a paused clock. `native` and `browser` each define
//! the macros that run the tests of a module, such as `runs!`. Modules that run only natively come
//! last, each with its reason.
#![allow(
    clippy::arc_with_non_send_sync,
    reason = "the halves of a channel are Send only where there are threads"
)]

mod session {
    #[cfg(target_arch = "wasm32")]
    #[macro_use]
    mod browser;
    mod harness;
    #[cfg(not(target_arch = "wasm32"))]
    #[macro_use]
    mod native;
    mod raw_peer;

    mod batches;
    mod callbacks;
    mod calls;
    mod cancelling;
    mod connections;
    mod diagnostics;
    mod endings;
    mod flow;
    mod forwarding;
    mod independence;
    mod introspection;
    mod large;
    mod layers;
    mod leaks;
    mod local;
    mod loss;
    mod metadata;
    mod net;
    mod nonces;
    mod payload_ids;
    mod placing;
    mod reconnecting;
    mod signatures;

    // A browser's clock cannot be paused.
    #[cfg(not(target_arch = "wasm32"))]
    mod deadlines;
    // A `tracing` subscriber is set per thread.
    #[cfg(not(target_arch = "wasm32"))]
    mod tracing;
    // Tunnels join tokio's readers and writers.
    #[cfg(not(target_arch = "wasm32"))]
    mod tunnels;
    // A panic does not unwind in wasm32; it ends the program.
    #[cfg(not(target_arch = "wasm32"))]
    mod panics;
    // Wakers must be `Send`, which a browser's handles are not.
    #[cfg(not(target_arch = "wasm32"))]
    mod wakers;
}
