//! Tasks that wait.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Waker;

/// By which one that waits is told from others, and takes itself off the list again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket(u64);

impl Ticket {
    /// A ticket that nobody else has.
    pub(super) fn draw() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// Tasks that wait for the same. Who stops waiting leaves, so that the list is as long as there
/// are tasks that wait, and the first to come is the first to be woken.
///
/// Wakers are user code: they are never called or dropped here, but given back to whoever holds
/// the lock, to be called or dropped when that is released.
#[derive(Debug, Default)]
pub(super) struct Waiters(BTreeMap<Ticket, Waker>);

impl Waiters {
    /// Puts a task on the list, or keeps it there. Returns the waker that it had there before.
    #[must_use = "a waker is not to be dropped under a lock"]
    pub(super) fn wait(&mut self, ticket: Ticket, waker: &Waker) -> Option<Waker> {
        match self.0.get_mut(&ticket) {
            Some(waiting) if waiting.will_wake(waker) => None,
            Some(waiting) => Some(std::mem::replace(waiting, waker.clone())),
            None => self.0.insert(ticket, waker.clone()),
        }
    }

    /// Takes a task off the list.
    #[must_use = "a waker is not to be dropped under a lock"]
    pub(super) fn leave(&mut self, ticket: Ticket) -> Option<Waker> {
        self.0.remove(&ticket)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Everybody who waits, to be woken.
    pub(super) fn into_wakers(self) -> impl Iterator<Item = Waker> {
        self.0.into_values()
    }
}

/// Sets the waker of the one task that waits. Returns the one that was set before.
#[must_use = "a waker is not to be dropped under a lock"]
pub(super) fn set_waker(slot: &mut Option<Waker>, waker: &Waker) -> Option<Waker> {
    match slot {
        Some(waiting) if waiting.will_wake(waker) => None,
        _ => slot.replace(waker.clone()),
    }
}
