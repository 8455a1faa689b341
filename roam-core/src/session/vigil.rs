//! When a driver that has nothing to do stays awake.

use std::time::Duration;

/// Whether a driver that has nothing to do looks again, or sleeps.
///
/// Where frames follow each other closely, to sleep in between costs more than to look again: both
/// this thread and the peer that wakes it pay for it, and the frame waits for as long.
#[derive(Debug)]
pub(super) struct Vigil {
    /// What it costs to be put to sleep and woken.
    waking: Duration,
    /// Since when there has been nothing to do.
    since: Option<Duration>,
    /// Whether the last frame came soon after the one before.
    is_close: bool,
}

impl Vigil {
    /// One for drivers that take so long to be woken. If that is nothing, it is never kept.
    pub(super) const fn new(waking: Duration) -> Self {
        Self {
            waking,
            since: None,
            is_close: false,
        }
    }

    /// Whether to look again, as there is nothing to do `now`: not longer than it would take to be
    /// woken, and only if the last frame came so soon.
    pub(super) fn keep(&mut self, now: Duration) -> bool {
        let since = *self.since.get_or_insert(now);
        self.is_close && now.saturating_sub(since) < self.waking
    }

    /// Something came `now`. It may have had to wake the driver, which is not held against it.
    pub(super) fn end(&mut self, now: impl FnOnce() -> Duration) {
        if let Some(since) = self.since.take() {
            self.is_close = now().saturating_sub(since) < 2 * self.waking;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAKING: Duration = Duration::from_micros(50);

    fn micros(time: u64) -> Duration {
        Duration::from_micros(time)
    }

    /// One that has seen two frames with so many microseconds in between.
    fn after_a_gap_of(gap: u64) -> Vigil {
        let mut vigil = Vigil::new(WAKING);
        vigil.end(|| micros(0));
        vigil.keep(micros(0));
        vigil.end(|| micros(gap));
        vigil
    }

    #[test]
    fn it_is_not_kept_before_frames_have_come_closely() {
        assert!(!Vigil::new(WAKING).keep(micros(0)));
        assert!(!after_a_gap_of(100).keep(micros(100)));
        assert!(after_a_gap_of(99).keep(micros(99)));
    }

    #[test]
    fn it_is_kept_no_longer_than_waking_takes() {
        let mut vigil = after_a_gap_of(10);
        let kept = [10, 30, 59, 60, 1_000].map(|now| vigil.keep(micros(now)));
        assert_eq!(kept, [true, true, true, false, false]);
        // Each frame begins it anew.
        vigil.end(|| micros(80));
        assert!(vigil.keep(micros(100)));
    }

    #[test]
    fn it_ends_with_the_first_frame_that_comes_late() {
        let mut vigil = after_a_gap_of(10);
        vigil.keep(micros(10));
        vigil.end(|| micros(1_000));
        assert!(!vigil.keep(micros(1_000)));
    }

    #[test]
    fn where_waking_costs_nothing_it_is_never_kept() {
        let mut vigil = Vigil::new(Duration::ZERO);
        vigil.keep(micros(0));
        vigil.end(|| micros(0));
        assert!(!vigil.keep(micros(0)));
    }
}
