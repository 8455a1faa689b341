//! How a client learns that a server keeps nonces: an ordinary service of ours, which others answer
//! with `UnknownMethod`.

use serde::{Deserialize, Serialize};

use crate::{Schema, service};

/// Tells the stores of nonces apart: that of a server which was started again is another one.
pub(crate) type StoreId = [u8; 16];

/// The store in which a server keeps nonces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub(crate) struct Store {
    pub(crate) id: StoreId,
    /// For how long after it has answered the server surely knows a call again, in milliseconds.
    pub(crate) kept_ms: u64,
    /// The store's time, in milliseconds since any start.
    pub(crate) now_ms: u64,
}

/// What a server tells of the nonces that it keeps.
#[service]
pub(crate) trait RoamNonces {
    /// The store in which nonces are kept that come on this link.
    #[roam(idempotent, inline)]
    async fn store(&self) -> Store;
}
