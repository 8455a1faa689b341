//! The machine of one end of a link.
//!
//! Methods are grouped by what they serve: input and output in [`incoming`] and [`outgoing`], calls,
//! channels and connections each in a file of their own.

mod calls;
mod carrying;
mod channels;
mod connections;
mod diagnostics;
mod flow;
mod idle;
mod incoming;
mod load;
mod outgoing;
mod parts;
mod stats;

pub use calls::Calls;
pub use channels::{Channel, ReadOutcome, Receiver, Sender};
pub use load::Load;
pub use stats::{Stats, Traffic};

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use crate::budget::{Budget, LinkBudget};
use crate::carrier::Carrier;
use crate::close::Close;
#[cfg(feature = "byte-streams")]
use crate::cobs::CobsDecoder;
use crate::config::{Agreed, Config};
use crate::connection::Connection;
use crate::context::LinkContext;
use crate::credit::sender_pool::SenderPool;
use crate::event::{CloseReason, Event};
use crate::framing::Framing;
use crate::ids::{ConnectionId, Role};
use crate::map::IdMap;
use crate::memory::MemoryShare;
use crate::message::{Hello, Message, clamp_reason};
use crate::outbox::Priority;
use crate::turns::Turns;
use alloc::boxed::Box;

use carrying::{carrier, outbox};
use connections::PendingConnections;
use idle::IdleWatch;
use parts::Partial;

/// The protocol machine of one end of a link.
///
/// It does no I/O, reads no clock and calls nobody. Times are durations since a start that the
/// shell chooses.
///
/// ```
/// use std::time::Duration;
/// use roam_proto::{Config, Event, Framing, Link, Role};
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
    ctx: LinkContext,
    root: Connection,
    others: IdMap<Connection>,
    /// Ended connections that still have open channels, running handlers or queued responses.
    ended: IdMap<Connection>,
    pending: PendingConnections,
    our_hello: Hello,
    framing: Framing,
    #[cfg(feature = "byte-streams")]
    cobs: CobsDecoder,
    state: State,
    idle: Option<IdleWatch>,
    /// Numbers frames, for a link that survives its transport.
    carrier: Option<Box<Carrier>>,
    /// The parts of a long message that have come so far.
    partial: Partial,
    /// The transport was given up: its peer is silent.
    transport_is_dead: bool,
    traffic: Traffic,
    /// Who waits for an [`Event::SendBufferReady`].
    capacity_wanted: CapacityWanted,
}

/// For which calls and answers somebody waits for send capacity.
#[derive(Clone, Copy, Debug, Default)]
struct CapacityWanted {
    urgent: bool,
    bulk: bool,
}

#[derive(Debug)]
enum State {
    Handshake { deadline: Duration },
    Open,
    Closed { reason: CloseReason, agreed: bool },
}

impl Link {
    /// Creates a machine with its Hello queued.
    pub fn new(role: Role, framing: Framing, config: &Config, now: Duration) -> Self {
        let our_hello = config.hello();
        let outbox = outbox(framing, our_hello);
        let ctx = LinkContext {
            role,
            agreed: Agreed::between(our_hello, our_hello, framing),
            limits: config.limits.clone(),
            outbox,
            events: VecDeque::new(),
            budget: Budget::new(&config.limits, our_hello, framing),
            memory: config.memory.clone().map(MemoryShare::new),
            blocked: Vec::new(),
            turns: Turns::default(),
            bulk_capacity: config.limits.send_buffer,
            pool: SenderPool::default(),
            send_window: 0,
            peer_calls: usize::MAX,
            peer_call_payloads: usize::MAX,
            calls_held: 0,
            short: VecDeque::new(),
            refused: VecDeque::new(),
            forgotten_waits: 0,
            has_ended: false,
            stray_responses: 0,
            now: None,
        };
        let deadline = now + config.handshake_timeout;
        let idle_watch = |timeout| IdleWatch::new(timeout, now);
        Self {
            ctx,
            root: Connection::new(ConnectionId::ROOT, role, Some(now)),
            others: IdMap::default(),
            ended: IdMap::default(),
            pending: PendingConnections::new(role),
            our_hello,
            framing,
            #[cfg(feature = "byte-streams")]
            cobs: CobsDecoder::default(),
            state: State::Handshake { deadline },
            idle: config.idle_timeout.map(idle_watch),
            carrier: carrier(role, framing, config),
            partial: Partial::default(),
            transport_is_dead: false,
            traffic: Traffic::default(),
            capacity_wanted: CapacityWanted::default(),
        }
    }

    /// Returns which end of the link this is.
    pub fn role(&self) -> Role {
        self.ctx.role
    }

    /// Returns how frames hold messages.
    pub fn framing(&self) -> Framing {
        self.framing
    }

    /// Returns what the peers agreed on, or `None` before the handshake.
    pub fn agreed(&self) -> Option<Agreed> {
        self.has_agreed().then_some(self.ctx.agreed)
    }

    /// Returns whether the handshake was completed, also after the link has ended.
    pub fn has_agreed(&self) -> bool {
        match self.state {
            State::Handshake { .. } => false,
            State::Open => true,
            State::Closed { agreed, .. } => agreed,
        }
    }

    /// Returns why the link ended, or `None` while it is alive.
    pub fn close_reason(&self) -> Option<&CloseReason> {
        match &self.state {
            State::Closed { reason, .. } => Some(reason),
            _ => None,
        }
    }

    /// Returns what the peer may make us hold.
    pub fn budget(&self) -> LinkBudget {
        LinkBudget::from(&self.ctx.limits)
    }

    /// Raises or lowers what the peer may make us hold, at once.
    ///
    /// Nothing that is in use is taken away. While more is in use than `budget` allows, calls are
    /// answered `busy`, no channel is opened, and no window grows. Windows that have grown keep their
    /// size: the peer may count on credit that it was granted. There is always enough for one channel.
    ///
    /// ```
    /// use std::time::Duration;
    /// use roam_proto::{Config, Framing, Link, Role};
    ///
    /// let config = Config::default();
    /// let mut link = Link::new(Role::Acceptor, Framing::Packed, &config, Duration::ZERO);
    /// let mut budget = link.budget();
    /// budget.call_payloads = 1 << 20;
    /// link.set_budget(budget);
    /// assert_eq!(link.stats().remaining.call_payloads, 1 << 20);
    /// ```
    pub fn set_budget(&mut self, budget: LinkBudget) {
        let limits = &mut self.ctx.limits;
        limits.receive_budget = budget.receive_budget;
        limits.sending_channels = budget.sending_channels;
        limits.call_payloads = budget.call_payloads;
        self.ctx.budget.set_total(budget);
    }

    /// Closes the link. Queued messages are still sent, followed by a Goodbye with `reason`, of
    /// which at most [`MAX_REASON`](crate::MAX_REASON) bytes are kept.
    pub fn close(&mut self, reason: &str) {
        self.close_with_goodbye(CloseReason::Local(clamp_reason(reason).into()));
    }

    /// Closes the link like [`close`](Self::close), and tells the peer a code as well. A peer that only knows version 2
    /// of the protocol reads the code from the end of its transport, if that can say one.
    pub fn close_with(&mut self, close: Close) {
        if close.code() == Close::NORMAL {
            return self.close(close.reason());
        }
        self.close_with_goodbye(CloseReason::ClosedHere(close));
    }

    fn is_open(&self) -> bool {
        matches!(self.state, State::Open)
    }

    fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed { .. })
    }

    fn close_with_goodbye(&mut self, reason: CloseReason) {
        if !self.is_closed() {
            self.push_goodbye(ConnectionId::ROOT, &reason);
            self.end(reason);
        }
    }

    /// Queues the message that follows everything on a connection.
    fn push_goodbye(&mut self, connection: ConnectionId, reason: &CloseReason) {
        if let CloseReason::ClosedHere(close) = reason
            && self.carrier.is_some()
        {
            let (code, reason) = (close.code(), close.reason());
            let end = Message::End { code, reason };
            return self.ctx.outbox.push_control(Priority::Bulk, &end);
        }
        let text = reason.goodbye();
        let reason = clamp_reason(&text);
        let goodbye = Message::Goodbye { connection, reason };
        self.ctx.outbox.push_control(Priority::Bulk, &goodbye);
    }

    /// Ends every connection and the link. Nothing is queued after this.
    fn end(&mut self, reason: CloseReason) {
        if self.is_closed() {
            return;
        }
        self.ctx.has_ended = true;
        let others: Vec<_> = self.others.keys().copied().map(ConnectionId).collect();
        for id in others {
            self.end_connection(id, reason.clone());
        }
        for connection in self.ended.values_mut() {
            connection.forget_draining(&mut self.ctx);
        }
        self.ended.retain(|_, connection| !connection.is_unused());
        self.root.end_all(&mut self.ctx, &reason);
        self.ctx.blocked = Vec::new();
        self.ctx.short = VecDeque::new();
        self.ctx.refused = VecDeque::new();
        self.ctx.events.push_back(Event::ConnectionEnded {
            connection: ConnectionId::ROOT,
            reason: reason.clone(),
        });
        self.state = State::Closed {
            reason,
            agreed: self.has_agreed(),
        };
    }

    /// Returns a connection that has not ended.
    fn live_connection(&mut self, id: ConnectionId) -> Option<(&mut Connection, &mut LinkContext)> {
        if self.is_closed() {
            return None;
        }
        let connection = match id {
            ConnectionId::ROOT => &mut self.root,
            id => self.others.get_mut(&id.0)?,
        };
        Some((connection, &mut self.ctx))
    }

    /// Returns a connection, even an ended one if something still refers to it.
    #[inline]
    fn connection(&mut self, id: ConnectionId) -> Option<(&mut Connection, &mut LinkContext)> {
        let connection = match id {
            ConnectionId::ROOT => &mut self.root,
            id => match self.others.get_mut(&id.0) {
                Some(connection) => connection,
                None => self.ended.get_mut(&id.0)?,
            },
        };
        Some((connection, &mut self.ctx))
    }

    /// Forgets an ended connection once nothing refers to it.
    fn forget_if_unused(&mut self, id: ConnectionId) {
        if self.ended.get(&id.0).is_some_and(Connection::is_unused) {
            self.ended.remove(&id.0);
            self.pending.accepted.remove(&id.0);
        }
    }
}
