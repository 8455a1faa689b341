//! What the halves of a channel share.
//!
//! Locks are taken in one order: a link's state, then a channel core.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::local::LocalQueue;
use super::remote::RemoteChannel;
use crate::proto::ElementQueue;
use crate::session::link::deferred::Deferred;

/// What the halves of a channel share: a queue while both are here, and the link's channel once one
/// of them was sent to the peer.
#[derive(Debug, Default)]
pub(super) struct ChannelCore {
    remote: OnceLock<RemoteChannel>,
    local: Mutex<LocalQueue>,
}

/// Where a channel's elements go.
pub(super) enum Route<'a> {
    Local(MutexGuard<'a, LocalQueue>),
    Remote(&'a RemoteChannel),
}

impl ChannelCore {
    /// Creates the core of a channel whose other half is with the peer.
    pub(super) fn new_remote(remote: RemoteChannel) -> Arc<Self> {
        Arc::new(Self {
            remote: OnceLock::from(remote),
            local: Mutex::default(),
        })
    }

    /// Returns the link's channel once one of the halves was sent.
    #[inline]
    pub(super) fn remote(&self) -> Option<&RemoteChannel> {
        self.remote.get()
    }

    /// Returns where elements go. A local queue stays locked meanwhile.
    #[inline]
    pub(super) fn route(&self) -> Route<'_> {
        if let Some(remote) = self.remote.get() {
            return Route::Remote(remote);
        }
        let local = self.local();
        // The half may have been sent in the meantime.
        match self.remote.get() {
            Some(remote) => Route::Remote(remote),
            None => Route::Local(local),
        }
    }

    /// Takes the elements that were sent before the sender went to the peer.
    pub(super) fn take_earlier(&self) -> ElementQueue {
        std::mem::take(&mut self.local().queue)
    }

    /// Connects the channel to a link, after `hand_over` has moved the local state there. Returns
    /// `remote` when the channel is on a link already, since both of its halves were sent.
    pub(super) fn connect(
        &self,
        remote: RemoteChannel,
        deferred: &mut Deferred,
        hand_over: impl FnOnce(&mut LocalQueue, &RemoteChannel),
    ) -> Result<(), RemoteChannel> {
        let mut local = self.local();
        if self.remote.get().is_some() {
            return Err(remote);
        }
        hand_over(&mut local, &remote);
        deferred.wake(std::mem::take(&mut local.senders).into_wakers());
        deferred.wake(local.receiver.take());
        self.remote.set(remote)
    }

    fn local(&self) -> MutexGuard<'_, LocalQueue> {
        self.local.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
