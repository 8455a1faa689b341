//! How often to try, and how long to wait between.

use std::time::Duration;

/// How often a [`ReconnectingClient`](super::ReconnectingClient) tries, and how long it waits
/// between.
///
/// The waits grow from the initial to the maximal backoff and are drawn at random below that (full
/// jitter), so that the clients of a server that comes back do not all come at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How often in a row it is tried to connect before the calls that wait for it fail, and how
    /// often one call is sent at most. At least once, also when this is 0. Default: 8.
    pub attempts: u32,
    /// The longest wait after the first failure. Default: 250 ms.
    pub initial_backoff: Duration,
    /// The longest wait after any number of failures. Default: 15 s.
    pub max_backoff: Duration,
    /// How many times longer the longest wait is after each further failure; 0 counts as 1.
    /// Default: 2.
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
    /// The longest wait after so many failures in a row; none after none.
    ///
    /// ```
    /// use std::time::Duration;
    /// use roam_core::RetryPolicy;
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
        // No longer than a `Duration`.
        Duration::from_nanos_u128(nanos.min(self.max_backoff.as_nanos()))
    }

    /// The wait after so many failures in a row: a part of the longest one, as large as `random` is
    /// among all `u32`.
    pub fn backoff(&self, failures: u32, random: u32) -> Duration {
        // The nanoseconds of a `Duration` take 94 bits.
        let nanos = self.longest_backoff(failures).as_nanos() * u128::from(random);
        Duration::from_nanos_u128(nanos >> u32::BITS)
    }
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
    fn the_longest_wait_grows_up_to_its_bound() {
        let policy = policy(Duration::from_millis(100), Duration::from_secs(2), 3);
        let millis = (0..6).map(|failures| policy.longest_backoff(failures).as_millis());
        assert_eq!(millis.collect::<Vec<_>>(), [0, 100, 300, 900, 2_000, 2_000]);
    }

    #[test]
    fn a_wait_is_a_random_part_of_the_longest() {
        let policy = policy(Duration::from_secs(4), Duration::from_mins(1), 2);
        assert_eq!(policy.backoff(1, 0), Duration::ZERO);
        assert_eq!(policy.backoff(1, 1 << 31), Duration::from_secs(2));
        assert_eq!(policy.backoff(2, 1 << 30), Duration::from_secs(2));
        let longest = policy.backoff(2, u32::MAX);
        assert!(longest < Duration::from_secs(8) && longest > Duration::from_millis(7_999));
    }

    proptest! {
        #[test]
        fn no_number_of_failures_is_too_large(
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
    fn the_extremes_do_not_overflow() {
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
