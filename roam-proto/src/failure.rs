//! Failures of calls that the wire protocol has no kind for.
//!
//! A failure travels as Cancelled, with its name, its reason and the time of a retry in the
//! Response's metadata. Peers that do not know these keys see Cancelled.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use core::fmt;
use core::time::Duration;

use crate::metadata::Metadata;
use crate::outcome::Outcome;

/// The metadata key that names a [`FailureKind`].
pub const FAILURE_KEY: &str = "roam-error";
/// The metadata key of [`Failure::reason`].
pub const REASON_KEY: &str = "roam-error-reason";
/// The metadata key of [`Failure::retry_after`], in milliseconds.
pub const RETRY_AFTER_KEY: &str = "roam-retry-after-ms";

/// A call that failed at the peer, or was refused by it.
///
/// ```
/// use std::time::Duration;
/// use roam_proto::{Failure, FailureKind};
///
/// let failure = Failure::new(FailureKind::ResourceExhausted)
///     .with_reason("100 calls a minute")
///     .with_retry_after(Duration::from_secs(30));
/// let (metadata, _payload) = failure.response();
/// assert_eq!(Failure::from_metadata(&metadata), Some(failure));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// What kind of failure it is.
    pub kind: FailureKind,
    /// Why, in words for people. At most [`Failure::MAX_REASON`] bytes.
    pub reason: Option<Box<str>>,
    /// When the caller may try again, counted from the answer. It travels in whole milliseconds.
    pub retry_after: Option<Duration>,
}

/// The kinds of failure. [`name`](Self::name) is how each travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum FailureKind {
    /// The handler panicked.
    #[error("the handler panicked")]
    Panic,
    /// The result is larger than the link allows.
    #[error("the result is too large")]
    TooLarge,
    /// The peer's limit on calls or channels in flight is reached.
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
    /// The call with this nonce was made, and its answer is no longer kept.
    #[error("the call with this nonce was made, and its answer is no longer kept")]
    NonceSpent,
    /// The peer does not know who the caller is, or no longer believes it.
    #[error("the caller is not authenticated")]
    Unauthenticated,
    /// The caller may not call this method, or not with these arguments.
    #[error("the caller may not do this")]
    PermissionDenied,
    /// The caller has used up what it may use, such as calls in a minute.
    #[error("the caller has used up its share")]
    ResourceExhausted,
    /// The system is not in the state that the method needs. Trying again does not help before
    /// that state has changed.
    #[error("the system is not in the state that the call needs")]
    FailedPrecondition,
    /// The caller's method has another signature: it could not decode the result. Nothing was decoded,
    /// and no handler has run.
    #[error("the method has another signature")]
    SignatureMismatch,
}

impl Failure {
    /// The longest [`reason`](Self::reason), in bytes.
    pub const MAX_REASON: usize = 1_024;

    /// Creates a failure without details.
    pub const fn new(kind: FailureKind) -> Self {
        Self {
            kind,
            reason: None,
            retry_after: None,
        }
    }

    /// Says why. A reason longer than [`MAX_REASON`](Self::MAX_REASON) bytes is cut at a character.
    #[must_use]
    pub fn with_reason(mut self, reason: &str) -> Self {
        self.reason = Some(cut(reason).into());
        self
    }

    /// Says when the caller may try again.
    #[must_use]
    pub const fn with_retry_after(mut self, retry_after: Duration) -> Self {
        self.retry_after = Some(retry_after);
        self
    }

    /// Returns the metadata and the payload of the Response.
    pub fn response(&self) -> (Metadata, &'static [u8]) {
        let mut metadata = Metadata::new();
        self.put(&mut metadata);
        (metadata, Outcome::<()>::Failed(self.kind).prefix())
    }

    /// Adds the failure to the metadata of a Response.
    pub fn put(&self, metadata: &mut Metadata) {
        metadata.push(FAILURE_KEY, self.kind.name());
        if let Some(reason) = &self.reason {
            metadata.push(REASON_KEY, cut(reason).to_owned());
        }
        if let Some(retry_after) = self.retry_after {
            let millis = u64::try_from(retry_after.as_millis()).unwrap_or(u64::MAX);
            metadata.push(RETRY_AFTER_KEY, millis);
        }
    }

    /// Reads the failure in the metadata of a Response. Returns `None` when it names none that is
    /// known.
    pub fn from_metadata(metadata: &Metadata) -> Option<Self> {
        let mut failure = Self::new(FailureKind::from_metadata(metadata)?);
        failure.reason = metadata
            .get_str(REASON_KEY)
            .map(|reason| cut(reason).into());
        failure.retry_after = metadata.get_u64(RETRY_AFTER_KEY).map(Duration::from_millis);
        Some(failure)
    }
}

impl From<FailureKind> for Failure {
    fn from(kind: FailureKind) -> Self {
        Self::new(kind)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind)?;
        if let Some(reason) = &self.reason {
            write!(f, ": {reason}")?;
        }
        if let Some(retry_after) = self.retry_after {
            write!(f, " (try again after {} ms)", retry_after.as_millis())?;
        }
        Ok(())
    }
}

impl core::error::Error for Failure {}

impl FailureKind {
    /// All kinds.
    pub const ALL: [Self; 12] = [
        Self::Panic,
        Self::TooLarge,
        Self::Busy,
        Self::Deadline,
        Self::Unavailable,
        Self::NonceReused,
        Self::NonceSpent,
        Self::Unauthenticated,
        Self::PermissionDenied,
        Self::ResourceExhausted,
        Self::FailedPrecondition,
        Self::SignatureMismatch,
    ];

    /// Returns the name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Panic => "panic",
            Self::TooLarge => "too-large",
            Self::Busy => "busy",
            Self::Deadline => "deadline",
            Self::Unavailable => "unavailable",
            Self::NonceReused => "nonce-reused",
            Self::NonceSpent => "nonce-spent",
            Self::Unauthenticated => "unauthenticated",
            Self::PermissionDenied => "permission-denied",
            Self::ResourceExhausted => "resource-exhausted",
            Self::FailedPrecondition => "failed-precondition",
            Self::SignatureMismatch => "signature-mismatch",
        }
    }

    /// Returns the kind that a Response's metadata names.
    pub fn from_metadata(metadata: &Metadata) -> Option<Self> {
        let name = metadata.get_str(FAILURE_KEY)?;
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// Cuts a reason at the last character that fits.
fn cut(reason: &str) -> &str {
    // Indexing would add 3 kB to the wasm module, for a panic that cannot happen.
    (reason.get(..reason.floor_char_boundary(Failure::MAX_REASON))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_round_trip() {
        let failure = Failure::new(FailureKind::PermissionDenied)
            .with_reason("only for owners")
            .with_retry_after(Duration::from_millis(1_500));
        let (metadata, payload) = failure.response();
        assert_eq!(Failure::from_metadata(&metadata), Some(failure));
        let kind = FailureKind::PermissionDenied;
        assert_eq!(
            Outcome::decode(payload, &metadata),
            Some(Outcome::Failed(kind))
        );
    }

    #[test]
    fn long_reasons_are_cut_at_a_character() {
        let reason = "ä".repeat(600);
        let failure = Failure::new(FailureKind::Busy).with_reason(&reason);
        assert_eq!(failure.reason.as_deref().map(str::len), Some(1_024));
        let odd = ["x", &reason].concat();
        let mut unbounded = failure.clone();
        unbounded.reason = Some(odd.clone().into());
        let (metadata, _) = unbounded.response();
        let received = Failure::from_metadata(&metadata).unwrap().reason.unwrap();
        assert_eq!(&*received, &odd[..1_023]);
    }

    #[test]
    fn received_reasons_are_cut() {
        let metadata = Metadata::new()
            .with(FAILURE_KEY, "busy")
            .with(REASON_KEY, "x".repeat(2_000));
        let failure = Failure::from_metadata(&metadata).unwrap();
        assert_eq!(failure.reason.unwrap().len(), Failure::MAX_REASON);
    }

    #[test]
    fn unknown_names_are_no_failure() {
        let metadata = Metadata::new().with(FAILURE_KEY, "sunspots");
        assert_eq!(Failure::from_metadata(&metadata), None);
    }
}
