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
    mod handshake;
    mod ids;
    mod purity;
    mod random;
    mod resets;
    mod violations;
}
