//! How much bulk may be on its way.

/// Bounds what is sent and not acknowledged, so that a call does not wait behind bulk that fills every buffer between
/// two programs.
///
/// The window begins with what takes a fraction of a millisecond to process, and grows while most of it is prompt:
/// the peer has read everything before it when it comes, so the network is slower than the peer. Otherwise there is
/// a queue in front of the peer, in which calls wait too, and the window shrinks. Neither needs a clock.
#[derive(Debug)]
pub(super) struct Flight {
    window: usize,
    /// The largest window.
    most: usize,
    /// The window has never shrunk.
    is_starting: bool,
    /// Bulk has waited for the window since it last changed.
    was_full: bool,
    /// What was acknowledged since then.
    acknowledged: usize,
    /// What of it was prompt.
    prompt: usize,
}

/// The smallest window: about a quarter of a millisecond. It is more than what a peer leaves unacknowledged, however
/// short its messages are.
const LEAST: usize = 256 * 1024;

impl Flight {
    /// Creates the window of a link with a replay buffer of `replay` bytes. Bulk leaves an eighth of a large one to
    /// what is urgent.
    pub(super) fn new(replay: usize) -> Self {
        Self {
            window: LEAST,
            most: (replay - replay / 8).max(LEAST),
            is_starting: true,
            was_full: false,
            acknowledged: 0,
            prompt: 0,
        }
    }

    /// Returns how much may be on its way, as [work](crate::outbox::work).
    #[inline]
    pub(super) fn window(&self) -> usize {
        self.window
    }

    /// Records that bulk waits for the window.
    pub(super) fn on_full(&mut self) {
        self.was_full = true;
    }

    /// Records that the peer has acknowledged this much, and whether most of it was prompt. Changes the window at most
    /// once for each half of it.
    #[inline]
    pub(super) fn on_acknowledged(&mut self, work: usize, is_prompt: bool) {
        self.acknowledged += work;
        if is_prompt {
            self.prompt += work;
        }
        if self.acknowledged >= self.window / 2 {
            self.adjust();
        }
    }

    fn adjust(&mut self) {
        let keeps_up = self.prompt >= self.acknowledged - self.acknowledged / 4;
        let was_full = core::mem::take(&mut self.was_full);
        (self.acknowledged, self.prompt) = (0, 0);
        if !was_full {
            return;
        }
        if !keeps_up {
            self.is_starting = false;
            self.window -= self.window / 4;
        } else if self.is_starting {
            self.window *= 2;
        } else {
            self.window += self.window / 8;
        }
        self.window = self.window.clamp(LEAST, self.most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Has full windows acknowledged `times` times.
    fn acknowledge(flight: &mut Flight, times: usize, is_prompt: bool) {
        for _ in 0..times {
            flight.on_full();
            flight.on_acknowledged(flight.window(), is_prompt);
        }
    }

    #[test]
    fn window_grows_as_large_as_the_replay_buffer_while_the_peer_keeps_up() {
        let mut flight = Flight::new(4 << 20);
        acknowledge(&mut flight, 4, true);
        assert_eq!(flight.window(), (4 << 20) / 8 * 7);
    }

    #[test]
    fn window_shrinks_while_the_peer_is_behind_and_grows_again() {
        let mut flight = Flight::new(4 << 20);
        acknowledge(&mut flight, 4, true);
        acknowledge(&mut flight, 100, false);
        assert_eq!(flight.window(), LEAST);
        acknowledge(&mut flight, 30, true);
        assert_eq!(flight.window(), (4 << 20) / 8 * 7);
    }

    #[test]
    fn window_stays_while_nothing_waits_for_it() {
        let mut flight = Flight::new(4 << 20);
        acknowledge(&mut flight, 1, true);
        let window = flight.window();
        for is_prompt in [true, false] {
            for _ in 0..10 {
                flight.on_acknowledged(1 << 20, is_prompt);
            }
        }
        assert_eq!(flight.window(), window);
    }

    #[test]
    fn window_is_never_smaller_than_what_the_peer_acknowledges() {
        let mut flight = Flight::new(1_000);
        for is_prompt in [true, false, true] {
            acknowledge(&mut flight, 10, is_prompt);
            assert_eq!(flight.window(), LEAST);
        }
    }
}
