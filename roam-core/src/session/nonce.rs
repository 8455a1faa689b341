//! Nonces: by them a server knows a call again that is sent a second time.

mod dispatcher;
mod entry;
mod service;
mod store;
mod table;

pub use dispatcher::NonceDispatcher;
pub use table::NonceLimits;

pub(super) use service::{RoamNoncesClient, Store, StoreId};
pub(super) use store::Claim;

use std::fmt;

use crate::proto::MetadataValue;

/// The metadata key under which a call carries its [`Nonce`].
pub const NONCE_KEY: &str = "roam-nonce";

/// Names one logical call, however often it is sent: a server that has a [`NonceDispatcher`] runs
/// it once, and gives each repetition the answer of the first.
///
/// It travels in the metadata of the call under [`NONCE_KEY`].
///
/// ```
/// use roam_core::{Metadata, NONCE_KEY, Nonce};
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

    /// The nonce of these bytes, of which no two logical calls of a client may have the same.
    pub const fn new(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// A nonce that nobody else has.
    ///
    /// # Panics
    /// When the system has no randomness to give.
    pub fn random() -> Self {
        let mut bytes = [0; Self::LEN];
        getrandom::fill(&mut bytes).expect("every system that we run on has randomness");
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
