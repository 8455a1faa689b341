//! An end of a link of ours with a [`Peer`] at the other: as a server and as a client, in every
//! framing.
#![expect(clippy::missing_panics_doc, reason = "a test that panics has failed")]

use std::any::Any;
use std::borrow::Cow;
use std::net::SocketAddr;

use bytes::Bytes;
use roam_core::proto::{ChannelId, Hello, Message, Role};
use roam_core::transport::websocket::{self, Subprotocols};
use roam_core::{
    CloseReason, Config, ConnectError, ConnectionHandle, ConnectionId, Metadata, NoDispatcher,
    RequestId, Rule, Stats, initiate,
};
use roam_ws_server::Server;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::probe::{Events, ProbeClient, ProbeDispatcher, Reporting, method, reporting};
use crate::raw::{Peer, ROOT, Wire};
use crate::watched;

/// What our end is, and how the peer is spoken to.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Whether our end is the client or the server.
    pub role: Role,
    /// The framing.
    pub wire: Wire,
}

/// An end of ours, and the peer.
#[derive(Debug)]
pub struct End {
    /// The peer.
    pub peer: Peer,
    /// What our end is.
    pub role: Role,
    /// The root connection, as our end holds it.
    pub link: ConnectionHandle,
    /// What the handlers of our end report.
    pub events: Events,
    reporting: Reporting,
    /// Another link of the same server or program, which nothing that the peer does may touch.
    bystander: ConnectionHandle,
    /// The connection that was opened last.
    virtual_connection: Option<ConnectionHandle>,
    /// What is kept until the test is over.
    kept: Vec<Box<dyn Any>>,
    requests: u64,
}

/// What the peer says of itself unless a test has it say something else.
pub const HELLO: Hello = Hello {
    max_payload_size: 1 << 20,
    initial_channel_credit: 256 * 1024,
};

/// Runs a test in every setting.
pub fn everywhere(test: impl AsyncFn(Setting)) {
    watched(async {
        for role in [Role::Acceptor, Role::Initiator] {
            for wire in [Wire::Packed, Wire::Single, Wire::Unnamed] {
                test(Setting { role, wire }).await;
            }
        }
    });
}

/// Runs a test in every setting, on a link whose handshake is done.
pub fn on_every_link(test: impl AsyncFn(End)) {
    on_every_link_with(&Config::default(), test);
}

/// The same with other settings of our end.
pub fn on_every_link_with(config: &Config, test: impl AsyncFn(End)) {
    everywhere(async |setting| {
        let beginning = Beginning::new(setting, config.clone()).await;
        test(beginning.shake_hands(HELLO).await).await;
    });
}

/// The peer breaks `rule` by what `act` does: once on the root connection, which ends the link
/// and no other, and once on a virtual connection, which ends that alone if the rule says so.
pub fn breaks(rule: Rule, act: impl AsyncFn(&mut End, ConnectionId)) {
    breaks_with(&Config::default(), rule, act);
}

/// The same with other settings of our end.
#[expect(clippy::needless_pass_by_value, reason = "tests write it in place")]
pub fn breaks_with(config: &Config, rule: Rule, act: impl AsyncFn(&mut End, ConnectionId)) {
    on_every_link_with(config, async |mut end| {
        act(&mut end, ROOT).await;
        end.link_ends(rule).await;
    });
    on_every_link_with(config, async |mut end| {
        let (id, connection) = end.open_connection(1).await;
        act(&mut end, id).await;
        if rule.ends_link() {
            end.link_ends(rule).await;
        } else {
            end.connection_ends(&connection, rule).await;
        }
    });
}

/// A server of `Probe` on a port of its own.
pub async fn serve(server: Server) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("a bound socket");
    (
        address,
        tokio::spawn(async move { server.serve(listener).await }),
    )
}

/// An honest client of a server.
pub async fn connect(server: SocketAddr) -> ConnectionHandle {
    let url = format!("ws://{server}/");
    websocket::connect(&url, NoDispatcher, &Config::client())
        .await
        .expect("a server")
}

/// The beginning of a link of ours to a peer that has not said Hello.
pub struct Beginning {
    /// The peer.
    pub peer: Peer,
    /// What our end is.
    pub role: Role,
    reporting: Reporting,
    events: Events,
    bystander: ConnectionHandle,
    /// The link, once its handshake is done; a server's is found by a call.
    connecting: Option<JoinHandle<Result<ConnectionHandle, ConnectError>>>,
}

impl Beginning {
    /// Connects the two, and no more.
    pub async fn new(setting: Setting, config: Config) -> Self {
        let (reporting, events) = reporting();
        let dispatcher = ProbeDispatcher::new(reporting.clone());
        let server = Server::new(dispatcher.clone()).with_config(config.clone());
        let (server, _) = serve(server).await;
        let bystander = connect(server).await;
        let (peer, connecting) = match setting.role {
            Role::Acceptor => (Peer::connect(server, setting.wire).await, None),
            Role::Initiator => {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
                let address = listener.local_addr().expect("a bound socket");
                let offer = match setting.wire {
                    Wire::Unnamed => Subprotocols::OfferNone,
                    _ => Subprotocols::Offer,
                };
                let connecting = tokio::spawn(async move {
                    let url = format!("ws://{address}/");
                    let transport = websocket::open(&url, offer, &config).await?;
                    initiate(transport, dispatcher, &config).await
                });
                (
                    Peer::accept(&listener, setting.wire).await,
                    Some(connecting),
                )
            }
        };
        Self {
            peer,
            role: setting.role,
            reporting,
            events,
            bystander,
            connecting,
        }
    }

    /// Does the handshake.
    pub async fn shake_hands(mut self, hello: Hello) -> End {
        self.peer.shake_hands(hello).await;
        let link = if let Some(connecting) = self.connecting.take() {
            connecting.await.expect("no panic").expect("a link")
        } else {
            self.meet().await
        };
        End {
            peer: self.peer,
            role: self.role,
            link,
            events: self.events,
            reporting: self.reporting,
            bystander: self.bystander,
            virtual_connection: None,
            kept: Vec::new(),
            requests: 1,
        }
    }

    /// Our end of a link that the peer has opened.
    async fn meet(&mut self) -> ConnectionHandle {
        self.peer.request(ROOT, 1, method("meet"), &[], &[]).await;
        let link = self.events.met().await;
        let answer = self.peer.response(ROOT, 1).await;
        assert_eq!(answer, (Metadata::new(), vec![0]));
        link
    }

    /// The link ends before it is one, with a Goodbye for that rule.
    pub async fn fails(mut self, rule: Rule) {
        self.peer.expect(&Message::Hello(HELLO)).await;
        self.peer.expect_goodbye(ROOT, rule).await;
        self.peer.expect_end().await;
        if let Some(reason) = self.failure().await {
            assert!(
                matches!(&reason, CloseReason::Violation(broken) if broken.rule == rule),
                "{reason}"
            );
        }
        echo(&self.bystander).await;
    }

    /// Why the client's link did not come about.
    pub async fn failure(&mut self) -> Option<CloseReason> {
        let connecting = self.connecting.take()?;
        match connecting.await.expect("no panic") {
            Err(ConnectError::Closed(reason)) => Some(reason),
            other => panic!("{other:?}"),
        }
    }
}

impl End {
    /// The `n`th channel id that the peer may hand out, from 0.
    pub fn theirs(&self, n: u64) -> ChannelId {
        match self.role {
            Role::Acceptor => ChannelId(2 * n + 1),
            Role::Initiator => ChannelId(2 * n + 2),
        }
    }

    /// The `n`th channel id that our end hands out, from 0.
    pub fn ours(&self, n: u64) -> ChannelId {
        match self.role {
            Role::Acceptor => ChannelId(2 * n + 2),
            Role::Initiator => ChannelId(2 * n + 1),
        }
    }

    /// A request id that was not used yet.
    pub fn request_id(&mut self) -> u64 {
        self.requests += 1;
        self.requests
    }

    /// The peer calls a method of ours.
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

    /// A connection of the link, as our end holds it.
    pub fn connection(&self, id: ConnectionId) -> ConnectionHandle {
        match &self.virtual_connection {
            Some(connection) if connection.id() == id => connection.clone(),
            _ => self.link.clone(),
        }
    }

    /// The peer asks our end for a virtual connection, and gets it.
    pub async fn open_connection(&mut self, request: u64) -> (ConnectionId, ConnectionHandle) {
        let mut incoming = self.link.listen();
        let none = Metadata::new();
        let connect = Message::Connect {
            request: RequestId(request),
            metadata: Cow::Borrowed(&none),
        };
        self.peer.send(&connect).await;
        let asked = incoming.next().await.expect("a link");
        let dispatcher = ProbeDispatcher::new(self.reporting.clone());
        let connection = asked.accept(&none, dispatcher).expect("a link");
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

    /// The link ends, and it alone, with a Goodbye for that rule.
    pub async fn link_ends(mut self, rule: Rule) {
        self.peer.expect_goodbye(ROOT, rule).await;
        self.peer.expect_end().await;
        broken(&self.link, rule).await;
        self.others_go_on().await;
    }

    /// Other links of the same server or program go on.
    pub async fn others_go_on(&self) {
        echo(&self.bystander).await;
    }

    /// A virtual connection ends, and it alone, with a Goodbye for that rule.
    pub async fn connection_ends(mut self, connection: &ConnectionHandle, rule: Rule) {
        self.peer.expect_goodbye(connection.id(), rule).await;
        broken(connection, rule).await;
        self.goes_on().await;
    }

    /// The link goes on: the root connection and a new one answer calls, and so do other links.
    pub async fn goes_on(mut self) {
        let request = self.request_id();
        let (another, _handle) = self.open_connection(request).await;
        for connection in [ROOT, another] {
            self.answers(connection).await;
        }
        echo(&self.bystander).await;
    }

    /// A call of the peer on that connection is answered.
    pub async fn answers(&mut self, connection: ConnectionId) {
        let id = self.call(connection, "echo", &[], &[2, 8, 9]).await;
        assert_eq!(
            self.peer.response(connection, id).await,
            (Metadata::new(), vec![0, 2, 8, 9])
        );
    }

    /// Keeps a channel's end alive until the test is over.
    pub fn keep(&mut self, end: impl Any) {
        self.kept.push(Box::new(end));
    }

    /// Waits until the link is as `is` says.
    pub async fn settled(&self, is: impl Fn(&Stats) -> bool) {
        while !is(&self.link.stats()) {
            tokio::task::yield_now().await;
        }
    }
}

async fn broken(connection: &ConnectionHandle, rule: Rule) {
    let reason = connection.closed().await;
    assert!(
        matches!(&reason, CloseReason::Violation(violation) if violation.rule == rule),
        "{reason}"
    );
}

/// A link that works.
pub async fn echo(link: &ConnectionHandle) {
    let said = Bytes::from_static(b"are you there?");
    assert_eq!(
        ProbeClient::new(link.clone())
            .echo(said.clone())
            .await
            .expect("an answer"),
        said
    );
}
