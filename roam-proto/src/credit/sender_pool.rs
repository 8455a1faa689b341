//! The sender's side of the pool: who has taken what of it.

use super::pool::{Pool, SHARE};
use crate::ids::ConnectionId;
use crate::map::IdMap;

/// What our senders have taken of the peer's pool, by connection: a crowd of channels on one leaves room for those
/// of another.
#[derive(Debug, Default)]
pub(crate) struct SenderPool {
    all: Pool,
    /// The link has more than its root connection.
    is_divided: bool,
    /// What the root connection has taken.
    root: u64,
    /// What others have taken, if anything.
    others: IdMap<u64>,
}

impl SenderPool {
    pub(crate) fn new(size: u64) -> Self {
        Self {
            all: Pool::new(size),
            ..Self::default()
        }
    }

    /// Sets whether the link has more than its root connection.
    pub(crate) fn divide(&mut self, is_divided: bool) {
        self.is_divided = is_divided;
    }

    pub(crate) fn used(&self) -> u64 {
        self.all.used()
    }

    /// Returns whether something was given back since the last [`take_freed`](Self::take_freed).
    pub(crate) fn was_freed(&self) -> bool {
        self.all.was_freed()
    }

    pub(crate) fn take_freed(&mut self) -> bool {
        self.all.take_freed()
    }

    /// Returns how much more a channel may take that holds `held` bytes. Where there are several connections, each
    /// leaves half of what it finds, and its channel three quarters of that.
    #[inline]
    pub(super) fn share(&self, connection: ConnectionId, held: u64) -> u64 {
        let mut free = self.all.free();
        if self.is_divided {
            let taken = self.taken_by(connection);
            free = free.saturating_sub(taken) / 2;
        }
        ((free + held) / SHARE).saturating_sub(held)
    }

    /// Takes what [`share`](Self::share) allows.
    #[inline]
    pub(super) fn take(&mut self, connection: ConnectionId, bytes: u64) {
        let enough = self.all.take(bytes);
        debug_assert!(enough, "a share is never more than what is free");
        *self.slot(connection) += bytes;
    }

    #[inline]
    pub(super) fn give_back(&mut self, connection: ConnectionId, bytes: u64) {
        self.all.give_back(bytes);
        let slot = self.slot(connection);
        *slot = slot.saturating_sub(bytes);
        if *slot == 0 && connection != ConnectionId::ROOT {
            self.others.remove(&connection.0);
        }
    }

    fn taken_by(&self, connection: ConnectionId) -> u64 {
        match connection {
            ConnectionId::ROOT => self.root,
            id => self.others.get(&id.0).copied().unwrap_or(0),
        }
    }

    #[inline]
    fn slot(&mut self, connection: ConnectionId) -> &mut u64 {
        match connection {
            ConnectionId::ROOT => &mut self.root,
            id => self.others.entry(id.0).or_default(),
        }
    }
}
