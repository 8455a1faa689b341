//! The outcome of a call as it crosses to and from JavaScript: a kind and a body.

#![allow(
    clippy::float_cmp,
    reason = "wasm-bindgen compares the numbers of JavaScript"
)]

use alloc::borrow::Cow;
use alloc::string::String;
use core::convert::Infallible;

use roam_proto::failure::{FAILURE_KEY, REASON_KEY};
use roam_proto::{Encoded, Failure, FailureKind, Metadata, Outcome};
use wasm_bindgen::prelude::*;

/// The kind of a call's outcome. Only [`Value`](Self::Value) and [`Error`](Self::Error) have a body.
///
/// `OutcomeKind` in `wasm.ts` is the same enum; TypeScript's compiler compares the two. This one is
/// private, and the npm package is built with `--pure:Object.freeze`, so that the package does not
/// contain the object that wasm-bindgen generates for it.
#[wasm_bindgen(private)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutcomeKind {
    /// The method returned a value.
    Value,
    /// The method returned its own error.
    Error,
    /// Nobody serves the method.
    UnknownMethod,
    /// The arguments did not decode.
    InvalidPayload,
    /// The call was cancelled.
    Cancelled,
    /// [`FailureKind::Panic`]
    Panic,
    /// [`FailureKind::TooLarge`]
    TooLarge,
    /// [`FailureKind::Busy`]
    Busy,
    /// [`FailureKind::Deadline`]
    Deadline,
    /// [`FailureKind::Unavailable`]
    Unavailable,
    /// [`FailureKind::NonceReused`]
    NonceReused,
    /// [`FailureKind::NonceSpent`]
    NonceSpent,
    /// [`FailureKind::Unauthenticated`]
    Unauthenticated,
    /// [`FailureKind::PermissionDenied`]
    PermissionDenied,
    /// [`FailureKind::ResourceExhausted`]
    ResourceExhausted,
    /// [`FailureKind::FailedPrecondition`]
    FailedPrecondition,
    /// [`FailureKind::SignatureMismatch`]
    SignatureMismatch,
    /// The payload is neither a value nor an error. Only the peer can send this.
    Malformed,
}

impl OutcomeKind {
    /// Splits the payload of a Response into the kind of its outcome and the body. The body of a
    /// failure is the metadata, which may say more.
    pub(super) fn split<'p>(payload: &'p [u8], metadata: &Metadata) -> (Self, Cow<'p, [u8]>) {
        let kind = match Outcome::decode(payload, metadata) {
            Some(Outcome::Value(body)) => return (Self::Value, body.into()),
            Some(Outcome::Error(body)) => return (Self::Error, body.into()),
            Some(Outcome::UnknownMethod) => Self::UnknownMethod,
            Some(Outcome::InvalidPayload) => Self::InvalidPayload,
            Some(Outcome::Cancelled) => Self::Cancelled,
            Some(Outcome::Failed(kind)) => return (kind.into(), metadata.to_bytes().into()),
            None => Self::Malformed,
        };
        (kind, Cow::Borrowed(&[]))
    }

    /// Returns the outcome to send; `None` if it is [`Malformed`](Self::Malformed).
    pub(super) fn outcome(self) -> Option<Outcome> {
        Some(match self {
            Self::Value => Outcome::Value(()),
            Self::Error => Outcome::Error(()),
            Self::UnknownMethod => Outcome::UnknownMethod,
            Self::InvalidPayload => Outcome::InvalidPayload,
            Self::Cancelled => Outcome::Cancelled,
            Self::Panic => Outcome::Failed(FailureKind::Panic),
            Self::TooLarge => Outcome::Failed(FailureKind::TooLarge),
            Self::Busy => Outcome::Failed(FailureKind::Busy),
            Self::Deadline => Outcome::Failed(FailureKind::Deadline),
            Self::Unavailable => Outcome::Failed(FailureKind::Unavailable),
            Self::NonceReused => Outcome::Failed(FailureKind::NonceReused),
            Self::NonceSpent => Outcome::Failed(FailureKind::NonceSpent),
            Self::Unauthenticated => Outcome::Failed(FailureKind::Unauthenticated),
            Self::PermissionDenied => Outcome::Failed(FailureKind::PermissionDenied),
            Self::ResourceExhausted => Outcome::Failed(FailureKind::ResourceExhausted),
            Self::FailedPrecondition => Outcome::Failed(FailureKind::FailedPrecondition),
            Self::SignatureMismatch => Outcome::Failed(FailureKind::SignatureMismatch),
            Self::Malformed => return None,
        })
    }
}

impl From<FailureKind> for OutcomeKind {
    fn from(failure: FailureKind) -> Self {
        match failure {
            FailureKind::Panic => Self::Panic,
            FailureKind::TooLarge => Self::TooLarge,
            FailureKind::Busy => Self::Busy,
            FailureKind::Deadline => Self::Deadline,
            FailureKind::Unavailable => Self::Unavailable,
            FailureKind::NonceReused => Self::NonceReused,
            FailureKind::NonceSpent => Self::NonceSpent,
            FailureKind::Unauthenticated => Self::Unauthenticated,
            FailureKind::PermissionDenied => Self::PermissionDenied,
            FailureKind::ResourceExhausted => Self::ResourceExhausted,
            FailureKind::FailedPrecondition => Self::FailedPrecondition,
            FailureKind::SignatureMismatch => Self::SignatureMismatch,
            // Failures travel as Cancelled.
            _ => Self::Cancelled,
        }
    }
}

/// Encodes the payload of a Response, and adds the name of a failure to its metadata, which may hold
/// details.
pub(super) fn encode(outcome: Outcome, body: &[u8], metadata: &mut Metadata) -> Encoded {
    if let Outcome::Failed(kind) = outcome {
        metadata.push(FAILURE_KEY, kind.name());
        // A handler may have given a reason that is too long.
        let failure = Failure::from_metadata(metadata);
        if let Some(reason) = failure.and_then(|failure| failure.reason) {
            metadata.set(REASON_KEY, String::from(reason));
        }
    }
    let Ok(payload) = Encoded::new().append_with(|mut payload| {
        payload.extend_from_slice(outcome.prefix());
        // A large body leaves no excess memory, so this buffer becomes the frame.
        payload.extend_from_slice(body);
        Ok::<_, Infallible>(payload)
    });
    payload
}
