//! Constructors for messages and their payloads.

use std::borrow::Cow;

use roam_core::proto::{ChannelId, Message, MethodId};
use roam_core::{ConnectionId, Metadata, RequestId};

/// Returns the encoding of one message.
pub fn encoded(message: &Message<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    message.encode(&mut bytes);
    bytes
}

/// Returns a Request without metadata.
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

/// Returns a Response without metadata.
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

/// Returns a Data with an encoded element.
pub fn data(connection: ConnectionId, channel: ChannelId, payload: &[u8]) -> Message<'_> {
    Message::Data {
        connection,
        channel,
        payload,
    }
}

/// Returns a Close of a channel.
pub fn close(connection: ConnectionId, channel: ChannelId) -> Message<'static> {
    Message::Close {
        connection,
        channel,
    }
}

/// Returns a Reset of a channel.
pub fn reset(connection: ConnectionId, channel: ChannelId) -> Message<'static> {
    Message::Reset {
        connection,
        channel,
    }
}

/// Returns a Credit for a channel.
pub fn credit(connection: ConnectionId, channel: ChannelId, bytes: u32) -> Message<'static> {
    Message::Credit {
        connection,
        channel,
        bytes,
    }
}

/// Returns an encoded string of `encoded_len` bytes in total, with a length prefix of 3 bytes.
pub fn text(encoded_len: usize) -> Vec<u8> {
    let text = "x".repeat(encoded_len - 3);
    let mut bytes = Vec::with_capacity(encoded_len);
    put_varint(&mut bytes, text.len() as u64);
    bytes.extend_from_slice(text.as_bytes());
    assert_eq!(
        bytes.len(),
        encoded_len,
        "the length prefix is not 3 bytes long"
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
