//! HTTP routes: the page and the WebSocket.

mod assets;
mod security;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use axum::routing::{any, get};
use roam_core::diagnostics::Links;
use roam_ws_server::Server;
use tower_http::compression::CompressionLayer;

/// The most pages that can be open at once.
const MAX_LINKS: usize = 1_024;

/// Serves the page at `/` and its calls at `/rpc`. Adds the links to `links` for diagnostics.
pub fn router(links: Links) -> Router {
    let server = Server::new(crate::dispatcher())
        .with_max_links(MAX_LINKS)
        .with_links(links);
    let page = Router::new()
        .route("/", get(assets::serve))
        .route("/{*path}", get(assets::serve))
        .layer(CompressionLayer::new());
    let page = security::with_headers(page);
    let rpc = async move |request: Request| open_link(&server, request);
    page.route("/rpc", any(rpc))
}

fn open_link(server: &Server, request: Request) -> Response {
    match server.upgrade(request) {
        Ok(response) => response.map(|()| Body::empty()),
        Err(error) => error.response().map(Body::from),
    }
}
