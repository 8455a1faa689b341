//! What the machine tells the layer above.

use std::sync::Arc;

use super::config::Agreed;
use super::ids::{ChannelId, ConnectionId, MethodId, RequestId};
use super::metadata::Metadata;
use super::payload::ReceivedPayload;
use super::violation::Violation;

/// What has happened on a link.
#[derive(Debug)]
pub enum Event {
    /// The handshake is done.
    Ready(Agreed),
    /// The peer calls a method.
    Request(Request),
    /// A call of the peer has been answered in the stead of its handler, which is to stop: the peer
    /// cancelled it, or there was no room for the channels that came with it. It may come right
    /// behind the [`Request`](Self::Request).
    Cancelled {
        /// The call's connection.
        connection: ConnectionId,
        /// The call.
        request: RequestId,
    },
    /// A call of ours was answered.
    Response(Response),
    /// A call of ours has not left and never will: the [end](Self::ConnectionEnded) of its
    /// connection follows. The peer may have seen the other calls that this ends.
    NotSent {
        /// The call's connection.
        connection: ConnectionId,
        /// The call.
        request: RequestId,
    },
    /// A channel on which the user waits has elements, credit or an end.
    ChannelReady {
        /// The channel's connection.
        connection: ConnectionId,
        /// The channel.
        channel: ChannelId,
    },
    /// There is room again for what is to be sent.
    SendBufferReady,
    /// The peer asks for a virtual connection.
    ConnectRequest {
        /// To be named in the answer.
        request: RequestId,
        /// What the peer says of the connection.
        metadata: Metadata,
    },
    /// The peer answered our Connect.
    ConnectAnswer {
        /// The Connect.
        request: RequestId,
        /// The new connection, or the reason why there is none.
        result: Result<ConnectionId, Arc<str>>,
        /// What the peer says beside.
        metadata: Metadata,
    },
    /// A connection ended; the root's end is that of the link.
    ConnectionEnded {
        /// The connection.
        connection: ConnectionId,
        /// Why.
        reason: CloseReason,
    },
}

/// A call of the peer.
#[derive(Debug)]
pub struct Request {
    /// The connection on which it came.
    pub connection: ConnectionId,
    /// Its id.
    pub request: RequestId,
    /// The method.
    pub method: MethodId,
    /// What travels beside the arguments.
    pub metadata: Metadata,
    /// The channel ends in the arguments, in order.
    pub channels: Vec<ChannelId>,
    /// The encoded arguments.
    pub payload: ReceivedPayload,
}

/// The answer to a call of ours.
#[derive(Debug)]
pub struct Response {
    /// The call's connection.
    pub connection: ConnectionId,
    /// The call.
    pub request: RequestId,
    /// What travels beside the result.
    pub metadata: Metadata,
    /// The channel ends in the result, in order; `None` when they were more than we have room
    /// for, and have been cut.
    pub channels: Option<Vec<ChannelId>>,
    /// The encoded result.
    pub payload: ReceivedPayload,
}

/// Why a connection, or a link, ended.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CloseReason {
    /// We ended it.
    #[error("closed here{}", reason_suffix(.0))]
    Local(Arc<str>),
    /// The peer ended it.
    #[error("closed by the peer{}", reason_suffix(.0))]
    Goodbye(Arc<str>),
    /// The peer broke a rule.
    #[error("the peer broke a rule: {0}")]
    Violation(Violation),
    /// The peer makes us queue replies that it does not read.
    #[error("the peer does not read its replies")]
    RepliesUnread,
    /// The peer did not finish the handshake in time.
    #[error("the peer did not finish the handshake in time")]
    HandshakeTimeout,
    /// Nothing has come or gone for longer than [`Config::idle_timeout`](super::Config::idle_timeout),
    /// and nothing was in flight.
    #[error("closed here, as nothing was going on")]
    Idle,
    /// The transport was closed or failed.
    #[error("the transport is lost: {0}")]
    Lost(Arc<dyn std::error::Error + Send + Sync>),
}

fn reason_suffix(reason: &str) -> String {
    if reason.is_empty() {
        String::new()
    } else {
        format!(": {reason}")
    }
}

impl CloseReason {
    /// Whether the peer still takes in what was queued before the end. When it has ended the
    /// connection itself, or when nothing can be carried to it, it does not.
    pub(super) fn is_heard_last(&self) -> bool {
        !matches!(self, Self::Goodbye(_) | Self::Lost(_))
    }

    /// The reason as the peer is to hear it.
    pub(super) fn goodbye(&self) -> String {
        match self {
            Self::Local(reason) | Self::Goodbye(reason) => reason.to_string(),
            Self::Violation(violation) => violation.to_string(),
            Self::RepliesUnread => "limit.control-replies".to_owned(),
            Self::HandshakeTimeout => "limit.handshake-timeout".to_owned(),
            Self::Idle => "limit.idle-timeout".to_owned(),
            Self::Lost(_) => String::new(),
        }
    }
}
