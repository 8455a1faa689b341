//! Connecting to WebSocket servers.

use std::net::SocketAddr;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::{Request, Response};
use tokio_tungstenite::tungstenite::http;
use tokio_tungstenite::tungstenite::http::header::{
    HeaderName, HeaderValue, SEC_WEBSOCKET_PROTOCOL,
};
use tokio_tungstenite::{MaybeTlsStream, client_async_with_config, connect_async_with_config};

use super::socket::Socket;
use super::{Subprotocols, WebSocketTransport, socket_config};
use crate::proto::{Close, Config, Framing};
use crate::rt;
use crate::session::{ConnectError, Dial, LinkBuilder};
use crate::transport::{Transport, TransportError};

/// Connects to a server at a `ws:` or `wss:` URL, at most for the handshake timeout, and opens a
/// link.
///
/// `wss:` needs a TLS feature of the crate `tokio-tungstenite`.
///
/// ```no_run
/// # async fn example(token: &str) -> Result<(), roam_core::ConnectError> {
/// use roam_core::net::websocket;
///
/// let server = websocket::connect("ws://localhost:8080/rpc")
///     .header("authorization", &format!("Bearer {token}"))
///     .await?;
/// # Ok(()) }
/// ```
pub fn connect(url: &str) -> LinkBuilder<Dialer> {
    LinkBuilder::connect(Dialer::new(url))
}

/// Opens sockets to a `ws:` or `wss:` URL.
#[derive(Clone, Debug)]
pub struct Dialer {
    url: String,
    subprotocols: Subprotocols,
    headers: Vec<(String, String)>,
}

impl Dialer {
    /// Creates a dialer that offers the subprotocols of roam.
    pub fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            subprotocols: Subprotocols::Offer,
            headers: Vec::new(),
        }
    }

    /// Sets which subprotocols are offered.
    #[must_use]
    pub fn offer(mut self, subprotocols: Subprotocols) -> Self {
        self.subprotocols = subprotocols;
        self
    }

    fn request(&self) -> Result<Request, Error> {
        let mut request = self.url.as_str().into_client_request()?;
        let headers = request.headers_mut();
        if self.subprotocols == Subprotocols::Offer {
            let offer = HeaderValue::from_static("roam.v2.link, roam.v2.packed, roam.v2");
            headers.insert(SEC_WEBSOCKET_PROTOCOL, offer);
        }
        for (name, value) in &self.headers {
            let name = HeaderName::try_from(name).map_err(http::Error::from)?;
            let value = HeaderValue::try_from(value).map_err(http::Error::from)?;
            headers.append(name, value);
        }
        Ok(request)
    }
}

impl Dial for Dialer {
    type Transport = ClientTransport;

    async fn dial(&mut self, config: &Config) -> Result<ClientTransport, ConnectError> {
        let request = self.request().map_err(transport_error)?;
        rt::timeout(config.handshake_timeout, connect_socket(request, config))
            .await
            .ok_or(ConnectError::Timeout)?
            .map_err(transport_error)
    }
}

impl<D> LinkBuilder<Dialer, D> {
    /// Sends a header with the request that opens the WebSocket. A name or a value that HTTP does
    /// not allow fails the connection.
    pub fn header(self, name: &str, value: &str) -> Self {
        self.map_dialer(|dialer| dialer.headers.push((name.to_owned(), value.to_owned())))
    }

    /// Sets which subprotocols are offered.
    pub fn subprotocols(self, subprotocols: Subprotocols) -> Self {
        self.map_dialer(|dialer| dialer.subprotocols = subprotocols)
    }
}

async fn connect_socket(request: Request, config: &Config) -> Result<ClientTransport, Error> {
    let limits = Some(socket_config(config));
    // Small messages are already joined, so Nagle's algorithm only adds latency.
    let no_delay = true;
    let Some(address) = plain_address(&request) else {
        let (socket, response) = connect_async_with_config(request, limits, no_delay).await?;
        let peer = plain_peer(socket.get_ref());
        // Without a pulse, since nobody counts the bytes of a TLS socket.
        let transport = WebSocketTransport::new(socket, picked(&response), peer);
        return Ok(ClientTransport(Either::Tls(transport)));
    };
    let socket = TcpStream::connect(address).await?;
    socket.set_nodelay(no_delay)?;
    let peer = socket.peer_addr().ok();
    let (socket, response) = client_async_with_config(request, Socket::new(socket), limits).await?;
    let transport = WebSocketTransport::new(socket, picked(&response), peer);
    let transport = transport.with_pulse(config, Socket::heard);
    Ok(ClientTransport(Either::Plain(transport)))
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

/// Returns the peer of a socket without TLS. The types of TLS sockets are those of features that only
/// the user enables.
fn plain_peer(socket: &MaybeTlsStream<TcpStream>) -> Option<SocketAddr> {
    match socket {
        MaybeTlsStream::Plain(socket) => socket.peer_addr().ok(),
        _ => None,
    }
}

fn transport_error(error: Error) -> ConnectError {
    ConnectError::Transport(Box::new(error))
}

/// A WebSocket of a client.
#[derive(Debug)]
pub struct ClientTransport(Either);

/// A socket with or without TLS. TLS sockets come from tokio-tungstenite, whose type cannot wrap a
/// socket of ours unless one of its TLS features is enabled.
#[derive(Debug)]
enum Either {
    Plain(WebSocketTransport<Socket<TcpStream>>),
    Tls(WebSocketTransport<MaybeTlsStream<TcpStream>>),
}

impl Transport for ClientTransport {
    fn framing(&self) -> Framing {
        match &self.0 {
            Either::Plain(transport) => transport.framing(),
            Either::Tls(transport) => transport.framing(),
        }
    }

    fn peer_addr(&self) -> Option<SocketAddr> {
        match &self.0 {
            Either::Plain(transport) => transport.peer_addr(),
            Either::Tls(transport) => transport.peer_addr(),
        }
    }

    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, TransportError>> {
        match &mut self.0 {
            Either::Plain(transport) => transport.poll_receive(cx),
            Either::Tls(transport) => transport.poll_receive(cx),
        }
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        match &mut self.0 {
            Either::Plain(transport) => transport.poll_ready(cx),
            Either::Tls(transport) => transport.poll_ready(cx),
        }
    }

    fn start_send(&mut self, frame: Bytes) -> Result<(), TransportError> {
        match &mut self.0 {
            Either::Plain(transport) => transport.start_send(frame),
            Either::Tls(transport) => transport.start_send(frame),
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        match &mut self.0 {
            Either::Plain(transport) => transport.poll_flush(cx),
            Either::Tls(transport) => transport.poll_flush(cx),
        }
    }

    fn poll_close(
        &mut self,
        close: &Close,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), TransportError>> {
        match &mut self.0 {
            Either::Plain(transport) => transport.poll_close(close, cx),
            Either::Tls(transport) => transport.poll_close(close, cx),
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
