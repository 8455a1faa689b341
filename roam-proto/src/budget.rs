//! What is left of the limits that all connections of a link share.

use crate::channel::Direction;
use crate::config::Limits;
use crate::credit::room::{CHANNEL_COST, Room, RoomSizes};
use crate::framing::Framing;
use crate::message::Hello;

/// What is left of the limits that all connections of a link share. What is left is negative while a
/// lowered limit is exceeded.
#[derive(Debug)]
pub(crate) struct Budget {
    total: LinkBudget,
    /// Bytes that channels may still make us hold.
    receive: isize,
    /// Bytes that a receiving channel takes of `receive` before its window grows.
    window: usize,
    /// Bytes of `receive` that growing windows leave for new channels.
    reserve: usize,
    /// Channels without a window that may still be opened.
    slots: isize,
    /// Bytes of calls that may still be held.
    calls: isize,
    /// What all channels share, if they share a pool. Then `receive` is for their states alone.
    pub(crate) room: Room,
    /// How the budget is divided if all channels share a pool.
    sizes: Option<RoomSizes>,
}

/// What the peer may make us hold on a link: those of its [`Limits`] that all connections share. They
/// can be [changed](crate::Link::set_budget) while the link runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LinkBudget {
    /// See [`Limits::receive_budget`], in bytes.
    pub receive_budget: usize,
    /// See [`Limits::sending_channels`].
    pub sending_channels: usize,
    /// See [`Limits::call_payloads`], in bytes.
    pub call_payloads: usize,
}

impl From<&Limits> for LinkBudget {
    fn from(limits: &Limits) -> Self {
        Self {
            receive_budget: limits.receive_budget,
            sending_channels: limits.sending_channels,
            call_payloads: limits.call_payloads,
        }
    }
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

    /// Creates the full budget of a link, with space for at least one window of the largest credit that the
    /// peers may agree on.
    pub(crate) fn new(limits: &Limits, ours: Hello, framing: Framing) -> Self {
        if framing == Framing::Numbered {
            return Self::pooled(limits, ours);
        }
        Self::windows(limits, ours.initial_channel_credit)
    }

    fn pooled(limits: &Limits, ours: Hello) -> Self {
        let sizes = RoomSizes::new(limits.receive_budget, ours);
        let mut budget = Self::empty(CHANNEL_COST);
        budget.room = Room::new(&sizes);
        budget.sizes = Some(sizes);
        budget.set_total(limits.into());
        budget
    }

    fn windows(limits: &Limits, credit: u32) -> Self {
        let mut budget = Self::empty(Self::window_cost(credit));
        budget.set_total(limits.into());
        budget
    }

    fn empty(window: usize) -> Self {
        Self {
            total: LinkBudget {
                receive_budget: 0,
                sending_channels: 0,
                call_payloads: 0,
            },
            receive: 0,
            window,
            reserve: 0,
            slots: 0,
            calls: 0,
            room: Room::default(),
            sizes: None,
        }
    }

    /// Raises or lowers the limits, with space for at least one window. What is in use stays in use: below
    /// that, nothing is granted until enough was released.
    pub(crate) fn set_total(&mut self, total: LinkBudget) {
        self.reserve = total.receive_budget / Self::RESERVED;
        let receive_budget = match &mut self.sizes {
            Some(sizes) => {
                self.room.resize_grants(sizes, total.receive_budget);
                sizes.channels * CHANNEL_COST
            }
            None => total.receive_budget.max(self.window),
        };
        let total = LinkBudget {
            receive_budget,
            ..total
        };
        let old = core::mem::replace(&mut self.total, total);
        let shift = |left: &mut isize, from, to| *left += signed(to) - signed(from);
        shift(&mut self.receive, old.receive_budget, total.receive_budget);
        shift(
            &mut self.slots,
            old.sending_channels,
            total.sending_channels,
        );
        shift(&mut self.calls, old.call_payloads, total.call_payloads);
    }

    /// Sets the initial credit of channels, before any is opened.
    pub(crate) fn set_window(&mut self, credit: u32) {
        if self.sizes.is_none() {
            self.window = Self::window_cost(credit);
        }
    }

    /// A tiny element takes as much memory again as its bytes, hence twice the credit.
    fn window_cost(credit: u32) -> usize {
        (credit as usize).saturating_mul(2).max(Self::MIN_WINDOW)
    }

    /// Returns how many bytes are in use.
    #[inline]
    pub(crate) fn used(&self) -> usize {
        let channels = signed(self.total.receive_budget) - self.receive;
        let calls = signed(self.total.call_payloads) - self.calls;
        unsigned(channels) + unsigned(calls) + 2 * self.room.used()
    }

    pub(crate) fn remaining(&self) -> RemainingBudget {
        RemainingBudget {
            // What is received counts twice, as in a window.
            receive_budget: unsigned(self.receive) + 2 * self.room.left(),
            sending_channels: unsigned(self.slots),
            call_payloads: unsigned(self.calls),
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
            .and_then(|n| take(self.receive, n))
        else {
            return false;
        };
        let Some(slots) = take(self.slots, slots) else {
            return false;
        };
        (self.receive, self.slots) = (receive, slots);
        true
    }

    pub(crate) fn release(&mut self, reservation: Reservation) {
        match reservation {
            Reservation::Window => self.receive += signed(self.window),
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
        match take(self.receive, more) {
            Some(rest) if unsigned(rest) >= self.reserve => {
                self.receive = rest;
                true
            }
            _ => false,
        }
    }

    /// Releases what a window of `size` has reserved by growing.
    pub(crate) fn shrink(&mut self, size: u32) {
        self.receive += signed(Self::window_cost(size) - self.window);
    }

    #[must_use]
    pub(crate) fn reserve_call(&mut self, bytes: usize) -> bool {
        // Callers are told less: the handler of a cancelled call may hold its payload a little longer.
        let extra = match self.sizes {
            Some(_) => signed(self.total.call_payloads / 4),
            None => 0,
        };
        let enough = take(self.calls + extra, bytes).is_some();
        if enough {
            self.calls -= signed(bytes);
        }
        enough
    }

    pub(crate) fn release_call(&mut self, bytes: usize) {
        self.calls += signed(bytes);
    }
}

/// Takes `n` of what is left, if that much is left.
#[inline]
fn take(left: isize, n: usize) -> Option<isize> {
    let rest = left.checked_sub(signed(n))?;
    (rest >= 0).then_some(rest)
}

/// A limit of more than half of the memory is as good as none. A quarter, so that sums fit.
#[inline]
fn signed(n: usize) -> isize {
    isize::try_from(n).map_or(MOST, |n| n.min(MOST))
}

/// The largest amount that is counted.
const MOST: isize = isize::MAX / 4;

fn unsigned(left: isize) -> usize {
    usize::try_from(left).unwrap_or(0)
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
        Budget::windows(&limits, 2_000)
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
    fn a_lowered_limit_grants_nothing_until_enough_is_released() {
        let mut budget = budget();
        let total = budget.total;
        assert!(budget.reserve([Reservation::Window, Reservation::Slot].into_iter()));
        assert!(budget.grow(2_000, 2_400) && budget.reserve_call(100));
        budget.set_total(LinkBudget {
            receive_budget: 4_000,
            sending_channels: 1,
            call_payloads: 100,
        });
        assert_eq!(budget.remaining(), RemainingBudget::default());
        assert!(!budget.grow(2_400, 2_401) && !budget.reserve_call(1));
        for reservation in [Reservation::Window, Reservation::Slot] {
            assert!(!budget.reserve([reservation].into_iter()));
        }
        budget.shrink(2_400);
        budget.release(Reservation::Window);
        budget.release(Reservation::Slot);
        budget.release_call(100);
        assert!(budget.reserve([Reservation::Window, Reservation::Slot].into_iter()));
        budget.set_total(total);
        budget.release(Reservation::Window);
        budget.release(Reservation::Slot);
        assert_eq!(budget.remaining(), self::budget().remaining());
    }

    #[test]
    fn one_channel_always_fits_and_none_is_free() {
        let limits = Limits {
            receive_budget: 5_000,
            ..Limits::default()
        };
        let mut large = Budget::windows(&limits, u32::MAX);
        assert!(
            large.reserve([Reservation::Window].into_iter())
                && !large.reserve([Reservation::Window].into_iter())
        );
        let mut none = Budget::windows(&limits, 0);
        assert!(!none.reserve([Reservation::Window; 5].into_iter()));
        assert!(none.reserve([Reservation::Window; 4].into_iter()));
    }
}
