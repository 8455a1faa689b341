//! Long messages, which arrive in parts.

use alloc::format;
use alloc::vec::Vec;

use bytes::Bytes;

use super::Link;
use crate::message::Message;
use crate::violation::{Rule, Violation};

/// The parts of a message that have come so far.
#[derive(Debug, Default)]
pub(super) struct Partial(Vec<u8>);

impl Partial {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

impl Link {
    /// Keeps a part, and handles the message after its last.
    #[cold]
    pub(super) fn handle_part(&mut self, is_last: bool, bytes: &[u8]) -> Result<(), Violation> {
        if !self.ctx.agreed.is_pooled() {
            return Err(Rule::UnknownVariant.because("message 14"));
        }
        let Partial(parts) = &mut self.partial;
        let (len, max) = (parts.len() + bytes.len(), self.ctx.agreed.max_frame());
        if len > max {
            let too_long = format!("a message of {len} bytes in parts, {max} allowed");
            return Err(Rule::TooLarge.because(too_long));
        }
        parts.extend_from_slice(bytes);
        if is_last {
            let message = Bytes::from(core::mem::take(parts));
            self.handle_whole(&message);
        }
        Ok(())
    }

    fn handle_whole(&mut self, message: &Bytes) {
        let handled = match Message::decode(message) {
            Ok(Message::Part { .. }) => Err(Rule::DecodeError.because("a part in a part").into()),
            Ok(decoded) => self.handle_message(message, decoded),
            Err(error) => Err(error),
        };
        if let Err(error) = handled {
            self.fail_peer(error);
        }
    }
}
