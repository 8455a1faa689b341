//! Until when a caller waits.

use std::time::Duration;

use crate::proto::Metadata;
use crate::rt::Clock;

/// The metadata key under which a call says how many milliseconds its caller still waits.
const KEY: &str = "roam-deadline-ms";

/// A moment until which the caller of a call waits for the answer.
///
/// A peer tells how long it still waits, and that is counted here from when its call arrived: two
/// clocks are never compared.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    clock: Clock,
    limit: Duration,
}

impl Deadline {
    /// The moment that is `limit` from now.
    pub fn after(limit: Duration) -> Self {
        Self {
            clock: Clock::start(),
            limit,
        }
    }

    /// How long it is until then; zero when that has passed.
    pub fn remaining(&self) -> Duration {
        self.limit.saturating_sub(self.clock.now())
    }

    pub(super) fn has_passed(&self) -> bool {
        self.remaining().is_zero()
    }

    /// The one of two that passes first.
    #[inline]
    pub(super) fn sooner(a: Option<Self>, b: Option<Self>) -> Option<Self> {
        match (a, b) {
            (Some(a), Some(b)) => Some(if b.remaining() < a.remaining() { b } else { a }),
            (one, None) | (None, one) => one,
        }
    }

    /// What a caller says in `metadata`.
    pub(super) fn from_metadata(metadata: &Metadata) -> Option<Self> {
        let millis = metadata.get_u64(KEY)?;
        Some(Self::after(Duration::from_millis(millis)))
    }

    /// Says it in `metadata`, in the place of what was said there before. Rounded up, so that the
    /// peer does not give up before we do.
    pub(super) fn put(&self, metadata: &mut Metadata) {
        let millis = self.remaining().as_nanos().div_ceil(1_000_000);
        metadata.set(KEY, u64::try_from(millis).unwrap_or(u64::MAX));
    }
}
