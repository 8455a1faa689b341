//! The machine of one link.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use super::budget::Budget;
use super::cobs::CobsDecoder;
use super::config::{Agreed, Config};
use super::connection::Connection;
use super::connects::Connects;
use super::env::Env;
use super::event::{CloseReason, Event};
use super::framing::Framing;
use super::idle::IdleWatch;
use super::ids::{ConnectionId, IdMap, RequestId, Role};
use super::message::{Hello, Message, clamp_reason};
use super::outbox::Outbox;
use super::stats::Traffic;

/// The protocol machine of one end of a link: it is fed with the frames that came in, with the
/// user's commands and with the time, and it is asked for events and for frames to send.
///
/// It does no I/O, reads no clock and calls nobody. Times are durations since any start that the
/// caller keeps to. Its methods are getters; `handle_*` for what comes in; commands, named after
/// what the user wants; and `poll_*` for what goes out.
///
/// ```
/// use std::time::Duration;
/// use roam_core::proto::{Config, Event, Framing, Link, Role};
///
/// let now = Duration::ZERO;
/// let mut client = Link::new(Role::Initiator, Framing::Packed, &Config::client(), now);
/// let mut server = Link::new(Role::Acceptor, Framing::Packed, &Config::default(), now);
/// let (to_server, to_client) = (client.poll_transmit().unwrap(), server.poll_transmit().unwrap());
/// server.handle_frame(&to_server);
/// client.handle_frame(&to_client);
/// assert!(matches!(client.poll_event(), Some(Event::Ready(_))));
/// ```
#[derive(Debug)]
pub struct Link {
    pub(super) env: Env,
    pub(super) root: Connection,
    pub(super) others: IdMap<Connection>,
    /// Connections that are over, of which something here has not been let go of: channels that a
    /// user holds, handlers that run on, Responses that are still queued.
    pub(super) ended: IdMap<Connection>,
    pub(super) connects: Connects,
    pub(super) ours: Hello,
    pub(super) framing: Framing,
    pub(super) cobs: CobsDecoder,
    pub(super) state: State,
    pub(super) idle: Option<IdleWatch>,
    pub(super) traffic: Traffic,
    pub(super) room_wanted: bool,
}

#[derive(Debug)]
pub(super) enum State {
    Handshake { deadline: Duration },
    Open,
    Closed { reason: CloseReason, agreed: bool },
}

/// How many events there is room for while there are none.
const KEPT_EVENTS: usize = 1024;

impl Link {
    /// A machine that has its Hello ready to be sent.
    pub fn new(role: Role, framing: Framing, config: &Config, now: Duration) -> Self {
        let ours = config.hello();
        let mut outbox = Outbox::new(framing);
        outbox.push(&Message::Hello(ours));
        outbox.seal();
        let env = Env {
            role,
            agreed: Agreed::between(ours, ours),
            limits: config.limits.clone(),
            outbox,
            events: VecDeque::new(),
            budget: Budget::new(&config.limits, ours.initial_channel_credit),
            blocked: Vec::new(),
            stray_responses: 0,
            now: None,
        };
        Self {
            env,
            root: Connection::new(ConnectionId::ROOT, role, Some(now)),
            others: IdMap::default(),
            ended: IdMap::default(),
            connects: Connects::new(role),
            ours,
            framing,
            cobs: CobsDecoder::default(),
            state: State::Handshake {
                deadline: now + config.handshake_timeout,
            },
            idle: config
                .idle_timeout
                .map(|timeout| IdleWatch::new(timeout, now)),
            traffic: Traffic::default(),
            room_wanted: false,
        }
    }

    // Getters.

    /// Which end of the link this is.
    pub fn role(&self) -> Role {
        self.env.role
    }

    /// What the peers agreed on; `None` if the handshake is not done.
    pub fn agreed(&self) -> Option<Agreed> {
        self.has_agreed().then_some(self.env.agreed)
    }

    /// Whether the handshake is done, or was when the link ended.
    pub fn has_agreed(&self) -> bool {
        match self.state {
            State::Handshake { .. } => false,
            State::Open => true,
            State::Closed { agreed, .. } => agreed,
        }
    }

    /// Why the link ended; `None` while it has not.
    pub fn close_reason(&self) -> Option<&CloseReason> {
        match &self.state {
            State::Closed { reason, .. } => Some(reason),
            _ => None,
        }
    }

    /// Whether what waits to be sent is less than its bound. To be asked before calls are made and
    /// answered: the machine itself refuses neither, so that what waits is bounded by who asks.
    pub fn has_room_to_send(&self) -> bool {
        self.env.has_room()
    }

    /// Whether a connection has begun and has not ended.
    pub fn is_live(&self, id: ConnectionId) -> bool {
        !self.is_closed() && (id == ConnectionId::ROOT || self.others.contains_key(&id.0))
    }

    /// Whether the peer still waits for the answer to a call of its.
    pub fn is_awaited(&self, id: ConnectionId, request: RequestId) -> bool {
        let connection = if id == ConnectionId::ROOT {
            Some(&self.root)
        } else {
            self.others.get(&id.0)
        };
        connection.is_some_and(|connection| connection.calls.is_awaited(request))
    }

    /// Whether nothing waits to be sent.
    pub fn is_drained(&self) -> bool {
        self.env.outbox.is_empty()
    }

    /// How many messages wait to be sent.
    pub fn queued_messages(&self) -> usize {
        self.env.outbox.messages()
    }

    /// How many messages have been handed to the transport.
    pub fn sent_messages(&self) -> u64 {
        self.env.outbox.left_messages()
    }

    /// The calls in flight on the connections that have not ended: ours, the peer's. Those with
    /// channels in their arguments are not counted: they tend to be there for long.
    pub fn short_calls(&self) -> (usize, usize) {
        let connections = std::iter::once(&self.root).chain(self.others.values());
        let calls = connections.map(|connection| connection.calls.without_channels());
        calls.fold((0, 0), |sum, calls| (sum.0 + calls.0, sum.1 + calls.1))
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, State::Open)
    }

    pub(super) fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed { .. })
    }

    // What the user wants.

    /// Ends the link; what was queued is still sent, and Goodbye behind it.
    pub fn close(&mut self, reason: &str) {
        self.say_goodbye(CloseReason::Local(clamp_reason(reason).into()));
    }

    pub(super) fn say_goodbye(&mut self, reason: CloseReason) {
        if !self.is_closed() {
            self.push_goodbye(ConnectionId::ROOT, &reason);
            self.end(reason);
        }
    }

    pub(super) fn push_goodbye(&mut self, connection: ConnectionId, reason: &CloseReason) {
        let text = reason.goodbye();
        let reason = clamp_reason(&text);
        self.env
            .outbox
            .push_control(&Message::Goodbye { connection, reason });
    }

    /// Ends everything. From here on nothing more is queued.
    pub(super) fn end(&mut self, reason: CloseReason) {
        if self.is_closed() {
            return;
        }
        let others: Vec<_> = self.others.keys().copied().map(ConnectionId).collect();
        for id in others {
            self.end_connection(id, reason.clone());
        }
        self.root.end_all(&mut self.env, &reason);
        self.env.blocked = Vec::new();
        self.env.events.push_back(Event::ConnectionEnded {
            connection: ConnectionId::ROOT,
            reason: reason.clone(),
        });
        self.state = State::Closed {
            reason,
            agreed: self.has_agreed(),
        };
    }

    /// What waits to be sent will not be.
    pub(super) fn drop_unsent(&mut self) {
        while let Some(departure) = self.env.outbox.pop() {
            self.depart(departure.responses);
        }
    }

    // What goes out.

    /// The next event, until there is none.
    #[inline]
    pub fn poll_event(&mut self) -> Option<Event> {
        let events = &mut self.env.events;
        if events.is_empty() {
            if events.capacity() > KEPT_EVENTS {
                // A burst is not paid for until the end of the link.
                events.shrink_to(KEPT_EVENTS);
            }
            return None;
        }
        events.pop_front()
    }

    /// How many events wait.
    #[inline]
    pub fn pending_events(&self) -> usize {
        self.env.events.len()
    }

    /// The next frame to hand to the transport, if it can take one. When the link is closed and
    /// there is none, the transport is to be closed.
    pub fn poll_transmit(&mut self) -> Option<Bytes> {
        let departure = self.env.outbox.pop()?;
        self.traffic.sent += departure.bytes.len() as u64;
        self.depart(departure.responses);
        if self.env.has_ample_room() {
            self.unblock();
        }
        Some(departure.bytes)
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called.
    pub fn poll_timeout(&self) -> Option<Duration> {
        let look = self.idle.as_ref().map(IdleWatch::next_look);
        match self.state {
            State::Handshake { deadline } => Some(look.map_or(deadline, |look| look.min(deadline))),
            State::Open => look,
            State::Closed { .. } => None,
        }
    }

    /// Responses are not ours any more.
    fn depart(&mut self, responses: usize) {
        for _ in 0..responses {
            let Some((id, request)) = self.env.outbox.next_answered() else {
                return;
            };
            if let Some((connection, env)) = self.find(id) {
                connection.calls.departed(env, request);
                self.release(id);
            }
        }
    }

    // Connections, by what is wanted of them.

    /// A connection that is not over.
    pub(super) fn live(&mut self, id: ConnectionId) -> Option<(&mut Connection, &mut Env)> {
        if self.is_closed() {
            return None;
        }
        let connection = match id {
            ConnectionId::ROOT => &mut self.root,
            id => self.others.get_mut(&id.0)?,
        };
        Some((connection, &mut self.env))
    }

    /// A connection, also one that is over and of which something is still held.
    pub(super) fn find(&mut self, id: ConnectionId) -> Option<(&mut Connection, &mut Env)> {
        let connection = match id {
            ConnectionId::ROOT => &mut self.root,
            id => match self.others.get_mut(&id.0) {
                Some(connection) => connection,
                None => self.ended.get_mut(&id.0)?,
            },
        };
        Some((connection, &mut self.env))
    }

    /// Forgets a connection that is over when nothing of it is held any more.
    pub(super) fn release(&mut self, id: ConnectionId) {
        if self.ended.get(&id.0).is_some_and(Connection::is_released) {
            self.ended.remove(&id.0);
            self.connects.accepted.remove(&id.0);
        }
    }
}
