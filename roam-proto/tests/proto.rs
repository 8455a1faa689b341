//! Tests of the protocol machine, step by step: no runtime, no clock, no socket.
//!
//! Each module tests one behavior, on the machines of the test harness.

mod proto {
    use roam_proto_harness::{fuzz, harness, world};

    mod bad_input;
    mod bounds;
    mod busy;
    mod calls;
    mod cancel;
    mod channels;
    mod connections;
    mod credit;
    mod dependencies;
    mod diagnostics;
    mod ends;
    mod fall_back;
    mod framing;
    mod growth;
    mod handshake;
    mod idle;
    mod ids;
    mod liar;
    mod memory;
    mod parts;
    mod places;
    mod pool;
    mod pool_shares;
    mod pool_waits;
    mod priority;
    mod random;
    mod relay;
    mod replay;
    mod resets;
    mod unsent;
    mod violations;
}
