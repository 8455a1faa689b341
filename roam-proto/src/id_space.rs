//! Allocating ids, and telling used ids from new ones in bounded memory.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::ids::Role;

/// Allocates the ids of one side: odd or even, ascending, never twice.
#[derive(Debug)]
pub(crate) struct IdAllocator {
    next: u64,
}

impl IdAllocator {
    pub(crate) fn new(role: Role) -> Self {
        Self {
            next: role.first_id(),
        }
    }

    pub(crate) fn allocate(&mut self) -> u64 {
        let id = self.next;
        self.next += 2;
        id
    }

    /// Returns the ids that [`allocate`](Self::allocate) will return, in order.
    pub(crate) fn upcoming(&self) -> impl Iterator<Item = u64> + use<> {
        (self.next..).step_by(2)
    }

    /// Returns whether `id`, which must have this allocator's parity, was ever allocated.
    pub(crate) fn was_allocated(&self, id: u64) -> bool {
        id < self.next
    }
}

/// The ids that the peer has used: everything up to a high-water mark, except remembered gaps,
/// because ids may arrive out of order.
#[derive(Debug, Default)]
pub(crate) struct SeenIds {
    /// Every id above this one is new.
    highest: Option<u64>,
    /// Unseen ranges `start..end` below `highest`, ascending.
    gaps: Vec<(u64, u64)>,
}

impl SeenIds {
    /// How many gaps are remembered. Ids in forgotten (the oldest) gaps count as seen. An honest
    /// peer skips at most as many ids as it queues calls at once.
    pub(crate) const MAX_GAPS: usize = 1024;

    /// Records `id`. Returns whether it is new.
    pub(crate) fn insert(&mut self, id: u64) -> bool {
        if self.highest.is_none_or(|highest| highest < id) {
            let next = self.highest.map_or(0, |highest| highest + 1);
            if next < id {
                self.add_gap(self.gaps.len(), (next, id));
            }
            self.highest = Some(id);
            return true;
        }
        let Some(at) = self.gap_of(id) else {
            return false;
        };
        let (start, end) = self.gaps[at];
        match (start < id, id + 1 < end) {
            (true, true) => {
                self.gaps[at].1 = id;
                self.add_gap(at + 1, (id + 1, end));
            }
            (true, false) => self.gaps[at].1 = id,
            (false, true) => self.gaps[at].0 = id + 1,
            (false, false) => {
                self.gaps.remove(at);
            }
        }
        true
    }

    /// Returns whether `id` was recorded, or forgotten.
    pub(crate) fn contains(&self, id: u64) -> bool {
        self.highest.is_some_and(|highest| id <= highest) && self.gap_of(id).is_none()
    }

    /// Returns the index of the gap that holds `id`.
    fn gap_of(&self, id: u64) -> Option<usize> {
        let after = self.gaps.partition_point(|&(start, _)| start <= id);
        let at = after.checked_sub(1)?;
        (id < self.gaps[at].1).then_some(at)
    }

    fn add_gap(&mut self, at: usize, range: (u64, u64)) {
        self.gaps.insert(at, range);
        if self.gaps.len() > Self::MAX_GAPS {
            self.gaps.remove(0);
        }
    }
}

/// The most recent ids of a kind.
#[derive(Debug, Default)]
pub(crate) struct RecentIds {
    ids: VecDeque<u64>,
}

impl RecentIds {
    /// How many ids are remembered. They are looked up only for messages that are already stray.
    const MAX: usize = 256;

    pub(crate) fn insert(&mut self, id: u64) {
        if self.ids.len() == Self::MAX {
            self.ids.pop_front();
        }
        self.ids.push_back(id);
    }

    pub(crate) fn contains(&self, id: u64) -> bool {
        self.ids.contains(&id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_own_ids_by_parity() {
        assert!(Role::Initiator.owns(1) && Role::Initiator.owns(7));
        assert!(Role::Acceptor.owns(2) && !Role::Acceptor.owns(3));
        let mut ids = IdAllocator::new(Role::Acceptor);
        assert_eq!([ids.allocate(), ids.allocate()], [2, 4]);
        assert!(ids.was_allocated(4) && !ids.was_allocated(6));
    }

    #[test]
    fn out_of_order_ids_are_new_once() {
        let mut seen = SeenIds::default();
        for id in [5, 1, 3, 2, 9] {
            assert!(seen.insert(id), "{id}");
        }
        for id in [5, 1, 3, 2, 9] {
            assert!(!seen.insert(id), "{id}");
            assert!(seen.contains(id));
        }
        assert!(!seen.contains(4) && !seen.contains(8) && !seen.contains(10));
        assert!(seen.insert(4));
    }

    #[test]
    fn gaps_are_bounded_and_the_oldest_count_as_seen() {
        let mut seen = SeenIds::default();
        for id in 0..10_000 {
            assert!(seen.insert(2 * id + 1));
        }
        assert_eq!(seen.gaps.len(), SeenIds::MAX_GAPS);
        assert!(seen.contains(0));
        assert!(!seen.contains(19_998));
    }

    #[test]
    fn the_largest_id_is_new_once() {
        let mut seen = SeenIds::default();
        assert!(seen.insert(u64::MAX));
        assert!(!seen.insert(u64::MAX) && seen.contains(u64::MAX));
        assert!(seen.insert(u64::MAX - 1) && seen.insert(0) && !seen.insert(0));
    }

    #[test]
    fn recent_ids_forget_the_oldest() {
        let mut recent = RecentIds::default();
        for id in 0..300 {
            recent.insert(id);
        }
        assert!(!recent.contains(43) && recent.contains(44) && recent.contains(299));
        assert_eq!(recent.ids.len(), RecentIds::MAX);
    }
}
