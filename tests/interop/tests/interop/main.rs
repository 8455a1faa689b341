//! roam against a peer that nobody here wrote: the published crates, version 0.6.0.
//!
//! [`ours`] and [`theirs`] hold the same service, the same handler of it and the same calls of
//! every method, compiled once with each: the files in `shared/` are part of both. What differs
//! between the two libraries stands in `ours.rs` and `theirs.rs`.
//!
//! Where the peer departs from the protocol, the test says so ("quirk").
#![allow(
    unreachable_pub,
    reason = "what the published `#[service]` writes is `pub`"
)]
#![allow(
    clippy::unsafe_derive_deserialize,
    reason = "it is the published `Facet` that writes unsafe code"
)]
#![allow(
    clippy::duplicate_mod,
    reason = "the files in `shared/` are compiled with each of the two libraries"
)]

mod links;
mod ours;
mod reports;
mod theirs;
mod types;
mod watch;

mod cancel;
mod channels;
mod connections;
mod every_method;
mod failures;
mod front_doors;
mod goodbye;
mod ids;
mod metadata;
mod nested_lists;
mod proxy;
mod recursion;
mod wire;
