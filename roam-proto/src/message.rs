//! Messages: the protocol's wire format.

mod encode;

pub(crate) use encode::{
    encode_data_header, encode_part_header, encode_request_header, encode_response_header,
};

use alloc::borrow::Cow;
use alloc::format;
use alloc::vec::Vec;

use crate::coding::{Reader, WireError};
use crate::ids::{ChannelId, ConnectionId, MethodId, RequestId};
use crate::metadata::Metadata;
use crate::violation::{Rule, Violation};

/// The most channel ids in a Request or a Response.
pub const MAX_CHANNELS: usize = 256;
/// The longest reason in a Reject or a Goodbye, in bytes.
pub const MAX_REASON: usize = 1024;

/// A protocol message, which borrows from the received frame or from the values to send.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the protocol's own field names")]
pub enum Message<'a> {
    /// Opens the link: the first message of either peer.
    Hello(Hello),
    /// Asks for a virtual connection.
    Connect {
        request: RequestId,
        metadata: Cow<'a, Metadata>,
    },
    /// Accepts a virtual connection.
    Accept {
        request: RequestId,
        connection: ConnectionId,
        metadata: Cow<'a, Metadata>,
    },
    /// Rejects a virtual connection.
    Reject {
        request: RequestId,
        reason: &'a str,
        metadata: Cow<'a, Metadata>,
    },
    /// Ends a connection, or the link if it names the root connection.
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
    /// Cancels a Request.
    Cancel {
        connection: ConnectionId,
        request: RequestId,
    },
    /// Carries one element of a channel.
    Data {
        connection: ConnectionId,
        channel: ChannelId,
        payload: &'a [u8],
    },
    /// Closes a channel, from its sender.
    Close {
        connection: ConnectionId,
        channel: ChannelId,
    },
    /// Resets a channel, from either half.
    Reset {
        connection: ConnectionId,
        channel: ChannelId,
    },
    /// Grants a channel's sender more credit.
    Credit {
        connection: ConnectionId,
        channel: ChannelId,
        bytes: u32,
    },
    /// Tells a channel's sender what was consumed, and grants it credit. Only where channels share a pool.
    Grant {
        connection: ConnectionId,
        channel: ChannelId,
        consumed: u32,
        credit: u32,
    },
    /// Tells a channel's receiver that its sender waits with an element of this many bytes. Only where
    /// channels share a pool.
    Blocked {
        connection: ConnectionId,
        channel: ChannelId,
        bytes: u32,
    },
    /// Carries a part of a long message. Only where frames are numbered.
    Part { is_last: bool, bytes: &'a [u8] },
    /// Ends the link, and says with which code. Only where frames are numbered.
    End { code: u16, reason: &'a str },
}

/// A peer's parameters, sent before anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hello {
    /// The largest payload of a Request, a Response or a Data, in bytes.
    pub max_payload_size: u32,
    /// The initial credit of a channel's sender, in bytes.
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
    // Version 2 ends here.
    pub(super) const GRANT: u64 = 12;
    pub(super) const BLOCKED: u64 = 13;
    pub(super) const PART: u64 = 14;
    pub(super) const END: u64 = 15;
}

/// The discriminant of the only supported Hello.
const HELLO_V2: u64 = 1;

/// Why a message does not decode, and the connection that the error ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeError {
    /// The connection the violation happened on, or the root connection if none is known.
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

    /// Returns whether version 2 does not know the message that begins with this byte.
    pub(crate) fn is_beyond_v2(tag: u8) -> bool {
        matches!(tag.into(), tag::GRANT..=tag::END)
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
            tag::GRANT => Self::Grant {
                connection: connection(r)?,
                channel: channel(r)?,
                consumed: r.varint_u32()?,
                credit: r.varint_u32()?,
            },
            tag::BLOCKED => Self::Blocked {
                connection: connection(r)?,
                channel: channel(r)?,
                bytes: r.varint_u32()?,
            },
            tag::PART => Self::Part {
                is_last: is_last(r)?,
                bytes: r.bytes()?,
            },
            tag::END => Self::End {
                code: code(r)?,
                reason: reason(r)?,
            },
            unknown => {
                return Err(Rule::UnknownVariant
                    .because(format!("message {unknown}"))
                    .into());
            }
        })
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
}

impl Violation {
    /// Attributes the violation to `connection`, or to the root connection if it ends the link.
    #[cold]
    pub(crate) fn on(self, connection: ConnectionId) -> DecodeError {
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

fn is_last(r: &mut Reader<'_>) -> Result<bool, Violation> {
    match r.byte()? {
        0 => Ok(false),
        1 => Ok(true),
        kind => Err(Rule::DecodeError.because(format!("part of kind {kind}"))),
    }
}

fn code(r: &mut Reader<'_>) -> Result<u16, WireError> {
    u16::try_from(r.varint()?).map_err(|_| WireError::OutOfRange)
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

/// Truncates `reason` to [`MAX_REASON`] bytes, at a character boundary.
pub(crate) fn clamp_reason(reason: &str) -> &str {
    clamp(reason, MAX_REASON)
}

/// Returns as many whole characters as fit `max` bytes.
pub(crate) fn clamp(reason: &str, max: usize) -> &str {
    let end = reason.floor_char_boundary(max);
    reason.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests;
