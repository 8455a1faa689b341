//! The store of nonces, shared by all links of a server.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use crate::proto::Metadata;
use crate::rt::Clock;
use crate::session::serve::{Context, KeepAnswer};

use super::Nonce;
use super::entry::{Entry, KeptAnswer, Outcome};
use super::service::{RoamNonces, Store, StoreId};
use super::table::{Begun, Digest, Key, NonceLimits, Table};

/// The store of nonces, shared by all links of a server.
#[derive(Debug)]
pub(super) struct NonceStore {
    id: StoreId,
    clock: Clock,
    table: Mutex<Table>,
}

/// What to do with a call that carries a nonce.
#[derive(Debug)]
pub(super) enum Entered {
    First(Arc<Entry>, Claim),
    Repeated(Arc<Entry>),
    Reused,
    Full,
}

impl NonceStore {
    pub(super) fn new(limits: NonceLimits) -> Arc<Self> {
        let Nonce(id) = Nonce::random();
        Arc::new(Self {
            id,
            clock: Clock::start(),
            table: Mutex::new(Table::new(limits)),
        })
    }

    pub(super) fn enter(self: &Arc<Self>, key: Key, digest: Digest) -> Entered {
        let begun = self.table().begin(&key, digest, self.clock.now());
        match begun {
            Begun::First(entry) => {
                let claim = Claim {
                    store: Arc::clone(self),
                    entry: Arc::clone(&entry),
                    key,
                    kept: false,
                };
                Entered::First(entry, claim)
            }
            Begun::Repeated(entry) => Entered::Repeated(entry),
            Begun::Reused => Entered::Reused,
            Begun::Full => Entered::Full,
        }
    }

    pub(super) fn retention(&self) -> Duration {
        self.table().limits().retention
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // No user code runs under the lock.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RoamNonces for Arc<NonceStore> {
    async fn store(&self, _: &Context) -> Store {
        let (kept, now) = {
            let table = self.table();
            let NonceLimits {
                retention,
                min_retention,
                ..
            } = *table.limits();
            (min_retention.min(retention), self.clock.now())
        };
        Store {
            id: self.id,
            kept_ms: millis(kept),
            now_ms: millis(now),
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// The right to end a call of the store, held by its handler. When it is dropped without an answer
/// that can be kept, only the fact that the call was made is remembered.
#[derive(Debug)]
pub(crate) struct Claim {
    store: Arc<NonceStore>,
    entry: Arc<Entry>,
    key: Key,
    kept: bool,
}

impl KeepAnswer for Claim {
    /// Keeps the answer and gives it to everybody who waits for it.
    fn keep(&mut self, metadata: &Metadata, payload: &[u8]) {
        let answer = KeptAnswer {
            metadata: metadata.clone(),
            payload: Bytes::copy_from_slice(payload),
        };
        self.end(
            metadata.memory_size() + payload.len(),
            Outcome::Answered(Arc::new(answer)),
        );
    }
}

impl Claim {
    fn end(&mut self, len: usize, outcome: Outcome) {
        if !std::mem::replace(&mut self.kept, true) {
            let now = self.store.clock.now();
            self.store.table().end(&self.key, len, now);
            self.entry.end(outcome);
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.end(0, Outcome::Spent);
    }
}
