//! Two machines joined by a wire.

use std::time::Duration;

use roam_proto::{
    Attach, ChannelId, Config, ConnectionId, Direction, Event, Framing, LinkId, Request, Role,
    Secret,
};

use super::{METHOD, NONE, Peer, ROOT, Receive, Send, small};

/// Two machines joined by a wire that keeps order and loses nothing.
pub struct Pair {
    pub client: Peer,
    pub server: Peer,
}

impl Pair {
    /// Creates a pair that has exchanged nothing yet.
    pub fn before_handshake(framing: Framing, client: &Config, server: &Config) -> Self {
        Self {
            client: Peer::new(Role::Initiator, framing, client),
            server: Peer::new(Role::Acceptor, framing, server),
        }
    }

    pub fn with(framing: Framing, client: &Config, server: &Config) -> Self {
        let mut pair = Self::before_handshake(framing, client, server);
        if framing == Framing::Numbered {
            pair.attach();
        }
        pair.settle();
        assert!(matches!(pair.client.event(), Event::Ready(_)));
        assert!(matches!(pair.server.event(), Event::Ready(_)));
        pair
    }

    /// Begins on a transport.
    fn attach(&mut self) {
        self.client.link.attach(NONE, Duration::ZERO);
        let attach = self.client.link.poll_transmit().expect("Attach is sent");
        let attach = Attach::decode(&attach).expect("Attach is valid");
        let id = LinkId::new(vec![1]).expect("a short id");
        let accepted =
            (self.server.link).accept(&attach, id, Secret::new([1; Secret::LEN]), Duration::ZERO);
        accepted.expect("the link is new");
    }

    /// Goes on with another transport. What was on its way is lost.
    pub fn reattach(&mut self) {
        self.client.link.attach(NONE, Duration::ZERO);
        let attach = self.client.link.poll_transmit().expect("Attach is sent");
        let attach = Attach::decode(&attach).expect("Attach is valid");
        let resumed =
            (self.server.link).resume(&attach, Secret::new([2; Secret::LEN]), Duration::ZERO);
        resumed.expect("the client has a right to the link");
    }

    pub fn new() -> Self {
        Self::with(Framing::Packed, &small(), &small())
    }

    /// Carries frames both ways until neither machine has more to send.
    pub fn settle(&mut self) {
        while self.carry_to_server() | self.carry_to_client() {}
    }

    pub fn carry_to_server(&mut self) -> bool {
        carry(&mut self.client, &mut self.server)
    }

    pub fn carry_to_client(&mut self) -> bool {
        carry(&mut self.server, &mut self.client)
    }

    /// Makes a call from the client and returns the Request that the server receives.
    #[track_caller]
    pub fn call(&mut self, directions: &[Direction], payload: &[u8]) -> Request {
        self.client
            .link
            .calls(ROOT)
            .request(METHOD, NONE, directions, payload)
            .expect("the call is accepted");
        self.settle();
        self.server.request()
    }

    /// Makes a call whose only argument is a channel on which the client sends.
    #[track_caller]
    pub fn upload(&mut self) -> (Request, ChannelId) {
        let request = self.call(&[Send], &[]);
        let channel = request.channels[0];
        assert!(self.server.link.channel(ROOT, channel).bind(Receive));
        (request, channel)
    }

    /// Makes a call whose only argument is a channel on which the server sends.
    #[track_caller]
    pub fn download(&mut self) -> (Request, ChannelId) {
        let request = self.call(&[Receive], &[]);
        let channel = request.channels[0];
        assert!(self.server.link.channel(ROOT, channel).bind(Send));
        (request, channel)
    }

    /// Opens a virtual connection from the client.
    #[track_caller]
    pub fn connect(&mut self) -> ConnectionId {
        self.client
            .link
            .open_connection(NONE)
            .expect("the link is open");
        self.settle();
        let Event::ConnectRequest { request, .. } = self.server.event() else {
            panic!("expected a ConnectRequest");
        };
        let id = self
            .server
            .link
            .accept_connection(request, NONE)
            .expect("the link is open");
        self.settle();
        match self.client.event() {
            Event::ConnectAnswer { result, .. } => assert_eq!(result, Ok(id)),
            other => panic!("expected a ConnectAnswer, got {other:?}"),
        }
        id
    }

    #[track_caller]
    pub fn assert_idle(&mut self) {
        self.settle();
        self.client.assert_idle();
        self.server.assert_idle();
    }
}

fn carry(from: &mut Peer, to: &mut Peer) -> bool {
    let mut any = false;
    while let Some(frame) = from.link.poll_transmit() {
        to.link.handle_frame(&frame);
        any = true;
    }
    to.link.handle_caught_up();
    from.collect();
    to.collect();
    any
}
