//! roam in the browser.
//!
//! For Rust programs compiled to wasm there is `connect`, and beneath it a
//! `WebSocketTransport` on which `roam_core::connect` runs as on any other.
//!
//! The feature `javascript` (a default one) adds `javascript`: the exports on which the npm
//! package `roam-client` stands.
#![cfg(target_arch = "wasm32")]
#![forbid(unsafe_code)]

mod connect;
#[cfg(feature = "javascript")]
pub mod javascript;
mod listener;
mod transport;

pub use connect::{connect, open};
pub use listener::SocketClosed;
pub use roam_core::transport::Subprotocols;
pub use transport::{MAX_BUFFERED, WebSocketTransport};
