//! The protocol machine, step by step: no runtime, no clock, no socket.
//!
//! [`harness`](proto::harness) holds two machines joined by a scripted wire, and one machine
//! against raw messages. Each other module is a behaviour.

mod proto {
    mod harness;

    mod bad_input;
    mod bounds;
    mod busy;
    mod calls;
    mod cancel;
    mod channels;
    mod connections;
    mod credit;
    mod diagnostics;
    mod ends;
    mod framing;
    mod growth;
    mod handshake;
    mod idle;
    mod ids;
    mod purity;
    mod random;
    mod relay;
    mod resets;
    mod unsent;
    mod violations;
}
