//! Connecting to WebSocket servers.

use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::{Request, Response};
use tokio_tungstenite::tungstenite::http::{HeaderValue, header::SEC_WEBSOCKET_PROTOCOL};
use tokio_tungstenite::{MaybeTlsStream, client_async_with_config, connect_async_with_config};

use super::socket::Socket;
use super::{Subprotocols, WebSocketTransport, socket_config};
use crate::proto::{Config, Framing};
use crate::rt;
use crate::session::{ConnectError, ConnectionHandle, ServiceDispatcher, initiate};
use crate::transport::{Transport, TransportError};

/// Connects to a server at a `ws:` or `wss:` URL, at most for the handshake timeout.
///
/// `wss:` needs a TLS feature of the crate `tokio-tungstenite`.
pub async fn open(
    url: &str,
    subprotocols: Subprotocols,
    config: &Config,
) -> Result<impl Transport + use<>, ConnectError> {
    let mut request = url.into_client_request().map_err(transport_error)?;
    if subprotocols == Subprotocols::Offer {
        let offer = HeaderValue::from_static("roam.v2.packed, roam.v2");
        request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, offer);
    }
    rt::timeout(config.handshake_timeout, connect_socket(request, config))
        .await
        .ok_or(ConnectError::Timeout)?
        .map_err(transport_error)
}

/// Connects to a server, runs the link in the background, and waits until it is ready.
///
/// ```no_run
/// # async fn example() -> Result<(), roam_core::ConnectError> {
/// use roam_core::{Config, NoDispatcher, net::websocket};
///
/// let server = websocket::connect("ws://localhost:8080/rpc", NoDispatcher, &Config::client()).await?;
/// # Ok(()) }
/// ```
pub async fn connect(
    url: &str,
    dispatcher: impl ServiceDispatcher,
    config: &Config,
) -> Result<ConnectionHandle, ConnectError> {
    let transport = open(url, Subprotocols::Offer, config).await?;
    initiate(transport, dispatcher, config).await
}

async fn connect_socket(request: Request, config: &Config) -> Result<ClientTransport, Error> {
    let config = Some(socket_config(config));
    // Small messages are already joined, so Nagle's algorithm only adds latency.
    let no_delay = true;
    let Some(address) = plain_address(&request) else {
        let (socket, response) = connect_async_with_config(request, config, no_delay).await?;
        let transport = WebSocketTransport::new(socket, picked(&response));
        return Ok(ClientTransport::Tls(transport));
    };
    let socket = TcpStream::connect(address).await?;
    socket.set_nodelay(no_delay)?;
    let (socket, response) = client_async_with_config(request, Socket::new(socket), config).await?;
    let transport = WebSocketTransport::new(socket, picked(&response));
    Ok(ClientTransport::Plain(transport))
}

/// Returns the host and port of a `ws:` URL; `None` for any other.
fn plain_address(request: &Request) -> Option<String> {
    let uri = request.uri();
    let host = uri.host().filter(|_| uri.scheme_str() == Some("ws"))?;
    Some(format!("{host}:{}", uri.port_u16().unwrap_or(80)))
}

fn picked(response: &Response) -> Option<&str> {
    let name = response.headers().get(SEC_WEBSOCKET_PROTOCOL)?;
    name.to_str().ok()
}

fn transport_error(error: Error) -> ConnectError {
    ConnectError::Transport(Box::new(error))
}

/// A socket with or without TLS. TLS sockets come from tokio-tungstenite, whose type cannot wrap a
/// socket of ours unless one of its TLS features is enabled.
enum ClientTransport {
    Plain(WebSocketTransport<Socket<TcpStream>>),
    Tls(WebSocketTransport<MaybeTlsStream<TcpStream>>),
}

impl Transport for ClientTransport {
    fn framing(&self) -> Framing {
        match self {
            Self::Plain(transport) => transport.framing(),
            Self::Tls(transport) => transport.framing(),
        }
    }

    fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Bytes>, TransportError>> {
        match self {
            Self::Plain(transport) => transport.poll_receive(cx),
            Self::Tls(transport) => transport.poll_receive(cx),
        }
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        match self {
            Self::Plain(transport) => transport.poll_ready(cx),
            Self::Tls(transport) => transport.poll_ready(cx),
        }
    }

    fn start_send(&mut self, frame: Bytes) -> Result<(), TransportError> {
        match self {
            Self::Plain(transport) => transport.start_send(frame),
            Self::Tls(transport) => transport.start_send(frame),
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        match self {
            Self::Plain(transport) => transport.poll_flush(cx),
            Self::Tls(transport) => transport.poll_flush(cx),
        }
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        match self {
            Self::Plain(transport) => transport.poll_close(cx),
            Self::Tls(transport) => transport.poll_close(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_addresses_have_a_host_and_a_port() {
        let address = |url: &str| plain_address(&url.into_client_request().unwrap());
        assert_eq!(address("ws://a.test/rpc").as_deref(), Some("a.test:80"));
        assert_eq!(address("ws://[::1]:8080").as_deref(), Some("[::1]:8080"));
        assert_eq!(address("wss://a.test"), None);
    }
}
