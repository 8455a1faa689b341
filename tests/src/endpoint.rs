//! An endpoint of roam connected to a raw [`Peer`], as server and as client, in every framing.
#![expect(clippy::missing_panics_doc, reason = "a test that panics has failed")]

use std::any::Any;
use std::borrow::Cow;
use std::net::SocketAddr;

use bytes::Bytes;
use roam_core::net::websocket::{self, Subprotocols};
use roam_core::proto::{ChannelId, Hello, Message, Role};
use roam_core::{
    CloseReason, Config, ConnectError, ConnectionHandle, ConnectionId, Metadata, RequestId, Rule,
    Stats,
};
use roam_ws_server::Server;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::probe::{Events, ProbeClient, ProbeDispatcher, ProbeHandler, method, probe_handler};
use crate::raw::{Framing, Peer, ROOT};
use crate::watched;

/// The role of our endpoint and the framing of the link.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The role of our endpoint.
    pub role: Role,
    /// The framing.
    pub framing: Framing,
}

/// Our endpoint of a link, and the raw peer that it is connected to.
#[derive(Debug)]
pub struct Endpoint {
    /// The raw peer.
    pub peer: Peer,
    /// The role of our endpoint.
    pub role: Role,
    /// Our handle of the root connection.
    pub link: ConnectionHandle,
    /// The events of our handlers.
    pub events: Events,
    handler: ProbeHandler,
    /// Another link of the same server or program, which must not be affected by the peer.
    bystander: ConnectionHandle,
    /// The virtual connection that was opened last.
    virtual_connection: Option<ConnectionHandle>,
    /// Values kept alive until the test ends.
    kept: Vec<Box<dyn Any>>,
    requests: u64,
}

/// The Hello that the peer sends by default.
pub const HELLO: Hello = Hello {
    max_payload_size: 1 << 20,
    initial_channel_credit: 256 * 1024,
};

/// Runs `test` in every setting.
pub fn in_every_setting(test: impl AsyncFn(Setting)) {
    watched(async {
        for role in [Role::Acceptor, Role::Initiator] {
            for framing in [Framing::Packed, Framing::Single, Framing::Unnamed] {
                test(Setting { role, framing }).await;
            }
        }
    });
}

/// Runs `test` in every setting, after the handshake.
pub fn on_every_link(test: impl AsyncFn(Endpoint)) {
    on_every_link_with(&Config::default(), test);
}

/// Runs `test` like [`on_every_link`], with `config` for our endpoint.
pub fn on_every_link_with(config: &Config, test: impl AsyncFn(Endpoint)) {
    in_every_setting(async |setting| {
        let handshake = Handshake::new(setting, config.clone()).await;
        test(handshake.complete(HELLO).await).await;
    });
}

/// Asserts that `act` makes the peer break `rule`.
///
/// Runs `act` once on the root connection, which must end this link and no other, and once on a
/// virtual connection, which must end the link or only that connection, depending on the rule.
pub fn breaks(rule: Rule, act: impl AsyncFn(&mut Endpoint, ConnectionId)) {
    breaks_with(&Config::default(), rule, act);
}

/// Asserts like [`breaks`], with `config` for our endpoint.
#[expect(clippy::needless_pass_by_value, reason = "tests construct it in place")]
pub fn breaks_with(config: &Config, rule: Rule, act: impl AsyncFn(&mut Endpoint, ConnectionId)) {
    on_every_link_with(config, async |mut endpoint| {
        act(&mut endpoint, ROOT).await;
        endpoint.link_ends(rule).await;
    });
    on_every_link_with(config, async |mut endpoint| {
        let (id, connection) = endpoint.open_connection(1).await;
        act(&mut endpoint, id).await;
        if rule.ends_link() {
            endpoint.link_ends(rule).await;
        } else {
            endpoint.connection_ends(&connection, rule).await;
        }
    });
}

/// Runs `server` on a free port.
pub async fn serve(server: Server) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("failed to bind a port");
    let address = listener.local_addr().expect("the socket is not bound");
    (
        address,
        tokio::spawn(async move { server.serve(listener).await }),
    )
}

/// Connects a well-behaved client to a server.
pub async fn connect(server: SocketAddr) -> ConnectionHandle {
    let url = format!("ws://{server}/");
    websocket::connect(&url).await.expect("failed to connect")
}

/// A link whose peer has not sent Hello yet.
pub struct Handshake {
    /// The raw peer.
    pub peer: Peer,
    /// The role of our endpoint.
    pub role: Role,
    handler: ProbeHandler,
    events: Events,
    bystander: ConnectionHandle,
    /// The client's connection attempt; `None` for a server.
    connecting: Option<JoinHandle<Result<ConnectionHandle, ConnectError>>>,
}

impl Handshake {
    /// Connects our endpoint and the peer, without Hello from the peer.
    pub async fn new(setting: Setting, config: Config) -> Self {
        let (handler, events) = probe_handler();
        let dispatcher = ProbeDispatcher::new(handler.clone());
        let server = Server::new(dispatcher.clone()).with_config(config.clone());
        let (server, _) = serve(server).await;
        let bystander = connect(server).await;
        let (peer, connecting) = match setting.role {
            Role::Acceptor => (Peer::connect(server, setting.framing).await, None),
            Role::Initiator => {
                let listener = TcpListener::bind("127.0.0.1:0")
                    .await
                    .expect("failed to bind a port");
                let address = listener.local_addr().expect("the socket is not bound");
                let offer = match setting.framing {
                    Framing::Unnamed => Subprotocols::OfferNone,
                    _ => Subprotocols::Offer,
                };
                let connecting = tokio::spawn(async move {
                    let url = format!("ws://{address}/");
                    let connecting = websocket::connect(&url).subprotocols(offer);
                    connecting.dispatcher(dispatcher).config(config).await
                });
                (
                    Peer::accept(&listener, setting.framing).await,
                    Some(connecting),
                )
            }
        };
        Self {
            peer,
            role: setting.role,
            handler,
            events,
            bystander,
            connecting,
        }
    }

    /// Completes the handshake.
    pub async fn complete(mut self, hello: Hello) -> Endpoint {
        self.peer.handshake(hello).await;
        let link = if let Some(connecting) = self.connecting.take() {
            connecting
                .await
                .expect("the client panicked")
                .expect("failed to connect")
        } else {
            self.accepted_link().await
        };
        Endpoint {
            peer: self.peer,
            role: self.role,
            link,
            events: self.events,
            handler: self.handler,
            bystander: self.bystander,
            virtual_connection: None,
            kept: Vec::new(),
            requests: 1,
        }
    }

    /// Returns our handle of a link that the peer has opened.
    async fn accepted_link(&mut self) -> ConnectionHandle {
        self.peer.request(ROOT, 1, method("meet"), &[], &[]).await;
        let link = self.events.met().await;
        let answer = self.peer.response(ROOT, 1).await;
        assert_eq!(answer, (Metadata::new(), vec![0]));
        link
    }

    /// Asserts that the handshake fails with a Goodbye for `rule`.
    pub async fn fails(mut self, rule: Rule) {
        self.peer.expect(&Message::Hello(HELLO)).await;
        self.peer.expect_goodbye(ROOT, rule).await;
        self.peer.expect_close().await;
        if let Some(reason) = self.failure().await {
            assert!(
                matches!(&reason, CloseReason::Violation(broken) if broken.rule == rule),
                "{reason}"
            );
        }
        echo(&self.bystander).await;
    }

    /// Returns why the client failed to connect; `None` for a server.
    pub async fn failure(&mut self) -> Option<CloseReason> {
        let connecting = self.connecting.take()?;
        match connecting.await.expect("the client panicked") {
            Err(ConnectError::Closed(reason)) => Some(reason),
            other => panic!("{other:?}"),
        }
    }
}

impl Endpoint {
    /// Returns the peer's `n`th channel id, counting from 0.
    pub fn their_channel(&self, n: u64) -> ChannelId {
        match self.role {
            Role::Acceptor => ChannelId(2 * n + 1),
            Role::Initiator => ChannelId(2 * n + 2),
        }
    }

    /// Returns our `n`th channel id, counting from 0.
    pub fn our_channel(&self, n: u64) -> ChannelId {
        match self.role {
            Role::Acceptor => ChannelId(2 * n + 2),
            Role::Initiator => ChannelId(2 * n + 1),
        }
    }

    /// Returns an unused request id.
    pub fn request_id(&mut self) -> u64 {
        self.requests += 1;
        self.requests
    }

    /// Calls one of our methods from the peer and returns the request id.
    pub async fn call(
        &mut self,
        on: ConnectionId,
        name: &str,
        channels: &[ChannelId],
        payload: &[u8],
    ) -> u64 {
        let id = self.request_id();
        self.peer
            .request(on, id, method(name), channels, payload)
            .await;
        id
    }

    /// Returns our handle of a connection.
    pub fn connection(&self, id: ConnectionId) -> ConnectionHandle {
        match &self.virtual_connection {
            Some(connection) if connection.id() == id => connection.clone(),
            _ => self.link.clone(),
        }
    }

    /// Opens a virtual connection from the peer.
    pub async fn open_connection(&mut self, request: u64) -> (ConnectionId, ConnectionHandle) {
        let mut incoming = self.link.listen();
        let none = Metadata::new();
        let connect = Message::Connect {
            request: RequestId(request),
            metadata: Cow::Borrowed(&none),
        };
        self.peer.send(&connect).await;
        let incoming = incoming.next().await.expect("the link has ended");
        let dispatcher = ProbeDispatcher::new(self.handler.clone());
        let connection = incoming
            .accept(&none, dispatcher)
            .expect("the link has ended");
        let answer = self.peer.next().await;
        assert!(
            matches!(
                Message::decode(&answer),
                Ok(Message::Accept { request: RequestId(id), connection: on, .. })
                    if id == request && on == connection.id()
            ),
            "{answer:?}"
        );
        self.virtual_connection = Some(connection.clone());
        (connection.id(), connection)
    }

    /// Asserts that the link, and no other, ends with a Goodbye for `rule`.
    pub async fn link_ends(mut self, rule: Rule) {
        self.peer.expect_goodbye(ROOT, rule).await;
        self.peer.expect_close().await;
        assert_violation(&self.link, rule).await;
        self.other_links_work().await;
    }

    /// Asserts that another link of the same server or program still works.
    pub async fn other_links_work(&self) {
        echo(&self.bystander).await;
    }

    /// Asserts that only a virtual connection ends, with a Goodbye for `rule`.
    pub async fn connection_ends(mut self, connection: &ConnectionHandle, rule: Rule) {
        self.peer.expect_goodbye(connection.id(), rule).await;
        assert_violation(connection, rule).await;
        self.still_works().await;
    }

    /// Asserts that the root connection, a new virtual connection and another link still work.
    pub async fn still_works(mut self) {
        let request = self.request_id();
        let (another, _handle) = self.open_connection(request).await;
        for connection in [ROOT, another] {
            self.answers_calls(connection).await;
        }
        echo(&self.bystander).await;
    }

    /// Asserts that a call from the peer on `connection` is answered.
    pub async fn answers_calls(&mut self, connection: ConnectionId) {
        let id = self.call(connection, "echo", &[], &[2, 8, 9]).await;
        assert_eq!(
            self.peer.response(connection, id).await,
            (Metadata::new(), vec![0, 2, 8, 9])
        );
    }

    /// Keeps a channel half alive until the test ends.
    pub fn keep_alive(&mut self, half: impl Any) {
        self.kept.push(Box::new(half));
    }

    /// Waits until the link's statistics satisfy `is_settled`.
    pub async fn wait_until(&self, is_settled: impl Fn(&Stats) -> bool) {
        while !is_settled(&self.link.stats()) {
            tokio::task::yield_now().await;
        }
    }
}

/// Asserts that `connection` ended because of a violation of `rule`.
async fn assert_violation(connection: &ConnectionHandle, rule: Rule) {
    let reason = connection.closed().await;
    assert!(
        matches!(&reason, CloseReason::Violation(violation) if violation.rule == rule),
        "{reason}"
    );
}

/// Asserts that a call on `link` is answered.
pub async fn echo(link: &ConnectionHandle) {
    let payload = Bytes::from_static(b"are you there?");
    assert_eq!(
        ProbeClient::new(link.clone())
            .echo(payload.clone())
            .await
            .expect("the call failed"),
        payload
    );
}
