//! HTTP routes: the test pages, roam over WebSocket, and a raw WebSocket for comparison.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_SECURITY_POLICY, SEC_WEBSOCKET_PROTOCOL};
use axum::response::Response;
use axum::routing::any;
use roam_core::proto::Framing;
use roam_core::proxy::ForwardingDispatcher;
use roam_core::transport::memory_pair;
use roam_core::{Config, ServiceDispatcher, accept, connect};
use roam_ws_server::Server;
use tower_http::services::ServeDir;
use tower_http::set_header::SetResponseHeaderLayer;

use super::{links, raw_echo};

/// The strictest policy under which wasm and a WebSocket still work.
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; \
    connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; \
    require-trusted-types-for 'script'";

/// Returns a router that serves the files of `site` at `/` and these WebSocket endpoints:
///
/// - `/rpc`: calls;
/// - `/rpc-single`: calls without packing, like a server that only knows `roam.v2`;
/// - `/rpc-plain`: calls without a subprotocol, like a server that knows none;
/// - `/rpc-unkept`: calls on links that end with their sockets;
/// - `/rpc-tokens`: calls of peers that have a valid token;
/// - `/rpc-proxied`, `/rpc-proxied-unkept`: calls through a proxy;
/// - `/rpc-small`: calls with limits low enough for tests to reach them;
/// - `/echo`: a raw WebSocket that echoes each frame.
pub fn router(site: &Path) -> Router {
    // Tests watch the handlers of all endpoints through one.
    let dispatcher = Arc::new(super::dispatcher());
    let server = Server::new(Arc::clone(&dispatcher));
    let small = Server::new(Arc::clone(&dispatcher)).with_config(
        Config::default()
            .with_max_payload_size(16 * 1024)
            .with_initial_channel_credit(4 * 1024),
    );
    let keeps_nothing = Config::default().with_keep(Duration::ZERO);
    let unkept = Server::new(Arc::clone(&dispatcher)).with_config(keeps_nothing.clone());
    let tokens = Server::new(Arc::clone(&dispatcher)).with_admission(links::admit);
    let proxied = Server::new(proxy(dispatcher));
    let proxied_unkept = proxied.clone().with_config(keeps_nothing);
    let policy = HeaderValue::from_static(POLICY);
    Router::new()
        .fallback_service(ServeDir::new(site))
        .layer(SetResponseHeaderLayer::overriding(
            CONTENT_SECURITY_POLICY,
            policy,
        ))
        .route("/rpc", link(&server, |_| {}))
        .route("/rpc-single", link(&server, offer_single_only))
        .route("/rpc-plain", link(&server, offer_none))
        .route("/rpc-unkept", link(&unkept, |_| {}))
        .route("/rpc-tokens", link(&tokens, |_| {}))
        .route("/rpc-proxied", link(&proxied, |_| {}))
        .route("/rpc-proxied-unkept", link(&proxied_unkept, |_| {}))
        .route("/rpc-small", link(&small, |_| {}))
        .route("/echo", any(raw_echo::upgrade))
}

/// Returns a dispatcher that forwards calls over a link of its own.
fn proxy(dispatcher: impl ServiceDispatcher) -> ForwardingDispatcher {
    let (near, far) = memory_pair(Framing::Numbered);
    let (_, driver) = accept(far).dispatcher(dispatcher).drive();
    tokio::spawn(driver);
    let (upstream, driver) = connect(near).drive();
    tokio::spawn(driver);
    ForwardingDispatcher::new(upstream)
}

/// Returns a route that applies `change` to each request and then opens a link.
fn link(server: &Server, change: fn(&mut Request)) -> axum::routing::MethodRouter {
    let server = server.clone();
    any(async move |mut request: Request| -> Response {
        change(&mut request);
        match server.upgrade(request) {
            Ok(response) => response.map(|()| Body::empty()),
            Err(error) => error.response().map(Body::from),
        }
    })
}

fn offer_single_only(request: &mut Request) {
    let headers = request.headers_mut();
    headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("roam.v2"));
}

fn offer_none(request: &mut Request) {
    request.headers_mut().remove(SEC_WEBSOCKET_PROTOCOL);
}
