//! The WebSocket handshake, from a plain socket and from an HTTP server's request.

use http::header::{HeaderMap, HeaderValue, SEC_WEBSOCKET_PROTOCOL};
use roam_core::Config;
use roam_core::transport::websocket::{WebSocketTransport, pick_subprotocol, socket_config};
use tokio::net::TcpStream;
use tokio_tungstenite::accept_hdr_async_with_config;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::handshake::server::{
    ErrorResponse, Request, Response, create_response_with_body,
};

/// Why an HTTP request does not become a link.
#[derive(Debug, thiserror::Error)]
pub enum UpgradeError {
    /// It does not ask for a WebSocket, or not correctly.
    #[error("not a WebSocket request: {0}")]
    NotWebSocket(Box<Error>),
    /// The HTTP server that it came from cannot hand over the socket.
    #[error("the server cannot upgrade this request")]
    NotUpgradable,
    /// There are as many links already as the server may have.
    #[error("too many links")]
    TooManyLinks,
}

fn offered(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers
        .get_all(SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok())
}

/// Does the handshake on a socket that was just accepted.
pub(crate) async fn accept(
    socket: TcpStream,
    config: &Config,
) -> Result<WebSocketTransport<TcpStream>, Box<Error>> {
    let mut picked = None;
    #[expect(
        clippy::result_large_err,
        reason = "the form that tungstenite asks for"
    )]
    let respond = |request: &Request, mut response: Response| -> Result<Response, ErrorResponse> {
        picked = pick_subprotocol(offered(request.headers()));
        if let Some(name) = picked {
            response
                .headers_mut()
                .insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(name));
        }
        Ok(response)
    };
    let socket = accept_hdr_async_with_config(socket, respond, Some(socket_config(config))).await?;
    Ok(WebSocketTransport::new(socket, picked))
}

/// The answer to an HTTP request that asks for a WebSocket, and the subprotocol that it picks.
pub(crate) fn answer<B>(
    request: &http::Request<B>,
) -> Result<(http::Response<()>, Option<&'static str>), UpgradeError> {
    let mut head = http::Request::new(());
    *head.method_mut() = request.method().clone();
    *head.version_mut() = request.version();
    *head.headers_mut() = request.headers().clone();
    let mut response = create_response_with_body(&head, || ())
        .map_err(|error| UpgradeError::NotWebSocket(Box::new(error)))?;
    let picked = pick_subprotocol(offered(request.headers()));
    if let Some(name) = picked {
        response
            .headers_mut()
            .insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(name));
    }
    Ok((response, picked))
}
