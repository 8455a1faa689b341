//! Taking snapshots of a link.

use core::time::Duration;

use super::Link;
use crate::diagnostics::Diagnostics;

impl Link {
    /// Returns a snapshot of everything in flight: the root connection first, everything else in
    /// no order. Ages count to the time last told by [`handle_clock`](Self::handle_clock).
    pub fn diagnostics(&self) -> Diagnostics {
        let live = core::iter::once(&self.root).chain(self.others.values());
        let live = live.map(|connection| (connection, self.is_closed()));
        let ended = self.ended.values().map(|connection| (connection, true));
        let connections = live
            .chain(ended)
            .map(|(connection, ended)| connection.in_flight(ended, &self.ctx));
        Diagnostics {
            role: self.role(),
            agreed: self.agreed(),
            close_reason: self.close_reason().cloned(),
            stats: self.stats(),
            limits: self.ctx.limits.clone(),
            queued_frames: self.ctx.outbox.frames(),
            queued_replies: self.ctx.outbox.control_cost(),
            blocked_channels: self.ctx.blocked.len(),
            short_channels: self.ctx.short.len(),
            refused_channels: self.ctx.refused.len(),
            outgoing_connects: self.pending.outgoing.len(),
            incoming_connects: self.pending.incoming.len(),
            connections: connections.collect(),
        }
    }

    /// Tells the time, counted from the same start as in [`new`](Self::new). From the first call
    /// on, calls, channels and connections record when they begin.
    pub fn handle_clock(&mut self, now: Duration) {
        self.ctx.now = Some(now);
    }
}
