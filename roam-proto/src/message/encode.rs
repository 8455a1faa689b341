//! Encoding messages.

use alloc::vec::Vec;

use super::{HELLO_V2, Hello, Message, tag};
use crate::coding::WriteBytes;
use crate::ids::{ChannelId, ConnectionId, MethodId, RequestId};
use crate::metadata::Metadata;

impl Message<'_> {
    /// Appends the encoded message to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let payload = self.encode_header(out);
        out.write_slice(payload);
    }

    /// Appends the header to `out`. Returns the payload, which follows it.
    #[inline]
    pub(crate) fn encode_header(&self, out: &mut impl WriteBytes) -> &[u8] {
        match self {
            Self::Hello(hello) => hello.encode(out),
            Self::Connect { request, metadata } => {
                write_fields(out, tag::CONNECT, [request.0]);
                metadata.encode(out);
            }
            Self::Accept {
                request,
                connection,
                metadata,
            } => {
                write_fields(out, tag::ACCEPT, [request.0, connection.0]);
                metadata.encode(out);
            }
            Self::Reject {
                request,
                reason,
                metadata,
            } => {
                write_fields(out, tag::REJECT, [request.0]);
                out.write_prefixed(reason.as_bytes());
                metadata.encode(out);
            }
            Self::Goodbye { connection, reason } => {
                write_fields(out, tag::GOODBYE, [connection.0]);
                out.write_prefixed(reason.as_bytes());
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
                encode_request_header(out, call, metadata, channels, payload.len());
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
                encode_response_header(out, call, metadata, channels, payload.len());
                return payload;
            }
            Self::Cancel {
                connection,
                request,
            } => {
                write_fields(out, tag::CANCEL, [connection.0, request.0]);
            }
            Self::Data {
                connection,
                channel,
                payload,
            } => {
                encode_data_header(out, *connection, *channel, payload.len());
                return payload;
            }
            Self::Close {
                connection,
                channel,
            } => write_fields(out, tag::CLOSE, [connection.0, channel.0]),
            Self::Reset {
                connection,
                channel,
            } => write_fields(out, tag::RESET, [connection.0, channel.0]),
            Self::Credit {
                connection,
                channel,
                bytes,
            } => write_fields(out, tag::CREDIT, [connection.0, channel.0, (*bytes).into()]),
            // Beyond version 2.
            extension => return extension.encode_extension(out),
        }
        &[]
    }

    /// Like [`encode_header`](Self::encode_header), for messages that version 2 does not know.
    fn encode_extension(&self, out: &mut impl WriteBytes) -> &[u8] {
        match self {
            Self::Grant {
                connection,
                channel,
                consumed,
                credit,
            } => {
                let (consumed, credit) = ((*consumed).into(), (*credit).into());
                write_fields(out, tag::GRANT, [connection.0, channel.0, consumed, credit]);
            }
            Self::Part { is_last, bytes } => {
                encode_part_header(out, *is_last, bytes.len());
                return bytes;
            }
            Self::Blocked {
                connection,
                channel,
                bytes,
            } => write_fields(
                out,
                tag::BLOCKED,
                [connection.0, channel.0, (*bytes).into()],
            ),
            Self::End { code, reason } => {
                write_fields(out, tag::END, [(*code).into()]);
                out.write_prefixed(reason.as_bytes());
            }
            _ => {}
        }
        &[]
    }
}

impl Hello {
    fn encode(self, out: &mut impl WriteBytes) {
        let Self {
            max_payload_size,
            initial_channel_credit,
        } = self;
        let fields = [
            HELLO_V2,
            max_payload_size.into(),
            initial_channel_credit.into(),
        ];
        write_fields(out, tag::HELLO, fields);
    }
}

/// Appends the discriminant of a message and its leading fields.
#[inline]
fn write_fields<const N: usize>(out: &mut impl WriteBytes, tag: u64, fields: [u64; N]) {
    out.write_varint(tag);
    for field in fields {
        out.write_varint(field);
    }
}

/// Appends the header of a Part with `len` bytes.
pub(crate) fn encode_part_header(out: &mut impl WriteBytes, is_last: bool, len: usize) {
    write_fields(out, tag::PART, [is_last.into(), len as u64]);
}

/// Appends the header of a Data message with a payload of `len` bytes.
#[inline]
pub(crate) fn encode_data_header(
    out: &mut impl WriteBytes,
    connection: ConnectionId,
    channel: ChannelId,
    len: usize,
) {
    write_fields(out, tag::DATA, [connection.0, channel.0, len as u64]);
}

/// Appends the header of a Request with a payload of `len` bytes.
#[inline]
pub(crate) fn encode_request_header(
    out: &mut impl WriteBytes,
    (connection, request, method): (ConnectionId, RequestId, MethodId),
    metadata: &Metadata,
    channels: &[ChannelId],
    len: usize,
) {
    write_fields(out, tag::REQUEST, [connection.0, request.0, method.0]);
    encode_body_header(out, metadata, channels, len);
}

/// Appends the header of a Response with a payload of `len` bytes.
#[inline]
pub(crate) fn encode_response_header(
    out: &mut impl WriteBytes,
    (connection, request): (ConnectionId, RequestId),
    metadata: &Metadata,
    channels: &[ChannelId],
    len: usize,
) {
    write_fields(out, tag::RESPONSE, [connection.0, request.0]);
    encode_body_header(out, metadata, channels, len);
}

/// Appends the fields that Requests and Responses have in common, up to the payload.
#[inline]
fn encode_body_header(
    out: &mut impl WriteBytes,
    metadata: &Metadata,
    channels: &[ChannelId],
    len: usize,
) {
    metadata.encode(out);
    out.write_varint(channels.len() as u64);
    for channel in channels {
        out.write_varint(channel.0);
    }
    out.write_varint(len as u64);
}
