//! Short constructors for messages.

use std::borrow::Cow;

use roam_proto::{ChannelId, Config, ConnectionId, Hello, Message, Metadata, RequestId};

use super::{CANCELLED, METHOD};

pub fn hello(config: &Config) -> Message<'static> {
    Message::Hello(Hello {
        max_payload_size: config.max_payload_size,
        initial_channel_credit: config.initial_channel_credit,
    })
}

pub fn encode(message: &Message<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    message.encode(&mut bytes);
    bytes
}

pub fn none() -> Cow<'static, Metadata> {
    Cow::Owned(Metadata::new())
}

fn ids(channels: &[u64]) -> Cow<'static, [ChannelId]> {
    channels.iter().copied().map(ChannelId).collect()
}

pub fn request<'a>(
    connection: ConnectionId,
    id: u64,
    channels: &[u64],
    payload: &'a [u8],
) -> Message<'a> {
    Message::Request {
        connection,
        request: RequestId(id),
        method: METHOD,
        metadata: none(),
        channels: ids(channels),
        payload,
    }
}

pub fn response<'a>(
    connection: ConnectionId,
    id: u64,
    channels: &[u64],
    payload: &'a [u8],
) -> Message<'a> {
    Message::Response {
        connection,
        request: RequestId(id),
        metadata: none(),
        channels: ids(channels),
        payload,
    }
}

pub fn busy(connection: ConnectionId, id: u64) -> Message<'static> {
    Message::Response {
        connection,
        request: RequestId(id),
        metadata: Cow::Owned(Metadata::new().with("roam-error", "busy")),
        channels: ids(&[]),
        payload: CANCELLED,
    }
}

pub fn cancel(connection: ConnectionId, id: u64) -> Message<'static> {
    Message::Cancel {
        connection,
        request: RequestId(id),
    }
}

pub fn data(connection: ConnectionId, channel: u64, payload: &[u8]) -> Message<'_> {
    Message::Data {
        connection,
        channel: ChannelId(channel),
        payload,
    }
}

pub fn close(connection: ConnectionId, channel: u64) -> Message<'static> {
    Message::Close {
        connection,
        channel: ChannelId(channel),
    }
}

pub fn reset(connection: ConnectionId, channel: u64) -> Message<'static> {
    Message::Reset {
        connection,
        channel: ChannelId(channel),
    }
}

pub fn credit(connection: ConnectionId, channel: u64, bytes: u32) -> Message<'static> {
    Message::Credit {
        connection,
        channel: ChannelId(channel),
        bytes,
    }
}

pub fn goodbye(connection: ConnectionId, reason: &str) -> Message<'_> {
    Message::Goodbye { connection, reason }
}
