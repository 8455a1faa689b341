//! The WebSocket handshake.

use http::header::{
    CONNECTION, HeaderMap, HeaderValue, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{Request, Response, StatusCode};
use roam_core::net::websocket::pick_subprotocol;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;

/// Why an HTTP request was not upgraded to a link.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UpgradeError {
    /// The request is not a valid WebSocket handshake.
    #[error("not a WebSocket request: {0}")]
    NotWebSocket(Box<Error>),
    /// The request comes from a page whose origin is not allowed; see [`Origins`](crate::Origins).
    #[error("pages from {origin} may not connect to this server")]
    ForeignOrigin {
        /// The page's origin, from the `Origin` header.
        origin: String,
    },
    /// The HTTP server that received the request cannot hand over its socket.
    #[error("the HTTP server cannot upgrade this request")]
    NotUpgradable,
    /// The server has reached its limit on links.
    #[error("too many links")]
    TooManyLinks,
    /// The server is closing.
    #[error("the server is closing")]
    Closing,
}

impl UpgradeError {
    /// Returns the HTTP status for this error.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::NotWebSocket(_) => StatusCode::UPGRADE_REQUIRED,
            Self::ForeignOrigin { .. } => StatusCode::FORBIDDEN,
            Self::NotUpgradable => StatusCode::INTERNAL_SERVER_ERROR,
            Self::TooManyLinks | Self::Closing => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// Returns the HTTP response: the status, with the error's text as the body.
    pub fn response(&self) -> Response<String> {
        let mut response = Response::new(format!("{self}\n"));
        *response.status_mut() = self.status();
        if let Self::NotWebSocket(_) = self {
            let headers = response.headers_mut();
            headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        }
        response
    }
}

/// Returns the response to a WebSocket handshake and the subprotocol it selects.
pub(crate) fn answer<B>(
    request: &Request<B>,
) -> Result<(Response<()>, Option<&'static str>), UpgradeError> {
    let mut head = Request::new(());
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

/// Marks a response as the last on its socket.
pub(crate) fn close_after<B>(mut response: Response<B>) -> Response<B> {
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(CONNECTION, close);
    response
}

fn offered(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers
        .get_all(SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok())
}
