//! The test harness of the protocol machine, shared by its tests and its fuzz targets.
//!
//! [`harness`] holds two machines joined by a scripted wire, and one machine fed with raw messages.
//! [`world`] runs two users that act at random, beside a model of what each may expect. [`fuzz`] holds
//! the fuzz targets.

#![allow(
    missing_docs,
    clippy::missing_panics_doc,
    clippy::new_without_default,
    reason = "only tests use this crate"
)]

pub mod fuzz;
pub mod harness;
pub mod world;
