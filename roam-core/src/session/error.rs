//! Errors, split by whose fault they are.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::codec::{DecodeError, EncodeError};
use crate::proto::{CloseReason, Failure, MetadataError, RequestError};

/// The error type of a method that cannot fail. It has no values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Never {}

impl fmt::Display for Never {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}

impl std::error::Error for Never {}

impl Serialize for Never {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        match *self {}
    }
}

impl<'de> Deserialize<'de> for Never {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(serde::de::Error::custom(
            "this method has no error of its own",
        ))
    }
}

/// An error that the peer answered a call with. `E` is the method's own error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RoamError<E = Never> {
    /// The method's own error.
    #[error("{0}")]
    User(E),
    /// The peer does not serve the method.
    #[error("unknown method")]
    UnknownMethod,
    /// The arguments did not decode at the peer.
    #[error("the arguments did not decode")]
    InvalidPayload,
    /// The call was cancelled.
    #[error("cancelled")]
    Cancelled,
}

/// Why a call has no value.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError<E = Never> {
    /// The peer answered with an error.
    #[error(transparent)]
    Answered(RoamError<E>),
    /// The call failed at the peer, or its deadline passed here.
    #[error(transparent)]
    Failed(Failure),
    /// The connection ended before the answer came.
    #[error("{reason}{}", outcome_suffix(*sent))]
    Lost {
        /// Why the connection ended.
        #[source]
        reason: CloseReason,
        /// Whether the outcome of the call is unknown. `false` when the Request was certainly not
        /// sent; otherwise the peer may have received it, and the handler may have run.
        sent: bool,
    },
    /// The call was not sent: no link to the peer could be established.
    #[error(transparent)]
    Unreachable(Arc<ConnectError>),
    /// The call was not sent: its arguments are larger than the smaller
    /// [`Config::max_payload_size`](crate::Config::max_payload_size) of both peers.
    #[error(
        "arguments of {len} bytes exceed the limit of {max} bytes: the smaller \
         `Config::max_payload_size` of both peers"
    )]
    TooLarge {
        /// The length of the encoded arguments in bytes.
        len: usize,
        /// The longest allowed.
        max: usize,
    },
    /// The call was not sent: its metadata exceeds a limit.
    #[error(transparent)]
    Metadata(MetadataError),
    /// The link's budget cannot hold the call's channels. When they are those of the arguments, the
    /// call was not sent; otherwise they are those of the result.
    #[error("the link's budget for channels is used up (limits: receive_budget, sending_channels)")]
    NoBudgetForChannels,
    /// The call was not sent: the handshake is not complete. Only calls that do not wait for the
    /// handshake fail like this.
    #[error("the handshake is not complete")]
    NotReady,
    /// The call was not sent: its arguments cannot be encoded.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The answer cannot be decoded.
    #[error(transparent)]
    Decode(DecodeError),
}

/// Why a call has no answer: a [`CallError`] before the method's own error type is known.
pub type CallFailure = CallError<Never>;

fn outcome_suffix(sent: bool) -> &'static str {
    if sent {
        "; whether the call had an effect is not known"
    } else {
        ""
    }
}

impl<E> CallError<E> {
    /// Replaces the method's own error.
    pub fn map_user<F>(self, map: impl FnOnce(E) -> F) -> CallError<F> {
        let answered = match self {
            Self::Answered(RoamError::User(error)) => RoamError::User(map(error)),
            Self::Answered(RoamError::UnknownMethod) => RoamError::UnknownMethod,
            Self::Answered(RoamError::InvalidPayload) => RoamError::InvalidPayload,
            Self::Answered(RoamError::Cancelled) => RoamError::Cancelled,
            Self::Failed(failure) => return CallError::Failed(failure),
            Self::Lost { reason, sent } => return CallError::Lost { reason, sent },
            Self::Unreachable(error) => return CallError::Unreachable(error),
            Self::TooLarge { len, max } => return CallError::TooLarge { len, max },
            Self::Metadata(error) => return CallError::Metadata(error),
            Self::NoBudgetForChannels => return CallError::NoBudgetForChannels,
            Self::NotReady => return CallError::NotReady,
            Self::Encode(error) => return CallError::Encode(error),
            Self::Decode(error) => return CallError::Decode(error),
        };
        CallError::Answered(answered)
    }

    /// Returns the method's own error, if this is one.
    pub fn into_user(self) -> Option<E> {
        match self {
            Self::Answered(RoamError::User(error)) => Some(error),
            _ => None,
        }
    }
}

impl CallFailure {
    /// Converts to the error of a method whose own error is `E`.
    pub fn into_typed<E>(self) -> CallError<E> {
        self.map_user(|never| match never {})
    }

    /// Translates a refused Request. `reason` is why the connection ended, if it has.
    pub(super) fn refused(error: RequestError, reason: impl FnOnce() -> CloseReason) -> Self {
        match error {
            RequestError::PayloadTooLarge { len, max } => Self::TooLarge { len, max },
            RequestError::Metadata(error) => Self::Metadata(error),
            RequestError::TooManyChannels(_) | RequestError::NoBudgetForChannels => {
                Self::NoBudgetForChannels
            }
            RequestError::NotReady => Self::NotReady,
            _ => Self::Lost {
                reason: reason(),
                sent: false,
            },
        }
    }
}

/// Why an element was not sent.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The receiver was dropped, or reset the channel.
    #[error("the receiver was dropped or reset the channel")]
    Reset,
    /// The call whose arguments brought the channel failed or was cancelled.
    #[error("the call of this channel has ended")]
    CallEnded,
    /// The connection ended.
    #[error(transparent)]
    Lost(CloseReason),
    /// The element is longer than the link allows.
    #[error(
        "an element of {len} bytes exceeds the limit of {max} bytes: the smaller \
         `Config::max_payload_size` of both peers and, with a peer that only knows version 2, half of \
         `Config::initial_channel_credit`"
    )]
    TooLarge {
        /// The element's encoded length in bytes.
        len: usize,
        /// The longest allowed: [`Config::max_payload_size`] and, with a peer that only knows version 2,
        /// half of [`Config::initial_channel_credit`]. The smaller values of both peers count. A local
        /// channel has the default.
        ///
        /// [`Config::initial_channel_credit`]: crate::Config::initial_channel_credit
        /// [`Config::max_payload_size`]: crate::Config::max_payload_size
        max: usize,
    },
    /// The element cannot be encoded.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// This half was sent to the peer, or closed.
    #[error("this half of the channel was sent to a peer or closed")]
    Moved,
}

/// Why a channel ended without being closed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecvError {
    /// The sender reset the channel, or was dropped without closing it.
    #[error("the sender reset the channel")]
    Reset,
    /// The call whose arguments brought the channel failed or was cancelled.
    #[error("the call of this channel has ended")]
    CallEnded,
    /// The connection ended.
    #[error(transparent)]
    Lost(CloseReason),
    /// An element does not decode. The channel was reset for it.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// This half was sent to the peer.
    #[error("this half of the channel was sent to a peer or closed")]
    Moved,
}

/// Why a channel ended without being closed, or why an element was not sent.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ChannelAbort {
    /// Either half reset it.
    Reset,
    /// The call whose arguments brought it failed or was cancelled.
    CallEnded,
    /// Its connection ended.
    Lost(CloseReason),
    /// The element is too long; the channel goes on.
    TooLarge {
        /// The element's length in bytes.
        len: usize,
        /// The longest allowed.
        max: usize,
    },
}

impl From<ChannelAbort> for RecvError {
    fn from(abort: ChannelAbort) -> Self {
        match abort {
            ChannelAbort::Reset | ChannelAbort::TooLarge { .. } => Self::Reset,
            ChannelAbort::CallEnded => Self::CallEnded,
            ChannelAbort::Lost(reason) => Self::Lost(reason),
        }
    }
}

impl From<ChannelAbort> for SendError {
    fn from(abort: ChannelAbort) -> Self {
        match abort {
            ChannelAbort::Reset => Self::Reset,
            ChannelAbort::CallEnded => Self::CallEnded,
            ChannelAbort::Lost(reason) => Self::Lost(reason),
            ChannelAbort::TooLarge { len, max } => Self::TooLarge { len, max },
        }
    }
}

/// Why a link could not be established.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The link ended before the handshake was complete.
    #[error(transparent)]
    Closed(CloseReason),
    /// The transport could not be opened in time.
    #[error("the peer did not answer in time")]
    Timeout,
    /// The transport could not be opened.
    #[error("cannot connect: {0}")]
    Transport(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Why a peer has given no token.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// The peer cannot be asked: it only knows version 2 of the protocol, or did not open the link.
    #[error("the peer of this link cannot be asked for a token")]
    Unsupported,
    /// The link has ended, maybe since there was no valid token.
    #[error(transparent)]
    Ended(CloseReason),
}

impl ConnectError {
    /// Returns when it makes sense to try again, if the peer said so.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Closed(reason) => reason.retry_after(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error;
    use std::io;

    use super::*;

    fn root<'e>(error: &'e (dyn Error + 'static)) -> &'e (dyn Error + 'static) {
        error.source().map_or(error, root)
    }

    #[test]
    fn sources_lead_to_what_failed_first() {
        let broken = || io::Error::from(io::ErrorKind::BrokenPipe);
        let lost = || -> Arc<dyn Error + Send + Sync> { Arc::new(broken()) };
        let reason = || CloseReason::Lost(lost().into());
        let errors: [Box<dyn Error>; 5] = [
            Box::new(CallError::<Never>::Lost {
                reason: reason(),
                sent: true,
            }),
            Box::new(SendError::Lost(reason())),
            Box::new(RecvError::Lost(reason())),
            Box::new(CallFailure::Unreachable(Arc::new(ConnectError::Closed(
                reason(),
            )))),
            Box::new(ConnectError::Transport(Box::new(broken()))),
        ];
        for error in errors {
            let root = root(&*error).downcast_ref::<io::Error>();
            let kind = root.map(io::Error::kind);
            assert_eq!(kind, Some(io::ErrorKind::BrokenPipe), "{error}");
        }
    }
}
