//! One machine fed with raw messages.

use bytes::Bytes;
use roam_proto::{
    CloseReason, Config, ConnectionId, Event, Framing, Message, Request, RequestId, Role, Rule,
};

use super::{NONE, OK, Peer, ROOT, encode, hello, none, request, response, small};

/// A machine whose peer is the test. Each frame holds one message.
pub struct Raw {
    pub peer: Peer,
}

impl Raw {
    /// Creates a machine that has sent its Hello, which is removed, and received nothing.
    pub fn before_handshake(role: Role, config: &Config) -> Self {
        let mut raw = Self {
            peer: Peer::new(role, Framing::Single, config),
        };
        assert_eq!(raw.sent(), [encode(&hello(config))]);
        raw
    }

    pub fn with(role: Role, config: &Config) -> Self {
        let mut raw = Self::before_handshake(role, config);
        raw.feed(&hello(config));
        assert!(matches!(raw.peer.event(), Event::Ready(_)));
        raw
    }

    /// Creates a server after the handshake; the test uses odd ids.
    pub fn server() -> Self {
        Self::with(Role::Acceptor, &small())
    }

    /// Creates a client after the handshake; the test uses even ids.
    pub fn client() -> Self {
        Self::with(Role::Initiator, &small())
    }

    pub fn feed(&mut self, message: &Message<'_>) {
        self.feed_bytes(&encode(message));
    }

    pub fn feed_bytes(&mut self, message: &[u8]) {
        self.peer
            .link
            .handle_frame(&Bytes::copy_from_slice(message));
        self.peer.collect();
    }

    /// Returns the messages that the machine has sent since the last call.
    pub fn sent(&mut self) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| self.peer.link.poll_transmit())
            .map(|frame| frame.to_vec())
            .collect()
    }

    /// Asserts that the machine has sent exactly `expected` since the last call.
    #[track_caller]
    pub fn assert_sent(&mut self, expected: &[Message<'_>]) {
        let sent = self.sent();
        let sent: Vec<_> = sent
            .iter()
            .map(|bytes| Message::decode(bytes).unwrap())
            .collect();
        assert_eq!(sent, expected);
    }

    /// Opens a virtual connection from the peer.
    pub fn connection(&mut self) -> ConnectionId {
        self.feed(&Message::Connect {
            request: RequestId(900),
            metadata: none(),
        });
        let Event::ConnectRequest { request, .. } = self.peer.event() else {
            panic!("expected a ConnectRequest");
        };
        let id = self.peer.link.accept_connection(request, NONE).unwrap();
        self.sent();
        id
    }

    /// Feeds a Request that opens `channels`, and returns it as its handler gets it.
    #[track_caller]
    pub fn called(&mut self, on: ConnectionId, id: u64, channels: &[u64]) -> Request {
        self.feed(&request(on, id, channels, &[]));
        self.peer.request()
    }

    /// Asserts that the last message sent was a Goodbye for breaking `rule`, that exactly what the
    /// rule ends has ended, and that nothing more is sent or reported.
    #[track_caller]
    pub fn assert_violation(&mut self, on: ConnectionId, rule: Rule) {
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
            other => panic!("expected a Goodbye for {rule}, got {other:?}"),
        }
        assert!(!self.peer.is_live(ended));
        let by_rule = |reason: &CloseReason| match reason {
            CloseReason::Violation(violation) => violation.rule == rule,
            _ => false,
        };
        let reported = std::mem::take(&mut self.peer.events)
            .into_iter()
            .any(|event| match event {
                Event::ConnectionEnded { connection, reason } => {
                    connection == ended && by_rule(&reason)
                }
                _ => false,
            });
        assert!(reported, "no ConnectionEnded event for {rule}");
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
    pub fn assert_works(&mut self) {
        let request = self.called(ROOT, 8_888, &[]);
        self.peer.answer(&request, OK);
        assert_eq!(self.sent(), [encode(&response(ROOT, 8_888, &[], OK))]);
    }
}
