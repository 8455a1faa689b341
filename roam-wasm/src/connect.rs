//! Connecting from Rust programs in the browser.

use js_sys::{Array, Error, JsString};
use roam_core::transport::{PACKED, SINGLE, Subprotocols};
use roam_core::{Config, ConnectError, ConnectionHandle, ServiceDispatcher};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::WebSocket;

use crate::transport::WebSocketTransport;

/// Connects to a server at a `ws:` or `wss:` address, spawns the driver and waits until the link is
/// ready.
///
/// ```no_run
/// # async fn example() -> Result<(), roam_core::ConnectError> {
/// use roam_core::{Config, NoDispatcher};
///
/// let server = roam_wasm::connect("wss://example.com/rpc", NoDispatcher, &Config::client()).await?;
/// # Ok(()) }
/// ```
pub async fn connect(
    url: &str,
    dispatcher: impl ServiceDispatcher,
    config: &Config,
) -> Result<ConnectionHandle, ConnectError> {
    let transport = open(url, Subprotocols::Offer, config).await?;
    roam_core::initiate(transport, dispatcher, config).await
}

/// Connects a socket to a server, within the handshake timeout.
pub async fn open(
    url: &str,
    subprotocols: Subprotocols,
    config: &Config,
) -> Result<WebSocketTransport, ConnectError> {
    let socket = match subprotocols {
        Subprotocols::Offer => {
            let names: Array = [PACKED, SINGLE].map(JsString::from).into_iter().collect();
            WebSocket::new_with_str_sequence(url, &names)
        }
        Subprotocols::OfferNone => WebSocket::new(url),
    };
    let socket = socket.map_err(|error| ConnectError::Transport(Box::new(Thrown::from(error))))?;
    WebSocketTransport::adopt(socket, config).await
}

/// An exception thrown by a browser function.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Thrown(String);

impl From<JsValue> for Thrown {
    fn from(value: JsValue) -> Self {
        // This includes `DOMException`, which is an `Error` in JavaScript.
        let message = value.dyn_ref::<Error>().map(|error| error.message().into());
        Self(message.unwrap_or_else(|| format!("{value:?}")))
    }
}
