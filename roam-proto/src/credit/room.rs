//! The receiver's side of the pool: what a link has room for.
//!
//! The receiver trusts no sender. It checks that all channels together overdraw no more than the pool that
//! it has told, and grants credit of their own to channels whose readers wait, from a part of the
//! budget that the pool cannot touch.

use super::pool::{Granted, PRIVATE, Pool};
use super::{Bytes, CreditOverrun};
use crate::message::Hello;

/// The state of a channel, in bytes.
const STATE: usize = 1024;
/// What an open channel costs at least: its state, and twice its private credit, since tiny elements take
/// as much memory again as their bytes.
pub(crate) const CHANNEL_COST: usize = STATE + 2 * PRIVATE as usize;
/// Open channels take at most one part in this many of the budget.
const CHANNELS: usize = 3;
/// The most channels, whatever the budget.
const MOST_CHANNELS: usize = 10_240;
/// Of what channels leave of the budget, this many eighths are for the pool, and one eighth for grants. Each
/// counts twice.
const POOL: usize = 3;
/// The largest pool, in bytes: whatever a channel holds of it and has granted is a `u32`.
const MOST_POOL: usize = 1 << 30;
/// Growing grants leave room for this many of the largest elements.
const RESERVED: usize = 2;
/// A growing grant takes at most one part in this many of what is left.
const SHARE: usize = 4;
/// The reader's consumption is told after this many bytes.
const TELL_AFTER: Bytes = 32 * 1024;

/// What was granted to a channel alone is granted this many times before it halves.
const KEPT_TELLS: u8 = 8;

/// What a link has room for, besides the channels' states.
///
/// Invariant: `channels * CHANNEL_COST + 2 * (pool + grants) <= receive_budget`, unless the budget is too
/// small for two of the largest elements.
#[derive(Debug)]
pub(crate) struct RoomSizes {
    /// Channels on which we receive.
    pub(crate) channels: usize,
    /// What senders may send beyond their grants, in bytes.
    pub(crate) pool: usize,
    /// What may be granted beyond the private credit of channels, in bytes.
    pub(crate) grants: usize,
    /// What growing grants leave of that.
    reserve: usize,
}

impl RoomSizes {
    pub(crate) fn new(receive_budget: usize, ours: Hello) -> Self {
        let mut sizes = Self {
            channels: 0,
            pool: 0,
            grants: 0,
            reserve: RESERVED * ours.max_payload_size as usize,
        };
        let eighth = sizes.divide(receive_budget);
        sizes.pool = (POOL * eighth)
            .max(ours.initial_channel_credit as usize)
            .min(MOST_POOL);
        sizes
    }

    /// Divides the budget. Returns an eighth of what channels leave of it.
    fn divide(&mut self, receive_budget: usize) -> usize {
        self.channels = (receive_budget / CHANNELS / CHANNEL_COST).clamp(1, MOST_CHANNELS);
        let eighth = receive_budget.saturating_sub(self.channels * CHANNEL_COST) / 8;
        self.grants = eighth.max(self.reserve);
        eighth
    }
}

/// What a link has room for, and what of it is in use.
#[derive(Debug, Default)]
pub(crate) struct Room {
    pub(crate) pool: Pool,
    /// Bytes that may be granted; more are while a lowered limit is exceeded.
    grants: usize,
    /// Bytes that are granted.
    granted: usize,
    reserve: usize,
    /// Grants were given back, so that channels that were refused may ask again.
    pub(crate) was_freed: bool,
}

impl Room {
    pub(crate) fn new(sizes: &RoomSizes) -> Self {
        Self {
            pool: Pool::new(sizes.pool as u64),
            grants: sizes.grants,
            granted: 0,
            reserve: sizes.reserve,
            was_freed: false,
        }
    }

    /// Changes how many channels may be open and what may be granted to them. The pool stays: the peer
    /// counts on it.
    pub(crate) fn resize_grants(&mut self, sizes: &mut RoomSizes, receive_budget: usize) {
        sizes.divide(receive_budget);
        self.grants = sizes.grants;
        self.was_freed = true;
    }

    /// Returns how many bytes are in use.
    #[inline]
    pub(crate) fn used(&self) -> usize {
        // A pool is smaller than a `usize`.
        let pool = usize::try_from(self.pool.used()).unwrap_or(usize::MAX);
        pool + self.granted
    }

    /// Returns how many bytes are left.
    pub(crate) fn left(&self) -> usize {
        let pool = usize::try_from(self.pool.free()).unwrap_or(usize::MAX);
        pool.saturating_add(self.grants_left())
    }

    fn grants_left(&self) -> usize {
        self.grants.saturating_sub(self.granted)
    }

    /// Returns whether a grant may grow by this much.
    fn may_grow(&self, by: Bytes) -> bool {
        by as usize <= self.grants_left().saturating_sub(self.reserve) / SHARE
    }

    /// Returns whether this much is left for an element that somebody waits for.
    fn may_serve(&self, by: Bytes) -> bool {
        by as usize <= self.grants_left()
    }

    fn recommit(&mut self, from: Bytes, to: Bytes) {
        self.granted = self.granted + to as usize - from as usize;
        self.was_freed |= to < from;
    }
}

/// The receiver's half of a channel.
///
/// Invariant: `committed + overdrawn == open + held + untold`.
#[derive(Debug)]
pub(crate) struct PooledWindow {
    /// Granted, and not told to be consumed.
    committed: Bytes,
    /// What of `committed` does not come from the grants.
    private: Bytes,
    /// Granted and not yet received.
    open: Bytes,
    /// Received beyond what was granted.
    overdrawn: Bytes,
    /// Received and not yet consumed.
    held: Bytes,
    /// Consumed and not yet told.
    untold: Bytes,
    question: Question,
    /// How often what was granted to the channel alone is granted again.
    tells_left: u8,
    /// What was granted was the last there was: it is for one element.
    is_lent: bool,
    /// A refused sender waits for grants that others give back.
    pub(crate) is_refused: bool,
    /// The sender has asked at some time.
    heard: bool,
}

/// Whether a sender waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Question {
    /// It does not.
    None,
    /// With an element of this length.
    Open(Bytes),
    /// It did, and was told something since. If that is too little it asks again: one answer to each question, however
    /// many elements are consumed before the answer leaves.
    Answered,
}

impl PooledWindow {
    pub(crate) fn new(initial: Bytes) -> Self {
        let private = initial.min(PRIVATE);
        Self {
            committed: private,
            private,
            open: private,
            overdrawn: 0,
            held: 0,
            untold: 0,
            question: Question::None,
            tells_left: 0,
            is_lent: false,
            is_refused: false,
            heard: false,
        }
    }

    pub(crate) fn open(&self) -> Bytes {
        self.open
    }

    pub(crate) fn held(&self) -> Bytes {
        self.held
    }

    /// Returns the length of the element that the sender waits with.
    pub(crate) fn asked(&self) -> Option<Bytes> {
        match self.question {
            Question::Open(len) => Some(len),
            Question::None | Question::Answered => None,
        }
    }

    /// Returns whether the sender waits, or did when it was heard of last.
    #[inline]
    fn has_waited(&self) -> bool {
        self.question != Question::None
    }

    pub(crate) fn was_asked(&self) -> bool {
        self.heard
    }

    /// Counts an element of `len` bytes as received.
    #[inline]
    pub(crate) fn receive(&mut self, len: usize, room: &mut Room) -> Result<(), CreditOverrun> {
        let allowed = self.open;
        let len = Bytes::try_from(len).map_err(|_| CreditOverrun { allowed })?;
        if let Some(rest) = self.open.checked_sub(len) {
            self.open = rest;
        } else {
            let more = len - self.open;
            if !room.pool.take(more.into()) {
                return Err(CreditOverrun { allowed });
            }
            self.overdrawn += more;
            self.open = 0;
        }
        self.held += len;
        self.question = Question::None;
        self.assert_invariant();
        Ok(())
    }

    /// Counts `bytes` as consumed. Returns what to tell the sender, when it is due.
    #[inline]
    pub(crate) fn consume(&mut self, bytes: Bytes, room: &mut Room) -> Option<Granted> {
        let bytes = bytes.min(self.held);
        self.held -= bytes;
        self.untold += bytes;
        self.is_due().then(|| self.tell(room))
    }

    #[inline]
    fn is_due(&self) -> bool {
        let waits = self.is_lent || self.asked().is_some();
        self.untold >= if waits { 1 } else { TELL_AFTER }
    }

    /// Returns after how many more consumed bytes [`consume`](Self::consume) may tell the sender.
    #[inline]
    pub(crate) fn threshold(&self) -> Bytes {
        // A sender that has waited may ask again at any time.
        if self.has_waited() || self.is_lent {
            return 1;
        }
        TELL_AFTER.saturating_sub(self.untold)
    }

    /// The sender waits with an element of `len` bytes. Returns what to tell it at once.
    pub(crate) fn ask(&mut self, len: Bytes, room: &mut Room) -> Option<Granted> {
        self.question = Question::Open(len);
        self.heard = true;
        (self.untold > 0).then(|| self.tell(room))
    }

    /// Grants a sender what it has asked for, now that its reader has consumed everything and waits.
    /// `most` bounds what a channel may have granted. Returns `None` when the room does not suffice.
    pub(crate) fn serve(&mut self, most: Bytes, room: &mut Room) -> Option<Granted> {
        let asked = self.asked().filter(|_| self.held == 0)?;
        let double = self.committed.saturating_mul(2).min(most).max(asked);
        let more = |to: Bytes| to.saturating_sub(self.committed);
        let grows = room.may_grow(more(double));
        if !grows && !room.may_serve(more(asked)) {
            return None;
        }
        let to = if grows {
            double
        } else {
            asked.max(self.committed)
        };
        self.question = Question::None;
        self.is_lent = to > self.committed && !grows;
        self.tells_left = KEPT_TELLS;
        Some(self.tell_with(to, room))
    }

    /// Tells what was consumed and grants as much again. What was granted to the channel alone halves when its
    /// sender has not asked for long: others may need it more.
    fn tell(&mut self, room: &mut Room) -> Granted {
        let commit = if core::mem::take(&mut self.is_lent) {
            self.private
        } else if self.has_waited() || self.tells_left > 0 {
            self.tells_left = self.tells_left.saturating_sub(1);
            self.committed
        } else {
            self.tells_left = KEPT_TELLS;
            (self.committed / 2).max(self.private)
        };
        // With nothing left to consume, it is served more once its reader waits.
        if self.has_waited() && self.held > 0 {
            self.question = Question::Answered;
        }
        self.tell_with(commit, room)
    }

    fn tell_with(&mut self, commit: Bytes, room: &mut Room) -> Granted {
        let consumed = core::mem::take(&mut self.untold);
        // What the sender may count on as it is: what was granted cannot be taken back.
        let kept = (self.open + self.held).saturating_sub(self.overdrawn);
        let owed = self.overdrawn.saturating_sub(self.open + self.held);
        let commit = commit.max(kept);
        let credit = commit - kept + owed;
        let repaid = credit.min(self.overdrawn);
        self.overdrawn -= repaid;
        room.pool.give_back(repaid.into());
        self.open += credit - repaid;
        room.recommit(self.committed, commit);
        self.committed = commit;
        self.assert_invariant();
        Granted { consumed, credit }
    }

    /// Ends the channel. Returns what its sender must be told, if it counts on it: it gives nothing back
    /// to the pool before.
    pub(crate) fn settle(&mut self, room: &mut Room) -> Option<Granted> {
        room.recommit(self.committed, self.private);
        let credit = core::mem::take(&mut self.overdrawn);
        room.pool.give_back(credit.into());
        let consumed = self.held + self.untold;
        *self = Self {
            heard: self.heard,
            // It is listed all the same.
            is_refused: self.is_refused,
            ..Self::new(0)
        };
        (credit > 0).then_some(Granted { consumed, credit })
    }

    fn assert_invariant(&self) {
        debug_assert_eq!(
            u64::from(self.committed) + u64::from(self.overdrawn),
            u64::from(self.open) + u64::from(self.held) + u64::from(self.untold)
        );
    }
}

#[cfg(test)]
mod tests;
