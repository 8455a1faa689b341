//! One of a client's links.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::FutureExt;
use futures::future::Shared;

use crate::rt::{BoxFuture, Clock};
use crate::session::link::ConnectionHandle;
use crate::session::nonce::{RoamNoncesClient, Store, StoreId};

/// One of a client's links, and what is known of its peer.
#[derive(Debug)]
pub(super) struct Link {
    handle: ConnectionHandle,
    /// The peer has answered on it.
    proven: AtomicBool,
    /// Asks the peer once, when needed, whether it keeps nonces.
    store: Shared<BoxFuture<'static, Option<KnownStore>>>,
}

/// A store of nonces at the peer.
#[derive(Clone, Copy, Debug)]
pub(super) struct KnownStore {
    store: Store,
    /// Runs since before the store told its time.
    asked: Clock,
    /// Runs since after the store told its time.
    told: Clock,
}

/// When a call was first sent, by the clock of a store.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sending {
    store: StoreId,
    at: Duration,
}

impl Link {
    pub(super) fn new(handle: ConnectionHandle) -> Self {
        let store: BoxFuture<'static, _> = Box::pin(ask(handle.clone()));
        Self {
            handle,
            proven: AtomicBool::new(false),
            store: store.shared(),
        }
    }

    pub(super) fn handle(&self) -> &ConnectionHandle {
        &self.handle
    }

    pub(super) fn is_live(&self) -> bool {
        self.handle.close_reason().is_none()
    }

    pub(super) fn is_proven(&self) -> bool {
        self.proven.load(Ordering::Relaxed)
    }

    /// Records that the peer has answered. Returns `true` the first time.
    pub(super) fn prove(&self) -> bool {
        !self.is_proven() && !self.proven.swap(true, Ordering::Relaxed)
    }

    /// Returns the peer's store of nonces; `None` when it keeps none or the link is lost.
    pub(super) async fn store(&self) -> Option<KnownStore> {
        self.store.clone().await
    }
}

async fn ask(handle: ConnectionHandle) -> Option<KnownStore> {
    let asked = Clock::start();
    let store = RoamNoncesClient::new(handle).store().await.ok()?;
    let told = Clock::start();
    Some(KnownStore { store, asked, told })
}

impl KnownStore {
    /// Returns the store's time for a call that is about to be sent: it arrives then or later.
    pub(super) fn sending(&self) -> Sending {
        Sending {
            store: self.store.id,
            at: self.time(&self.told),
        }
    }

    /// Returns whether the store certainly remembers a call that was sent to it. Both times are its
    /// own, so a device that slept in between does no harm.
    pub(super) fn knows(&self, sending: Sending) -> bool {
        let age = self.time(&self.asked).saturating_sub(sending.at);
        self.store.id == sending.store && age < Duration::from_millis(self.store.kept_ms)
    }

    fn time(&self, since: &Clock) -> Duration {
        Duration::from_millis(self.store.now_ms).saturating_add(since.now())
    }
}
