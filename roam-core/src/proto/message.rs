//! The message table: what stands on the wire, in one place.

use std::borrow::Cow;

use super::ids::{ChannelId, ConnectionId, MethodId, RequestId};
use super::metadata::Metadata;
use super::violation::{Rule, Violation};
use super::wire::{Put, Reader, WireError};

/// The most channel ids that a Request or a Response holds.
pub const MAX_CHANNELS: usize = 256;
/// The longest reason of a Reject or a Goodbye, in bytes.
pub const MAX_REASON: usize = 1024;

/// A message. What it borrows is a part of the frame it was decoded from, or of what is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the protocol's own field names")]
pub enum Message<'a> {
    /// The first message of either peer.
    Hello(Hello),
    /// Asks for a virtual connection.
    Connect {
        request: RequestId,
        metadata: Cow<'a, Metadata>,
    },
    /// Grants a virtual connection.
    Accept {
        request: RequestId,
        connection: ConnectionId,
        metadata: Cow<'a, Metadata>,
    },
    /// Refuses a virtual connection.
    Reject {
        request: RequestId,
        reason: &'a str,
        metadata: Cow<'a, Metadata>,
    },
    /// Ends a connection; the root's ends the link.
    Goodbye {
        connection: ConnectionId,
        reason: &'a str,
    },
    /// Calls a method.
    Request {
        connection: ConnectionId,
        request: RequestId,
        method: MethodId,
        metadata: Cow<'a, Metadata>,
        channels: Cow<'a, [ChannelId]>,
        payload: &'a [u8],
    },
    /// Answers a Request.
    Response {
        connection: ConnectionId,
        request: RequestId,
        metadata: Cow<'a, Metadata>,
        channels: Cow<'a, [ChannelId]>,
        payload: &'a [u8],
    },
    /// Tells that nobody waits for a Response any more.
    Cancel {
        connection: ConnectionId,
        request: RequestId,
    },
    /// One element of a channel.
    Data {
        connection: ConnectionId,
        channel: ChannelId,
        payload: &'a [u8],
    },
    /// The clean end of a channel, from its sender.
    Close {
        connection: ConnectionId,
        channel: ChannelId,
    },
    /// The abrupt end of a channel, from either side.
    Reset {
        connection: ConnectionId,
        channel: ChannelId,
    },
    /// Lets a channel's sender send so many bytes more.
    Credit {
        connection: ConnectionId,
        channel: ChannelId,
        bytes: u32,
    },
}

/// What a peer says of itself before anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hello {
    /// The largest payload of a Request, a Response or a Data, in bytes.
    pub max_payload_size: u32,
    /// What a channel's sender may send before it is granted more, in bytes.
    pub initial_channel_credit: u32,
}

/// The discriminants of [`Message`].
mod tag {
    pub(super) const HELLO: u64 = 0;
    pub(super) const CONNECT: u64 = 1;
    pub(super) const ACCEPT: u64 = 2;
    pub(super) const REJECT: u64 = 3;
    pub(super) const GOODBYE: u64 = 4;
    pub(super) const REQUEST: u64 = 5;
    pub(super) const RESPONSE: u64 = 6;
    pub(super) const CANCEL: u64 = 7;
    pub(super) const DATA: u64 = 8;
    pub(super) const CLOSE: u64 = 9;
    pub(super) const RESET: u64 = 10;
    pub(super) const CREDIT: u64 = 11;
}

/// The discriminant of the only Hello that is spoken.
const HELLO_V2: u64 = 1;

/// A message that does not decode, with the connection that pays for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeError {
    /// The connection on which the violation happened; the root when none is known.
    pub connection: ConnectionId,
    /// What was wrong.
    pub violation: Violation,
}

impl<V: Into<Violation>> From<V> for DecodeError {
    #[cold]
    fn from(violation: V) -> Self {
        Self {
            connection: ConnectionId::ROOT,
            violation: violation.into(),
        }
    }
}

impl<'a> Message<'a> {
    /// Decodes one whole message.
    #[inline]
    pub fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let message = Self::decode_from(&mut reader)?;
        reader.finish()?;
        Ok(message)
    }

    #[inline]
    fn decode_from(r: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(match r.varint()? {
            tag::HELLO => Self::Hello(Hello::decode(r)?),
            tag::CONNECT => Self::Connect {
                request: request(r)?,
                metadata: metadata(r)?,
            },
            tag::ACCEPT => Self::Accept {
                request: request(r)?,
                connection: connection(r)?,
                metadata: metadata(r)?,
            },
            tag::REJECT => Self::Reject {
                request: request(r)?,
                reason: reason(r)?,
                metadata: metadata(r)?,
            },
            tag::GOODBYE => Self::Goodbye {
                connection: connection(r)?,
                reason: reason(r)?,
            },
            tag::REQUEST => {
                let connection = connection(r)?;
                Self::Request {
                    connection,
                    request: request(r)?,
                    method: MethodId(r.varint()?),
                    metadata: metadata(r).map_err(|error| error.on(connection))?,
                    channels: channels(r)?,
                    payload: r.bytes()?,
                }
            }
            tag::RESPONSE => {
                let connection = connection(r)?;
                Self::Response {
                    connection,
                    request: request(r)?,
                    metadata: metadata(r).map_err(|error| error.on(connection))?,
                    channels: channels(r)?,
                    payload: r.bytes()?,
                }
            }
            tag::CANCEL => Self::Cancel {
                connection: connection(r)?,
                request: request(r)?,
            },
            tag::DATA => Self::Data {
                connection: connection(r)?,
                channel: channel(r)?,
                payload: r.bytes()?,
            },
            tag::CLOSE => Self::Close {
                connection: connection(r)?,
                channel: channel(r)?,
            },
            tag::RESET => Self::Reset {
                connection: connection(r)?,
                channel: channel(r)?,
            },
            tag::CREDIT => Self::Credit {
                connection: connection(r)?,
                channel: channel(r)?,
                bytes: r.varint_u32()?,
            },
            unknown => {
                return Err(Rule::UnknownVariant
                    .because(format!("message {unknown}"))
                    .into());
            }
        })
    }

    /// Appends the message.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let payload = self.put_envelope(out);
        out.put_all(payload);
    }

    /// Appends all but the payload, and returns that: it comes last.
    #[inline]
    pub(super) fn put_envelope(&self, out: &mut impl Put) -> &[u8] {
        match self {
            Self::Hello(hello) => hello.put(out),
            Self::Connect { request, metadata } => {
                put_head(out, tag::CONNECT, [request.0]);
                metadata.put(out);
            }
            Self::Accept {
                request,
                connection,
                metadata,
            } => {
                put_head(out, tag::ACCEPT, [request.0, connection.0]);
                metadata.put(out);
            }
            Self::Reject {
                request,
                reason,
                metadata,
            } => {
                put_head(out, tag::REJECT, [request.0]);
                out.put_bytes(reason.as_bytes());
                metadata.put(out);
            }
            Self::Goodbye { connection, reason } => {
                put_head(out, tag::GOODBYE, [connection.0]);
                out.put_bytes(reason.as_bytes());
            }
            Self::Request {
                connection,
                request,
                method,
                metadata,
                channels,
                payload,
            } => {
                let call = (*connection, *request, *method);
                put_request_head(out, call, metadata, channels, payload.len());
                return payload;
            }
            Self::Response {
                connection,
                request,
                metadata,
                channels,
                payload,
            } => {
                let call = (*connection, *request);
                put_response_head(out, call, metadata, channels, payload.len());
                return payload;
            }
            Self::Cancel {
                connection,
                request,
            } => {
                put_head(out, tag::CANCEL, [connection.0, request.0]);
            }
            Self::Data {
                connection,
                channel,
                payload,
            } => {
                put_data_head(out, *connection, *channel, payload.len());
                return payload;
            }
            Self::Close {
                connection,
                channel,
            } => put_head(out, tag::CLOSE, [connection.0, channel.0]),
            Self::Reset {
                connection,
                channel,
            } => put_head(out, tag::RESET, [connection.0, channel.0]),
            Self::Credit {
                connection,
                channel,
                bytes,
            } => {
                put_head(
                    out,
                    tag::CREDIT,
                    [connection.0, channel.0, u64::from(*bytes)],
                );
            }
        }
        &[]
    }
}

impl Hello {
    fn decode(r: &mut Reader<'_>) -> Result<Self, Violation> {
        match r.varint()? {
            HELLO_V2 => Ok(Self {
                max_payload_size: r.varint_u32()?,
                initial_channel_credit: r.varint_u32()?,
            }),
            version => Err(Rule::HelloUnknownVersion.because(format!("Hello of kind {version}"))),
        }
    }

    fn put(self, out: &mut impl Put) {
        let Self {
            max_payload_size,
            initial_channel_credit,
        } = self;
        let fields = [
            HELLO_V2,
            max_payload_size.into(),
            initial_channel_credit.into(),
        ];
        put_head(out, tag::HELLO, fields);
    }
}

impl Violation {
    /// As happened on `connection`, unless the rule is one that ends the link.
    #[cold]
    pub(super) fn on(self, connection: ConnectionId) -> DecodeError {
        let connection = if self.rule.ends_link() {
            ConnectionId::ROOT
        } else {
            connection
        };
        DecodeError {
            connection,
            violation: self,
        }
    }
}

#[inline]
fn connection(r: &mut Reader<'_>) -> Result<ConnectionId, WireError> {
    Ok(ConnectionId(r.varint()?))
}

#[inline]
fn channel(r: &mut Reader<'_>) -> Result<ChannelId, WireError> {
    Ok(ChannelId(r.varint()?))
}

#[inline]
fn request(r: &mut Reader<'_>) -> Result<RequestId, WireError> {
    Ok(RequestId(r.varint()?))
}

#[inline]
fn metadata(r: &mut Reader<'_>) -> Result<Cow<'static, Metadata>, Violation> {
    Ok(Cow::Owned(Metadata::decode(r)?))
}

fn reason<'a>(r: &mut Reader<'a>) -> Result<&'a str, Violation> {
    let reason = r.str()?;
    if reason.len() > MAX_REASON {
        return Err(Rule::TooLarge.because(format!("a reason of {} bytes", reason.len())));
    }
    Ok(reason)
}

#[inline]
fn channels(r: &mut Reader<'_>) -> Result<Cow<'static, [ChannelId]>, Violation> {
    let channels = match r.count(1)? {
        0 => Vec::new(),
        count => channel_ids(r, count)?,
    };
    Ok(Cow::Owned(channels))
}

fn channel_ids(r: &mut Reader<'_>, count: usize) -> Result<Vec<ChannelId>, Violation> {
    if count > MAX_CHANNELS {
        return Err(Rule::TooLarge.because(format!("{count} channels in one message")));
    }
    let mut channels = Vec::with_capacity(count);
    for _ in 0..count {
        channels.push(channel(r)?);
    }
    Ok(channels)
}

#[inline]
fn put_head<const N: usize>(out: &mut impl Put, tag: u64, fields: [u64; N]) {
    out.put_varint(tag);
    for field in fields {
        out.put_varint(field);
    }
}

/// Appends all of a Data but its payload.
#[inline]
pub(super) fn put_data_head(
    out: &mut impl Put,
    connection: ConnectionId,
    channel: ChannelId,
    len: usize,
) {
    put_head(out, tag::DATA, [connection.0, channel.0, len as u64]);
}

/// Appends all of a Request but its payload.
#[inline]
pub(super) fn put_request_head(
    out: &mut impl Put,
    (connection, request, method): (ConnectionId, RequestId, MethodId),
    metadata: &Metadata,
    channels: &[ChannelId],
    len: usize,
) {
    put_head(out, tag::REQUEST, [connection.0, request.0, method.0]);
    put_body_head(out, metadata, channels, len);
}

/// Appends all of a Response but its payload.
#[inline]
pub(super) fn put_response_head(
    out: &mut impl Put,
    (connection, request): (ConnectionId, RequestId),
    metadata: &Metadata,
    channels: &[ChannelId],
    len: usize,
) {
    put_head(out, tag::RESPONSE, [connection.0, request.0]);
    put_body_head(out, metadata, channels, len);
}

#[inline]
fn put_body_head(out: &mut impl Put, metadata: &Metadata, channels: &[ChannelId], len: usize) {
    metadata.put(out);
    out.put_varint(channels.len() as u64);
    for channel in channels {
        out.put_varint(channel.0);
    }
    out.put_varint(len as u64);
}

/// The longest beginning of `reason` that a message may hold.
pub(super) fn clamp_reason(reason: &str) -> &str {
    let end = reason.floor_char_boundary(MAX_REASON);
    reason.get(..end).unwrap_or_default()
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
