//! The behaviour of the session layer, over the memory transport.
//!
//! Nothing here waits for time to pass: what comes first is settled by events. Each test runs with
//! one thread and with several, and under a watchdog, so that a deadlock fails. Where time is the
//! behaviour, it runs with one thread and a clock that is paused.

mod session {
    #[macro_use]
    mod harness;
    mod net;
    mod raw_peer;

    mod callbacks;
    mod calls;
    mod cancelling;
    mod connections;
    mod deadlines;
    mod diagnostics;
    mod endings;
    mod flow;
    mod forwarding;
    mod independence;
    mod introspection;
    mod leaks;
    mod local;
    mod loss;
    mod metadata;
    mod nonces;
    mod placing;
    mod reconnecting;
    mod tracing;
    #[cfg(feature = "stream")]
    mod tunnels;
}
