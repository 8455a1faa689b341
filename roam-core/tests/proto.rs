//! Tests of the protocol machine, step by step: no runtime, no clock, no socket.
//!
//! [`harness`](proto::harness) provides two machines joined by a scripted wire, and one machine
//! fed with raw messages; [`world`](proto::world) runs two users that act at random. Each other
//! module tests one behaviour.

mod proto {
    mod harness;
    mod world;

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
    #[expect(unreachable_pub, reason = "the crate in fuzz/ calls them")]
    mod fuzz;
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
