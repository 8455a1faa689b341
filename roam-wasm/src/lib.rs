//! roam in the browser.
//!
//! With the feature `session`, Rust programs compiled to wasm use `connect`, or a
//! `WebSocketTransport` with `roam_core::connect`.
//!
//! With the feature `javascript` there is the module `javascript`: the exports for the npm package
//! `@roam-rpc/client`. It needs no standard library.
//!
//! Both are on by default. With neither, the crate is empty.
#![cfg(all(
    target_arch = "wasm32",
    any(feature = "session", feature = "javascript")
))]
#![cfg_attr(not(feature = "session"), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

#[cfg(feature = "session")]
mod connect;
#[cfg(feature = "javascript")]
pub mod javascript;
mod listener;
mod socket;
#[cfg(feature = "session")]
mod transport;

#[cfg(feature = "session")]
pub use connect::{Dialer, connect};
pub use roam_proto::subprotocol::Subprotocols;
pub use socket::MAX_BUFFERED;
#[cfg(feature = "session")]
pub use transport::WebSocketTransport;
