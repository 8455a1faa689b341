//! Maps and sets keyed by ids.

use hashbrown::{HashMap, HashSet};
use rustc_hash::FxBuildHasher;

/// A map keyed by ids.
///
/// The hash is fast and not keyed: a peer that picks colliding ids slows down only its own link,
/// and no further than the limit on the map's size allows.
pub(crate) type IdMap<V> = HashMap<u64, V, FxBuildHasher>;

/// A set of ids.
pub(crate) type IdSet = HashSet<u64, FxBuildHasher>;

/// Frees the memory of a burst once the map has shrunk well below it.
#[inline]
pub(crate) fn shrink<V>(map: &mut IdMap<V>) {
    // The size of a busy connection: ordinary bursts must not reallocate again and again.
    const KEPT: usize = 512;
    if map.capacity() > KEPT && map.len() < map.capacity() / 8 {
        map.shrink_to(2 * map.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shrinks_after_a_burst() {
        let mut map: IdMap<[u8; 64]> = (0..10_000).map(|id| (id, [0; 64])).collect();
        for id in 0..9_999 {
            map.remove(&id);
            shrink(&mut map);
        }
        assert!(map.capacity() <= 512, "{}", map.capacity());
        assert!(map.contains_key(&9_999));
    }
}
