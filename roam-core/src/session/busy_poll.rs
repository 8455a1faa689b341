//! Busy polling: when a driver that has nothing to do stays awake.

use std::time::Duration;

/// Whether a driver that has nothing to do looks again, or sleeps.
///
/// Where frames follow each other closely, to sleep in between costs more than to look again: both
/// this thread and the peer that wakes it pay for it, and the frame waits for as long.
#[derive(Debug)]
pub(super) struct BusyPoll {
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

impl BusyPoll {
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
    fn after_a_gap_of(gap: u64) -> BusyPoll {
        let mut busy_poll = BusyPoll::new(WAKING);
        busy_poll.end(|| micros(0));
        keep(&mut busy_poll, 0);
        busy_poll.end(|| micros(gap));
        busy_poll
    }

    fn keep(busy_poll: &mut BusyPoll, now: u64) -> bool {
        busy_poll.keep(|| micros(now), || true)
    }

    #[test]
    fn it_is_not_kept_before_frames_have_come_closely() {
        assert!(!keep(&mut BusyPoll::new(WAKING), 0));
        assert!(!keep(&mut after_a_gap_of(100), 100));
        assert!(keep(&mut after_a_gap_of(99), 99));
    }

    #[test]
    fn it_is_kept_no_longer_than_waking_takes() {
        let mut busy_poll = after_a_gap_of(10);
        let kept = [10, 30, 59, 60, 1_000].map(|now| keep(&mut busy_poll, now));
        assert_eq!(kept, [true, true, true, false, false]);
        // Each frame begins it anew.
        busy_poll.end(|| micros(80));
        assert!(keep(&mut busy_poll, 100));
    }

    #[test]
    fn it_ends_with_the_first_frame_that_comes_late() {
        let mut busy_poll = after_a_gap_of(10);
        keep(&mut busy_poll, 10);
        busy_poll.end(|| micros(1_000));
        assert!(!keep(&mut busy_poll, 1_000));
    }

    #[test]
    fn where_waking_costs_nothing_it_is_never_kept() {
        let mut busy_poll = BusyPoll::new(Duration::ZERO);
        keep(&mut busy_poll, 0);
        busy_poll.end(|| micros(0));
        assert!(!keep(&mut busy_poll, 0));
    }

    #[test]
    fn it_is_not_kept_when_little_was_going_on_as_it_began() {
        let mut busy_poll = after_a_gap_of(10);
        assert!(!busy_poll.keep(|| micros(10), || false));
        assert!(!keep(&mut busy_poll, 11));
        busy_poll.end(|| micros(20));
        assert!(keep(&mut busy_poll, 20));
        assert!(busy_poll.keep(|| micros(21), || false));
    }
}
