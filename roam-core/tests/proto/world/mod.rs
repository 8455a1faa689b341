//! A model of two users of a link over a lossless wire with random delays: what each has done,
//! and what each may expect.

mod step;

use std::collections::{HashMap, HashSet, VecDeque};

use bytes::Bytes;
use roam_core::proto::{
    ChannelEnd, ChannelId, CloseReason, Config, ConnectionId, Direction, Event, Framing, Received,
    Refused, Request, RequestId, Response, Role, SendRefused,
};

use super::harness::{METHOD, NONE, Peer, ROOT, Receive, Send, limited};

pub(crate) use step::{Ending, Step, run};

type Key = (ConnectionId, ChannelId);

/// What the users have done with both halves of a channel.
#[derive(Debug, Default)]
struct History {
    sent: Vec<Vec<u8>>,
    received: usize,
    /// Bytes received and consumed.
    consumed: u64,
    finished: bool,
    /// A user ended the channel or its call early: it may end before every element arrives.
    interrupted: bool,
    /// Part of a result that the caller has not bound; the result may come too late, or the caller
    /// may have no budget left for it.
    unbound: bool,
    end: Option<ChannelEnd>,
}

impl History {
    fn may_end_early(&self) -> bool {
        self.interrupted || self.unbound
    }
}

/// A half of a channel that a user holds, and the elements received but not yet consumed.
struct Half {
    key: Key,
    direction: Direction,
    unread: VecDeque<Vec<u8>>,
}

pub(super) struct User {
    pub(super) peer: Peer,
    /// Frames on the wire to this user.
    pub(super) incoming: VecDeque<Bytes>,
    connections: Vec<ConnectionId>,
    /// Unanswered Connects from the peer.
    pub(super) incoming_connects: Vec<RequestId>,
    /// The number of our unanswered Connects.
    pub(super) outgoing_connects: usize,
    calls: HashMap<(ConnectionId, RequestId), Vec<ChannelId>>,
    requests: Vec<(Request, bool)>,
    halves: Vec<Half>,
    calls_started: usize,
    calls_ended: usize,
}

pub(super) struct World {
    pub(super) users: [User; 2],
    channels: HashMap<Key, History>,
    /// Connections that have ended for at least one user.
    ended: HashSet<ConnectionId>,
    /// Calls that reached the other user, and calls reported as not sent: by caller, connection and
    /// id.
    arrived: HashSet<(usize, ConnectionId, RequestId)>,
    unsent: HashSet<(usize, ConnectionId, RequestId)>,
}

fn pick(index: usize, len: usize) -> Option<usize> {
    (len > 0).then(|| index % len)
}

/// Encodes directions, seen from the writer of the payload.
fn describe(directions: &[Direction]) -> impl Iterator<Item = u8> {
    directions
        .iter()
        .map(|direction| u8::from(*direction == Send))
}

/// Decodes directions, seen from the reader of the payload.
fn read_description(bytes: &[u8]) -> impl Iterator<Item = Direction> {
    bytes
        .iter()
        .map(|byte| if *byte == 1 { Receive } else { Send })
}

impl User {
    fn new(role: Role, framing: Framing, config: &Config) -> Self {
        Self {
            peer: Peer::new(role, framing, config),
            incoming: VecDeque::new(),
            connections: vec![ROOT],
            incoming_connects: Vec::new(),
            outgoing_connects: 0,
            calls: HashMap::new(),
            requests: Vec::new(),
            halves: Vec::new(),
            calls_started: 0,
            calls_ended: 0,
        }
    }

    fn hold(&mut self, connection: ConnectionId, channels: &[ChannelId], directions: &[Direction]) {
        for (&channel, &direction) in channels.iter().zip(directions) {
            self.halves.push(Half {
                key: (connection, channel),
                direction,
                unread: VecDeque::new(),
            });
        }
    }

    fn find_half(&self, index: usize, direction: Direction) -> Option<usize> {
        let fitting: Vec<usize> = (0..self.halves.len())
            .filter(|n| self.halves[*n].direction == direction)
            .collect();
        pick(index, fitting.len()).map(|n| fitting[n])
    }
}

impl World {
    pub(super) fn new(framing: Framing) -> Self {
        let config = limited(|limits| {
            limits.calls = 4;
            limits.connections = 2;
            limits.receive_budget = 8 * 1024;
            limits.channel_window = 1_000;
            limits.sending_channels = 8;
            limits.send_buffer = 300;
        });
        let user = |role| User::new(role, framing, &config);
        let users = [user(Role::Initiator), user(Role::Acceptor)];
        let mut world = Self {
            users,
            channels: HashMap::new(),
            ended: HashSet::new(),
            arrived: HashSet::new(),
            unsent: HashSet::new(),
        };
        world.deliver_all();
        world
    }

    fn history(&mut self, key: Key) -> &mut History {
        self.channels.entry(key).or_default()
    }

    fn mark_interrupted(&mut self, on: ConnectionId, channels: &[ChannelId]) {
        for &channel in channels {
            self.history((on, channel)).interrupted = true;
        }
    }

    pub(super) fn apply(&mut self, at: usize, step: Step) {
        match step {
            Step::Call(on, directions) => self.call(at, on, &directions),
            Step::Cancel(n) => self.cancel(at, n),
            Step::Take(n) => self.take(at, n),
            Step::Answer(n, ok, directions) => self.answer(at, n, ok, &directions),
            Step::Send(n, len) => self.send(at, n, len, false),
            Step::Queue(n, len) => self.send(at, n, len, true),
            Step::Finish(n) => {
                if let Some(n) = self.users[at].find_end(n, Send) {
                    self.finish(at, n);
                }
            }
            Step::Reset(n) => {
                if let Some(n) = pick(n, self.users[at].halves.len()) {
                    self.reset(at, n);
                }
            }
            Step::Read(n, most) => {
                if let Some(n) = self.users[at].find_end(n, Receive) {
                    self.read(at, n, most);
                }
            }
            Step::Connect => {
                if self.users[at].peer.link.connect(NONE).is_ok() {
                    self.users[at].outgoing_connects += 1;
                }
            }
            Step::Grant(n, granted) => self.grant(at, n, granted),
            Step::CloseConnection(n) => {
                let user = &mut self.users[at];
                if let Some(n) = pick(n, user.connections.len())
                    && user.connections[n] != ROOT
                {
                    let on = user.connections[n];
                    user.peer.link.close_connection(on, "enough");
                }
            }
            Step::Deliver(frames) => self.deliver(at, frames),
        }
        for at in 0..2 {
            self.collect(at);
            self.users[at].peer.assert_within_budget();
        }
    }

    fn call(&mut self, at: usize, on: usize, directions: &[Direction]) {
        let user = &mut self.users[at];
        let Some(on) = pick(on, user.connections.len()).map(|n| user.connections[n]) else {
            return;
        };
        let payload: Vec<u8> = describe(directions).collect();
        let link = &mut user.peer.link;
        match link.request(on, METHOD, NONE, directions, &payload) {
            Ok((id, channels)) => {
                user.calls_started += 1;
                user.hold(on, &channels, directions);
                user.calls.insert((on, id), channels);
            }
            Err(refused) => assert_eq!(refused, Refused::NoRoomForChannels),
        }
    }

    fn cancel(&mut self, at: usize, n: usize) {
        let user = &mut self.users[at];
        let mut keys: Vec<_> = user.calls.keys().copied().collect();
        keys.sort();
        if let Some(n) = pick(n, keys.len()) {
            let (on, id) = keys[n];
            user.peer.link.cancel(on, id);
            user.calls_ended += 1;
            let channels = user.calls.remove(&keys[n]).unwrap_or_default();
            self.mark_interrupted(on, &channels);
        }
    }

    fn take(&mut self, at: usize, n: usize) {
        let user = &mut self.users[at];
        let Some(n) = pick(n, user.requests.len()) else {
            return;
        };
        let (request, taken) = &mut user.requests[n];
        if std::mem::replace(taken, true) {
            return;
        }
        let on = request.connection;
        let offered: Vec<_> = request
            .channels
            .iter()
            .copied()
            .zip(read_description(&request.payload))
            .collect();
        for (channel, direction) in offered {
            if user.peer.link.bind(on, channel, direction) {
                user.hold(on, &[channel], &[direction]);
            }
        }
    }

    fn answer(&mut self, at: usize, n: usize, ok: bool, directions: &[Direction]) {
        let user = &mut self.users[at];
        let Some(n) = pick(n, user.requests.len()) else {
            return;
        };
        let (request, taken) = user.requests.swap_remove(n);
        let (on, id) = (request.connection, request.request);
        let directions = if ok { directions } else { &[] };
        let mut payload = if ok { vec![0] } else { vec![1, 1] };
        payload.extend(describe(directions));
        let link = &mut user.peer.link;
        match link.respond(on, id, NONE, directions, &payload) {
            Ok(channels) => {
                user.hold(on, &channels, directions);
                for channel in channels {
                    self.history((on, channel)).unbound = true;
                }
            }
            Err(Refused::NoRoomForChannels) => {
                link.respond(on, id, NONE, &[], &[0])
                    .expect("the call is unanswered");
            }
            Err(Refused::Answered | Refused::ConnectionOver) => {}
            Err(other) => panic!("{other}"),
        }
        self.users[at].peer.link.handler_gone(on, id);
        if !ok || !taken {
            self.mark_interrupted(on, &request.channels);
        }
    }

    fn send(&mut self, at: usize, n: usize, len: usize, queue: bool) {
        let user = &mut self.users[at];
        let Some(n) = user.find_end(n, Send) else {
            return;
        };
        let (on, channel) = user.halves[n].key;
        let link = &mut user.peer.link;
        let history = self.channels.entry((on, channel)).or_default();
        let element = vec![history.sent.len().to_le_bytes()[0]; len];
        let sent = if queue {
            link.queue(on, channel, &element)
        } else {
            link.send(on, channel, &element)
        };
        let consumed = link.consumed_by_peer(on, channel);
        assert!(
            consumed.is_none_or(|consumed| consumed <= history.consumed),
            "no more is reported as consumed than was"
        );
        match sent {
            Ok(()) => history.sent.push(element),
            Err(SendRefused::Blocked) => assert!(!queue, "queueing never blocks"),
            Err(SendRefused::TooLarge { .. }) => assert!(len > 50),
            Err(SendRefused::Over(_)) => {
                assert!(history.may_end_early() || self.ended.contains(&on));
            }
        }
    }

    fn finish(&mut self, at: usize, n: usize) {
        let half = self.users[at].halves.swap_remove(n);
        self.users[at].peer.link.finish(half.key.0, half.key.1);
        self.history(half.key).finished = true;
    }

    fn reset(&mut self, at: usize, n: usize) {
        let half = self.users[at].halves.swap_remove(n);
        self.users[at].peer.link.reset(half.key.0, half.key.1);
        self.history(half.key).interrupted = true;
    }

    /// Reads and consumes up to `most` elements; drops the half once the channel has ended.
    fn read(&mut self, at: usize, n: usize, most: usize) {
        let user = &mut self.users[at];
        let half = &mut user.halves[n];
        let (on, channel) = half.key;
        let history = self.channels.entry(half.key).or_default();
        if half.unread.is_empty() {
            match user.peer.link.receive(on, channel) {
                Received::Elements { mut queue, .. } => {
                    half.unread
                        .extend(std::iter::from_fn(|| queue.pop(<[u8]>::to_vec)));
                }
                Received::Nothing => {}
                Received::End(how) => {
                    assert_eq!(history.end.replace(how), None, "a channel ends once");
                    user.halves.swap_remove(n);
                    return;
                }
            }
        }
        for element in half.unread.drain(..most.min(half.unread.len())) {
            assert_eq!(
                history.sent.get(history.received),
                Some(&element),
                "elements arrive in order"
            );
            history.received += 1;
            history.consumed += element.len() as u64;
            let len = u32::try_from(element.len()).expect("a small element");
            user.peer.link.consume(on, channel, len);
        }
    }

    fn grant(&mut self, at: usize, n: usize, granted: bool) {
        let user = &mut self.users[at];
        let Some(n) = pick(n, user.incoming_connects.len()) else {
            return;
        };
        let request = user.incoming_connects.swap_remove(n);
        if !granted {
            user.peer.link.reject(request, "no", NONE);
        } else if let Ok(id) = user.peer.link.accept(request, NONE) {
            user.connections.push(id);
        }
    }

    fn deliver(&mut self, at: usize, frames: usize) {
        // More frames leave than arrive; the rest stay on the wire.
        for _ in 0..frames.saturating_mul(2) {
            let Some(frame) = self.users[1 - at].peer.link.poll_transmit() else {
                break;
            };
            self.users[at].incoming.push_back(frame);
        }
        let arrived = frames.min(self.users[at].incoming.len());
        for frame in self.users[at].incoming.drain(..arrived).collect::<Vec<_>>() {
            self.receive_frame(at, &frame);
        }
    }

    /// Processes a frame in parts and handles events in between, as a session does.
    fn receive_frame(&mut self, at: usize, frame: &Bytes) {
        let events = 1 + frame.len() % 4;
        let mut from = 0;
        while from < frame.len() {
            from = self.users[at].peer.link.handle_part(frame, from, events);
            self.collect(at);
        }
    }

    pub(super) fn deliver_all(&mut self) {
        for at in [0, 1, 0, 1] {
            self.deliver(at, usize::MAX);
        }
    }

    pub(super) fn collect(&mut self, at: usize) {
        while let Some(event) = self.users[at].peer.link.poll_event() {
            self.handle(at, event);
        }
    }

    fn handle(&mut self, at: usize, event: Event) {
        let user = &mut self.users[at];
        match event {
            Event::Ready(_) => user.peer.idle = user.peer.link.stats().room,
            Event::Request(request) => {
                let call = (1 - at, request.connection, request.request);
                assert!(!self.unsent.contains(&call), "reported as not sent");
                self.arrived.insert(call);
                user.requests.push((request, false));
            }
            Event::NotSent {
                connection,
                request,
            } => {
                assert!(user.calls.contains_key(&(connection, request)));
                let call = (at, connection, request);
                assert!(!self.arrived.contains(&call), "sent after all");
                self.unsent.insert(call);
            }
            Event::Response(response) => self.answered(at, &response),
            Event::ConnectRequest { request, .. } => user.incoming_connects.push(request),
            Event::ConnectAnswer { result, .. } => {
                user.outgoing_connects -= 1;
                user.connections.extend(result.ok());
            }
            Event::ConnectionEnded { connection, reason } => self.ended(at, connection, &reason),
            Event::Cancelled {
                connection,
                request,
            } => self.stopped(at, connection, request),
            Event::ChannelReady { .. } | Event::SendBufferReady => {}
        }
    }

    fn answered(&mut self, at: usize, response: &Response) {
        let user = &mut self.users[at];
        let (on, payload) = (response.connection, &response.payload);
        let arguments = user
            .calls
            .remove(&(on, response.request))
            .expect("a call is answered once");
        user.calls_ended += 1;
        if payload[0] == 1 {
            self.mark_interrupted(on, &arguments);
            return;
        }
        let directions: Vec<_> = read_description(&payload[1..]).collect();
        // Without enough budget they have been reset.
        let channels = response.channels.clone().unwrap_or_default();
        for (&channel, &direction) in channels.iter().zip(&directions) {
            let user = &mut self.users[at];
            if user.peer.link.bind(on, channel, direction) {
                user.hold(on, &[channel], &[direction]);
                self.history((on, channel)).unbound = false;
            }
        }
    }

    /// Handles a call that its caller cancelled, or whose channels exceeded the budget.
    fn stopped(&mut self, at: usize, on: ConnectionId, id: RequestId) {
        let same =
            |(request, _): &&(Request, bool)| (request.connection, request.request) == (on, id);
        let (request, _) = self.users[at]
            .requests
            .iter()
            .find(same)
            .expect("the call is unanswered");
        let channels = request.channels.clone();
        self.mark_interrupted(on, &channels);
    }

    fn ended(&mut self, at: usize, on: ConnectionId, reason: &CloseReason) {
        assert!(!matches!(reason, CloseReason::Violation(_)), "{reason}");
        assert!(!reason.to_string().contains("flow."), "{reason}");
        let user = &mut self.users[at];
        user.connections.retain(|connection| *connection != on);
        let before = user.calls.len();
        user.calls.retain(|(connection, _), _| *connection != on);
        user.calls_ended += before - user.calls.len();
        self.ended.insert(on);
    }

    /// Answers, finishes and reads everything until nothing is left.
    pub(super) fn wind_up(&mut self) {
        for _ in 0..1_000 {
            for at in 0..2 {
                while !self.users[at].requests.is_empty() {
                    self.answer(at, 0, true, &[]);
                }
                while !self.users[at].incoming_connects.is_empty() {
                    self.grant(at, 0, false);
                }
                for n in (0..self.users[at].halves.len()).rev() {
                    match self.users[at].halves[n].direction {
                        Send => self.finish(at, n),
                        Receive => self.read(at, n, usize::MAX),
                    }
                }
            }
            self.deliver_all();
            if self.users.iter().all(User::is_done) {
                return;
            }
        }
        panic!("still busy after 1,000 rounds");
    }

    pub(super) fn check(&self, finished: bool) {
        for user in &self.users {
            user.peer.assert_idle();
            assert!(
                user.calls.is_empty() && user.calls_started == user.calls_ended,
                "every call ends once"
            );
        }
        for (key, history) in &self.channels {
            assert!(history.received <= history.sent.len());
            if history.end == Some(ChannelEnd::Closed) {
                assert!(history.finished, "{key:?}");
                assert_eq!(history.received, history.sent.len(), "{key:?}: all arrived");
            }
            if finished && !history.may_end_early() && !self.ended.contains(&key.0) {
                assert_eq!(history.end, Some(ChannelEnd::Closed), "{key:?} {history:?}");
            }
        }
    }
}

impl User {
    fn is_done(&self) -> bool {
        let all_answered = self.requests.is_empty() && self.incoming_connects.is_empty();
        let all_ended =
            self.calls.is_empty() && self.outgoing_connects == 0 && self.halves.is_empty();
        let all_delivered = self.incoming.is_empty() && self.peer.link.is_drained();
        all_answered && all_ended && all_delivered
    }
}
