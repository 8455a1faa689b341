//! Link statistics.

use super::Link;
use crate::budget::RemainingBudget;
use crate::connection::Connection;
use crate::credit::sender_pool::SenderPool;

/// Bytes of frames that have passed over a link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes received.
    pub received: u64,
    /// Bytes sent.
    pub sent: u64,
}

/// A snapshot of a link's counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Bytes of frames received and sent.
    pub traffic: Traffic,
    /// Our unanswered calls.
    pub outgoing_calls: usize,
    /// The peer's calls in flight: until the answer is sent and the handler has finished.
    pub incoming_calls: usize,
    /// Channels that are open, or ended but still held here.
    pub channels: usize,
    /// Bytes that may be sent now, summed over all channels.
    pub credit: u64,
    /// Bytes received on channels and not yet consumed.
    pub unconsumed: u64,
    /// Open connections, including the root connection.
    pub connections: usize,
    /// Ended connections that something here still refers to.
    pub ended_connections: usize,
    /// Bytes queued to be sent.
    pub queued_bytes: usize,
    /// Memory that sent frames take which the peer has not acknowledged, in bytes.
    pub replay_bytes: usize,
    /// Frames that were sent again, on another transport.
    pub resent_frames: u64,
    /// Memory that the link takes for what it has received and not yet given to its user, and for what it has
    /// to send, in bytes: what it counts of [`Config::memory`](crate::Config::memory).
    pub memory: usize,
    /// Responses to calls that were no longer waiting.
    pub stray_responses: u64,
    /// What is left of the link's limits.
    pub remaining: RemainingBudget,
}

impl Link {
    /// Counts the memory in use among that of all links which share it.
    #[inline]
    pub(super) fn count_memory(&mut self) {
        if self.ctx.memory.is_some() {
            let bytes = self.memory();
            if let Some(share) = &mut self.ctx.memory {
                share.count(bytes);
            }
        }
    }

    fn memory(&self) -> usize {
        let replay = self.carrier.as_ref().map_or(0, |it| it.replay_cost());
        self.ctx.budget.used() + self.ctx.outbox.cost() + replay + self.partial.len()
    }

    /// Returns a snapshot of the link's counters.
    pub fn stats(&self) -> Stats {
        let mut stats = Stats {
            traffic: self.traffic,
            connections: usize::from(self.close_reason().is_none()) + self.others.len(),
            ended_connections: self.ended.len(),
            queued_bytes: self.ctx.outbox.queued(),
            replay_bytes: self
                .carrier
                .as_ref()
                .map_or(0, |carrier| carrier.replay_cost()),
            resent_frames: self.carrier.as_ref().map_or(0, |it| it.resent_frames()),
            memory: self.memory(),
            stray_responses: self.ctx.stray_responses,
            remaining: self.ctx.budget.remaining(),
            ..Stats::default()
        };
        stats.add(&self.root, &self.ctx.pool);
        for connection in self.others.values() {
            stats.add(connection, &self.ctx.pool);
        }
        for connection in self.ended.values() {
            stats.add(connection, &self.ctx.pool);
        }
        stats
    }
}

impl Stats {
    fn add(&mut self, connection: &Connection, pool: &SenderPool) {
        let (outgoing, incoming) = connection.calls.in_flight();
        self.outgoing_calls += outgoing;
        self.incoming_calls += incoming;
        self.channels += connection.channels.len();
        for channel in connection.channels.values() {
            self.credit += channel.credit(pool);
            self.unconsumed += channel.unconsumed();
        }
    }
}
