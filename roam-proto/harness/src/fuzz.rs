//! Fuzz targets. A target takes any bytes and panics when an invariant is broken.
//!
//! `fuzz/` at the root of the repository has libFuzzer call them; the tests of roam-proto replay its
//! corpora.

mod framing;
mod machine;
mod message;
mod pair;
mod source;
mod stream;

pub use framing::framing;
pub use machine::machine;
pub use message::message;
pub use pair::{cuts, pair};
pub use stream::stream;
