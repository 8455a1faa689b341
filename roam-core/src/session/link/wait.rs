//! Waiting for something to happen on a link, a channel or a shared value.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Waker;

use crate::proto::{ChannelId, ConnectionId, RequestId};

/// Identifies a waiting future, so that it can leave the list again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct WaiterId(u64);

impl WaiterId {
    /// Returns an id that no other waiter has.
    pub(crate) fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// The tasks that wait for one thing, in the order in which they came.
///
/// Wakers are user code: they are never woken or dropped here, but returned to whoever holds the
/// lock, to be woken or dropped once it is released.
#[derive(Debug, Default)]
pub(crate) struct Waiters(BTreeMap<WaiterId, Waker>);

impl Waiters {
    /// Adds a task or keeps it in its place. Returns its replaced waker.
    #[must_use = "a waker must not be dropped under a lock"]
    pub(crate) fn wait(&mut self, id: WaiterId, waker: &Waker) -> Option<Waker> {
        match self.0.get_mut(&id) {
            Some(waiting) if waiting.will_wake(waker) => None,
            Some(waiting) => Some(std::mem::replace(waiting, waker.clone())),
            None => self.0.insert(id, waker.clone()),
        }
    }

    /// Removes a task. Returns its waker.
    #[must_use = "a waker must not be dropped under a lock"]
    pub(crate) fn leave(&mut self, id: WaiterId) -> Option<Waker> {
        self.0.remove(&id)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the task that came first.
    pub(crate) fn first(&self) -> Option<(WaiterId, &Waker)> {
        let (id, waker) = self.0.first_key_value()?;
        Some((*id, waker))
    }

    /// Returns the wakers of all tasks, first come first.
    pub(crate) fn into_wakers(self) -> impl Iterator<Item = Waker> {
        self.0.into_values()
    }
}

/// Sets the waker of the only task that waits. Returns the replaced one.
#[must_use = "a waker must not be dropped under a lock"]
pub(crate) fn set_waker(slot: &mut Option<Waker>, waker: &Waker) -> Option<Waker> {
    match slot {
        Some(waiting) if waiting.will_wake(waker) => None,
        _ => slot.replace(waker.clone()),
    }
}

/// What tasks wait for on a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum WaitKey {
    /// The handshake, and send capacity for a Request or a Response.
    Capacity,
    /// The turn of a call, while the peer handles as many calls on a connection as it can.
    Turn(ConnectionId),
    /// The end of a connection.
    End(ConnectionId),
    /// The answer to a Connect of ours.
    Connect(RequestId),
    /// A Connect of the peer.
    Connects,
    /// Elements, credit or the end of a channel.
    Channel(ConnectionId, ChannelId),
}

/// A list that a waiting future leaves when it is dropped.
pub(crate) trait WaitList {
    /// Removes the waiter, if it still waits.
    fn leave(&self, waiter: WaiterId);
}

/// The place of a future in a [`WaitList`]. Dropping it leaves the list.
pub(crate) struct WaitGuard<L: WaitList> {
    pub(crate) list: L,
    pub(crate) waiter: Option<WaiterId>,
}

impl<L: WaitList> WaitGuard<L> {
    pub(crate) fn new(list: L) -> Self {
        Self { list, waiter: None }
    }
}

impl<L: WaitList> Drop for WaitGuard<L> {
    fn drop(&mut self) {
        if let Some(waiter) = self.waiter {
            self.list.leave(waiter);
        }
    }
}
