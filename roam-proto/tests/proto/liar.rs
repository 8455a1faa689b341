//! A client that breaks its word.

use bytes::Bytes;
use roam_proto::{ChannelId, CloseReason, Config, Framing, Message, Rule};

use super::harness::*;

/// A client that sends what it likes after an honest handshake.
pub(super) struct Liar {
    pub(super) pair: Pair,
    pub(super) number: u64,
}

impl Liar {
    pub(super) fn new(server: &Config) -> (Self, ChannelId) {
        let mut pair = Pair::with(Framing::Numbered, &Config::client(), server);
        let (_, channel) = pair.upload();
        (Self { pair, number: 3 }, channel)
    }

    pub(super) fn say(&mut self, message: &Message<'_>) {
        let message = encode(message);
        let mut frame = vec![0, u8::try_from(self.number).unwrap(), 0];
        self.number += 1;
        let mut len = message.len();
        while len >= 0x80 {
            frame.push(u8::try_from(len & 0x7f).unwrap() | 0x80);
            len >>= 7;
        }
        frame.push(u8::try_from(len).unwrap());
        frame.extend(message);
        self.pair.server.link.handle_frame(&Bytes::from(frame));
    }

    pub(super) fn assert_violation(&self, rule: Rule) {
        let reason = self.pair.server.link.close_reason();
        let Some(CloseReason::Violation(violation)) = reason else {
            panic!("{reason:?}");
        };
        assert_eq!(violation.rule, rule, "{violation}");
    }
}
