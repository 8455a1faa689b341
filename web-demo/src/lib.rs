//! The roam demo: a page and the server it talks to over one WebSocket.
//!
//! [`api`] is the interface between the two: three Rust traits, from which `roam-codegen` generates
//! the TypeScript that the page imports. [`router`] serves both the page and its calls.
//!
//! ```no_run
//! use axum::serve::ListenerExt as _;
//!
//! # async fn example() -> std::io::Result<()> {
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
//! let listener = listener.tap_io(|socket| drop(socket.set_nodelay(true)));
//! axum::serve(listener, web_demo::router(roam_core::diagnostics::Links::new())).await
//! # }
//! ```
#![forbid(unsafe_code)]

pub mod api;
mod chat;
mod demo;
mod web;

pub use web::router;

use std::path::PathBuf;

use roam_core::introspection::introspection;
use roam_core::{RoutedDispatcher, ServiceDescriptor};

use api::{ChatDispatcher, DemoDispatcher};

/// Returns the dispatcher of the server's services, with a new chat room.
pub fn dispatcher() -> RoutedDispatcher {
    RoutedDispatcher::new()
        .with(DemoDispatcher::new(demo::Demonstration))
        .with(ChatDispatcher::new(chat::Lobby::default()))
        .with(introspection([api::demo_service(), api::chat_service()]))
}

/// Returns the services, each with the path of its generated TypeScript file.
pub fn bindings() -> [(&'static ServiceDescriptor, PathBuf); 3] {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("page/src/gen");
    [
        (api::demo_service(), folder.join("demo.ts")),
        (api::chat_service(), folder.join("chat.ts")),
        (api::page_service(), folder.join("page.ts")),
    ]
}
