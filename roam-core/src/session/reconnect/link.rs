//! One of the links that a client has had.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::FutureExt;
use futures::future::Shared;

use crate::rt::{BoxFuture, Clock};
use crate::session::connection::ConnectionHandle;
use crate::session::nonce::{RoamNoncesClient, Store, StoreId};

/// One of the links that a client has had, and what is known of it.
#[derive(Debug)]
pub(super) struct Link {
    handle: ConnectionHandle,
    /// The peer has answered on it.
    proven: AtomicBool,
    /// Asks once, when it is needed, whether the peer keeps nonces.
    store: Shared<BoxFuture<'static, Option<KnownStore>>>,
}

/// A store of nonces at the peer.
#[derive(Clone, Copy, Debug)]
pub(super) struct KnownStore {
    store: Store,
    /// Runs since the store was asked for its time: it told it later.
    asked: Clock,
    /// Runs since the store's time is known: it told it before.
    told: Clock,
}

/// When, by the clock of which store, a call was first sent.
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

    /// The peer has answered. `true` the first time.
    pub(super) fn prove(&self) -> bool {
        !self.is_proven() && !self.proven.swap(true, Ordering::Relaxed)
    }

    /// The store in which the peer keeps nonces; `None` when it keeps none or the link is lost.
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
    /// A call is about to be sent. It comes to the store at this time or later.
    pub(super) fn sending(&self) -> Sending {
        Sending {
            store: self.store.id,
            at: self.time(&self.told),
        }
    }

    /// Whether the store surely knows a call that was sent to it before. Both times are its own, so
    /// that a device that slept in between does no harm.
    pub(super) fn knows(&self, sending: Sending) -> bool {
        let age = self.time(&self.asked).saturating_sub(sending.at);
        self.store.id == sending.store && age < Duration::from_millis(self.store.kept_ms)
    }

    fn time(&self, since: &Clock) -> Duration {
        Duration::from_millis(self.store.now_ms).saturating_add(since.now())
    }
}
