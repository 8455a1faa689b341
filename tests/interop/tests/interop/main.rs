//! Interoperability with an independent implementation: the published crates, version 0.6.0.
//!
//! [`ours`] and [`theirs`] compile the same service, handler and calls from the files in `shared/`,
//! each with its own library. What differs between the two libraries is in `ours.rs` and
//! `theirs.rs`.
//!
//! Comments marked "quirk" tell where the peer deviates from the protocol.
#![allow(
    unreachable_pub,
    reason = "the published `#[service]` generates `pub` items"
)]
#![allow(
    clippy::unsafe_derive_deserialize,
    reason = "the published `Facet` derive generates unsafe code"
)]
#![allow(
    clippy::duplicate_mod,
    reason = "the files in `shared/` are compiled with both libraries"
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
mod entry_points;
mod every_method;
mod failures;
mod goodbye;
mod ids;
mod messages;
mod metadata;
mod nested_lists;
mod proxy;
mod recursion;
