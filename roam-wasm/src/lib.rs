//! roam in the browser.
//!
//! Rust programs compiled to wasm use `connect`, or a `WebSocketTransport` with
//! `roam_core::connect`.
//!
//! The default feature `javascript` adds the module `javascript`: the exports for the npm package
//! `@roam-rpc/client`.
#![cfg(target_arch = "wasm32")]
#![forbid(unsafe_code)]

mod connect;
#[cfg(feature = "javascript")]
pub mod javascript;
mod listener;
mod transport;

pub use connect::{Dialer, connect};
pub use roam_core::transport::Subprotocols;
pub use transport::{MAX_BUFFERED, WebSocketTransport};
