//! What fuzzers call. A target takes any bytes and panics when something does not hold.
//!
//! The crate in `fuzz/` at the repository's root has them called by libFuzzer; here they are called
//! with what that has found to be worth keeping.

mod framing;
mod machine;
mod message;
mod pair;
mod source;

#[cfg(test)]
mod replay;

pub use framing::framing;
pub use machine::machine;
pub use message::message;
pub use pair::pair;
