//! Deciding who may have a link.

use std::pin::Pin;

use http::request;
use roam_core::proto::{LinkId, Refusal};
use roam_core::{Identity, Metadata};

/// A peer that wants a link.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Admission {
    /// The request that opened its WebSocket: address, cookies and other headers. Browsers cannot set
    /// headers.
    pub request: request::Parts,
    /// What the peer says of itself, such as a token. Empty where the peer only knows version 2 of the
    /// protocol.
    pub metadata: Metadata,
    /// The link to which it returns, or `None` if it wants a new one.
    pub link: Option<LinkId>,
}

/// Decides who the peer is, or that it has no link.
pub(crate) type Admit = dyn Fn(Admission) -> Pin<Box<dyn Future<Output = Result<Option<Identity>, Refusal>> + Send>>
    + Send
    + Sync;
