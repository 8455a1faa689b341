//! Taking snapshots of a link.

use alloc::vec::Vec;
use core::time::Duration;

use super::Link;
use crate::diagnostics::Diagnostics;

impl Link {
    /// Returns a snapshot of everything in flight: the root connection first, everything else in
    /// no order. Ages count to the time last told by [`handle_clock`](Self::handle_clock).
    pub fn diagnostics(&self) -> Diagnostics {
        let mut connections = Vec::with_capacity(1 + self.others.len() + self.ended.len());
        connections.push(self.root.in_flight(self.is_closed(), &self.ctx));
        for connection in self.others.values() {
            connections.push(connection.in_flight(self.is_closed(), &self.ctx));
        }
        for connection in self.ended.values() {
            connections.push(connection.in_flight(true, &self.ctx));
        }
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
            connections,
        }
    }

    /// Tells the time, counted from the same start as in [`new`](Self::new). From the first call
    /// on, calls, channels and connections record when they begin.
    pub fn handle_clock(&mut self, now: Duration) {
        self.ctx.now = Some(now);
    }
}
