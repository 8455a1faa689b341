//! Messages, and values in them, as a test writes them.

use std::borrow::Cow;

use roam_core::proto::{ChannelId, Message, MethodId};
use roam_core::{ConnectionId, Metadata, RequestId};

/// A message on its own.
pub fn encoded(message: &Message<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    message.encode(&mut bytes);
    bytes
}

/// A Request without metadata.
pub fn request<'a>(
    connection: ConnectionId,
    id: u64,
    method: MethodId,
    channels: &'a [ChannelId],
    payload: &'a [u8],
) -> Message<'a> {
    Message::Request {
        connection,
        request: RequestId(id),
        method,
        metadata: Cow::Owned(Metadata::new()),
        channels: Cow::Borrowed(channels),
        payload,
    }
}

/// A Response without metadata.
pub fn response<'a>(
    connection: ConnectionId,
    id: u64,
    channels: &'a [ChannelId],
    payload: &'a [u8],
) -> Message<'a> {
    Message::Response {
        connection,
        request: RequestId(id),
        metadata: Cow::Owned(Metadata::new()),
        channels: Cow::Borrowed(channels),
        payload,
    }
}

/// An element of a channel, as it is encoded.
pub fn data(connection: ConnectionId, channel: ChannelId, payload: &[u8]) -> Message<'_> {
    Message::Data {
        connection,
        channel,
        payload,
    }
}

/// The clean end of a channel.
pub fn close(connection: ConnectionId, channel: ChannelId) -> Message<'static> {
    Message::Close {
        connection,
        channel,
    }
}

/// The abrupt end of a channel.
pub fn reset(connection: ConnectionId, channel: ChannelId) -> Message<'static> {
    Message::Reset {
        connection,
        channel,
    }
}

/// More credit for a channel.
pub fn credit(connection: ConnectionId, channel: ChannelId, bytes: u32) -> Message<'static> {
    Message::Credit {
        connection,
        channel,
        bytes,
    }
}

/// A string whose encoding takes so many bytes: 3 of them, at least, are its length.
pub fn text(encoded_len: usize) -> Vec<u8> {
    let text = "x".repeat(encoded_len - 3);
    let mut bytes = Vec::with_capacity(encoded_len);
    put_varint(&mut bytes, text.len() as u64);
    bytes.extend_from_slice(text.as_bytes());
    assert_eq!(
        bytes.len(),
        encoded_len,
        "the length takes more or fewer bytes"
    );
    bytes
}

/// Appends a varint.
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    let low_seven_bits = |value: u64| value.to_le_bytes()[0] & 0x7f;
    while value >= 0x80 {
        out.push(low_seven_bits(value) | 0x80);
        value >>= 7;
    }
    out.push(low_seven_bits(value));
}
