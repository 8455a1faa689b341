//! How a call's outcome stands at the beginning of a Response's payload.
//!
//! The payload is `Result<T, RoamError<E>>`: `00` and the value, or `01`, one of the four kinds
//! of error, and for the first of them the method's own error.

use super::metadata::Metadata;

/// The first byte of a payload that holds a value.
pub const OK: u8 = 0;
/// The first byte of a payload that holds an error.
pub const ERROR: u8 = 1;
/// The second byte of an error: the method's own follows.
pub const USER: u8 = 0;
/// The second byte of an error: the method is not known.
pub const UNKNOWN_METHOD: u8 = 1;
/// The second byte of an error: the arguments did not decode.
pub const INVALID_PAYLOAD: u8 = 2;
/// The second byte of an error: the call was cancelled, or failed as its metadata tells.
pub const CANCELLED: u8 = 3;

/// The metadata key that names a [`Failure`].
pub const FAILURE_KEY: &str = "roam-error";

/// A failure of a call that the wire's `RoamError` has no name for. It travels as Cancelled with
/// the name in the Response's metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Failure {
    /// The handler panicked.
    #[error("the handler panicked")]
    Panic,
    /// The result is larger than the link allows.
    #[error("the result is too large")]
    TooLarge,
    /// The peer has too much in flight already.
    #[error("too much is in flight")]
    Busy,
    /// The call's deadline passed.
    #[error("the deadline passed")]
    Deadline,
    /// A proxy lost the peer that was to answer.
    #[error("the peer that was to answer is unavailable")]
    Unavailable,
    /// The call's nonce belongs to another call of the same method: its arguments differ.
    #[error("the nonce belongs to another call")]
    NonceReused,
    /// The call of this nonce has been made, and its answer cannot be given again.
    #[error("the call of this nonce has been made, and its answer is gone")]
    NonceSpent,
}

impl Failure {
    const ALL: [Self; 7] = [
        Self::Panic,
        Self::TooLarge,
        Self::Busy,
        Self::Deadline,
        Self::Unavailable,
        Self::NonceReused,
        Self::NonceSpent,
    ];

    /// The payload of a call that was cancelled.
    pub(super) const CANCELLED: &[u8] = &[ERROR, CANCELLED];

    /// The failure's name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Panic => "panic",
            Self::TooLarge => "too-large",
            Self::Busy => "busy",
            Self::Deadline => "deadline",
            Self::Unavailable => "unavailable",
            Self::NonceReused => "nonce-reused",
            Self::NonceSpent => "nonce-spent",
        }
    }

    /// The failure that a Response's metadata names.
    pub fn from_metadata(metadata: &Metadata) -> Option<Self> {
        let name = metadata.get_str(FAILURE_KEY)?;
        Self::ALL.into_iter().find(|failure| failure.name() == name)
    }

    /// The metadata and the payload of a Response that tells of the failure.
    pub fn response(self) -> (Metadata, &'static [u8]) {
        (
            Metadata::new().with(FAILURE_KEY, self.name()),
            Self::CANCELLED,
        )
    }
}

/// Whether a Response's payload is that of a failed call. What does not even begin as a value
/// counts as one.
pub(super) fn is_error(payload: &[u8]) -> bool {
    payload.first() != Some(&OK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_is_found_by_its_name() {
        for failure in Failure::ALL {
            let (metadata, payload) = failure.response();
            assert_eq!(Failure::from_metadata(&metadata), Some(failure));
            assert!(is_error(payload));
        }
        assert_eq!(Failure::from_metadata(&Metadata::new()), None);
        assert!(is_error(&[]) && !is_error(&[OK, 1]));
    }
}
