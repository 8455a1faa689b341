//! Relays: passing the channels of one link on to another without knowing their types.
//!
//! A proxy opens a channel of its own for each channel that was opened towards it, and joins the
//! two. It learns their direction from the peers: the one that sends Data or Close is the sender,
//! the one that sends Credit the receiver. Until then both channels are unbound.
//!
//! Where channels share a pool, a relay tells the sender what the reader has consumed, and when the sender
//! asks for credit, it asks the receiver's side: what is in flight through any number of relays is what the
//! sender's link allows.
//!
//! Where channels have windows of their own, a relay grants no credit of its own. At any time the sender may
//! have sent what the receiver has granted in total, but never more than one window of its own link beyond
//! what was forwarded; that is the most a relay holds. When the sender's window is the smaller one, it is
//! refilled as elements are forwarded; when it is the larger one, the part that the receiver has not granted
//! is held back. So a receiver that does not read stops the sender, through any number of relays.

mod link;

use crate::channel::{ChannelEnd, Direction, SendError};
use crate::ids::{ChannelId, ConnectionId};
use crate::link::Link;
use crate::queue::ElementQueue;

use link::{Forwarded, Observed, Received};

/// Joins a channel of one link to a channel of another.
///
/// Take a [`step`](Self::step) on each side at first, and later on a side whose channel is
/// [ready](crate::Event::ChannelReady). When a step returns `true`, step the other side as well.
/// The two links need never be locked at once.
#[derive(Debug)]
pub struct Relay {
    ends: [End; 2],
    phase: Phase,
    /// Elements received on one side and not yet sent on the other.
    held: ElementQueue,
    /// Forwarded bytes that the sender's side has not yet accounted for.
    forwarded: u32,
    /// Bytes that may still be sent on the receiver's side.
    onward_credit: u32,
    /// Bytes that the reader has consumed, if its link tells.
    consumed: u64,
    /// The sender waits with an element of this length.
    asked: Option<u32>,
}

/// A side of a relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Towards the caller.
    Downstream,
    /// Towards the callee.
    Upstream,
}

#[derive(Debug)]
struct End {
    connection: ConnectionId,
    channel: ChannelId,
    bound: bool,
    finished: bool,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    /// The direction is not known yet.
    Unknown,
    /// Elements flow from one side to the other.
    Flowing { from: Side },
    /// All elements were forwarded and the sender has closed.
    Closed { from: Side },
    /// The call has failed upstream. Its answer ends the channel downstream as well.
    CallFailed,
    /// A side was reset or lost.
    Reset,
}

impl Side {
    /// Returns the opposite side.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Downstream => Self::Upstream,
            Self::Upstream => Self::Downstream,
        }
    }
}

impl Relay {
    /// Joins a channel of the downstream link to one of the upstream link.
    pub fn new(downstream: (ConnectionId, ChannelId), upstream: (ConnectionId, ChannelId)) -> Self {
        let end = |(connection, channel)| End {
            connection,
            channel,
            bound: false,
            finished: false,
        };
        Self {
            ends: [end(downstream), end(upstream)],
            phase: Phase::Unknown,
            held: ElementQueue::new(),
            forwarded: 0,
            onward_credit: 0,
            consumed: 0,
            asked: None,
        }
    }

    /// Returns whether one side needs no further steps.
    pub fn is_side_finished(&self, side: Side) -> bool {
        self.ends[side as usize].finished
    }

    /// Returns whether both sides are finished.
    pub fn is_finished(&self) -> bool {
        self.ends.iter().all(|end| end.finished)
    }

    /// Advances one side. Returns `true` if the other side must be stepped.
    pub fn step(&mut self, side: Side, link: &mut Link) -> bool {
        if self.is_side_finished(side) {
            return false;
        }
        match self.phase {
            Phase::Unknown => self.observe_direction(side, link),
            Phase::Flowing { from } if from == side => self.receive(side, link),
            Phase::Flowing { .. } => self.forward(side, link),
            Phase::Closed { from } if from != side => self.close(side, link),
            Phase::CallFailed if side == Side::Downstream => self.wait_for_answer(link),
            // A channel that has already ended is only forgotten.
            Phase::Closed { .. } | Phase::CallFailed | Phase::Reset => {
                let End {
                    connection,
                    channel,
                    ..
                } = *self.end(side);
                link.channel(connection, channel).reset();
                self.finish_side(side)
            }
        }
    }

    /// Gives the relay up. The next step on each side resets its channel.
    pub fn abort(&mut self) {
        self.phase = Phase::Reset;
    }

    fn end(&mut self, side: Side) -> &mut End {
        &mut self.ends[side as usize]
    }

    fn finish_side(&mut self, side: Side) -> bool {
        self.end(side).finished = true;
        !self.is_side_finished(side.other())
    }

    fn enter(&mut self, phase: Phase, side: Side, link: &mut Link) -> bool {
        self.phase = phase;
        self.step(side, link);
        true
    }

    fn observe_direction(&mut self, side: Side, link: &mut Link) -> bool {
        let from = match self.observe(side, link) {
            Observed::Nothing => return false,
            Observed::Direction(Direction::Receive) => side,
            Observed::Direction(Direction::Send) => side.other(),
            Observed::End(end) => return self.on_ended(end, side, link),
        };
        self.enter(Phase::Flowing { from }, side, link)
    }

    /// Receives on the sender's side and grants the sender more credit.
    fn receive(&mut self, side: Side, link: &mut Link) -> bool {
        if !self.bind(Direction::Receive, side, link) {
            return self.on_bind_failed(side, link);
        }
        let was_empty = self.held.is_empty();
        let forwarded = (core::mem::take(&mut self.forwarded), self.onward_credit);
        let End {
            connection,
            channel,
            ..
        } = self.ends[side as usize];
        let Received { end, asked } =
            link.receive_for_relay(connection, channel, forwarded, &mut self.held);
        match end {
            None => {
                self.asked = asked;
                asked.is_some() || (was_empty && !self.held.is_empty())
            }
            Some(ChannelEnd::Closed) => self.enter(Phase::Closed { from: side }, side, link),
            Some(end) => self.on_ended(end, side, link),
        }
    }

    /// Sends held elements on the receiver's side as far as credit and capacity allow.
    fn forward(&mut self, side: Side, link: &mut Link) -> bool {
        if !self.bind(Direction::Send, side, link) {
            return self.on_bind_failed(side, link);
        }
        let was_empty = self.held.is_empty();
        let End {
            connection,
            channel,
            ..
        } = self.ends[side as usize];
        let reader = (self.asked, &mut self.consumed);
        match link.forward_for_relay(connection, channel, &mut self.held, reader) {
            Ok(Forwarded {
                bytes,
                onward_credit,
            }) => {
                let drained = !was_empty && self.held.is_empty();
                let news = bytes > 0 || onward_credit != self.onward_credit || drained;
                self.forwarded += bytes;
                self.onward_credit = onward_credit;
                news
            }
            Err(SendError::Ended(end)) => self.on_ended(end, side, link),
            // The element is too long for this side.
            Err(_) => self.enter(Phase::Reset, side, link),
        }
    }

    fn close(&mut self, side: Side, link: &mut Link) -> bool {
        if !self.bind(Direction::Send, side, link) {
            return self.on_bind_failed(side, link);
        }
        let End {
            connection,
            channel,
            ..
        } = *self.end(side);
        link.sender(connection, channel).close();
        self.finish_side(side)
    }

    fn wait_for_answer(&mut self, link: &mut Link) -> bool {
        match self.observe(Side::Downstream, link) {
            Observed::End(_) => self.enter(Phase::Reset, Side::Downstream, link),
            Observed::Nothing | Observed::Direction(_) => false,
        }
    }

    /// Handles a channel that ended without being closed.
    fn on_ended(&mut self, end: ChannelEnd, side: Side, link: &mut Link) -> bool {
        let phase = match (side, end) {
            (Side::Upstream, ChannelEnd::CallEnded) => Phase::CallFailed,
            _ => Phase::Reset,
        };
        self.enter(phase, side, link)
    }

    /// Handles a channel that has ended or exceeds the budget.
    fn on_bind_failed(&mut self, side: Side, link: &mut Link) -> bool {
        match self.observe(side, link) {
            Observed::End(end) => self.on_ended(end, side, link),
            Observed::Nothing | Observed::Direction(_) => self.enter(Phase::Reset, side, link),
        }
    }

    fn bind(&mut self, direction: Direction, side: Side, link: &mut Link) -> bool {
        let end = self.end(side);
        end.bound = end.bound || link.channel(end.connection, end.channel).bind(direction);
        end.bound
    }

    fn observe(&self, side: Side, link: &mut Link) -> Observed {
        let end = &self.ends[side as usize];
        link.observe_for_relay(end.connection, end.channel)
    }
}
