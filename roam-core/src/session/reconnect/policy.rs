//! Retries and backoff.

use std::time::Duration;

/// How often a [`ReconnectingClient`](super::ReconnectingClient) tries, and how long it waits between
/// attempts.
///
/// Waits are random (full jitter) below a maximum that grows from the initial to the maximal backoff,
/// so that the clients of a restarted server do not all come at once.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetryPolicy {
    /// Attempts to connect in a row before the calls that wait fail, and how often one call is sent
    /// at most. 0 counts as 1. Default: 8.
    pub attempts: u32,
    /// The longest wait after the first failure. Default: 250 ms.
    pub initial_backoff: Duration,
    /// The longest wait after any number of failures. Default: 15 s.
    pub max_backoff: Duration,
    /// The factor by which the longest wait grows with each failure. 0 counts as 1. Default: 2.
    pub multiplier: u32,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: 8,
            initial_backoff: Duration::from_millis(250),
            max_backoff: Duration::from_secs(15),
            multiplier: 2,
        }
    }
}

impl RetryPolicy {
    /// Sets [`attempts`](Self::attempts).
    #[must_use]
    pub fn with_attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// Sets [`initial_backoff`](Self::initial_backoff).
    #[must_use]
    pub fn with_initial_backoff(mut self, initial_backoff: Duration) -> Self {
        self.initial_backoff = initial_backoff;
        self
    }

    /// Sets [`max_backoff`](Self::max_backoff).
    #[must_use]
    pub fn with_max_backoff(mut self, max_backoff: Duration) -> Self {
        self.max_backoff = max_backoff;
        self
    }

    /// Sets [`multiplier`](Self::multiplier).
    #[must_use]
    pub fn with_multiplier(mut self, multiplier: u32) -> Self {
        self.multiplier = multiplier;
        self
    }

    /// Returns the longest wait after this many failures in a row; zero after none.
    ///
    /// ```
    /// use std::time::Duration;
    /// use roam_core::client::RetryPolicy;
    ///
    /// let policy = RetryPolicy::default();
    /// assert_eq!(policy.longest_backoff(3), Duration::from_secs(1));
    /// assert_eq!(policy.longest_backoff(u32::MAX), policy.max_backoff);
    /// ```
    pub fn longest_backoff(&self, failures: u32) -> Duration {
        let Some(exponent) = failures.checked_sub(1) else {
            return Duration::ZERO;
        };
        let factor = u128::from(self.multiplier.max(1)).saturating_pow(exponent);
        let nanos = self.initial_backoff.as_nanos().saturating_mul(factor);
        Duration::from_nanos_u128(nanos.min(self.max_backoff.as_nanos()))
    }

    /// Returns the wait after this many failures in a row: the fraction of the longest wait that
    /// `random` is of all `u32`.
    pub fn backoff(&self, failures: u32, random: u32) -> Duration {
        // The nanoseconds of a `Duration` take 94 bits.
        let nanos = self.longest_backoff(failures).as_nanos() * u128::from(random);
        Duration::from_nanos_u128(nanos >> u32::BITS)
    }
}

/// Returns how long to wait when the peer has told `after`: up to half as long again, so that not all whom it told the
/// same come at once. `random` is as for [`RetryPolicy::backoff`].
pub(in crate::session) fn spread(after: Duration, random: u32) -> Duration {
    let more = (after.as_nanos() / 2 * u128::from(random)) >> u32::BITS;
    after.saturating_add(Duration::from_nanos_u128(more))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn policy(initial: Duration, max: Duration, multiplier: u32) -> RetryPolicy {
        RetryPolicy {
            attempts: 1,
            initial_backoff: initial,
            max_backoff: max,
            multiplier,
        }
    }

    #[test]
    fn longest_wait_grows_to_its_maximum() {
        let policy = policy(Duration::from_millis(100), Duration::from_secs(2), 3);
        let millis = (0..6).map(|failures| policy.longest_backoff(failures).as_millis());
        assert_eq!(millis.collect::<Vec<_>>(), [0, 100, 300, 900, 2_000, 2_000]);
    }

    #[test]
    fn waits_are_a_random_fraction_of_the_longest() {
        let policy = policy(Duration::from_secs(4), Duration::from_mins(1), 2);
        assert_eq!(policy.backoff(1, 0), Duration::ZERO);
        assert_eq!(policy.backoff(1, 1 << 31), Duration::from_secs(2));
        assert_eq!(policy.backoff(2, 1 << 30), Duration::from_secs(2));
        let longest = policy.backoff(2, u32::MAX);
        assert!(longest < Duration::from_secs(8) && longest > Duration::from_millis(7_999));
    }

    #[test]
    fn a_time_that_was_told_is_spread_by_half_of_it() {
        let after = Duration::from_secs(4);
        assert_eq!(spread(after, 0), after);
        assert_eq!(spread(after, 1 << 31), Duration::from_secs(5));
        assert!(spread(after, u32::MAX) < Duration::from_secs(6));
        assert_eq!(spread(Duration::MAX, u32::MAX), Duration::MAX);
    }

    proptest! {
        #[test]
        fn accepts_any_number_of_failures(
            initial: Duration,
            max: Duration,
            multiplier: u32,
            failures: u32,
            random: u32,
        ) {
            let policy = policy(initial, max, multiplier);
            let longest = policy.longest_backoff(failures);
            prop_assert!(longest <= max);
            prop_assert!(policy.backoff(failures, random) <= longest);
            prop_assert!(longest <= policy.longest_backoff(failures.saturating_add(1)));
        }
    }

    #[test]
    fn extremes_do_not_overflow() {
        for failures in [1, 2, 100, u32::MAX] {
            for multiplier in [0, 1, 2, u32::MAX] {
                let policy = policy(Duration::MAX, Duration::MAX, multiplier);
                assert_eq!(policy.longest_backoff(failures), Duration::MAX);
                assert!(policy.backoff(failures, u32::MAX) < Duration::MAX);
                let tiny = RetryPolicy {
                    initial_backoff: Duration::ZERO,
                    ..policy
                };
                assert_eq!(tiny.longest_backoff(failures), Duration::ZERO);
            }
        }
    }
}
