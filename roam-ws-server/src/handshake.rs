//! The WebSocket handshake.

use http::header::{
    HeaderMap, HeaderValue, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{Request, Response, StatusCode};
use roam_core::transport::websocket::pick_subprotocol;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;

/// Why an HTTP request does not become a link.
#[derive(Debug, thiserror::Error)]
pub enum UpgradeError {
    /// It does not ask for a WebSocket, or not correctly.
    #[error("not a WebSocket request: {0}")]
    NotWebSocket(Box<Error>),
    /// It comes from a page of an origin that may not connect; see [`Origins`](crate::Origins).
    #[error("pages of {origin} may not connect to this server")]
    ForeignOrigin {
        /// What the request names as the page's origin.
        origin: String,
    },
    /// The HTTP server that it came from cannot hand over the socket.
    #[error("the server cannot upgrade this request")]
    NotUpgradable,
    /// There are as many links already as the server may have.
    #[error("too many links")]
    TooManyLinks,
    /// The server is being closed.
    #[error("the server is closing")]
    Closing,
}

impl UpgradeError {
    /// The status with which HTTP says so.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::NotWebSocket(_) => StatusCode::UPGRADE_REQUIRED,
            Self::ForeignOrigin { .. } => StatusCode::FORBIDDEN,
            Self::NotUpgradable => StatusCode::INTERNAL_SERVER_ERROR,
            Self::TooManyLinks | Self::Closing => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The answer to the request: the status, and as its text what was wrong.
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

/// The answer to an HTTP request that asks for a WebSocket, and the subprotocol that it picks.
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

fn offered(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers
        .get_all(SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok())
}
