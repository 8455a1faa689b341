//! What goes on on a link, in numbers.

use super::budget::Room;
use super::link::Link;

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
    /// Calls of the peer in flight: until their answer has left and their handler is gone.
    pub incoming_calls: usize,
    /// Channels that are open, or whose end here has not been let go of.
    pub channels: usize,
    /// What may be sent now on all channels together, in bytes.
    pub credit: u64,
    /// What was received on channels and has not been consumed yet, in bytes.
    pub unconsumed: u64,
    /// Connections that are open, the root among them.
    pub connections: usize,
    /// Connections that have ended, of which something here has not been let go of.
    pub ended_connections: usize,
    /// Bytes that wait to be sent.
    pub queued_bytes: usize,
    /// Responses that nobody waited for.
    pub stray_responses: u64,
    /// What is left of the link's bounds.
    pub room: Room,
}

impl Link {
    /// The link at this moment.
    pub fn stats(&self) -> Stats {
        let mut stats = Stats {
            traffic: self.traffic,
            connections: usize::from(self.close_reason().is_none()) + self.others.len(),
            ended_connections: self.ended.len(),
            queued_bytes: self.env.outbox.queued(),
            stray_responses: self.env.stray_responses,
            room: self.env.budget.room(),
            ..Stats::default()
        };
        let others = self.others.values().chain(self.ended.values());
        for connection in std::iter::once(&self.root).chain(others) {
            let (outgoing, incoming) = connection.calls.in_flight();
            stats.outgoing_calls += outgoing;
            stats.incoming_calls += incoming;
            stats.channels += connection.channels.len();
            for channel in connection.channels.values() {
                stats.credit += channel.credit();
                stats.unconsumed += channel.unconsumed();
            }
        }
        stats
    }
}
