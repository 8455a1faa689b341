//! The outcome of a call, as it is encoded at the start of a Response's payload.
//!
//! The payload is postcard's encoding of `Result<T, RoamError<E>>`: `00` and the value; or `01`,
//! one of the four kinds of error, and for the first kind the method's own error.

use crate::failure::{FAILURE_KEY, FailureKind};
use crate::metadata::Metadata;

/// The outcome of a call. `T` is the body that follows the outcome in the payload.
///
/// This is the only encoder and decoder of outcomes.
///
/// ```
/// use roam_proto::{Metadata, Outcome};
///
/// let payload = [Outcome::Value(()).prefix(), &[42]].concat();
/// let outcome = Outcome::decode(&payload, &Metadata::new());
/// assert_eq!(outcome, Some(Outcome::Value(&[42][..])));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome<T = ()> {
    /// The method returned a value.
    Value(T),
    /// The method returned its own error.
    Error(T),
    /// Nobody serves the method.
    UnknownMethod,
    /// The arguments did not decode.
    InvalidPayload,
    /// The call was cancelled.
    Cancelled,
    /// The call failed in a way that the wire protocol has no kind for. The metadata may say more; see
    /// [`Failure`](crate::Failure).
    Failed(FailureKind),
}

/// The first byte of a payload that holds a value.
const VALUE: u8 = 0;
/// The first byte of a payload that holds an error. The kind follows.
const ERROR: u8 = 1;

/// The kinds of error.
mod kind {
    pub(super) const USER: u8 = 0;
    pub(super) const UNKNOWN_METHOD: u8 = 1;
    pub(super) const INVALID_PAYLOAD: u8 = 2;
    pub(super) const CANCELLED: u8 = 3;
}

impl<T> Outcome<T> {
    /// Returns the bytes that precede the body: the whole payload for an outcome without a body.
    #[inline]
    pub const fn prefix(&self) -> &'static [u8] {
        match self {
            Self::Value(_) => &[VALUE],
            Self::Error(_) => &[ERROR, kind::USER],
            Self::UnknownMethod => &[ERROR, kind::UNKNOWN_METHOD],
            Self::InvalidPayload => &[ERROR, kind::INVALID_PAYLOAD],
            Self::Cancelled | Self::Failed(_) => &[ERROR, kind::CANCELLED],
        }
    }
}

impl Outcome {
    /// Returns the metadata and the payload of a Response for an outcome without a body.
    pub fn response(self) -> (Metadata, &'static [u8]) {
        let metadata = match self {
            Self::Failed(kind) => Metadata::new().with(FAILURE_KEY, kind.name()),
            _ => Metadata::new(),
        };
        (metadata, self.prefix())
    }
}

impl<'a> Outcome<&'a [u8]> {
    /// Reads the outcome of a Response. Returns `None` when the payload is neither a value nor an
    /// error.
    #[inline]
    pub fn decode(payload: &'a [u8], metadata: &Metadata) -> Option<Self> {
        let (&first, body) = payload.split_first()?;
        match first {
            VALUE => Some(Self::Value(body)),
            ERROR => Self::decode_error(body, metadata),
            _ => None,
        }
    }

    #[cold]
    fn decode_error(error: &'a [u8], metadata: &Metadata) -> Option<Self> {
        match error {
            [kind::USER, body @ ..] => Some(Self::Error(body)),
            [kind::UNKNOWN_METHOD] => Some(Self::UnknownMethod),
            [kind::INVALID_PAYLOAD] => Some(Self::InvalidPayload),
            [kind::CANCELLED] => {
                Some(FailureKind::from_metadata(metadata).map_or(Self::Cancelled, Self::Failed))
            }
            _ => None,
        }
    }
}

/// Returns whether a Response's payload is that of a failed call. A malformed payload counts as
/// failed.
#[inline]
pub(crate) fn is_error(payload: &[u8]) -> bool {
    payload.first() != Some(&VALUE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_without_a_body_round_trip() {
        let failures = FailureKind::ALL.map(Outcome::Failed);
        let others = [
            Outcome::UnknownMethod,
            Outcome::InvalidPayload,
            Outcome::Cancelled,
        ];
        for outcome in failures.into_iter().chain(others) {
            let (metadata, payload) = outcome.response();
            let decoded = Outcome::decode(payload, &metadata).unwrap();
            assert_eq!(format!("{decoded:?}"), format!("{outcome:?}"));
            assert!(is_error(payload));
        }
    }

    #[test]
    fn outcomes_with_a_body_round_trip() {
        let none = Metadata::new();
        let value = [Outcome::Value(()).prefix(), b"v"].concat();
        assert_eq!(
            Outcome::decode(&value, &none),
            Some(Outcome::Value(&b"v"[..]))
        );
        let error = [Outcome::Error(()).prefix(), b"e"].concat();
        assert_eq!(
            Outcome::decode(&error, &none),
            Some(Outcome::Error(&b"e"[..]))
        );
        assert!(!is_error(&value) && is_error(&error));
    }

    #[test]
    fn malformed_payloads_have_no_outcome() {
        for payload in [&[][..], &[2], &[1], &[1, 4], &[1, 1, 0], &[1, 3, 0]] {
            assert_eq!(
                Outcome::decode(payload, &Metadata::new()),
                None,
                "{payload:?}"
            );
            assert!(is_error(payload));
        }
    }
}
