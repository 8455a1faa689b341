//! What can go wrong for a user, by whose fault it is.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::proto::{CloseReason, Failure, MetadataError, Refused};

use super::codec::{DecodeError, EncodeError};

/// The error of a method that cannot fail. There is no value of it.
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

/// An error as it stands on the wire in the answer to a call. `E` is the method's own.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RoamError<E = Never> {
    /// The method's own error.
    #[error("{0}")]
    User(E),
    /// Nobody serves the method there.
    #[error("unknown method")]
    UnknownMethod,
    /// The arguments did not decode there.
    #[error("the arguments did not decode")]
    InvalidPayload,
    /// The call was cancelled.
    #[error("cancelled")]
    Cancelled,
}

/// Why a call has no value.
#[derive(Clone, Debug, thiserror::Error)]
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
        reason: CloseReason,
        /// Whether the outcome of the call is unknown. `false` when the Request had surely not left
        /// yet; else the peer may have seen it, and the handler may have run.
        sent: bool,
    },
    /// The call was not sent: no link to the peer could be made.
    #[error(transparent)]
    Unreachable(Arc<ConnectError>),
    /// The call was not sent: the payload is larger than the link allows.
    #[error("arguments of {len} bytes, {max} allowed")]
    TooLarge {
        /// The length of the encoded arguments in bytes.
        len: usize,
        /// The longest allowed.
        max: usize,
    },
    /// The call was not sent: its metadata is over a limit.
    #[error(transparent)]
    Metadata(MetadataError),
    /// The link has no room for the channels in the arguments, and the call was not sent; or for
    /// those in the result.
    #[error("no room for the channels of this call")]
    NoRoomForChannels,
    /// The call was not sent: the handshake is not done. Calls that wait for that do not fail so.
    #[error("the handshake is not done")]
    NotReady,
    /// The call was not sent: its arguments cannot be encoded.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The answer cannot be decoded.
    #[error(transparent)]
    Decode(DecodeError),
}

/// Why a call has no answer: a [`CallError`] before it is known which type of error the method has.
pub type CallFailure = CallError<Never>;

fn outcome_suffix(sent: bool) -> &'static str {
    if sent {
        "; whether the call had an effect is not known"
    } else {
        ""
    }
}

impl<E> CallError<E> {
    /// The same with the method's own error replaced.
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
            Self::NoRoomForChannels => return CallError::NoRoomForChannels,
            Self::NotReady => return CallError::NotReady,
            Self::Encode(error) => return CallError::Encode(error),
            Self::Decode(error) => return CallError::Decode(error),
        };
        CallError::Answered(answered)
    }

    /// The method's own error, if that is what it is.
    pub fn into_user(self) -> Option<E> {
        match self {
            Self::Answered(RoamError::User(error)) => Some(error),
            _ => None,
        }
    }
}

impl CallFailure {
    /// The same for a method whose own error is `E`.
    pub fn widen<E>(self) -> CallError<E> {
        self.map_user(|never| match never {})
    }

    pub(super) fn refused(refused: Refused, reason: impl FnOnce() -> CloseReason) -> Self {
        match refused {
            Refused::PayloadTooLarge { len, max } => Self::TooLarge { len, max },
            Refused::Metadata(error) => Self::Metadata(error),
            Refused::TooManyEnds(_) | Refused::NoRoomForChannels => Self::NoRoomForChannels,
            Refused::NotReady => Self::NotReady,
            Refused::ConnectionOver | Refused::Answered => Self::Lost {
                reason: reason(),
                sent: false,
            },
        }
    }
}

/// Why an element was not sent.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SendError {
    /// The reader cut the channel: it wants no more.
    #[error("the receiver is gone")]
    Reset,
    /// The call in whose arguments the channel travelled failed or was cancelled.
    #[error("the call of this channel is over")]
    CallOver,
    /// The connection ended.
    #[error("{0}")]
    Lost(CloseReason),
    /// The element is longer than the link allows.
    #[error("an element of {len} bytes, {max} allowed")]
    TooLarge {
        /// The element's encoded length in bytes.
        len: usize,
        /// The longest allowed: half of the channel's initial credit.
        max: usize,
    },
    /// The element cannot be encoded.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// This end has been sent to the peer, or closed.
    #[error("this end of the channel is not here any more")]
    Moved,
}

/// Why a channel ended other than cleanly.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RecvError {
    /// The sender cut the channel.
    #[error("the sender cut the channel")]
    Reset,
    /// The call in whose arguments the channel travelled failed or was cancelled.
    #[error("the call of this channel is over")]
    CallOver,
    /// The connection ended.
    #[error("{0}")]
    Lost(CloseReason),
    /// An element does not decode; the channel was cut for it.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// This end has been sent to the peer.
    #[error("this end of the channel is not here any more")]
    Moved,
}

/// How a channel ended that did not end cleanly, or why an element was not sent.
#[derive(Clone, Debug)]
pub enum Cut {
    /// One of its two ends cut it.
    Reset,
    /// The call in whose arguments it travelled failed or was cancelled.
    CallOver,
    /// Its connection ended.
    Lost(CloseReason),
    /// The element, and not the channel, is at fault: it is too long.
    TooLarge {
        /// The element's length in bytes.
        len: usize,
        /// The longest allowed.
        max: usize,
    },
}

impl From<Cut> for RecvError {
    fn from(cut: Cut) -> Self {
        match cut {
            Cut::Reset | Cut::TooLarge { .. } => Self::Reset,
            Cut::CallOver => Self::CallOver,
            Cut::Lost(reason) => Self::Lost(reason),
        }
    }
}

impl From<Cut> for SendError {
    fn from(cut: Cut) -> Self {
        match cut {
            Cut::Reset => Self::Reset,
            Cut::CallOver => Self::CallOver,
            Cut::Lost(reason) => Self::Lost(reason),
            Cut::TooLarge { len, max } => Self::TooLarge { len, max },
        }
    }
}

/// A link that could not be established.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The link ended before the handshake was done.
    #[error("{0}")]
    Closed(CloseReason),
    /// The transport could not be opened in time.
    #[error("the peer did not answer in time")]
    Timeout,
    /// The transport could not be opened.
    #[error("cannot connect: {0}")]
    Transport(Box<dyn std::error::Error + Send + Sync>),
}
