//! Two machines on a scripted wire, and one machine fed with raw messages.

mod pair;
mod raw;
mod say;

use std::collections::VecDeque;
use std::time::Duration;

use roam_core::proto::{
    ChannelId, Config, ConnectionId, Direction, Event, Framing, Limits, Link, Metadata, MethodId,
    Received, Request, Response, Role, Room,
};

pub(crate) use pair::Pair;
pub(crate) use raw::Raw;
pub(crate) use say::*;

pub(crate) const ROOT: ConnectionId = ConnectionId::ROOT;
pub(crate) const METHOD: MethodId = MethodId(42);
pub(crate) const NONE: &Metadata = &Metadata::new();
pub(crate) const OK: &[u8] = &[0, 7];
pub(crate) const CANCELLED: &[u8] = &[1, 3];
pub(crate) use Direction::{Receive, Send};

/// A config with limits that are easy to add up: a window of 100 bytes, elements of 50 at most.
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

/// A machine and the events it has reported.
pub(crate) struct Peer {
    pub(crate) link: Link,
    pub(crate) events: VecDeque<Event>,
    /// The remaining budgets while nothing is in flight.
    pub(crate) idle: Room,
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

    pub(crate) fn collect(&mut self) {
        while let Some(event) = self.link.poll_event() {
            if let Event::Ready(_) = event {
                self.idle = self.link.stats().room;
            }
            self.events.push_back(event);
        }
    }

    /// Returns the only event since the last call.
    #[track_caller]
    pub(crate) fn event(&mut self) -> Event {
        self.collect();
        let event = self.events.pop_front().expect("there is an event");
        assert!(
            self.events.is_empty(),
            "{event:?} is followed by {:?}",
            self.events
        );
        event
    }

    #[track_caller]
    pub(crate) fn request(&mut self) -> Request {
        match self.event() {
            Event::Request(request) => request,
            other => panic!("expected a Request, got {other:?}"),
        }
    }

    #[track_caller]
    pub(crate) fn response(&mut self) -> Response {
        match self.event() {
            Event::Response(response) => response,
            other => panic!("expected a Response, got {other:?}"),
        }
    }

    #[track_caller]
    pub(crate) fn channel_ready(&mut self) -> ChannelId {
        match self.event() {
            Event::ChannelReady { channel, .. } => channel,
            other => panic!("expected ChannelReady, got {other:?}"),
        }
    }

    #[track_caller]
    pub(crate) fn no_event(&mut self) {
        self.collect();
        assert!(self.events.is_empty(), "{:?}", self.events);
    }

    /// Answers a call and ends its handler.
    #[track_caller]
    pub(crate) fn answer(&mut self, request: &Request, payload: &[u8]) {
        let id = request.request;
        self.link
            .respond(request.connection, id, NONE, &[], payload)
            .expect("the call is unanswered");
        self.link.handler_gone(request.connection, id);
    }

    /// Receives everything queued on a channel of the root connection and consumes it.
    pub(crate) fn read(&mut self, channel: ChannelId) -> Vec<Vec<u8>> {
        let elements = self.take(channel);
        let bytes = elements.iter().map(Vec::len).sum::<usize>();
        self.link
            .consume(ROOT, channel, u32::try_from(bytes).unwrap());
        elements
    }

    /// Receives everything queued on a channel of the root connection without consuming it.
    pub(crate) fn take(&mut self, channel: ChannelId) -> Vec<Vec<u8>> {
        match self.link.receive(ROOT, channel) {
            Received::Elements { mut queue, .. } => {
                std::iter::from_fn(|| queue.pop(<[u8]>::to_vec)).collect()
            }
            Received::Nothing => Vec::new(),
            Received::End(end) => panic!("the channel has ended: {end:?}"),
        }
    }

    /// Asserts that unconsumed elements cost no more than the receive budget was charged.
    #[track_caller]
    pub(crate) fn assert_within_budget(&self) {
        let stats = self.link.stats();
        let charged = self.idle.receive_budget - stats.room.receive_budget;
        assert!(2 * stats.unconsumed <= charged as u64, "{stats:?}");
    }

    /// Asserts that no calls, channels or queued bytes are left, and all budgets are free.
    #[track_caller]
    pub(crate) fn assert_idle(&self) {
        let stats = self.link.stats();
        assert_eq!(
            (stats.incoming_calls, stats.outgoing_calls),
            (0, 0),
            "calls"
        );
        assert_eq!(stats.channels, 0, "channels");
        assert_eq!(stats.ended_connections, 0, "ended connections");
        assert_eq!(stats.queued_bytes, 0, "queued bytes");
        assert_eq!(stats.unconsumed, 0, "unconsumed bytes");
        assert_eq!(stats.room, self.idle, "remaining budgets");
    }
}
