//! How a client learns that a server keeps nonces: an ordinary service, which other servers answer
//! with `UnknownMethod`.

use serde::{Deserialize, Serialize};

use crate::{Schema, service};

/// Identifies a store of nonces. A server that restarts has a new one.
pub(crate) type StoreId = [u8; 16];

/// The store in which a server keeps nonces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub(crate) struct Store {
    pub(crate) id: StoreId,
    /// For how long after its answer the server certainly recognizes a call, in milliseconds.
    pub(crate) kept_ms: u64,
    /// The store's time, in milliseconds since an arbitrary start.
    pub(crate) now_ms: u64,
}

/// Tells clients about the nonces that a server keeps.
#[service]
pub(crate) trait RoamNonces {
    /// Returns the store that keeps the nonces of this link.
    #[roam(idempotent, inline)]
    async fn store(&self) -> Store;
}
