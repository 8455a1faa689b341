//! How channels share the send buffer.

/// Rounds among channels that wait for send capacity.
///
/// In each round, each connection may queue the same share, which its waiting channels divide evenly. A channel
/// that queues more, since an element is longer than its part, sits out as many rounds: deficit round robin, with
/// the deficits kept as points on a common line. Who comes later begins where the others are; and when nobody has to
/// share any more, nobody owes anything.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    /// Where this round begins.
    begin: u64,
    /// What each connection may queue in this round, in bytes; 0 while nobody has to share.
    share: u64,
    /// The furthest point that a channel has reached.
    furthest: u64,
}

/// The turn of one channel.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Turn {
    /// The point that the channel has reached.
    reached: u64,
    /// How many channels divide the share of their connection.
    pub(crate) sharers: u32,
}

impl Turns {
    /// Begins a round in which each connection may queue `share` bytes.
    pub(crate) fn begin_round(&mut self, share: u64) {
        self.begin += self.share;
        self.share = share.max(1);
    }

    /// Ends the rounds: nobody has to share.
    pub(crate) fn end(&mut self) {
        self.begin = self.furthest;
        self.share = 0;
    }

    /// Returns whether channels share the capacity.
    #[inline]
    pub(crate) fn is_shared(&self) -> bool {
        self.share > 0
    }

    /// Returns whether a channel has not had its part of this round. Before the first round, whoever comes later waits
    /// with the others.
    pub(crate) fn may_send(&self, turn: &Turn) -> bool {
        turn.reached < self.begin + self.share
    }

    /// Counts what a channel has queued.
    #[inline]
    pub(crate) fn count(&mut self, turn: &mut Turn, len: usize) {
        if self.is_shared() {
            self.advance(turn, len as u64);
        }
    }

    #[cold]
    fn advance(&mut self, turn: &mut Turn, len: u64) {
        let parts = len * u64::from(turn.sharers.max(1));
        turn.reached = turn.reached.max(self.begin) + parts;
        self.furthest = self.furthest.max(turn.reached);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lets channels that divide the shares of their connections by `sharers`, and send elements of `len` bytes, send as
    /// much as they may in `rounds`. Returns the bytes of each.
    fn served(rounds: u32, channels: &[(u32, usize)]) -> alloc::vec::Vec<u64> {
        let mut turns = Turns::default();
        let turn = |&(sharers, _): &(u32, usize)| Turn {
            sharers,
            ..Turn::default()
        };
        let mut states: alloc::vec::Vec<_> = channels.iter().map(|it| (turn(it), 0)).collect();
        for _ in 0..rounds {
            turns.begin_round(1_000);
            for ((turn, sent), &(_, len)) in states.iter_mut().zip(channels) {
                while turns.may_send(turn) {
                    turns.count(turn, len);
                    *sent += len as u64;
                }
            }
        }
        states.into_iter().map(|(_, sent)| sent).collect()
    }

    #[test]
    fn channels_have_equal_parts_whatever_the_length_of_their_elements() {
        let sent = served(10_000, &[(1, 1), (1, 999), (1, 1_001), (1, 1 << 20)]);
        for sent in sent {
            assert!(sent.abs_diff(10_000 * 1_000) <= 1 << 20, "{sent}");
        }
    }

    #[test]
    fn connections_have_equal_parts_however_many_channels_they_have() {
        let mut channels = alloc::vec![(50, 100); 50];
        channels.push((1, 100));
        let sent = served(1_000, &channels);
        let crowd: u64 = sent[..50].iter().sum();
        let alone = sent[50];
        assert!(crowd.abs_diff(alone) <= alone / 20, "{crowd}, {alone}");
    }

    #[test]
    fn newcomer_begins_where_the_others_are() {
        let mut turns = Turns::default();
        let mut old = Turn::default();
        for _ in 0..100 {
            turns.begin_round(1_000);
            while turns.may_send(&old) {
                turns.count(&mut old, 100);
            }
        }
        turns.begin_round(1_000);
        let mut new = Turn::default();
        let mut sent = 0;
        while turns.may_send(&new) {
            turns.count(&mut new, 100);
            sent += 100;
        }
        assert_eq!(sent, 1_000);
    }

    #[test]
    fn debts_end_when_nobody_has_to_share() {
        let mut turns = Turns::default();
        let mut turn = Turn::default();
        turns.begin_round(1_000);
        turns.count(&mut turn, 1 << 20);
        turns.begin_round(1_000);
        assert!(!turns.may_send(&turn));
        turns.end();
        turns.begin_round(1_000);
        assert!(turns.may_send(&turn));
    }
}
