//! Events that the machine reports to its shell.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use crate::carrier::{Drain, Refusal};
use crate::close::{Close, PeerClose};
use crate::config::Agreed;
use crate::ids::{ChannelId, ConnectionId, MethodId, RequestId};
use crate::metadata::Metadata;
use crate::payload::ReceivedPayload;
use crate::shared_error::SharedError;
use crate::violation::Violation;

/// Something that happened on a link.
#[derive(Debug)]
pub enum Event {
    /// The handshake is complete.
    Ready(Agreed),
    /// The peer called a method.
    Request(Request),
    /// A call of the peer was answered in place of its handler, which must be aborted: the peer
    /// cancelled the call, or the budget could not hold its channels. May directly follow the
    /// [`Request`](Self::Request).
    Cancelled {
        /// The call's connection.
        connection: ConnectionId,
        /// The call.
        request: RequestId,
    },
    /// A call of ours was answered.
    Response(Response),
    /// A call of ours was never sent and never will be: the [end](Self::ConnectionEnded) of its
    /// connection follows. The peer may have received other calls that this ends.
    NotSent {
        /// The call's connection.
        connection: ConnectionId,
        /// The call.
        request: RequestId,
    },
    /// A channel that the user waits for has elements, credit or an end.
    ChannelReady {
        /// The channel's connection.
        connection: ConnectionId,
        /// The channel.
        channel: ChannelId,
    },
    /// The send buffer has space again.
    SendBufferReady,
    /// The peer asks for a virtual connection.
    ConnectRequest {
        /// The id to answer with.
        request: RequestId,
        /// The metadata of the Connect.
        metadata: Metadata,
    },
    /// The peer answered our Connect.
    ConnectAnswer {
        /// The Connect.
        request: RequestId,
        /// The new connection, or why there is none.
        result: Result<ConnectionId, Arc<str>>,
        /// The metadata of the answer.
        metadata: Metadata,
    },
    /// The acceptor asks for a new token, and waits so long for it: answer by
    /// [`give_token`](crate::Link::give_token). It does not ask again before.
    TokenAsked {
        /// How long, from when it first asked.
        within: Duration,
    },
    /// The initiator has given the token that we [asked](crate::Link::ask_for_token) for.
    TokenGiven {
        /// What it says of itself. `None` if it has said so with another transport, which was accepted.
        metadata: Option<Metadata>,
    },
    /// The acceptor advises to go elsewhere. Only the last advice counts.
    Drain(Drain),
    /// A connection ended. The end of the root connection is the end of the link.
    ConnectionEnded {
        /// The connection.
        connection: ConnectionId,
        /// Why it ended.
        reason: CloseReason,
    },
}

/// A call of the peer.
#[derive(Debug)]
pub struct Request {
    /// The call's connection.
    pub connection: ConnectionId,
    /// The call.
    pub request: RequestId,
    /// The method.
    pub method: MethodId,
    /// The call's metadata.
    pub metadata: Metadata,
    /// The channels in the arguments, in order.
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
    /// The answer's metadata.
    pub metadata: Metadata,
    /// The channels in the result, in order, or `None` if they exceeded the budget and were reset.
    pub channels: Option<Vec<ChannelId>>,
    /// The encoded result.
    pub payload: ReceivedPayload,
}

/// Why a connection, or a link, ended.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CloseReason {
    /// We ended it.
    #[error("closed here{}", reason_suffix(.0))]
    Local(Arc<str>),
    /// We ended it, with a code of our choice.
    #[error("closed here with code {}{}", .0.code(), reason_suffix(.0.reason()))]
    ClosedHere(Close),
    /// The peer ended it.
    #[error("closed by the peer{}", reason_suffix(.0))]
    Goodbye(Arc<str>),
    /// The peer ended it, with a code of its choice.
    #[error("closed by the peer with code {}{}", .0.code, reason_suffix(&.0.reason))]
    ClosedByPeer(PeerClose),
    /// The peer broke a rule.
    #[error("the peer broke a rule: {0}")]
    Violation(#[source] Violation),
    /// The peer made us queue too many replies without reading them.
    #[error("the peer does not read its replies")]
    RepliesUnread,
    /// The peer did not finish the handshake in time.
    #[error("the peer did not finish the handshake in time")]
    HandshakeTimeout,
    /// The link was idle for longer than [`Config::idle_timeout`](crate::Config::idle_timeout).
    #[error("closed here because the link was idle")]
    Idle,
    /// The acceptor refused the link, or to go on with it.
    #[error(transparent)]
    Refused(Refusal),
    /// The transport was closed or failed.
    #[error("the transport is lost: {0}")]
    Lost(#[source] SharedError),
}

fn reason_suffix(reason: &str) -> String {
    if reason.is_empty() {
        String::new()
    } else {
        format!(": {reason}")
    }
}

impl CloseReason {
    /// Returns whether messages queued before the end still reach the peer. They do not if the peer
    /// ended the connection itself or the transport is lost.
    pub(crate) fn reaches_peer(&self) -> bool {
        !matches!(
            self,
            Self::Goodbye(_) | Self::ClosedByPeer(_) | Self::Lost(_) | Self::Refused(_)
        )
    }

    /// Returns when it makes sense to open another link, if the peer said so.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused(refusal) => refusal.retry_after,
            _ => None,
        }
    }

    /// Returns the reason to send in a Goodbye.
    pub(crate) fn goodbye(&self) -> String {
        match self {
            Self::Local(reason) | Self::Goodbye(reason) => reason.to_string(),
            Self::ClosedHere(close) => close.reason().to_owned(),
            Self::ClosedByPeer(close) => close.reason.clone(),
            Self::Violation(violation) => violation.to_string(),
            Self::RepliesUnread => "limit.control-replies".to_owned(),
            Self::HandshakeTimeout => "limit.handshake-timeout".to_owned(),
            Self::Idle => "limit.idle-timeout".to_owned(),
            Self::Lost(_) | Self::Refused(_) => String::new(),
        }
    }
}
