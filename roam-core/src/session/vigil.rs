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
    /// Whether there is so much going on that more is to be expected.
    is_busy: bool,
}

impl Vigil {
    /// One for drivers that take so long to be woken. If that is nothing, it is never kept.
    pub(super) const fn new(waking: Duration) -> Self {
        Self {
            waking,
            since: None,
            is_close: false,
            is_busy: false,
        }
    }

    /// Whether to look again, as there is nothing to do `now`: not longer than it would take to be
    /// woken, and only if the last frame came so soon and, when it began, much `is_going_on`.
    pub(super) fn keep(&mut self, now: Duration, is_going_on: impl FnOnce() -> bool) -> bool {
        let since = *self.since.get_or_insert_with(|| {
            self.is_busy = is_going_on();
            now
        });
        self.is_close && self.is_busy && now.saturating_sub(since) < self.waking
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
        keep(&mut vigil, 0);
        vigil.end(|| micros(gap));
        vigil
    }

    fn keep(vigil: &mut Vigil, now: u64) -> bool {
        vigil.keep(micros(now), || true)
    }

    #[test]
    fn it_is_not_kept_before_frames_have_come_closely() {
        assert!(!keep(&mut Vigil::new(WAKING), 0));
        assert!(!keep(&mut after_a_gap_of(100), 100));
        assert!(keep(&mut after_a_gap_of(99), 99));
    }

    #[test]
    fn it_is_kept_no_longer_than_waking_takes() {
        let mut vigil = after_a_gap_of(10);
        let kept = [10, 30, 59, 60, 1_000].map(|now| keep(&mut vigil, now));
        assert_eq!(kept, [true, true, true, false, false]);
        // Each frame begins it anew.
        vigil.end(|| micros(80));
        assert!(keep(&mut vigil, 100));
    }

    #[test]
    fn it_ends_with_the_first_frame_that_comes_late() {
        let mut vigil = after_a_gap_of(10);
        keep(&mut vigil, 10);
        vigil.end(|| micros(1_000));
        assert!(!keep(&mut vigil, 1_000));
    }

    #[test]
    fn where_waking_costs_nothing_it_is_never_kept() {
        let mut vigil = Vigil::new(Duration::ZERO);
        keep(&mut vigil, 0);
        vigil.end(|| micros(0));
        assert!(!keep(&mut vigil, 0));
    }

    #[test]
    fn it_is_not_kept_when_little_was_going_on_as_it_began() {
        let mut vigil = after_a_gap_of(10);
        assert!(!vigil.keep(micros(10), || false));
        assert!(!keep(&mut vigil, 11));
        vigil.end(|| micros(20));
        assert!(keep(&mut vigil, 20));
        assert!(vigil.keep(micros(21), || false));
    }
}
