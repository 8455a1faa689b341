//! Sockets: transports for native programs, and links over them.

#[cfg(feature = "stream")]
pub mod stream;
#[cfg(feature = "websocket")]
pub mod websocket;
