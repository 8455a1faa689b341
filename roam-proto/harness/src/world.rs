//! A model of two users of a link over a lossless wire with random delays: what each has done,
//! and what each may expect.

mod contents;
mod events;
mod step;
mod user;
mod wire;

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use roam_proto::{
    ChannelEnd, ChannelId, ConnectionId, Direction, Framing, ReadOutcome, RequestError, RequestId,
    Role, SendError,
};

use crate::harness::{Handler, METHOD, NONE, ROOT, Receive, Send, limited};

use contents::{describe, metadata, read_description};
use user::User;
use wire::{CLIENT, SERVER, Wires};

pub use step::{Ending, Step, run};

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

pub(super) struct World {
    users: [User; 2],
    wires: Wires,
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
            wires: Wires::new(framing),
            channels: HashMap::new(),
            ended: HashSet::new(),
            arrived: HashSet::new(),
            unsent: HashSet::new(),
        };
        let [client, server] = &mut world.users;
        world
            .wires
            .begin(&mut client.peer.link, &mut server.peer.link);
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
            Step::Budget(n) => self.set_budget(at, n),
            Step::Ask => self.users[at].ask(),
            Step::Answer(n, ok, directions) => self.answer(at, n, ok, &directions),
            Step::Send(n, len) => self.send(at, n, len, false),
            Step::Queue(n, len) => self.send(at, n, len, true),
            Step::Finish(n) => {
                if let Some(n) = self.users[at].find_half(n, Send) {
                    self.finish(at, n);
                }
            }
            Step::Reset(n) => {
                if let Some(n) = pick(n, self.users[at].halves.len()) {
                    self.reset(at, n);
                }
            }
            Step::Read(n, most) => {
                if let Some(n) = self.users[at].find_half(n, Receive) {
                    self.read(at, n, most);
                }
            }
            Step::Connect => {
                if self.users[at].peer.link.open_connection(NONE).is_ok() {
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
            Step::Cut => self.wires.cut(at, &mut self.users[at].peer.link),
            Step::Dial => self.wires.dial(&mut self.users[CLIENT].peer.link),
            Step::Arrive(back) => self.wires.arrive(back, &mut self.users[SERVER].peer.link),
        }
        for at in 0..2 {
            self.collect(at);
            self.users[at].assert_within_budget();
        }
    }

    fn call(&mut self, at: usize, on: usize, directions: &[Direction]) {
        let user = &mut self.users[at];
        let metadata = metadata(on);
        let Some(on) = pick(on, user.connections.len()).map(|n| user.connections[n]) else {
            return;
        };
        let payload: Vec<u8> = describe(directions).collect();
        let link = &mut user.peer.link;
        match link
            .calls(on)
            .request(METHOD, &metadata, directions, &payload)
        {
            Ok((id, channels)) => {
                user.calls_started += 1;
                user.hold(on, &channels, directions);
                user.calls.insert((on, id), channels);
            }
            Err(refused) => assert_eq!(refused, RequestError::NoBudgetForChannels),
        }
    }

    fn cancel(&mut self, at: usize, n: usize) {
        let user = &mut self.users[at];
        let mut keys: Vec<_> = user.calls.keys().copied().collect();
        keys.sort();
        if let Some(n) = pick(n, keys.len()) {
            let (on, id) = keys[n];
            user.peer.link.calls(on).cancel(id);
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
            if user.peer.link.channel(on, channel).bind(direction) {
                user.hold(on, &[channel], &[direction]);
            }
        }
    }

    fn answer(&mut self, at: usize, index: usize, ok: bool, directions: &[Direction]) {
        let user = &mut self.users[at];
        let metadata = metadata(index);
        let Some(n) = pick(index, user.requests.len()) else {
            return;
        };
        let (request, taken) = user.requests.swap_remove(n);
        let (on, id) = (request.connection, request.request);
        let directions = if ok { directions } else { &[] };
        let mut payload = if ok { vec![0] } else { vec![1, 1] };
        payload.extend(describe(directions));
        let link = &mut user.peer.link;
        match link
            .calls(on)
            .respond(id, &metadata, directions, &payload, Handler::Running)
        {
            Ok(channels) => {
                user.hold(on, &channels, directions);
                for channel in channels {
                    self.history((on, channel)).unbound = true;
                }
            }
            Err(RequestError::NoBudgetForChannels) => {
                link.calls(on)
                    .respond(id, NONE, &[], &[0], Handler::Running)
                    .expect("the call is unanswered");
            }
            Err(RequestError::AlreadyAnswered | RequestError::ConnectionEnded) => {}
            Err(other) => panic!("{other}"),
        }
        self.users[at].peer.link.calls(on).handler_finished(id);
        if !ok || !taken {
            self.mark_interrupted(on, &request.channels);
        }
    }

    fn send(&mut self, at: usize, n: usize, len: usize, queue: bool) {
        let user = &mut self.users[at];
        let Some(n) = user.find_half(n, Send) else {
            return;
        };
        let (on, channel) = user.halves[n].key;
        let link = &mut user.peer.link;
        let history = self.channels.entry((on, channel)).or_default();
        let element = vec![history.sent.len().to_le_bytes()[0]; len];
        let sent = if queue {
            link.sender(on, channel).queue(&element)
        } else {
            link.sender(on, channel).send(&element)
        };
        let consumed = link.sender(on, channel).consumed();
        assert!(
            consumed.is_none_or(|consumed| consumed <= history.consumed),
            "no more is reported as consumed than was"
        );
        match sent {
            Ok(()) => history.sent.push(element),
            Err(SendError::Blocked) => assert!(!queue, "queueing never blocks"),
            Err(SendError::TooLarge { .. }) => assert!(len > 50),
            Err(SendError::Ended(_)) => {
                assert!(history.may_end_early() || self.ended.contains(&on));
            }
        }
    }

    /// Allows from nothing to twice as much as at first.
    fn set_budget(&mut self, at: usize, n: usize) {
        let user = &mut self.users[at];
        let part = |whole: usize| (whole / 32).saturating_mul(n);
        let mut budget = user.budget;
        budget.receive_budget = part(budget.receive_budget);
        budget.sending_channels = part(budget.sending_channels);
        budget.call_payloads = part(budget.call_payloads);
        user.peer.link.set_budget(budget);
    }

    fn finish(&mut self, at: usize, n: usize) {
        let half = self.users[at].halves.swap_remove(n);
        self.users[at]
            .peer
            .link
            .sender(half.key.0, half.key.1)
            .close();
        self.history(half.key).finished = true;
    }

    fn reset(&mut self, at: usize, n: usize) {
        let half = self.users[at].halves.swap_remove(n);
        self.users[at]
            .peer
            .link
            .channel(half.key.0, half.key.1)
            .reset();
        self.history(half.key).interrupted = true;
    }

    /// Reads and consumes up to `most` elements; drops the half once the channel has ended.
    fn read(&mut self, at: usize, n: usize, most: usize) {
        let user = &mut self.users[at];
        let half = &mut user.halves[n];
        let (on, channel) = half.key;
        let history = self.channels.entry(half.key).or_default();
        if half.unread.is_empty() {
            match user.peer.link.receiver(on, channel).read() {
                ReadOutcome::Elements { mut queue, .. } => {
                    half.unread
                        .extend(std::iter::from_fn(|| queue.pop(<[u8]>::to_vec)));
                }
                ReadOutcome::Empty => {}
                ReadOutcome::Ended(how) => {
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
            user.peer.link.receiver(on, channel).consume(len);
        }
    }

    fn grant(&mut self, at: usize, n: usize, granted: bool) {
        let user = &mut self.users[at];
        let Some(n) = pick(n, user.incoming_connects.len()) else {
            return;
        };
        let request = user.incoming_connects.swap_remove(n);
        if !granted {
            user.peer.link.reject_connection(request, "no", NONE);
        } else if let Ok(id) = user.peer.link.accept_connection(request, NONE) {
            user.connections.push(id);
        }
    }

    fn deliver(&mut self, at: usize, frames: usize) {
        // More frames leave than arrive; the rest stay on the wire.
        for _ in 0..frames.saturating_mul(2) {
            let Some(frame) = self.users[1 - at].peer.link.poll_transmit() else {
                break;
            };
            self.wires.push(at, frame);
        }
        for _ in 0..frames {
            let Some(frame) = self.wires.pop(at) else {
                break;
            };
            self.receive_frame(at, &frame);
        }
    }

    /// Processes a frame in parts and handles events in between, as a session does.
    fn receive_frame(&mut self, at: usize, frame: &Bytes) {
        let events = 1 + frame.len() % 4;
        let mut from = 0;
        while from < frame.len() {
            from = self.users[at].peer.link.process(frame, from, events);
            self.collect(at);
        }
    }

    /// Carries everything, on another transport if the present one is cut.
    pub(super) fn deliver_all(&mut self) {
        if !self.wires.is_whole() {
            self.wires.dial(&mut self.users[CLIENT].peer.link);
            self.wires.arrive(0, &mut self.users[SERVER].peer.link);
        }
        for at in [0, 1, 0, 1] {
            self.deliver(at, usize::MAX);
        }
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
            if self.users.iter().all(User::is_done) && self.wires.is_empty() {
                return;
            }
        }
        panic!("still busy after 1,000 rounds");
    }

    pub(super) fn check(&mut self, finished: bool) {
        for user in &mut self.users {
            user.peer.link.set_budget(user.budget);
            user.peer.assert_idle();
            assert!(!(finished && user.is_asking), "each question is answered");
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
