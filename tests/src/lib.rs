//! Services and helpers for the end-to-end tests of roam.

pub mod browser;
pub mod endpoint;
pub mod probe;
pub mod raw;
pub mod testbed;
mod watch;

pub use watch::watched;

/// Compiles the examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
