//! A raw WebSocket that echoes each frame, as a baseline for benchmarks.

use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures::{SinkExt, StreamExt};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;
use tokio_tungstenite::tungstenite::protocol::Role;

/// Upgrades the request to an echoing WebSocket.
pub(super) async fn upgrade(mut request: Request) -> Response {
    let upgrade = request.extensions_mut().remove::<OnUpgrade>();
    let (parts, _) = request.into_parts();
    let request = axum::http::Request::from_parts(parts, ());
    let (Some(upgrade), Ok(response)) = (upgrade, create_response_with_body(&request, Body::empty))
    else {
        return (StatusCode::BAD_REQUEST, "not a WebSocket request").into_response();
    };
    tokio::spawn(async move {
        if let Ok(socket) = upgrade.await {
            echo(socket).await;
        }
    });
    response
}

/// Flushes each frame, like a server that cannot know what comes next.
async fn echo(socket: Upgraded) {
    let mut socket =
        WebSocketStream::from_raw_socket(TokioIo::new(socket), Role::Server, None).await;
    while let Some(Ok(frame)) = socket.next().await {
        if frame.is_close() || socket.send(frame).await.is_err() {
            return;
        }
    }
}
