//! Identifiers, who hands them out, and how ids that are over are told from ids that never were.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id!(
    /// A virtual connection on a link.
    ConnectionId
);
id!(
    /// A call, unique among the calls in flight of one direction of a connection.
    RequestId
);
id!(
    /// A channel, unique for the life of a connection. `0` is reserved.
    ChannelId
);

/// The identity of a method: a hash of its service, its name and its signature.
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct MethodId(pub u64);

impl fmt::Debug for MethodId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MethodId({:#018x})", self.0)
    }
}

impl fmt::Display for MethodId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#018x}", self.0)
    }
}

impl ConnectionId {
    /// The connection that exists from the handshake on.
    pub const ROOT: Self = Self(0);
}

/// Which peer opened the transport connection. It decides the parity of the ids a peer hands out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Opened the transport connection; hands out odd ids.
    Initiator,
    /// Accepted the transport connection; hands out even ids.
    Acceptor,
}

impl Role {
    /// The role at the other end of the link.
    #[must_use]
    pub const fn peer(self) -> Self {
        match self {
            Self::Initiator => Self::Acceptor,
            Self::Acceptor => Self::Initiator,
        }
    }

    /// The first id that a peer of this role hands out.
    pub(super) const fn first_id(self) -> u64 {
        match self {
            Self::Initiator => 1,
            Self::Acceptor => 2,
        }
    }

    /// Whether `id` is one that a peer of this role hands out.
    pub(super) const fn owns(self, id: u64) -> bool {
        id % 2 == self.first_id() % 2
    }
}

/// Hands out the ids of one side: odd or even, ascending, never twice.
#[derive(Debug)]
pub(super) struct IdAllocator {
    next: u64,
}

impl IdAllocator {
    pub(super) fn new(role: Role) -> Self {
        Self {
            next: role.first_id(),
        }
    }

    pub(super) fn allocate(&mut self) -> u64 {
        let id = self.next;
        self.next += 2;
        id
    }

    /// Whether `id`, which must have this allocator's parity, was ever handed out.
    pub(super) fn handed_out(&self, id: u64) -> bool {
        id < self.next
    }
}

/// The ids that the peer has used, in bounded memory: everything up to a high-water mark, except
/// for the remembered ranges that were skipped because ids may arrive out of order.
#[derive(Debug, Default)]
pub(super) struct SeenIds {
    /// Every id above this one is new.
    highest: Option<u64>,
    /// Ranges `start..end` below the highest that have not been seen, ascending.
    skipped: Vec<(u64, u64)>,
}

impl SeenIds {
    /// How many ranges of skipped ids are remembered; the oldest are forgotten, that is, count as
    /// seen. An honest peer skips only as many ids as it has calls being queued at once.
    pub(super) const MAX_SKIPPED: usize = 1024;

    /// Records `id` and tells whether it is new.
    pub(super) fn insert(&mut self, id: u64) -> bool {
        if self.highest.is_none_or(|highest| highest < id) {
            let next = self.highest.map_or(0, |highest| highest + 1);
            if next < id {
                self.skip(self.skipped.len(), (next, id));
            }
            self.highest = Some(id);
            return true;
        }
        let Some(at) = self.position_of(id) else {
            return false;
        };
        let (start, end) = self.skipped[at];
        match (start < id, id + 1 < end) {
            (true, true) => {
                self.skipped[at].1 = id;
                self.skip(at + 1, (id + 1, end));
            }
            (true, false) => self.skipped[at].1 = id,
            (false, true) => self.skipped[at].0 = id + 1,
            (false, false) => {
                self.skipped.remove(at);
            }
        }
        true
    }

    /// Whether `id` has been recorded (or forgotten).
    pub(super) fn contains(&self, id: u64) -> bool {
        self.highest.is_some_and(|highest| id <= highest) && self.position_of(id).is_none()
    }

    /// Which range `id` is in.
    fn position_of(&self, id: u64) -> Option<usize> {
        let after = self.skipped.partition_point(|&(start, _)| start <= id);
        let at = after.checked_sub(1)?;
        (id < self.skipped[at].1).then_some(at)
    }

    fn skip(&mut self, at: usize, range: (u64, u64)) {
        self.skipped.insert(at, range);
        if self.skipped.len() > Self::MAX_SKIPPED {
            self.skipped.remove(0);
        }
    }
}

/// A map keyed by ids.
///
/// The hash is fast and not keyed: a peer that picks colliding ids slows down nothing but its own
/// link, and no further than the bound on the map's size allows. Ids that follow each other stand next
/// to each other, so that those of a batch share their part of the cache.
pub(super) type IdMap<V> = KeyMap<u64, V>;

/// The same, keyed by whatever ids make up.
pub(crate) type KeyMap<K, V> = HashMap<K, V, BuildHasherDefault<IdHasher>>;

/// A set of ids.
pub(super) type IdSet = HashSet<u64, BuildHasherDefault<IdHasher>>;

/// Gives back what a map once needed and does not any more, so that a burst is not paid for
/// until the end of the link.
#[inline]
pub(super) fn shrink<V>(map: &mut IdMap<V>) {
    // What a full connection has, so that ordinary bursts are not paid for again and again.
    const SMALL: usize = 512;
    if map.capacity() > SMALL && map.len() < map.capacity() / 8 {
        map.shrink_to(2 * map.len());
    }
}

/// An odd number whose bits are far from any pattern: 2^64 by the golden ratio.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// The hash of a [`KeyMap`].
#[derive(Clone, Default)]
pub(crate) struct IdHasher(u64);

impl Hasher for IdHasher {
    /// The low bits say where to look, and the high ones are compared there.
    #[inline]
    fn finish(&self) -> u64 {
        const HIGH: u64 = !0 << 57;
        self.0.rotate_left(1) & !HIGH | self.0.wrapping_mul(SPREAD) & HIGH
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    // What tells the variants of an enum apart.
    fn write_isize(&mut self, variant: isize) {
        self.write_u64(variant.cast_unsigned() as u64);
    }

    #[inline]
    fn write_u64(&mut self, id: u64) {
        self.0 = self.0.wrapping_mul(SPREAD).wrapping_add(id);
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
        assert!(ids.handed_out(4) && !ids.handed_out(6));
    }

    #[test]
    fn ids_that_arrive_out_of_order_are_new_once() {
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
    fn skipped_ranges_are_bounded_and_the_oldest_count_as_seen() {
        let mut seen = SeenIds::default();
        for id in 0..10_000 {
            assert!(seen.insert(2 * id + 1));
        }
        assert_eq!(seen.skipped.len(), SeenIds::MAX_SKIPPED);
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
    fn a_map_gives_back_what_a_burst_took() {
        let mut map: IdMap<[u8; 64]> = (0..10_000).map(|id| (id, [0; 64])).collect();
        for id in 0..9_999 {
            map.remove(&id);
            shrink(&mut map);
        }
        assert!(map.capacity() <= 512, "{}", map.capacity());
        assert!(map.contains_key(&9_999));
    }
}
