//! The last few ids of a kind.

use std::collections::VecDeque;

/// Remembers the last ids that were put in.
#[derive(Debug, Default)]
pub(super) struct RecentIds {
    ids: VecDeque<u64>,
}

impl RecentIds {
    /// How many are remembered. It is asked only of messages that are already out of place.
    const MAX: usize = 256;

    pub(super) fn insert(&mut self, id: u64) {
        if self.ids.len() == Self::MAX {
            self.ids.pop_front();
        }
        self.ids.push_back(id);
    }

    pub(super) fn contains(&self, id: u64) -> bool {
        self.ids.contains(&id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_are_forgotten() {
        let mut recent = RecentIds::default();
        for id in 0..300 {
            recent.insert(id);
        }
        assert!(!recent.contains(43) && recent.contains(44) && recent.contains(299));
        assert_eq!(recent.ids.len(), RecentIds::MAX);
    }
}
