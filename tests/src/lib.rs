//! The services that roam is tested with from end to end, and what such tests share.

pub mod browser;
pub mod end;
pub mod probe;
pub mod raw;
pub mod testbed;
mod watch;

pub use watch::watched;

/// The examples of the README, which compile.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
