//! The behaviour of the session layer, over the memory transport.
//!
//! Nothing here waits for time to pass: what comes first is settled by events. Each test runs
//! natively, with one thread and with several, and in a browser, as a test of roam-wasm; all under
//! a watchdog, so that a deadlock fails. Where time is the behaviour, it runs with one thread and a
//! clock that is paused. `runs!` is all that `native` and `browser` differ in. What runs natively
//! only stands at the end, with the reason.
#![allow(
    clippy::arc_with_non_send_sync,
    reason = "an end of a channel is Send only where there are threads"
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
    mod leaks;
    mod local;
    mod loss;
    mod metadata;
    mod net;
    mod nonces;
    mod placing;
    mod reconnecting;

    // A browser has no clock that can be paused.
    #[cfg(not(target_arch = "wasm32"))]
    mod deadlines;
    // Who listens to `tracing` is set for a thread.
    #[cfg(not(target_arch = "wasm32"))]
    mod tracing;
    // Readers and writers are tokio's.
    #[cfg(not(target_arch = "wasm32"))]
    mod tunnels;
    // A panic in wasm32 does not unwind: it ends the program.
    #[cfg(not(target_arch = "wasm32"))]
    mod panics;
    // A waker is `Send`, and so cannot hold a link of a browser.
    #[cfg(not(target_arch = "wasm32"))]
    mod wakers;
}
