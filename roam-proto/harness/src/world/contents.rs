//! What calls and answers hold.

use roam_proto::{Direction, Metadata};

use crate::harness::{Receive, Send};

/// Returns metadata that makes one call or answer in four so long that it is bulk.
pub(super) fn metadata(index: usize) -> Metadata {
    let mut metadata = Metadata::new();
    if index % 16 >= 12 {
        metadata.push("filler", "x".repeat(Metadata::MAX_VALUE));
    }
    metadata
}

/// Encodes directions, seen from the writer of the payload.
pub(super) fn describe(directions: &[Direction]) -> impl Iterator<Item = u8> {
    directions
        .iter()
        .map(|direction| u8::from(*direction == Send))
}

/// Decodes directions, seen from the reader of the payload.
pub(super) fn read_description(bytes: &[u8]) -> impl Iterator<Item = Direction> {
    bytes
        .iter()
        .map(|byte| if *byte == 1 { Receive } else { Send })
}
