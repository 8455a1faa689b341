//! A link at run time: the machine behind a lock, its driver, and handles to its connections.
//!
//! This layer knows nothing of values, handlers or channels' types. Calls of the peer go to a
//! [`Service`](service::Service), which the layer above provides.

mod advice;
pub(super) mod deferred;
mod detached;
mod driver;
mod driver_waker;
mod handle;
mod schedule;
pub(super) mod service;
mod shared;
pub(super) mod state;
mod tokens;
mod transmit;
pub(super) mod wait;

pub use detached::DetachedLink;
pub(in crate::session) use detached::LINGER;
pub use driver::{AttachError, Driver};
pub use handle::ConnectionHandle;
pub(crate) use handle::ConnectionState;
pub(crate) use shared::{LinkGuard, NO_METADATA, Shared};
