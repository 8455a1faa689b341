//! The fuzz targets. They are part of the protocol tests, which replay the corpus.

#[path = "../../roam-core/tests/proto/fuzz/mod.rs"]
mod fuzz;
#[allow(dead_code, unused_imports, reason = "only the tests use all of it")]
#[path = "../../roam-core/tests/proto/harness/mod.rs"]
mod harness;
#[path = "../../roam-core/tests/proto/world/mod.rs"]
mod world;

pub use fuzz::{framing, machine, message, pair};
