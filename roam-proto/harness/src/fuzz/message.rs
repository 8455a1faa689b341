//! The `message` target: decoding and encoding.

use roam_proto::{ConnectionId, Message};

/// Checks that every message has one encoding, so that a decoded one encodes to the same bytes,
/// and that a decode error that ends the link is reported on the root connection.
pub fn message(bytes: &[u8]) {
    match Message::decode(bytes) {
        Ok(message) => {
            let mut encoded = Vec::new();
            message.encode(&mut encoded);
            assert_eq!(encoded, bytes);
        }
        Err(error) => {
            let ends_link = error.violation.rule.ends_link();
            assert!(!ends_link || error.connection == ConnectionId::ROOT);
        }
    }
}
