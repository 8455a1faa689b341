//! The behaviour of the session layer, over the memory transport.
//!
//! Nothing here waits for time to pass: what comes first is settled by events. Each test runs with
//! one thread and with several, and under a watchdog, so that a deadlock fails.

mod session {
    #[macro_use]
    mod harness;
    mod raw_peer;

    mod callbacks;
    mod calls;
    mod cancelling;
    mod connections;
    mod diagnostics;
    mod endings;
    mod flow;
    mod independence;
    mod introspection;
    mod leaks;
    mod local;
    mod loss;
    mod placing;
}
