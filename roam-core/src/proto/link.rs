//! The machine of one link.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::config::{Agreed, Config, MAX_HELLO_FRAME};
use super::connection::{Budget, Connection, Env};
use super::connects::Connects;
use super::event::{CloseReason, Event, Request};
use super::framing::{Framing, Messages};
use super::ids::{ConnectionId, IdMap, Role};
use super::message::{DecodeError, Hello, Message, clamp_reason};
use super::outbox::Outbox;
use super::violation::{Rule, Violation};

/// The protocol machine of one end of a link: it is fed with the frames that came in, with the
/// user's commands and with the time, and it is asked for events and for frames to send.
///
/// It does no I/O, reads no clock and calls nobody. Times are durations since any start that the
/// caller keeps to.
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
    /// Connections that are over, of which the user still holds channels.
    pub(super) ended: IdMap<Connection>,
    pub(super) connects: Connects,
    ours: Hello,
    framing: Framing,
    state: State,
    bytes: Traffic,
    pub(super) room_wanted: bool,
}

#[derive(Debug)]
enum State {
    Handshake { deadline: Duration },
    Open,
    Closed(CloseReason),
}

/// What has gone over a link, in bytes of frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Received.
    pub received: u64,
    /// Sent.
    pub sent: u64,
}

/// A link's state at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Bytes of frames.
    pub traffic: Traffic,
    /// Calls of ours in flight.
    pub outgoing_calls: usize,
    /// Calls of the peer in flight.
    pub incoming_calls: usize,
    /// Channels that are open.
    pub channels: usize,
    /// Connections that are open, the root among them.
    pub connections: usize,
    /// Bytes that wait to be sent.
    pub queued_bytes: usize,
    /// Responses that nobody waited for.
    pub stray_responses: u64,
}

/// A message on a connection that is over, or that never was.
enum Missing {
    Over,
    NeverWas,
}

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
            budget: Budget::new(&config.limits),
            blocked: Vec::new(),
            stray_responses: 0,
        };
        Self {
            env,
            root: Connection::new(ConnectionId::ROOT, role),
            others: IdMap::default(),
            ended: IdMap::default(),
            connects: Connects::new(role),
            ours,
            framing,
            state: State::Handshake { deadline: now + config.handshake_timeout },
            bytes: Traffic::default(),
            room_wanted: false,
        }
    }

    // Getters.

    /// Which end of the link this is.
    pub fn role(&self) -> Role {
        self.env.role
    }

    /// What the peers agreed on; `None` before the handshake is done.
    pub fn agreed(&self) -> Option<Agreed> {
        match self.state {
            State::Handshake { .. } => None,
            State::Open | State::Closed(_) => Some(self.env.agreed),
        }
    }

    /// Why the link ended; `None` while it has not.
    pub fn close_reason(&self) -> Option<&CloseReason> {
        match &self.state {
            State::Closed(reason) => Some(reason),
            _ => None,
        }
    }

    /// Whether what waits to be sent is less than its bound.
    pub fn has_room_to_send(&self) -> bool {
        self.env.outbox.queued() < self.env.limits.send_buffer
    }

    /// Whether nothing waits to be sent.
    pub fn is_drained(&self) -> bool {
        self.env.outbox.is_empty()
    }

    /// The link at this moment.
    pub fn stats(&self) -> Stats {
        let mut stats = Stats {
            traffic: self.bytes,
            queued_bytes: self.env.outbox.queued(),
            stray_responses: self.env.stray_responses,
            ..Stats::default()
        };
        for connection in std::iter::once(&self.root).chain(self.others.values()) {
            let (outgoing, incoming) = connection.calls.in_flight();
            stats.outgoing_calls += outgoing;
            stats.incoming_calls += incoming;
            stats.channels += connection.channels.len();
            stats.connections += 1;
        }
        stats
    }

    // What comes in.

    /// Takes in a frame of the transport.
    pub fn handle_frame(&mut self, frame: &Bytes) {
        self.bytes.received += frame.len() as u64;
        if let Err(error) = self.try_handle_frame(frame) {
            self.punish(error);
        }
    }

    /// The peer broke a rule of the transport, for example with a text frame.
    pub fn handle_violation(&mut self, violation: Violation) {
        self.punish(violation.into());
    }

    /// The transport is gone.
    pub fn handle_lost(&mut self, error: Arc<dyn std::error::Error + Send + Sync>) {
        self.end(CloseReason::Lost(error));
    }

    /// The time that [`poll_timeout`](Self::poll_timeout) named may have come.
    pub fn handle_timeout(&mut self, now: Duration) {
        if matches!(self.state, State::Handshake { deadline } if now >= deadline) {
            self.say_goodbye(CloseReason::HandshakeTimeout);
        }
    }

    fn try_handle_frame(&mut self, frame: &Bytes) -> Result<(), DecodeError> {
        self.check_frame_length(frame.len())?;
        let mut messages = Messages::new(frame.clone(), self.framing)?;
        while !matches!(self.state, State::Closed(_)) {
            let Some(range) = messages.next()? else { break };
            let message = Message::decode(&frame[range])?;
            self.handle_message(frame, message)?;
        }
        if self.env.outbox.control() > self.env.limits.control_replies {
            self.say_goodbye(CloseReason::RepliesUnread);
        }
        Ok(())
    }

    fn check_frame_length(&self, len: usize) -> Result<(), Violation> {
        let max = match self.state {
            State::Handshake { .. } => MAX_HELLO_FRAME,
            _ => self.env.agreed.max_payload_size as usize + super::config::FRAME_OVERHEAD,
        };
        if len > max {
            return Err(Rule::TooLarge.because(format!("a frame of {len} bytes, {max} allowed")));
        }
        Ok(())
    }

    #[inline]
    fn handle_message(&mut self, frame: &Bytes, message: Message<'_>) -> Result<(), DecodeError> {
        if matches!(self.state, State::Handshake { .. }) {
            return Ok(self.handle_hello(&message)?);
        }
        let on = match message {
            Message::Data { connection, .. }
            | Message::Close { connection, .. }
            | Message::Reset { connection, .. }
            | Message::Credit { connection, .. }
            | Message::Request { connection, .. }
            | Message::Response { connection, .. }
            | Message::Cancel { connection, .. } => connection,
            Message::Goodbye { connection, reason } => {
                return Ok(self.handle_goodbye(connection, reason)?);
            }
            Message::Connect { request, metadata } => {
                self.handle_connect(request, metadata.into_owned());
                return Ok(());
            }
            Message::Accept { request, connection, metadata } => {
                return Ok(self.handle_accept(request, connection, metadata.into_owned())?);
            }
            Message::Reject { request, reason, metadata } => {
                self.handle_reject(request, reason, metadata.into_owned());
                return Ok(());
            }
            Message::Hello(_) => return Err(Rule::HelloDuplicate.into()),
        };
        let (connection, env) = match on {
            ConnectionId::ROOT => (&mut self.root, &mut self.env),
            id => match self.others.get_mut(&id.0) {
                Some(connection) => (connection, &mut self.env),
                None => return Ok(self.missing(id)?),
            },
        };
        dispatch(connection, env, frame, message)
            .map_err(|violation| DecodeError { connection: on, violation })
    }

    fn handle_hello(&mut self, message: &Message<'_>) -> Result<(), Violation> {
        let Message::Hello(theirs) = *message else { return Err(Rule::HelloOrdering.into()) };
        if theirs.max_payload_size == 0 {
            return Err(Rule::HelloParameters.because("max_payload_size 0"));
        }
        self.env.agreed = Agreed::between(self.ours, theirs);
        self.state = State::Open;
        self.env.events.push_back(Event::Ready(self.env.agreed));
        Ok(())
    }

    fn handle_goodbye(&mut self, id: ConnectionId, reason: &str) -> Result<(), Violation> {
        let reason = CloseReason::Goodbye(reason.into());
        if id == ConnectionId::ROOT {
            self.end(reason);
        } else if self.others.contains_key(&id.0) {
            self.end_connection(id, reason);
        } else {
            self.missing(id)?;
        }
        Ok(())
    }

    /// A message on a connection that is not there: late, or wrong.
    pub(super) fn missing(&self, id: ConnectionId) -> Result<(), Violation> {
        match if self.connects.ever_was(id) { Missing::Over } else { Missing::NeverWas } {
            Missing::Over => Ok(()),
            Missing::NeverWas => Err(Rule::UnknownConnection.because(format!("connection {id}"))),
        }
    }

    /// Ends what a broken rule ends, and tells the peer.
    pub(super) fn punish(&mut self, error: DecodeError) {
        let DecodeError { connection, violation } = error;
        if matches!(self.state, State::Closed(_)) {
            return;
        }
        if connection == ConnectionId::ROOT || violation.rule.ends_link() {
            self.say_goodbye(CloseReason::Violation(violation));
        } else if self.others.contains_key(&connection.0) {
            self.end_with_goodbye(connection, CloseReason::Violation(violation));
        } else if let Err(violation) = self.missing(connection) {
            self.say_goodbye(CloseReason::Violation(violation));
        }
    }

    // What the user wants.

    /// Ends the link; what was queued is still sent, and Goodbye behind it.
    pub fn close(&mut self, reason: &str) {
        self.say_goodbye(CloseReason::Local(clamp_reason(reason).into()));
    }

    fn say_goodbye(&mut self, reason: CloseReason) {
        if matches!(self.state, State::Closed(_)) {
            return;
        }
        self.push_goodbye(ConnectionId::ROOT, &reason);
        self.end(reason);
    }

    pub(super) fn push_goodbye(&mut self, connection: ConnectionId, reason: &CloseReason) {
        let text = reason.goodbye();
        self.env.outbox.push_control(&Message::Goodbye { connection, reason: clamp_reason(&text) });
    }

    fn end(&mut self, reason: CloseReason) {
        if matches!(self.state, State::Closed(_)) {
            return;
        }
        let others: Vec<_> = self.others.keys().copied().map(ConnectionId).collect();
        for id in others {
            self.end_connection(id, reason.clone());
        }
        self.root.end_all(&mut self.env);
        self.env.events.push_back(Event::ConnectionEnded {
            connection: ConnectionId::ROOT,
            reason: reason.clone(),
        });
        self.state = State::Closed(reason);
    }

    // What goes out.

    /// The next event, until there is none.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.env.events.pop_front()
    }

    /// The next frame to hand to the transport, if it can take one. When the link is closed and
    /// there is none, the transport is to be closed.
    pub fn poll_transmit(&mut self) -> Option<Bytes> {
        let departure = self.env.outbox.pop()?;
        self.bytes.sent += departure.bytes.len() as u64;
        for (id, request) in departure.responses {
            if let Some((connection, env)) = self.connection_mut(id) {
                connection.calls.departed(env, request);
            }
        }
        if self.env.outbox.queued() < self.env.limits.send_buffer / 2 {
            self.unblock();
        }
        Some(departure.bytes)
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called.
    pub fn poll_timeout(&self) -> Option<Duration> {
        match self.state {
            State::Handshake { deadline } => Some(deadline),
            State::Open | State::Closed(_) => None,
        }
    }

    pub(super) fn connection_mut(&mut self, id: ConnectionId) -> Option<(&mut Connection, &mut Env)> {
        let connection = match id {
            ConnectionId::ROOT => &mut self.root,
            id => self.others.get_mut(&id.0)?,
        };
        Some((connection, &mut self.env))
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, State::Open)
    }
}

#[inline]
fn dispatch(
    connection: &mut Connection,
    env: &mut Env,
    frame: &Bytes,
    message: Message<'_>,
) -> Result<(), Violation> {
    match message {
        Message::Data { channel, payload, .. } => connection.handle_data(env, channel, frame, payload),
        Message::Close { channel, .. } => connection.handle_close(env, channel),
        Message::Reset { channel, .. } => connection.handle_reset(env, channel),
        Message::Credit { channel, bytes, .. } => connection.handle_credit(env, channel, bytes),
        Message::Request { connection: id, request, method, metadata, channels, payload } => connection
            .handle_request(
                env,
                Request {
                    connection: id,
                    request,
                    method,
                    metadata: metadata.into_owned(),
                    channels: channels.into_owned(),
                    payload: frame.slice_ref(payload),
                },
            ),
        Message::Response { request, metadata, channels, payload, .. } => connection.handle_response(
            env,
            request,
            metadata.into_owned(),
            &channels,
            frame.slice_ref(payload),
        ),
        Message::Cancel { request, .. } => {
            connection.handle_cancel(env, request);
            Ok(())
        }
        // The link handles the others before a connection is looked up.
        _ => Ok(()),
    }
}
