//! Two users of a link that lose nothing on the wire, but wait for it at random: what they have
//! been through, and what they may expect.

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

/// What both ends of a channel have been through.
#[derive(Debug, Default)]
struct History {
    sent: Vec<Vec<u8>>,
    received: usize,
    /// Bytes of what was received.
    consumed: u64,
    finished: bool,
    /// Somebody cut it, or what it hung on: it may end before all has arrived.
    cut: bool,
    /// It is in a result that nobody has taken yet, and that may come too late or find no room.
    untaken: bool,
    end: Option<ChannelEnd>,
}

impl History {
    fn may_be_cut(&self) -> bool {
        self.cut || self.untaken
    }
}

/// A channel end that a user holds, with what was read off it and not consumed yet.
struct End {
    key: Key,
    direction: Direction,
    unread: VecDeque<Vec<u8>>,
}

pub(super) struct User {
    pub(super) peer: Peer,
    /// Frames on the wire.
    pub(super) incoming: VecDeque<Bytes>,
    connections: Vec<ConnectionId>,
    /// Connects of the peer that are not answered.
    pub(super) asked: Vec<RequestId>,
    /// How many of ours are not.
    pub(super) asking: usize,
    calls: HashMap<(ConnectionId, RequestId), Vec<ChannelId>>,
    requests: Vec<(Request, bool)>,
    ends: Vec<End>,
    begun: usize,
    over: usize,
}

pub(super) struct World {
    pub(super) users: [User; 2],
    channels: HashMap<Key, History>,
    /// Connections that have ended at one end at least.
    ended: HashSet<ConnectionId>,
    /// Calls that reached the other user, and calls of which their user was told that they were not
    /// sent: by user, connection and id.
    arrived: HashSet<(usize, ConnectionId, RequestId)>,
    unsent: HashSet<(usize, ConnectionId, RequestId)>,
}

fn pick(index: usize, len: usize) -> Option<usize> {
    (len > 0).then(|| index % len)
}

/// Directions as they stand in payloads, seen from whoever wrote them.
fn describe(ends: &[Direction]) -> impl Iterator<Item = u8> {
    ends.iter().map(|end| u8::from(*end == Send))
}

/// The same, seen from the other side.
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
            asked: Vec::new(),
            asking: 0,
            calls: HashMap::new(),
            requests: Vec::new(),
            ends: Vec::new(),
            begun: 0,
            over: 0,
        }
    }

    fn hold(&mut self, connection: ConnectionId, channels: &[ChannelId], ends: &[Direction]) {
        for (&channel, &direction) in channels.iter().zip(ends) {
            self.ends.push(End {
                key: (connection, channel),
                direction,
                unread: VecDeque::new(),
            });
        }
    }

    fn find_end(&self, index: usize, direction: Direction) -> Option<usize> {
        let fitting: Vec<usize> = (0..self.ends.len())
            .filter(|n| self.ends[*n].direction == direction)
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

    fn cut(&mut self, on: ConnectionId, channels: &[ChannelId]) {
        for &channel in channels {
            self.history((on, channel)).cut = true;
        }
    }

    pub(super) fn apply(&mut self, at: usize, step: Step) {
        match step {
            Step::Call(on, ends) => self.call(at, on, &ends),
            Step::Cancel(n) => self.cancel(at, n),
            Step::Take(n) => self.take(at, n),
            Step::Answer(n, ok, ends) => self.answer(at, n, ok, &ends),
            Step::Send(n, len) => self.send(at, n, len, false),
            Step::Queue(n, len) => self.send(at, n, len, true),
            Step::Finish(n) => {
                if let Some(n) = self.users[at].find_end(n, Send) {
                    self.finish(at, n);
                }
            }
            Step::Reset(n) => {
                if let Some(n) = pick(n, self.users[at].ends.len()) {
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
                    self.users[at].asking += 1;
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

    fn call(&mut self, at: usize, on: usize, ends: &[Direction]) {
        let user = &mut self.users[at];
        let Some(on) = pick(on, user.connections.len()).map(|n| user.connections[n]) else {
            return;
        };
        let payload: Vec<u8> = describe(ends).collect();
        match user.peer.link.request(on, METHOD, NONE, ends, &payload) {
            Ok((id, channels)) => {
                user.begun += 1;
                user.hold(on, &channels, ends);
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
            user.over += 1;
            let channels = user.calls.remove(&keys[n]).unwrap_or_default();
            self.cut(on, &channels);
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
        let ends: Vec<_> = request
            .channels
            .iter()
            .copied()
            .zip(read_description(&request.payload))
            .collect();
        for (channel, direction) in ends {
            if user.peer.link.bind(on, channel, direction) {
                user.hold(on, &[channel], &[direction]);
            }
        }
    }

    fn answer(&mut self, at: usize, n: usize, ok: bool, ends: &[Direction]) {
        let user = &mut self.users[at];
        let Some(n) = pick(n, user.requests.len()) else {
            return;
        };
        let (request, taken) = user.requests.swap_remove(n);
        let (on, id) = (request.connection, request.request);
        let ends = if ok { ends } else { &[] };
        let mut payload = if ok { vec![0] } else { vec![1, 1] };
        payload.extend(describe(ends));
        let link = &mut user.peer.link;
        match link.respond(on, id, NONE, ends, &payload) {
            Ok(channels) => {
                user.hold(on, &channels, ends);
                for channel in channels {
                    self.history((on, channel)).untaken = true;
                }
            }
            Err(Refused::NoRoomForChannels) => {
                link.respond(on, id, NONE, &[], &[0])
                    .expect("it is not answered yet");
            }
            Err(Refused::Answered | Refused::ConnectionOver) => {}
            Err(other) => panic!("{other}"),
        }
        self.users[at].peer.link.handler_gone(on, id);
        if !ok || !taken {
            self.cut(on, &request.channels);
        }
    }

    fn send(&mut self, at: usize, n: usize, len: usize, queue: bool) {
        let user = &mut self.users[at];
        let Some(n) = user.find_end(n, Send) else {
            return;
        };
        let (on, channel) = user.ends[n].key;
        let link = &mut user.peer.link;
        let history = self.channels.entry((on, channel)).or_default();
        let element = vec![history.sent.len().to_le_bytes()[0]; len];
        let sent = if queue {
            link.queue(on, channel, &element)
        } else {
            link.send(on, channel, &element)
        };
        let told = link.consumed_by_peer(on, channel);
        assert!(
            told.is_none_or(|told| told <= history.consumed),
            "progress is real"
        );
        match sent {
            Ok(()) => history.sent.push(element),
            Err(SendRefused::Blocked) => assert!(!queue, "a queue takes it"),
            Err(SendRefused::TooLarge { .. }) => assert!(len > 50),
            Err(SendRefused::Over(_)) => assert!(history.may_be_cut() || self.ended.contains(&on)),
        }
    }

    fn finish(&mut self, at: usize, n: usize) {
        let end = self.users[at].ends.swap_remove(n);
        self.users[at].peer.link.finish(end.key.0, end.key.1);
        self.history(end.key).finished = true;
    }

    fn reset(&mut self, at: usize, n: usize) {
        let end = self.users[at].ends.swap_remove(n);
        self.users[at].peer.link.reset(end.key.0, end.key.1);
        self.history(end.key).cut = true;
    }

    /// Reads up to `most` elements and consumes them; lets go of the end when it is over.
    fn read(&mut self, at: usize, n: usize, most: usize) {
        let user = &mut self.users[at];
        let end = &mut user.ends[n];
        let (on, channel) = end.key;
        let history = self.channels.entry(end.key).or_default();
        if end.unread.is_empty() {
            match user.peer.link.receive(on, channel) {
                Received::Elements { mut queue, .. } => {
                    end.unread
                        .extend(std::iter::from_fn(|| queue.pop(<[u8]>::to_vec)));
                }
                Received::Nothing => {}
                Received::End(how) => {
                    assert_eq!(history.end.replace(how), None, "one end");
                    user.ends.swap_remove(n);
                    return;
                }
            }
        }
        for element in end.unread.drain(..most.min(end.unread.len())) {
            assert_eq!(
                history.sent.get(history.received),
                Some(&element),
                "in order"
            );
            history.received += 1;
            history.consumed += element.len() as u64;
            let len = u32::try_from(element.len()).expect("a small element");
            user.peer.link.consume(on, channel, len);
        }
    }

    fn grant(&mut self, at: usize, n: usize, granted: bool) {
        let user = &mut self.users[at];
        let Some(n) = pick(n, user.asked.len()) else {
            return;
        };
        let request = user.asked.swap_remove(n);
        if !granted {
            user.peer.link.reject(request, "no", NONE);
        } else if let Ok(id) = user.peer.link.accept(request, NONE) {
            user.connections.push(id);
        }
    }

    fn deliver(&mut self, at: usize, frames: usize) {
        // More has left than arrives: the rest is on the wire.
        for _ in 0..frames.saturating_mul(2) {
            let Some(frame) = self.users[1 - at].peer.link.poll_transmit() else {
                break;
            };
            self.users[at].incoming.push_back(frame);
        }
        let arrived = frames.min(self.users[at].incoming.len());
        for frame in self.users[at].incoming.drain(..arrived).collect::<Vec<_>>() {
            self.take_in(at, &frame);
        }
    }

    /// Takes in a frame by parts, as a session does, which deals in between with what they cause.
    fn take_in(&mut self, at: usize, frame: &Bytes) {
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
                assert!(!self.unsent.contains(&call), "it was not sent");
                self.arrived.insert(call);
                user.requests.push((request, false));
            }
            Event::NotSent {
                connection,
                request,
            } => {
                assert!(user.calls.contains_key(&(connection, request)));
                let call = (at, connection, request);
                assert!(!self.arrived.contains(&call), "it was sent");
                self.unsent.insert(call);
            }
            Event::Response(response) => self.answered(at, &response),
            Event::ConnectRequest { request, .. } => user.asked.push(request),
            Event::ConnectAnswer { result, .. } => {
                user.asking -= 1;
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
            .expect("answered once");
        user.over += 1;
        if payload[0] == 1 {
            self.cut(on, &arguments);
            return;
        }
        let ends: Vec<_> = read_description(&payload[1..]).collect();
        // Without room they have been cut.
        let channels = response.channels.clone().unwrap_or_default();
        for (&channel, &direction) in channels.iter().zip(&ends) {
            let user = &mut self.users[at];
            if user.peer.link.bind(on, channel, direction) {
                user.hold(on, &[channel], &[direction]);
                self.history((on, channel)).untaken = false;
            }
        }
    }

    /// The caller gave up, or there was no room for what came with the call.
    fn stopped(&mut self, at: usize, on: ConnectionId, id: RequestId) {
        let same =
            |(request, _): &&(Request, bool)| (request.connection, request.request) == (on, id);
        let (request, _) = self.users[at]
            .requests
            .iter()
            .find(same)
            .expect("it is not answered");
        let channels = request.channels.clone();
        self.cut(on, &channels);
    }

    fn ended(&mut self, at: usize, on: ConnectionId, reason: &CloseReason) {
        assert!(!matches!(reason, CloseReason::Violation(_)), "{reason}");
        assert!(!reason.to_string().contains("flow."), "{reason}");
        let user = &mut self.users[at];
        user.connections.retain(|connection| *connection != on);
        let before = user.calls.len();
        user.calls.retain(|(connection, _), _| *connection != on);
        user.over += before - user.calls.len();
        self.ended.insert(on);
    }

    /// Answers, finishes and reads everything until nothing is left.
    pub(super) fn wind_up(&mut self) {
        for _ in 0..1_000 {
            for at in 0..2 {
                while !self.users[at].requests.is_empty() {
                    self.answer(at, 0, true, &[]);
                }
                while !self.users[at].asked.is_empty() {
                    self.grant(at, 0, false);
                }
                for n in (0..self.users[at].ends.len()).rev() {
                    match self.users[at].ends[n].direction {
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
        panic!("it never ends");
    }

    pub(super) fn check(&self, finished: bool) {
        for user in &self.users {
            user.peer.assert_idle();
            assert!(
                user.calls.is_empty() && user.begun == user.over,
                "every call ends once"
            );
        }
        for (key, history) in &self.channels {
            assert!(history.received <= history.sent.len());
            if history.end == Some(ChannelEnd::Closed) {
                assert!(history.finished, "{key:?}");
                assert_eq!(history.received, history.sent.len(), "{key:?}: all of it");
            }
            if finished && !history.may_be_cut() && !self.ended.contains(&key.0) {
                assert_eq!(history.end, Some(ChannelEnd::Closed), "{key:?} {history:?}");
            }
        }
    }
}

impl User {
    fn is_done(&self) -> bool {
        let nothing_asked = self.requests.is_empty() && self.asked.is_empty();
        let nothing_awaited = self.calls.is_empty() && self.asking == 0 && self.ends.is_empty();
        let nothing_under_way = self.incoming.is_empty() && self.peer.link.is_drained();
        nothing_asked && nothing_awaited && nothing_under_way
    }
}
