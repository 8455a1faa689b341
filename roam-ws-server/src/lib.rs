//! A WebSocket server for roam: standalone, or inside axum or any other server built on hyper.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use roam_core::NoDispatcher;
//! use roam_ws_server::Server;
//!
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
//! Server::new(NoDispatcher).serve(listener).await;
//! # Ok(()) }
//! ```
#![forbid(unsafe_code)]

mod admission;
#[cfg(unix)]
mod diagnostics;
mod handshake;
mod memory;
mod origins;
mod server;

pub use admission::Admission;
#[cfg(unix)]
pub use diagnostics::report_on_sigusr1;
pub use handshake::UpgradeError;
pub use origins::Origins;
pub use server::Server;
