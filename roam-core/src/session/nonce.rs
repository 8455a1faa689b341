//! Nonces: how a server recognizes a call that is sent again.

mod dispatcher;
mod entry;
mod service;
mod store;
mod table;

pub use dispatcher::NonceDispatcher;
pub use table::NonceLimits;

pub(super) use service::{RoamNoncesClient, Store, StoreId};

use std::fmt;

use crate::proto::MetadataValue;

/// The metadata key under which a call carries its [`Nonce`].
pub const NONCE_KEY: &str = "roam-nonce";

/// Identifies one logical call, however often it is sent: a server with a [`NonceDispatcher`] runs
/// it once and gives each repetition the same answer.
///
/// It travels in the call's metadata under [`NONCE_KEY`].
///
/// ```
/// use roam_core::{Metadata, nonce::{NONCE_KEY, Nonce}};
///
/// let metadata = Metadata::new().with(NONCE_KEY, Nonce::random());
/// assert!(Nonce::try_from(metadata.get(NONCE_KEY).unwrap()).is_ok());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Nonce([u8; Self::LEN]);

/// A value under [`NONCE_KEY`] that is not 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a nonce is {len} bytes", len = Nonce::LEN)]
pub struct MalformedNonce;

impl Nonce {
    /// The length of a nonce in bytes.
    pub const LEN: usize = 16;

    /// Creates a nonce. No two logical calls of a client may have the same bytes.
    pub const fn new(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// Creates a random nonce.
    ///
    /// # Panics
    /// When the system provides no randomness.
    pub fn random() -> Self {
        let mut bytes = [0; Self::LEN];
        getrandom::fill(&mut bytes).expect("the system provides randomness");
        Self(bytes)
    }
}

impl From<Nonce> for MetadataValue {
    fn from(Nonce(bytes): Nonce) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

impl TryFrom<&MetadataValue> for Nonce {
    type Error = MalformedNonce;

    fn try_from(value: &MetadataValue) -> Result<Self, MalformedNonce> {
        let MetadataValue::Bytes(bytes) = value else {
            return Err(MalformedNonce);
        };
        let bytes = bytes.as_slice().try_into();
        bytes.map(Self).map_err(|_| MalformedNonce)
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Nonce({:032x})", u128::from_be_bytes(self.0))
    }
}
