//! The fuzz targets, which the tests of roam-proto also run on the corpora.

pub use roam_proto_harness::fuzz::{cuts, framing, machine, message, pair, stream};
