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
    /// Whether the last frame came soon after the one before.
    is_close: bool,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// There is something to do.
    Over,
    /// There has been nothing to do since then, and more is to be expected.
    Since(Duration),
    /// There is nothing to do, and so little is going on that it is not kept.
    Idle,
}

impl Vigil {
    /// One for drivers that take so long to be woken. If that is nothing, it is never kept.
    pub(super) const fn new(waking: Duration) -> Self {
        Self {
            waking,
            is_close: false,
            state: State::Over,
        }
    }

    /// Whether to look again, as there is nothing to do `now`: not longer than it would take to be
    /// woken, and only if the last frame came so soon and, when it began, much `is_going_on`.
    pub(super) fn keep(
        &mut self,
        now: impl FnOnce() -> Duration,
        is_going_on: impl FnOnce() -> bool,
    ) -> bool {
        match self.state {
            State::Idle => false,
            State::Since(since) => self.is_close && now().saturating_sub(since) < self.waking,
            State::Over if self.waking.is_zero() || !is_going_on() => {
                self.state = State::Idle;
                false
            }
            State::Over => {
                self.state = State::Since(now());
                self.is_close
            }
        }
    }

    /// Something came `now`. It may have had to wake the driver, which is not held against it.
    pub(super) fn end(&mut self, now: impl FnOnce() -> Duration) {
        if let State::Since(since) = self.state {
            self.is_close = now().saturating_sub(since) < 2 * self.waking;
        }
        self.state = State::Over;
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
        vigil.keep(|| micros(now), || true)
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
        assert!(!vigil.keep(|| micros(10), || false));
        assert!(!keep(&mut vigil, 11));
        vigil.end(|| micros(20));
        assert!(keep(&mut vigil, 20));
        assert!(vigil.keep(|| micros(21), || false));
    }
}
