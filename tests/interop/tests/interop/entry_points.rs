//! The public functions that connect and serve, against their counterparts in the other library.

use std::io;

use roam_core::client::Dial;
use roam_core::net::stream::{self, tcp};
use roam_core::net::websocket::{self, Subprotocols};
use roam_core::proto::Rule;
use roam_core::server::{Accepted, Acceptor};
use roam_core::{Config, ConnectError, LinkBuilder};
use roam_session::ConnectionError;
use roam_stream::HandshakeConfig;
use roam_websocket::WsTransport;
use roam_ws_server::Server;
use their_tungstenite::MaybeTlsStream;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::links::CREDIT;
use crate::watch::watched;
use crate::{ours, theirs};

fn our_service() -> ours::TestbedDispatcher<ours::TestbedHandler> {
    ours::TestbedDispatcher::new(ours::testbed_handler().0)
}

fn their_service() -> theirs::TestbedDispatcher<theirs::TestbedHandler> {
    theirs::TestbedDispatcher::new(theirs::testbed_handler().0)
}

fn config() -> Config {
    Config::client().with_initial_channel_credit(CREDIT)
}

async fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

/// Opens the sockets of their reconnecting clients.
struct Connector(String);

impl roam_stream::Connector for Connector {
    type Transport = TcpStream;

    async fn connect(&self) -> io::Result<TcpStream> {
        TcpStream::connect(&self.0).await
    }
}

impl roam_session::MessageConnector for Connector {
    type Transport = WsTransport<MaybeTlsStream<TcpStream>>;

    async fn connect(&self) -> io::Result<Self::Transport> {
        let url = format!("ws://{}/", self.0);
        let (socket, _) = their_tungstenite::connect_async(url)
            .await
            .map_err(io::Error::other)?;
        Ok(WsTransport::new(socket))
    }
}

/// Runs their server for one WebSocket, without support for subprotocols.
async fn their_websocket_server() -> String {
    let (listener, address) = listener().await;
    tokio::spawn(async move {
        let (socket, _) = listener.accept().await.unwrap();
        let socket = WsTransport::new(their_tungstenite::accept_async(socket).await.unwrap());
        let accepting =
            roam_websocket::ws_accept(socket, HandshakeConfig::default(), their_service());
        let (_, _, driver) = accepting.await.unwrap();
        driver.run().await
    });
    format!("ws://{address}/")
}

/// Runs their server for one socket. Says why it refused it, or `None` if it did not.
async fn their_stream_server<S>(socket: S, refused: &UnboundedSender<Option<ConnectionError>>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let accepting = roam_stream::accept(socket, HandshakeConfig::default(), their_service());
    match accepting.await {
        Ok((_, _, driver)) => {
            refused.send(None).unwrap();
            // It ends with the link.
            let _ = driver.run().await;
        }
        Err(error) => refused.send(Some(error)).unwrap(),
    }
}

/// Asserts that a server refused one socket, for its preface, and accepted the next.
async fn assert_fell_back(mut refused: UnboundedReceiver<Option<ConnectionError>>) {
    let error = refused.recv().await.unwrap();
    assert!(
        matches!(
            &error,
            Some(ConnectionError::ProtocolViolation { rule_id, .. })
                if *rule_id == Rule::HelloUnknownVersion.id()
        ),
        "{error:?}"
    );
    assert!(refused.recv().await.unwrap().is_none());
}

/// Their server takes our preface for a Hello of an unknown version. We connect once more, without it.
#[test]
fn our_tcp_client_calls_their_server() {
    watched(async {
        let (listener, address) = listener().await;
        let (refused, refusals) = unbounded_channel();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                their_stream_server(socket, &refused).await;
            }
        });
        let server = tcp::connect(address).config(config()).await.unwrap();
        ours::calls::every_method(&ours::TestbedClient::new(server)).await;
        assert_fell_back(refusals).await;
    });
}

#[cfg(unix)]
#[test]
fn our_unix_client_calls_their_server() {
    watched(async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let listener = tokio::net::UnixListener::bind(&path).unwrap();
        let (refused, refusals) = unbounded_channel();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                their_stream_server(socket, &refused).await;
            }
        });
        let connecting = stream::unix::connect(&path).config(config());
        let server = connecting.await.unwrap();
        ours::calls::every_method(&ours::TestbedClient::new(server)).await;
        assert_fell_back(refusals).await;
    });
}

/// A dialer that was told does not try.
#[test]
fn our_tcp_client_of_version_2_calls_their_server_at_once() {
    watched(async {
        let (listener, address) = listener().await;
        let (refused, mut refusals) = unbounded_channel();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                their_stream_server(socket, &refused).await;
            }
        });
        let mut dialer = tcp::Dialer::new(address);
        assert!(dialer.fall_back());
        let server = LinkBuilder::connect(dialer).config(config()).await.unwrap();
        ours::calls::every_method(&ours::TestbedClient::new(server)).await;
        assert!(refusals.recv().await.unwrap().is_none());
    });
}

/// Our acceptor learns from the first bytes that the peer only knows version 2.
#[test]
fn their_tcp_client_calls_our_server_that_keeps_links() {
    watched(async {
        let (listener, address) = listener().await;
        tokio::spawn(async move {
            let socket = tcp::adopt(listener.accept().await.unwrap().0).unwrap();
            let config = Config::default().with_initial_channel_credit(CREDIT);
            let incoming = Acceptor::new(config).receive(socket).await.unwrap();
            assert!(incoming.metadata().is_empty() && incoming.link().is_none());
            let Ok(Accepted::New(link)) = incoming.accept() else {
                panic!("the link is new")
            };
            link.dispatcher(our_service()).drive().1.await
        });
        let config = HandshakeConfig::default();
        let client = roam_stream::connect(Connector(address), config, roam_stream::NoDispatcher);
        let handle = client.handle().await.unwrap();
        theirs::calls::every_method(&theirs::TestbedClient::new(handle)).await;
    });
}

#[test]
fn their_tcp_client_calls_our_server() {
    watched(async {
        let (listener, address) = listener().await;
        tokio::spawn(async move {
            let accepted = tcp::accept(&listener).await.unwrap();
            let link = accepted.dispatcher(our_service()).config(config());
            link.drive().1.await
        });
        let config = HandshakeConfig::default();
        let client = roam_stream::connect(Connector(address), config, roam_stream::NoDispatcher);
        let handle = client.handle().await.unwrap();
        theirs::calls::every_method(&theirs::TestbedClient::new(handle)).await;
    });
}

#[cfg(unix)]
#[test]
fn calls_in_both_directions_over_unix_sockets() {
    watched(async {
        let (ours, theirs) = tokio::net::UnixStream::pair().unwrap();
        let transport = stream::StreamTransport::new(ours);
        let (our_handle, driver) = roam_core::accept(transport)
            .dispatcher(our_service())
            .config(config())
            .drive();
        tokio::spawn(driver);
        let transport = roam_stream::CobsFramed::new(theirs);
        let config = HandshakeConfig::default();
        let initiating = roam_stream::initiate_framed(transport, config, their_service());
        let (their_handle, _connections, driver) = initiating.await.unwrap();
        tokio::spawn(driver.run());
        ours::calls::every_method(&ours::TestbedClient::new(our_handle)).await;
        theirs::calls::every_method(&theirs::TestbedClient::new(their_handle)).await;
    });
}

#[test]
fn our_websocket_client_calls_their_server() {
    watched(async {
        let url = their_websocket_server().await;
        let connecting = websocket::connect(&url).subprotocols(Subprotocols::OfferNone);
        let server = connecting.config(config()).await.unwrap();
        ours::calls::every_method(&ours::TestbedClient::new(server)).await;
    });
}

/// A client that offers subprotocols must fail when the server picks none.
#[test]
fn our_websocket_client_requires_an_offered_subprotocol() {
    watched(async {
        let url = their_websocket_server().await;
        let refused = websocket::connect(&url).config(config()).await.unwrap_err();
        assert!(matches!(refused, ConnectError::Transport(_)), "{refused}");
    });
}

#[test]
fn their_websocket_client_calls_our_server() {
    watched(async {
        let (listener, address) = listener().await;
        let server = Server::new(our_service());
        tokio::spawn(async move { server.serve(listener).await });
        let config = HandshakeConfig::default();
        let connector = Connector(address);
        let client = roam_websocket::ws_connect(connector, config, roam_stream::NoDispatcher);
        let handle = client.handle().await.unwrap();
        theirs::calls::every_method(&theirs::TestbedClient::new(handle)).await;
    });
}
