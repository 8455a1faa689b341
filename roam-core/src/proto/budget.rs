//! What is left of the bounds that all connections of a link share.

use super::channel::Direction;
use super::config::Limits;

/// What is left of the link's bounds.
#[derive(Debug)]
pub(super) struct Budget {
    /// Bytes that channels may still make us hold.
    receive: usize,
    /// What a channel on which we receive takes of that, unless its window has grown.
    window: usize,
    /// What windows that grow leave for new channels.
    reserve: usize,
    /// Channels without a window that may still be opened.
    slots: usize,
    /// Bytes of calls that may still be held.
    calls: usize,
}

/// What a channel takes of the budget, from its opening until it is forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Charge {
    /// It receives, or surely will.
    Window,
    /// It sends, or it does not show yet what it does.
    Slot,
}

/// How much of a link's bounds is left at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// Of [`Limits::receive_budget`], in bytes.
    pub receive_budget: usize,
    /// Of [`Limits::sending_channels`].
    pub sending_channels: usize,
    /// Of [`Limits::call_payloads`], in bytes.
    pub call_payloads: usize,
}

impl From<Option<Direction>> for Charge {
    fn from(direction: Option<Direction>) -> Self {
        direction.map_or(Self::Slot, Self::from)
    }
}

impl From<Direction> for Charge {
    fn from(direction: Direction) -> Self {
        match direction {
            Direction::Send => Self::Slot,
            Direction::Receive => Self::Window,
        }
    }
}

impl Budget {
    /// The least that a channel on which we receive takes: also one without credit has a state.
    const LEAST: usize = 1024;

    /// Windows grow as long as one part of so many of the whole is left.
    const RESERVED: usize = 2;

    /// The bounds, with room for at least one window of the largest `credit` that we may agree on.
    pub(super) fn new(limits: &Limits, credit: u32) -> Self {
        let window = Self::cost(credit);
        Self {
            receive: limits.receive_budget.max(window),
            window,
            reserve: limits.receive_budget / Self::RESERVED,
            slots: limits.sending_channels,
            calls: limits.call_payloads,
        }
    }

    /// Sets how much credit channels begin with; before any is opened.
    pub(super) fn agree(&mut self, credit: u32) {
        self.window = Self::cost(credit);
    }

    fn cost(credit: u32) -> usize {
        (credit as usize).saturating_mul(2).max(Self::LEAST)
    }

    pub(super) fn room(&self) -> Room {
        Room {
            receive_budget: self.receive,
            sending_channels: self.slots,
            call_payloads: self.calls,
        }
    }

    /// Takes all of `charges`, or nothing.
    #[must_use]
    pub(super) fn take(&mut self, charges: impl Iterator<Item = Charge> + Clone) -> bool {
        let windows = charges
            .clone()
            .filter(|charge| *charge == Charge::Window)
            .count();
        let slots = charges.count() - windows;
        let Some(receive) = windows
            .checked_mul(self.window)
            .and_then(|n| self.receive.checked_sub(n))
        else {
            return false;
        };
        let Some(slots) = self.slots.checked_sub(slots) else {
            return false;
        };
        (self.receive, self.slots) = (receive, slots);
        true
    }

    pub(super) fn give(&mut self, charge: Charge) {
        match charge {
            Charge::Window => self.receive += self.window,
            Charge::Slot => self.slots += 1,
        }
    }

    /// Makes `charge` another one, if there is room for that.
    #[must_use]
    pub(super) fn change(&mut self, charge: &mut Charge, to: Charge) -> bool {
        if *charge == to {
            return true;
        }
        let taken = self.take(std::iter::once(to));
        if taken {
            self.give(std::mem::replace(charge, to));
        }
        taken
    }

    /// Takes what a window needs to grow, if enough is left for new channels.
    #[must_use]
    pub(super) fn grow(&mut self, from: u32, to: u32) -> bool {
        let more = Self::cost(to) - Self::cost(from);
        match self.receive.checked_sub(more) {
            Some(rest) if rest >= self.reserve => {
                self.receive = rest;
                true
            }
            _ => false,
        }
    }

    /// Gives back what a window of `size` has taken beyond what it began with.
    pub(super) fn shrink(&mut self, size: u32) {
        self.receive += Self::cost(size) - self.window;
    }

    #[must_use]
    pub(super) fn take_call(&mut self, bytes: usize) -> bool {
        match self.calls.checked_sub(bytes) {
            Some(rest) => {
                self.calls = rest;
                true
            }
            None => false,
        }
    }

    pub(super) fn give_call(&mut self, bytes: usize) {
        self.calls += bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget() -> Budget {
        let limits = Limits {
            receive_budget: 10_000,
            sending_channels: 2,
            ..Limits::default()
        };
        Budget::new(&limits, 2_000)
    }

    #[test]
    fn charges_are_taken_together_or_not_at_all() {
        let mut budget = budget();
        let room = budget.room();
        assert!(
            !budget.take([Charge::Window, Charge::Slot, Charge::Slot, Charge::Slot].into_iter())
        );
        assert!(!budget.take([Charge::Window; 3].into_iter()));
        assert_eq!(budget.room(), room);
        assert!(budget.take([Charge::Window, Charge::Slot, Charge::Window].into_iter()));
        assert_eq!((budget.receive, budget.slots), (2_000, 1));
    }

    #[test]
    fn a_charge_changes_only_if_there_is_room() {
        let mut budget = budget();
        let room = budget.room();
        assert!(budget.take([Charge::Window, Charge::Window, Charge::Slot].into_iter()));
        let mut charge = Charge::Slot;
        assert!(!budget.change(&mut charge, Charge::Window));
        assert_eq!(charge, Charge::Slot);
        budget.give(Charge::Window);
        assert!(budget.change(&mut charge, Charge::Window));
        budget.give(charge);
        budget.give(Charge::Window);
        assert_eq!(budget.room(), room);
    }

    #[test]
    fn windows_grow_until_half_of_the_whole_is_left() {
        let mut budget = budget();
        let room = budget.room();
        assert!(budget.take([Charge::Window].into_iter()));
        assert!(!budget.grow(2_000, 4_000), "2 bytes for each");
        assert!(budget.grow(2_000, 2_500));
        assert_eq!(budget.receive, 5_000);
        assert!(!budget.grow(2_500, 2_501));
        assert!(budget.take([Charge::Window].into_iter()));
        budget.give(Charge::Window);
        budget.give(Charge::Window);
        budget.shrink(2_500);
        assert_eq!(budget.room(), room);
    }

    #[test]
    fn one_channel_always_fits_and_none_is_free() {
        let limits = Limits {
            receive_budget: 5_000,
            ..Limits::default()
        };
        let mut large = Budget::new(&limits, u32::MAX);
        assert!(
            large.take([Charge::Window].into_iter()) && !large.take([Charge::Window].into_iter())
        );
        let mut none = Budget::new(&limits, 0);
        assert!(!none.take([Charge::Window; 5].into_iter()));
        assert!(none.take([Charge::Window; 4].into_iter()));
    }
}
