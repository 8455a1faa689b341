//! Typed RPC with real streams: the engine that runs both ends of a roam link, on tokio and in the
//! browser.
//!
//! A service is a trait, from which `#[service]` generates the handler trait, the dispatcher and the
//! client. Channels ([`Tx`], [`Rx`]) travel as arguments and results, and calls go both ways.

#![allow(
    clippy::arc_with_non_send_sync,
    reason = "natively the same code is shared between threads; in a browser there is only one"
)]

// Generated code says `::roam_core::…`, in this crate as well.
extern crate self as roam_core;

pub mod introspection;
pub mod net;
pub mod rt;
pub mod schema;
mod session;
pub mod transport;

/// The protocol machine that the session runs.
pub use roam_proto as proto;

pub use proto::{
    ChannelId, CloseReason, Config, ConnectionId, Failure, FailureKind, Limits, Metadata,
    MetadataError, MetadataValue, MethodId, ReceivedPayload, RequestId, Rule, Stats, Violation,
};
pub use roam_macros::service;
pub use schema::{MethodDescriptor, Schema, ServiceDescriptor};
pub use session::raw;
pub use session::*;

/// What generated code uses. Not for anybody else.
#[doc(hidden)]
pub mod macro_support {
    pub use crate::schema::*;
    pub use crate::session::Never as Infallible;
}
