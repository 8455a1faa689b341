//! Typed RPC with real streams: the engine that runs both ends of a roam link, on tokio and in
//! the browser.
//!
//! A service is a trait; `#[service]` makes the handler trait, the dispatcher and the client of
//! it. Channels ([`Tx`], [`Rx`]) travel as arguments and results, and calls go both ways.

#![allow(
    clippy::arc_with_non_send_sync,
    reason = "the same code is shared between threads natively, and has but one in a browser"
)]

// The macros write `::roam_core::…`, here as well.
extern crate self as roam_core;

pub mod introspection;
pub mod proto;
pub mod rt;
pub mod schema;
mod session;
pub mod transport;

pub use proto::{
    ChannelId, CloseReason, Config, ConnectionId, Diagnostics, Failure, Limits, Metadata,
    MetadataError, MetadataValue, MethodId, ReceivedPayload, RequestId, Rule, Stats, Violation,
};
pub use roam_macros::service;
pub use schema::{MethodDescriptor, Schema, ServiceDescriptor};
pub use session::raw;
pub use session::*;

/// What the code that `#[service]` writes stands on. Not for anybody else.
#[doc(hidden)]
pub mod macro_support {
    pub use crate::schema::*;
    pub use crate::session::Never as Infallible;
}
