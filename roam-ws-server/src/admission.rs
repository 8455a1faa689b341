//! Deciding who may have a link.

use std::pin::Pin;

use http::request;
use roam_core::proto::{LinkId, Refusal};
use roam_core::{Identity, Metadata};

/// A peer that wants a link, returns to one, or has given a token that it was asked for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Admission {
    /// The request that opened its WebSocket: address, cookies and other headers. Browsers cannot set
    /// headers. Of a peer that was asked for a token, the request that opened its link.
    pub request: request::Parts,
    /// What the peer says of itself, such as a token. Empty where the peer only knows version 2 of the
    /// protocol.
    pub metadata: Metadata,
    /// Its link, or `None` if it wants a new one.
    pub link: Option<LinkId>,
}

/// Decides who the peer is, or that it has no link.
pub(crate) type Admit = dyn Fn(Admission) -> Pin<Box<dyn Future<Output = Result<Option<Identity>, Refusal>> + Send>>
    + Send
    + Sync;
