//! What is in flight on a link, one by one: for people who want to know why it stands still.
//!
//! The machine reads no clock. A shell that wants to know ages hands the time in, by
//! [`Link::handle_clock`]; while none does, no times are kept, and a snapshot has no ages.

use std::time::Duration;

use super::calls::{Incoming, Outgoing};
use super::channel::{Channel, ChannelEnd, Direction};
use super::config::{Agreed, Limits};
use super::connection::Connection;
use super::env::Env;
use super::event::CloseReason;
use super::ids::{ChannelId, ConnectionId, MethodId, RequestId, Role};
use super::link::Link;
use super::stats::Stats;

/// What is in flight on a link at a moment.
///
/// Its text, by `Display`, is for people; [`Stats`] alone is much cheaper to ask for.
#[derive(Clone, Debug)]
pub struct Diagnostics {
    /// Which end of the link this is.
    pub role: Role,
    /// What the peers agreed on; `None` while the handshake is not done.
    pub agreed: Option<Agreed>,
    /// Why the link ended; `None` while it has not. What is still in flight then is held by users.
    pub close_reason: Option<CloseReason>,
    /// The sums of all that follows, and what is left of the link's bounds.
    pub stats: Stats,
    /// The bounds themselves.
    pub limits: Limits,
    /// Frames that wait to be sent; their bytes are [`Stats::queued_bytes`], which count against
    /// [`Limits::send_buffer`] with what each frame costs beside.
    pub queued_frames: usize,
    /// Of [`Limits::control_replies`], what waits to be sent, in bytes.
    pub queued_replies: usize,
    /// Channels whose senders wait until less waits to be sent.
    pub blocked_channels: usize,
    /// Connects of ours that the peer has not answered.
    pub outgoing_connects: usize,
    /// Connects of the peer that nobody here has answered.
    pub incoming_connects: usize,
    /// The connections, also those that are over and still held.
    pub connections: Vec<ConnectionInFlight>,
}

/// What is in flight on a connection.
#[derive(Clone, Debug)]
pub struct ConnectionInFlight {
    /// The connection.
    pub id: ConnectionId,
    /// Whether it is over, and only waits for users to let go of what they hold of it.
    pub ended: bool,
    /// How long ago it began; `None` when nobody watched then.
    pub age: Option<Duration>,
    /// Calls of ours.
    pub outgoing: Vec<CallInFlight>,
    /// Calls of the peer.
    pub incoming: Vec<CallInFlight>,
    /// Its channels.
    pub channels: Vec<ChannelInFlight>,
}

/// A call in flight.
#[derive(Clone, Debug)]
pub struct CallInFlight {
    /// The call.
    pub request: RequestId,
    /// The method that is called.
    pub method: MethodId,
    /// How long ago it was made or came; `None` when nobody watched then.
    pub age: Option<Duration>,
    /// How far it has come.
    pub stage: CallStage,
    /// The channels of its arguments, while it has no answer.
    pub channels: Vec<ChannelId>,
}

/// How far a call has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallStage {
    /// It waits for its answer: a call of ours always, a call of the peer while its handler runs.
    Unanswered,
    /// The answer waits to be sent.
    Answered,
    /// Nothing is to be sent any more, but its handler runs on.
    HandlerLeft,
}

/// A channel in flight.
#[derive(Clone, Debug)]
pub struct ChannelInFlight {
    /// The channel.
    pub id: ChannelId,
    /// Which way it goes; `None` while nobody here has taken its end.
    pub direction: Option<Direction>,
    /// The method in whose arguments or result it travelled, as far as that is known: while the
    /// call has no answer, and later if somebody watched when the channel was opened.
    pub method: Option<MethodId>,
    /// How long ago it was opened; `None` when nobody watched then.
    pub age: Option<Duration>,
    /// What may be sent on it now, by us or by the peer, in bytes.
    pub credit: u32,
    /// In bytes: what waits here for credit, or has been received and not been consumed.
    pub queued: usize,
    /// Whether a user waits for it, to send or to receive.
    pub awaited: bool,
    /// How it ended; `None` while it has not. What is over is still held by a user, or not yet
    /// read to its end.
    pub end: Option<ChannelEnd>,
}

/// Where a channel comes from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    method: MethodId,
    since: Duration,
}

impl Diagnostics {
    /// Puts everything into the order of its ids.
    pub fn sort(&mut self) {
        self.connections.sort_unstable_by_key(|it| it.id);
        for connection in &mut self.connections {
            connection.outgoing.sort_unstable_by_key(|it| it.request);
            connection.incoming.sort_unstable_by_key(|it| it.request);
            connection.channels.sort_unstable_by_key(|it| it.id);
        }
    }
}

impl Link {
    /// What is in flight at this moment, the root first and else in no order. Ages count to the
    /// time that [`handle_clock`](Self::handle_clock) told last.
    pub fn diagnostics(&self) -> Diagnostics {
        let live = std::iter::once(&self.root).chain(self.others.values());
        let live = live.map(|connection| (connection, self.is_closed()));
        let ended = self.ended.values().map(|connection| (connection, true));
        let connections = live
            .chain(ended)
            .map(|(connection, ended)| connection.in_flight(ended, self.env.now));
        Diagnostics {
            role: self.role(),
            agreed: self.agreed(),
            close_reason: self.close_reason().cloned(),
            stats: self.stats(),
            limits: self.env.limits.clone(),
            queued_frames: self.env.outbox.frames(),
            queued_replies: self.env.outbox.control(),
            blocked_channels: self.env.blocked.len(),
            outgoing_connects: self.connects.outgoing.len(),
            incoming_connects: self.connects.incoming.len(),
            connections: connections.collect(),
        }
    }

    /// Tells the time, by the same start as in [`new`](Self::new). From the first time on, what
    /// begins is noted with the time told last.
    pub fn handle_clock(&mut self, now: Duration) {
        self.env.now = Some(now);
    }
}

impl Connection {
    /// Channels were opened in the arguments or the result of `method`.
    #[inline]
    pub(super) fn note_channels(&mut self, env: &Env, channels: &[ChannelId], method: MethodId) {
        if let Some(since) = env.now {
            let origin = Origin { method, since };
            self.origins
                .extend(channels.iter().map(|id| (id.0, origin)));
        }
    }

    fn in_flight(&self, ended: bool, now: Option<Duration>) -> ConnectionInFlight {
        let age = |since: Option<Duration>| Some(now?.saturating_sub(since?));
        let mut seen = ConnectionInFlight {
            id: self.id,
            ended,
            age: age(self.since),
            outgoing: Vec::new(),
            incoming: Vec::new(),
            channels: Vec::new(),
        };
        for (&id, call) in &self.calls.outgoing {
            seen.outgoing.push(call.in_flight(id, age(call.since)));
        }
        for (&id, call) in &self.calls.incoming {
            seen.incoming.push(call.in_flight(id, age(call.since)));
        }
        for (&id, channel) in &self.channels {
            let mut channel = channel.in_flight(ChannelId(id));
            match self.origins.get(&id) {
                Some(origin) => {
                    channel.method = Some(origin.method);
                    channel.age = age(Some(origin.since));
                }
                None => channel.method = seen.method_with(channel.id),
            }
            seen.channels.push(channel);
        }
        seen
    }
}

impl ConnectionInFlight {
    /// The method of the call in whose arguments a channel is. Calls are looked through one by
    /// one: in all, their channels are as many as those of the connection.
    fn method_with(&self, channel: ChannelId) -> Option<MethodId> {
        let mut calls = self.outgoing.iter().chain(&self.incoming);
        Some(calls.find(|call| call.channels.contains(&channel))?.method)
    }
}

impl Outgoing {
    fn in_flight(&self, id: u64, age: Option<Duration>) -> CallInFlight {
        CallInFlight {
            request: RequestId(id),
            method: self.method,
            age,
            stage: CallStage::Unanswered,
            channels: self.channels.clone(),
        }
    }
}

impl Incoming {
    fn in_flight(&self, id: u64, age: Option<Duration>) -> CallInFlight {
        let stage = match (self.answered, self.departed) {
            (false, _) => CallStage::Unanswered,
            (true, false) => CallStage::Answered,
            (true, true) => CallStage::HandlerLeft,
        };
        CallInFlight {
            request: RequestId(id),
            method: self.method,
            age,
            stage,
            channels: self.channels.clone(),
        }
    }
}

impl Channel {
    /// As far as the channel itself knows.
    fn in_flight(&self, id: ChannelId) -> ChannelInFlight {
        let (direction, credit, queued, awaited) = match self {
            Self::Sending(half) => (
                Some(Direction::Send),
                half.credit.available(),
                half.pending.bytes(),
                half.waiting_for.is_some(),
            ),
            Self::Receiving(half) => (
                Some(Direction::Receive),
                half.window.open(),
                half.window.held() as usize,
                half.waiting,
            ),
            Self::Unbound(unbound) => {
                let window = &unbound.receive.window;
                (None, window.open(), window.held() as usize, false)
            }
        };
        ChannelInFlight {
            id,
            direction,
            method: None,
            age: None,
            credit,
            queued,
            awaited,
            end: self.ended(),
        }
    }
}
