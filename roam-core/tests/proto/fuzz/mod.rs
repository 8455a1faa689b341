//! Fuzz targets. A target takes any bytes and panics when an invariant is broken.
//!
//! The crate in `fuzz/` at the repository's root has libFuzzer call them; the tests here replay its
//! corpora.

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
