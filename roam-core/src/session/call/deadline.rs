//! Deadlines of calls.

use std::time::Duration;

use crate::proto::Metadata;
use crate::rt::Clock;

/// The metadata key for the milliseconds that the caller still waits.
const KEY: &str = "roam-deadline-ms";

/// When the caller of a call stops waiting.
///
/// A peer tells how much time is left, which is counted here from the arrival of its call: two
/// clocks are never compared.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    clock: Clock,
    limit: Duration,
}

impl Deadline {
    /// Creates a deadline that passes `limit` from now.
    pub fn after(limit: Duration) -> Self {
        Self {
            clock: Clock::start(),
            limit,
        }
    }

    /// Returns the time left; zero when the deadline has passed.
    pub fn remaining(&self) -> Duration {
        self.limit.saturating_sub(self.clock.now())
    }

    pub(crate) fn has_passed(&self) -> bool {
        self.remaining().is_zero()
    }

    /// Returns the deadline that passes first.
    #[inline]
    pub(super) fn sooner(a: Option<Self>, b: Option<Self>) -> Option<Self> {
        match (a, b) {
            (Some(a), Some(b)) => Some(if b.remaining() < a.remaining() { b } else { a }),
            (one, None) | (None, one) => one,
        }
    }

    /// Reads the deadline that a caller has put into `metadata`.
    pub(crate) fn from_metadata(metadata: &Metadata) -> Option<Self> {
        let millis = metadata.get_u64(KEY)?;
        Some(Self::after(Duration::from_millis(millis)))
    }

    /// Puts the time left into `metadata`. It is rounded up, so that the peer does not give up before
    /// we do.
    pub(crate) fn put(&self, metadata: &mut Metadata) {
        let millis = self.remaining().as_nanos().div_ceil(1_000_000);
        metadata.set(KEY, u64::try_from(millis).unwrap_or(u64::MAX));
    }
}
