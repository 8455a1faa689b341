//! What is left of the limits that all connections of a link share.

use crate::channel::Direction;
use crate::config::Limits;

/// What is left of the limits that all connections of a link share.
#[derive(Debug)]
pub(crate) struct Budget {
    /// Bytes that channels may still make us hold.
    receive: usize,
    /// Bytes that a receiving channel takes of `receive` before its window grows.
    window: usize,
    /// Bytes of `receive` that growing windows leave for new channels.
    reserve: usize,
    /// Channels without a window that may still be opened.
    slots: usize,
    /// Bytes of calls that may still be held.
    calls: usize,
}

/// What a channel takes of the budget from its opening until it is forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reservation {
    /// A window: the channel receives, or certainly will.
    Window,
    /// A slot: the channel sends, or its direction is unknown.
    Slot,
}

/// How much of a link's limits is left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RemainingBudget {
    /// Bytes left of [`Limits::receive_budget`].
    pub receive_budget: usize,
    /// Channels left of [`Limits::sending_channels`].
    pub sending_channels: usize,
    /// Bytes left of [`Limits::call_payloads`].
    pub call_payloads: usize,
}

impl From<Option<Direction>> for Reservation {
    fn from(direction: Option<Direction>) -> Self {
        direction.map_or(Self::Slot, Self::from)
    }
}

impl From<Direction> for Reservation {
    fn from(direction: Direction) -> Self {
        match direction {
            Direction::Send => Self::Slot,
            Direction::Receive => Self::Window,
        }
    }
}

impl Budget {
    /// The least a receiving channel takes: even without credit it has state.
    const MIN_WINDOW: usize = 1024;

    /// Growing windows leave one part in this many of the budget.
    const RESERVED: usize = 2;

    /// Creates the full budget, with space for at least one window of the largest `credit` that
    /// the peers may agree on.
    pub(crate) fn new(limits: &Limits, credit: u32) -> Self {
        let window = Self::window_cost(credit);
        Self {
            receive: limits.receive_budget.max(window),
            window,
            reserve: limits.receive_budget / Self::RESERVED,
            slots: limits.sending_channels,
            calls: limits.call_payloads,
        }
    }

    /// Sets the initial credit of channels, before any is opened.
    pub(crate) fn set_window(&mut self, credit: u32) {
        self.window = Self::window_cost(credit);
    }

    /// A tiny element takes as much memory again as its bytes, hence twice the credit.
    fn window_cost(credit: u32) -> usize {
        (credit as usize).saturating_mul(2).max(Self::MIN_WINDOW)
    }

    pub(crate) fn remaining(&self) -> RemainingBudget {
        RemainingBudget {
            receive_budget: self.receive,
            sending_channels: self.slots,
            call_payloads: self.calls,
        }
    }

    /// Makes all of `reservations`, or none.
    #[must_use]
    pub(crate) fn reserve(
        &mut self,
        reservations: impl Iterator<Item = Reservation> + Clone,
    ) -> bool {
        let windows = reservations
            .clone()
            .filter(|reservation| *reservation == Reservation::Window)
            .count();
        let slots = reservations.count() - windows;
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

    pub(crate) fn release(&mut self, reservation: Reservation) {
        match reservation {
            Reservation::Window => self.receive += self.window,
            Reservation::Slot => self.slots += 1,
        }
    }

    /// Replaces a reservation by another, if the budget allows.
    #[must_use]
    pub(crate) fn change(&mut self, reservation: &mut Reservation, to: Reservation) -> bool {
        if *reservation == to {
            return true;
        }
        let reserved = self.reserve(core::iter::once(to));
        if reserved {
            self.release(core::mem::replace(reservation, to));
        }
        reserved
    }

    /// Reserves what a window needs to grow, if enough is left for new channels.
    #[must_use]
    pub(crate) fn grow(&mut self, from: u32, to: u32) -> bool {
        let more = Self::window_cost(to) - Self::window_cost(from);
        match self.receive.checked_sub(more) {
            Some(rest) if rest >= self.reserve => {
                self.receive = rest;
                true
            }
            _ => false,
        }
    }

    /// Releases what a window of `size` has reserved by growing.
    pub(crate) fn shrink(&mut self, size: u32) {
        self.receive += Self::window_cost(size) - self.window;
    }

    #[must_use]
    pub(crate) fn reserve_call(&mut self, bytes: usize) -> bool {
        match self.calls.checked_sub(bytes) {
            Some(rest) => {
                self.calls = rest;
                true
            }
            None => false,
        }
    }

    pub(crate) fn release_call(&mut self, bytes: usize) {
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
    fn reserves_all_or_nothing() {
        let mut budget = budget();
        let full = budget.remaining();
        assert!(
            !budget.reserve(
                [
                    Reservation::Window,
                    Reservation::Slot,
                    Reservation::Slot,
                    Reservation::Slot
                ]
                .into_iter()
            )
        );
        assert!(!budget.reserve([Reservation::Window; 3].into_iter()));
        assert_eq!(budget.remaining(), full);
        assert!(
            budget
                .reserve([Reservation::Window, Reservation::Slot, Reservation::Window].into_iter())
        );
        assert_eq!((budget.receive, budget.slots), (2_000, 1));
    }

    #[test]
    fn changes_only_within_the_budget() {
        let mut budget = budget();
        let full = budget.remaining();
        assert!(
            budget
                .reserve([Reservation::Window, Reservation::Window, Reservation::Slot].into_iter())
        );
        let mut reservation = Reservation::Slot;
        assert!(!budget.change(&mut reservation, Reservation::Window));
        assert_eq!(reservation, Reservation::Slot);
        budget.release(Reservation::Window);
        assert!(budget.change(&mut reservation, Reservation::Window));
        budget.release(reservation);
        budget.release(Reservation::Window);
        assert_eq!(budget.remaining(), full);
    }

    #[test]
    fn windows_leave_half_of_the_budget() {
        let mut budget = budget();
        let full = budget.remaining();
        assert!(budget.reserve([Reservation::Window].into_iter()));
        assert!(!budget.grow(2_000, 4_000), "2 bytes for each");
        assert!(budget.grow(2_000, 2_500));
        assert_eq!(budget.receive, 5_000);
        assert!(!budget.grow(2_500, 2_501));
        assert!(budget.reserve([Reservation::Window].into_iter()));
        budget.release(Reservation::Window);
        budget.release(Reservation::Window);
        budget.shrink(2_500);
        assert_eq!(budget.remaining(), full);
    }

    #[test]
    fn one_channel_always_fits_and_none_is_free() {
        let limits = Limits {
            receive_budget: 5_000,
            ..Limits::default()
        };
        let mut large = Budget::new(&limits, u32::MAX);
        assert!(
            large.reserve([Reservation::Window].into_iter())
                && !large.reserve([Reservation::Window].into_iter())
        );
        let mut none = Budget::new(&limits, 0);
        assert!(!none.reserve([Reservation::Window; 5].into_iter()));
        assert!(none.reserve([Reservation::Window; 4].into_iter()));
    }
}
