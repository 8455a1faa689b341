//! The sender's side of the pool: who has taken what of it.

use alloc::vec::Vec;

use super::pool::{Pool, SHARE};
use crate::ids::ConnectionId;

/// What our senders have taken of the peer's pool, by connection: a crowd of channels on one leaves room for those
/// of another.
#[derive(Debug, Default)]
pub(crate) struct SenderPool {
    all: Pool,
    /// The link has more than its root connection.
    is_divided: bool,
    /// What the root connection has taken.
    root: u64,
    /// What others have taken, if anything. There are few.
    others: Vec<(ConnectionId, u64)>,
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
        self.count(connection, |taken| taken + bytes);
    }

    #[inline]
    pub(super) fn give_back(&mut self, connection: ConnectionId, bytes: u64) {
        self.all.give_back(bytes);
        self.count(connection, |taken| taken.saturating_sub(bytes));
    }

    fn taken_by(&self, connection: ConnectionId) -> u64 {
        if connection == ConnectionId::ROOT {
            return self.root;
        }
        let mut others = self.others.iter();
        let found = others.find(|(other, _)| *other == connection);
        found.map_or(0, |(_, taken)| *taken)
    }

    #[inline]
    fn count(&mut self, connection: ConnectionId, change: impl Fn(u64) -> u64) {
        if connection == ConnectionId::ROOT {
            self.root = change(self.root);
        } else {
            let taken = change(self.taken_by(connection));
            self.others.retain(|(other, _)| *other != connection);
            if taken > 0 {
                self.others.push((connection, taken));
            }
        }
    }
}
