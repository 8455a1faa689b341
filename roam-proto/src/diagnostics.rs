//! Diagnostics: a snapshot of everything in flight on a link.
//!
//! The machine reads no clock. Snapshots have ages only if the shell tells the time by
//! [`Link::handle_clock`](crate::Link::handle_clock).

mod text;

use alloc::vec::Vec;
use core::time::Duration;

use crate::calls::{Incoming, Outgoing};
use crate::channel::{Channel, ChannelEnd, Direction};
use crate::config::{Agreed, Limits};
use crate::connection::Connection;
use crate::context::LinkContext;
use crate::credit::sender_pool::SenderPool;
use crate::event::CloseReason;
use crate::ids::{ChannelId, ConnectionId, MethodId, RequestId, Role};
use crate::link::Stats;

/// A snapshot of everything in flight on a link.
///
/// `Display` formats it for people. [`Stats`] alone is much cheaper to get.
#[derive(Clone, Debug)]
pub struct Diagnostics {
    /// Which end of the link this is.
    pub role: Role,
    /// What the peers agreed on, or `None` before the handshake is complete.
    pub agreed: Option<Agreed>,
    /// Why the link ended, or `None` while it is alive. Anything in flight after that is still held
    /// by users.
    pub close_reason: Option<CloseReason>,
    /// The totals, and what is left of the link's limits.
    pub stats: Stats,
    /// The link's limits.
    pub limits: Limits,
    /// Queued frames. Their bytes, [`Stats::queued_bytes`], and each frame's overhead count against
    /// [`Limits::send_buffer`].
    pub queued_frames: usize,
    /// Queued replies that count against [`Limits::control_replies`], in bytes.
    pub queued_replies: usize,
    /// Channels whose senders wait for space in the send buffer.
    pub blocked_channels: usize,
    /// Channels whose senders wait for others to give back to the pool; up to as many again have ended since.
    pub short_channels: usize,
    /// Channels whose senders were refused credit, and wait for others to give some back; up to as many again have
    /// ended since.
    pub refused_channels: usize,
    /// Our Connects without an answer.
    pub outgoing_connects: usize,
    /// The peer's Connects without an answer.
    pub incoming_connects: usize,
    /// The connections, including ended ones that are still held.
    pub connections: Vec<ConnectionInFlight>,
}

/// Everything in flight on a connection.
#[derive(Clone, Debug)]
pub struct ConnectionInFlight {
    /// The connection.
    pub id: ConnectionId,
    /// Whether it has ended and is kept only for calls and channels that users still hold.
    pub ended: bool,
    /// How long ago it began, or `None` if the shell did not tell the time then.
    pub age: Option<Duration>,
    /// Our calls.
    pub outgoing: Vec<CallInFlight>,
    /// The peer's calls.
    pub incoming: Vec<CallInFlight>,
    /// Its channels.
    pub channels: Vec<ChannelInFlight>,
}

/// A call in flight.
#[derive(Clone, Debug)]
pub struct CallInFlight {
    /// The call.
    pub request: RequestId,
    /// The called method.
    pub method: MethodId,
    /// How long ago it was made or arrived, or `None` if the shell did not tell the time then.
    pub age: Option<Duration>,
    /// Its progress.
    pub stage: CallStage,
    /// The channels of its arguments, until it is answered.
    pub channels: Vec<ChannelId>,
}

/// The progress of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallStage {
    /// It has no answer. Our calls are always in this stage, the peer's while their handlers run.
    Unanswered,
    /// The answer is queued.
    Answered,
    /// Nothing is left to send, but its handler still runs.
    HandlerRunning,
}

/// A channel in flight.
#[derive(Clone, Debug)]
pub struct ChannelInFlight {
    /// The channel.
    pub id: ChannelId,
    /// Its direction, or `None` while no user has taken our half.
    pub direction: Option<Direction>,
    /// The method whose arguments or result carried it. Known while the call is unanswered, and
    /// later if the shell told the time when the channel was opened.
    pub method: Option<MethodId>,
    /// How long ago it was opened, or `None` if the shell did not tell the time then.
    pub age: Option<Duration>,
    /// How much may be sent on it now, by us or by the peer, in bytes; by the peer without the pool.
    pub credit: u32,
    /// How much waits here for credit, or was received and not consumed, in bytes.
    pub queued: usize,
    /// Whether a user waits to send or to receive on it.
    pub awaited: bool,
    /// How it ended, or `None` while it is open. An ended channel is still held by a user, or not
    /// yet read to its end.
    pub end: Option<ChannelEnd>,
}

/// The method that a channel came with, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    method: MethodId,
    since: Duration,
}

impl Diagnostics {
    /// Sorts everything by id.
    pub fn sort(&mut self) {
        self.connections.sort_unstable_by_key(|it| it.id);
        for connection in &mut self.connections {
            connection.outgoing.sort_unstable_by_key(|it| it.request);
            connection.incoming.sort_unstable_by_key(|it| it.request);
            connection.channels.sort_unstable_by_key(|it| it.id);
        }
    }
}

impl Connection {
    /// Records that the arguments or the result of `method` opened `channels`.
    #[inline]
    pub(crate) fn note_channels(
        &mut self,
        ctx: &LinkContext,
        channels: &[ChannelId],
        method: MethodId,
    ) {
        if let Some(since) = ctx.now {
            let origin = Origin { method, since };
            self.origins
                .extend(channels.iter().map(|id| (id.0, origin)));
        }
    }

    /// Returns a snapshot of the connection.
    pub(crate) fn in_flight(&self, ended: bool, ctx: &LinkContext) -> ConnectionInFlight {
        let now = ctx.now;
        let age = |since: Option<Duration>| Some(now?.saturating_sub(since?));
        let mut snapshot = ConnectionInFlight {
            id: self.id,
            ended,
            age: age(self.since),
            outgoing: Vec::new(),
            incoming: Vec::new(),
            channels: Vec::new(),
        };
        for (&id, call) in &self.calls.outgoing {
            snapshot.outgoing.push(call.in_flight(id, age(call.since)));
        }
        for (&id, call) in &self.calls.incoming {
            snapshot.incoming.push(call.in_flight(id, age(call.since)));
        }
        for (&id, channel) in &self.channels {
            let mut channel = channel.in_flight(ChannelId(id), &ctx.pool);
            match self.origins.get(&id) {
                Some(origin) => {
                    channel.method = Some(origin.method);
                    channel.age = age(Some(origin.since));
                }
                None => channel.method = snapshot.method_of(channel.id),
            }
            snapshot.channels.push(channel);
        }
        snapshot
    }
}

impl ConnectionInFlight {
    /// Returns the method of the call that has `channel` in its arguments. A linear search is cheap
    /// enough: in total, calls have no more channels than the connection.
    fn method_of(&self, channel: ChannelId) -> Option<MethodId> {
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
        let stage = match (self.answered, self.sent) {
            (false, _) => CallStage::Unanswered,
            (true, false) => CallStage::Answered,
            (true, true) => CallStage::HandlerRunning,
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
    /// Returns a snapshot of the channel, without its method and its age.
    fn in_flight(&self, id: ChannelId, pool: &SenderPool) -> ChannelInFlight {
        let (direction, credit, queued, awaited) = match self {
            Self::Sending(half) => (
                Some(Direction::Send),
                half.credit.sendable(pool),
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
