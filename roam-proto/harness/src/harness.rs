//! Two machines on a scripted wire, and one machine fed with raw messages.

mod pair;
mod raw;
mod say;

use std::collections::VecDeque;
use std::time::Duration;

use roam_proto::{
    ChannelId, Config, ConnectionId, Direction, Event, Framing, Limits, Link, Metadata, MethodId,
    ReadOutcome, RemainingBudget, Request, Response, Role,
};

pub use pair::Pair;
pub use raw::Raw;
pub use roam_proto::Handler;
pub use say::*;

pub const ROOT: ConnectionId = ConnectionId::ROOT;
pub const METHOD: MethodId = MethodId(42);
pub const NONE: &Metadata = &Metadata::new();
pub const OK: &[u8] = &[0, 7];
pub const CANCELLED: &[u8] = &[1, 3];
pub use Direction::{Receive, Send};

/// A config with limits that are easy to add up: a window of 100 bytes, elements of 50 at most.
pub fn small() -> Config {
    Config::default()
        .with_max_payload_size(1_000)
        .with_initial_channel_credit(100)
}

pub fn limited(change: impl FnOnce(&mut Limits)) -> Config {
    let mut config = small();
    change(&mut config.limits);
    config
}

/// A machine and the events it has reported.
pub struct Peer {
    pub link: Link,
    pub events: VecDeque<Event>,
    /// The remaining budgets while nothing is in flight.
    pub idle: RemainingBudget,
}

impl Peer {
    pub fn new(role: Role, framing: Framing, config: &Config) -> Self {
        let link = Link::new(role, framing, config, Duration::ZERO);
        Self {
            idle: link.stats().remaining,
            link,
            events: VecDeque::new(),
        }
    }

    /// Returns whether a connection has begun and has not ended.
    pub fn is_live(&self, id: ConnectionId) -> bool {
        let connections = self.link.diagnostics().connections;
        connections.iter().any(|it| it.id == id && !it.ended)
    }

    pub fn collect(&mut self) {
        while let Some(event) = self.link.poll_event() {
            if let Event::Ready(_) = event {
                self.idle = self.link.stats().remaining;
            }
            self.events.push_back(event);
        }
    }

    /// Returns the only event since the last call.
    #[track_caller]
    pub fn event(&mut self) -> Event {
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
    pub fn request(&mut self) -> Request {
        match self.event() {
            Event::Request(request) => request,
            other => panic!("expected a Request, got {other:?}"),
        }
    }

    #[track_caller]
    pub fn response(&mut self) -> Response {
        match self.event() {
            Event::Response(response) => response,
            other => panic!("expected a Response, got {other:?}"),
        }
    }

    #[track_caller]
    pub fn channel_ready(&mut self) -> ChannelId {
        match self.event() {
            Event::ChannelReady { channel, .. } => channel,
            other => panic!("expected ChannelReady, got {other:?}"),
        }
    }

    #[track_caller]
    pub fn no_event(&mut self) {
        self.collect();
        assert!(self.events.is_empty(), "{:?}", self.events);
    }

    /// Answers a call and ends its handler.
    #[track_caller]
    pub fn answer(&mut self, request: &Request, payload: &[u8]) {
        let id = request.request;
        self.link
            .calls(request.connection)
            .respond(id, NONE, &[], payload, Handler::Running)
            .expect("the call is unanswered");
        self.link.calls(request.connection).handler_finished(id);
    }

    /// Receives everything queued on a channel of the root connection and consumes it.
    pub fn read(&mut self, channel: ChannelId) -> Vec<Vec<u8>> {
        let elements = self.take(channel);
        let bytes = elements.iter().map(Vec::len).sum::<usize>();
        self.link
            .receiver(ROOT, channel)
            .consume(u32::try_from(bytes).unwrap());
        elements
    }

    /// Receives everything queued on a channel of the root connection without consuming it.
    pub fn take(&mut self, channel: ChannelId) -> Vec<Vec<u8>> {
        match self.link.receiver(ROOT, channel).read() {
            ReadOutcome::Elements { mut queue, .. } => {
                std::iter::from_fn(|| queue.pop(<[u8]>::to_vec)).collect()
            }
            ReadOutcome::Empty => Vec::new(),
            ReadOutcome::Ended(end) => panic!("the channel has ended: {end:?}"),
        }
    }

    /// Asserts that unconsumed elements cost no more than the receive budget was charged.
    #[track_caller]
    pub fn assert_within_budget(&self) {
        let stats = self.link.stats();
        let charged = self.idle.receive_budget - stats.remaining.receive_budget;
        assert!(2 * stats.unconsumed <= charged as u64, "{stats:?}");
    }

    /// Asserts that no calls, channels or queued bytes are left, and all budgets are free.
    #[track_caller]
    pub fn assert_idle(&self) {
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
        assert_eq!(stats.remaining, self.idle, "remaining budgets");
    }
}
