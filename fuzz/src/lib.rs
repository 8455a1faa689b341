//! The targets, which are a part of the tests of roam-core: those replay what was found.

#[path = "../../roam-core/tests/proto/fuzz/mod.rs"]
mod fuzz;
#[allow(dead_code, unused_imports, reason = "the tests use more of it")]
#[path = "../../roam-core/tests/proto/harness/mod.rs"]
mod harness;
#[path = "../../roam-core/tests/proto/world/mod.rs"]
mod world;

pub use fuzz::{framing, machine, message, pair};
