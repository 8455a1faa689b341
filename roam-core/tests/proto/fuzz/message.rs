//! Messages.

use roam_core::proto::{ConnectionId, Message};

/// What decodes is encoded in no other way, so it encodes to the same bytes; what does not is
/// blamed on a connection only if it does not end the link.
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
