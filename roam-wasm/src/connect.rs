//! Connecting from Rust programs in the browser.

use js_sys::{Array, Error, JsString};
use roam_core::client::Dial;
use roam_core::transport::{LINK, PACKED, SINGLE, Subprotocols};
use roam_core::{Config, ConnectError, LinkBuilder};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::WebSocket;

use crate::transport::WebSocketTransport;

/// Connects to a server at a `ws:` or `wss:` address, within the handshake timeout, and opens a link.
///
/// ```no_run
/// # async fn example() -> Result<(), roam_core::ConnectError> {
/// let server = roam_wasm::connect("wss://example.com/rpc").await?;
/// # Ok(()) }
/// ```
pub fn connect(url: &str) -> LinkBuilder<Dialer> {
    LinkBuilder::connect(Dialer::new(url, Subprotocols::Offer))
}

/// Opens sockets to a `ws:` or `wss:` URL.
#[derive(Clone, Debug)]
pub struct Dialer {
    url: String,
    subprotocols: Subprotocols,
}

impl Dialer {
    /// Creates a dialer that offers these subprotocols.
    pub fn new(url: &str, subprotocols: Subprotocols) -> Self {
        let url = url.to_owned();
        Self { url, subprotocols }
    }
}

impl Dial for Dialer {
    type Transport = WebSocketTransport;

    async fn dial(&mut self, config: &Config) -> Result<WebSocketTransport, ConnectError> {
        let socket = match self.subprotocols {
            Subprotocols::OfferNone => WebSocket::new(&self.url),
            Subprotocols::Offer => {
                let names: Array = [LINK, PACKED, SINGLE]
                    .map(JsString::from)
                    .into_iter()
                    .collect();
                WebSocket::new_with_str_sequence(&self.url, &names)
            }
        };
        let thrown = |error| ConnectError::Transport(Box::new(Thrown::from(error)));
        WebSocketTransport::adopt(socket.map_err(thrown)?, config).await
    }
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
