//! Two machines on a scripted wire, and one machine against raw messages.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use roam_core::proto::{
    ChannelId, CloseReason, Config, ConnectionId, Direction, Event, Framing, Hello, Limits, Link,
    Message, Metadata, MethodId, Received, Request, RequestId, Response, Role, Room, Rule,
};

pub(crate) const ROOT: ConnectionId = ConnectionId::ROOT;
pub(crate) const METHOD: MethodId = MethodId(42);
pub(crate) const NONE: &Metadata = &Metadata::new();
pub(crate) const OK: &[u8] = &[0, 7];
pub(crate) const CANCELLED: &[u8] = &[1, 3];
pub(crate) use Direction::{Receive, Send};

/// Small numbers, so that tests can do sums: a window of 100 bytes, elements of 50 at most.
pub(crate) fn small() -> Config {
    Config {
        max_payload_size: 1_000,
        initial_channel_credit: 100,
        ..Config::default()
    }
}

pub(crate) fn limited(change: impl FnOnce(&mut Limits)) -> Config {
    let mut config = small();
    change(&mut config.limits);
    config
}

/// A machine and what it has reported.
pub(crate) struct Peer {
    pub(crate) link: Link,
    pub(crate) events: VecDeque<Event>,
    /// What is left of its bounds while nothing is going on.
    pub(crate) idle: Room,
}

/// Two machines joined by a wire that keeps order and loses nothing.
pub(crate) struct Pair {
    pub(crate) client: Peer,
    pub(crate) server: Peer,
}

impl Peer {
    pub(crate) fn new(role: Role, framing: Framing, config: &Config) -> Self {
        let link = Link::new(role, framing, config, Duration::ZERO);
        Self {
            idle: link.stats().room,
            link,
            events: VecDeque::new(),
        }
    }

    fn collect(&mut self) {
        while let Some(event) = self.link.poll_event() {
            if let Event::Ready(_) = event {
                self.idle = self.link.stats().room;
            }
            self.events.push_back(event);
        }
    }

    /// The only event since the last look.
    #[track_caller]
    pub(crate) fn event(&mut self) -> Event {
        self.collect();
        let event = self.events.pop_front().expect("an event");
        assert!(
            self.events.is_empty(),
            "{event:?}, and then {:?}",
            self.events
        );
        event
    }

    #[track_caller]
    pub(crate) fn request(&mut self) -> Request {
        match self.event() {
            Event::Request(request) => request,
            other => panic!("{other:?} instead of a Request"),
        }
    }

    #[track_caller]
    pub(crate) fn response(&mut self) -> Response {
        match self.event() {
            Event::Response(response) => response,
            other => panic!("{other:?} instead of a Response"),
        }
    }

    #[track_caller]
    pub(crate) fn channel_ready(&mut self) -> ChannelId {
        match self.event() {
            Event::ChannelReady { channel, .. } => channel,
            other => panic!("{other:?} instead of ChannelReady"),
        }
    }

    #[track_caller]
    pub(crate) fn no_event(&mut self) {
        self.collect();
        assert!(self.events.is_empty(), "{:?}", self.events);
    }

    /// Answers a call, and lets its handler be gone.
    #[track_caller]
    pub(crate) fn answer(&mut self, request: &Request, payload: &[u8]) {
        let id = request.request;
        self.link
            .respond(request.connection, id, NONE, &[], payload)
            .expect("an open call");
        self.link.handler_gone(request.connection, id);
    }

    /// What has arrived on a channel of the root, all of it consumed.
    pub(crate) fn read(&mut self, channel: ChannelId) -> Vec<Vec<u8>> {
        let elements = self.take(channel);
        let bytes = elements.iter().map(Vec::len).sum::<usize>();
        self.link
            .consume(ROOT, channel, u32::try_from(bytes).unwrap());
        elements
    }

    /// What has arrived on a channel of the root, none of it consumed.
    pub(crate) fn take(&mut self, channel: ChannelId) -> Vec<Vec<u8>> {
        match self.link.receive(ROOT, channel) {
            Received::Elements { mut queue, .. } => {
                std::iter::from_fn(|| queue.pop(<[u8]>::to_vec)).collect()
            }
            Received::Nothing => Vec::new(),
            Received::End(end) => panic!("the channel is over: {end:?}"),
        }
    }

    /// Asserts that nothing is left of what was going on.
    #[track_caller]
    pub(crate) fn assert_idle(&self) {
        let stats = self.link.stats();
        assert_eq!(
            (stats.incoming_calls, stats.outgoing_calls),
            (0, 0),
            "calls"
        );
        assert_eq!(stats.channels, 0, "channels");
        assert_eq!(stats.ended_connections, 0, "connections that ended");
        assert_eq!(stats.queued_bytes, 0, "bytes queued");
        assert_eq!(stats.room, self.idle, "room");
    }
}

impl Pair {
    /// Joined, and not a word said yet.
    pub(crate) fn unshaken(framing: Framing, client: &Config, server: &Config) -> Self {
        Self {
            client: Peer::new(Role::Initiator, framing, client),
            server: Peer::new(Role::Acceptor, framing, server),
        }
    }

    pub(crate) fn with(framing: Framing, client: &Config, server: &Config) -> Self {
        let mut pair = Self::unshaken(framing, client, server);
        pair.settle();
        assert!(matches!(pair.client.event(), Event::Ready(_)));
        assert!(matches!(pair.server.event(), Event::Ready(_)));
        pair
    }

    pub(crate) fn new() -> Self {
        Self::with(Framing::Packed, &small(), &small())
    }

    /// Carries what is to be carried, until nothing is.
    pub(crate) fn settle(&mut self) {
        while self.carry_to_server() | self.carry_to_client() {}
    }

    pub(crate) fn carry_to_server(&mut self) -> bool {
        carry(&mut self.client, &mut self.server)
    }

    pub(crate) fn carry_to_client(&mut self) -> bool {
        carry(&mut self.server, &mut self.client)
    }

    /// A call of the client, and the Request at the server.
    #[track_caller]
    pub(crate) fn call(&mut self, ends: &[Direction], payload: &[u8]) -> Request {
        self.client
            .link
            .request(ROOT, METHOD, NONE, ends, payload)
            .expect("the call goes out");
        self.settle();
        self.server.request()
    }

    /// A call whose one argument is a channel on which the client sends.
    #[track_caller]
    pub(crate) fn upload(&mut self) -> (Request, ChannelId) {
        let request = self.call(&[Send], &[]);
        let channel = request.channels[0];
        assert!(self.server.link.bind(ROOT, channel, Receive));
        (request, channel)
    }

    /// A call whose one argument is a channel on which the server sends.
    #[track_caller]
    pub(crate) fn download(&mut self) -> (Request, ChannelId) {
        let request = self.call(&[Receive], &[]);
        let channel = request.channels[0];
        assert!(self.server.link.bind(ROOT, channel, Send));
        (request, channel)
    }

    /// A virtual connection that the client asked for.
    #[track_caller]
    pub(crate) fn connect(&mut self) -> ConnectionId {
        self.client.link.connect(NONE).expect("an open link");
        self.settle();
        let Event::ConnectRequest { request, .. } = self.server.event() else {
            panic!("no Connect");
        };
        let id = self
            .server
            .link
            .accept(request, NONE)
            .expect("an open link");
        self.settle();
        match self.client.event() {
            Event::ConnectAnswer { result, .. } => assert_eq!(result, Ok(id)),
            other => panic!("{other:?} instead of an Accept"),
        }
        id
    }

    #[track_caller]
    pub(crate) fn assert_idle(&mut self) {
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
    from.collect();
    to.collect();
    any
}

/// A machine whose peer is the test: one message a frame, in and out.
pub(crate) struct Raw {
    pub(crate) peer: Peer,
}

impl Raw {
    /// Nothing said yet but the machine's own Hello, which is taken away.
    pub(crate) fn unshaken(role: Role, config: &Config) -> Self {
        let mut raw = Self {
            peer: Peer::new(role, Framing::Single, config),
        };
        assert_eq!(raw.sent(), [encode(&hello(config))]);
        raw
    }

    pub(crate) fn with(role: Role, config: &Config) -> Self {
        let mut raw = Self::unshaken(role, config);
        raw.feed(&hello(config));
        assert!(matches!(raw.peer.event(), Event::Ready(_)));
        raw
    }

    /// A server after the handshake: the test's ids are odd.
    pub(crate) fn server() -> Self {
        Self::with(Role::Acceptor, &small())
    }

    /// A client after the handshake: the test's ids are even.
    pub(crate) fn client() -> Self {
        Self::with(Role::Initiator, &small())
    }

    pub(crate) fn feed(&mut self, message: &Message<'_>) {
        self.feed_bytes(&encode(message));
    }

    pub(crate) fn feed_bytes(&mut self, message: &[u8]) {
        self.peer
            .link
            .handle_frame(&Bytes::copy_from_slice(message));
        self.peer.collect();
    }

    /// The messages that the machine has sent since the last look.
    pub(crate) fn sent(&mut self) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| self.peer.link.poll_transmit())
            .map(|frame| frame.to_vec())
            .collect()
    }

    /// Asserts what the machine has sent since the last look.
    #[track_caller]
    pub(crate) fn assert_sent(&mut self, expected: &[Message<'_>]) {
        let sent = self.sent();
        let sent: Vec<_> = sent
            .iter()
            .map(|bytes| Message::decode(bytes).unwrap())
            .collect();
        assert_eq!(sent, expected);
    }

    /// The peer asks for a virtual connection, and gets it.
    pub(crate) fn connection(&mut self) -> ConnectionId {
        self.feed(&Message::Connect {
            request: RequestId(900),
            metadata: none(),
        });
        let Event::ConnectRequest { request, .. } = self.peer.event() else {
            panic!("no Connect");
        };
        let id = self.peer.link.accept(request, NONE).unwrap();
        self.sent();
        id
    }

    /// A call of the peer that opens `channels`, at its handler.
    #[track_caller]
    pub(crate) fn called(&mut self, on: ConnectionId, id: u64, channels: &[u64]) -> Request {
        self.feed(&request(on, id, channels, &[]));
        self.peer.request()
    }

    /// Asserts that the last thing said was Goodbye for breaking `rule`, that just what the rule
    /// ends has ended, and that nobody says more.
    #[track_caller]
    pub(crate) fn assert_punished(&mut self, on: ConnectionId, rule: Rule) {
        let ended = if rule.id().starts_with("message.") {
            ROOT
        } else {
            on
        };
        let sent = self.sent();
        match sent.last().map(|bytes| Message::decode(bytes).unwrap()) {
            Some(Message::Goodbye { connection, reason }) => {
                assert_eq!(connection, ended, "{reason}");
                let (id, _) = reason.split_once(": ").unwrap_or((reason, ""));
                assert_eq!(id, rule.id(), "{reason}");
            }
            other => panic!("{other:?} instead of a Goodbye for {rule}"),
        }
        assert!(!self.peer.link.is_live(ended));
        let by_rule = |reason: &CloseReason| match reason {
            CloseReason::Violation(violation) => violation.rule == rule,
            _ => false,
        };
        let told = std::mem::take(&mut self.peer.events)
            .into_iter()
            .any(|event| match event {
                Event::ConnectionEnded { connection, reason } => {
                    connection == ended && by_rule(&reason)
                }
                _ => false,
            });
        assert!(told, "the user is told of {rule}");
        if ended == ROOT {
            assert!(self.peer.link.close_reason().is_some_and(by_rule));
            self.feed(&request(ROOT, 7_777, &[], &[]));
            assert!(self.sent().is_empty() && self.peer.link.is_drained());
        } else {
            self.assert_works();
        }
        self.peer.no_event();
    }

    /// Asserts that calls on the root are still answered.
    #[track_caller]
    pub(crate) fn assert_works(&mut self) {
        let request = self.called(ROOT, 8_888, &[]);
        self.peer.answer(&request, OK);
        assert_eq!(self.sent(), [encode(&response(ROOT, 8_888, &[], OK))]);
    }
}

pub(crate) fn hello(config: &Config) -> Message<'static> {
    Message::Hello(Hello {
        max_payload_size: config.max_payload_size,
        initial_channel_credit: config.initial_channel_credit,
    })
}

pub(crate) fn encode(message: &Message<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    message.encode(&mut bytes);
    bytes
}

pub(crate) fn none() -> Cow<'static, Metadata> {
    Cow::Owned(Metadata::new())
}

fn ids(channels: &[u64]) -> Cow<'static, [ChannelId]> {
    channels.iter().copied().map(ChannelId).collect()
}

pub(crate) fn request<'a>(
    connection: ConnectionId,
    id: u64,
    channels: &[u64],
    payload: &'a [u8],
) -> Message<'a> {
    Message::Request {
        connection,
        request: RequestId(id),
        method: METHOD,
        metadata: none(),
        channels: ids(channels),
        payload,
    }
}

pub(crate) fn response<'a>(
    connection: ConnectionId,
    id: u64,
    channels: &[u64],
    payload: &'a [u8],
) -> Message<'a> {
    Message::Response {
        connection,
        request: RequestId(id),
        metadata: none(),
        channels: ids(channels),
        payload,
    }
}

pub(crate) fn busy(connection: ConnectionId, id: u64) -> Message<'static> {
    Message::Response {
        connection,
        request: RequestId(id),
        metadata: Cow::Owned(Metadata::new().with("roam-error", "busy")),
        channels: ids(&[]),
        payload: CANCELLED,
    }
}

pub(crate) fn cancel(connection: ConnectionId, id: u64) -> Message<'static> {
    Message::Cancel {
        connection,
        request: RequestId(id),
    }
}

pub(crate) fn data(connection: ConnectionId, channel: u64, payload: &[u8]) -> Message<'_> {
    Message::Data {
        connection,
        channel: ChannelId(channel),
        payload,
    }
}

pub(crate) fn close(connection: ConnectionId, channel: u64) -> Message<'static> {
    Message::Close {
        connection,
        channel: ChannelId(channel),
    }
}

pub(crate) fn reset(connection: ConnectionId, channel: u64) -> Message<'static> {
    Message::Reset {
        connection,
        channel: ChannelId(channel),
    }
}

pub(crate) fn credit(connection: ConnectionId, channel: u64, bytes: u32) -> Message<'static> {
    Message::Credit {
        connection,
        channel: ChannelId(channel),
        bytes,
    }
}

pub(crate) fn goodbye(connection: ConnectionId, reason: &str) -> Message<'_> {
    Message::Goodbye { connection, reason }
}
