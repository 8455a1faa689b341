//! Sharing what was given back: to the pool by the peer, and to the room for grants by our own channels.

use super::Link;
use crate::channel::Channel;
use crate::connection::serve;

/// How many waiting channels are looked at each time. There may be thousands, and most want more
/// than came back.
const LOOKED_AT: usize = 16;
/// So many forgotten channels may be listed, and as many as those that wait.
const FORGOTTEN: usize = 64;

impl Link {
    /// Returns whether [`share_freed`](Self::share_freed) has something to do.
    pub(super) fn has_freed(&self) -> bool {
        let ctx = &self.ctx;
        (ctx.pool.was_freed() && !ctx.short.is_empty())
            || (ctx.budget.room.was_freed && !ctx.refused.is_empty())
            || self.has_forgotten_waits()
    }

    fn has_forgotten_waits(&self) -> bool {
        let listed = self.ctx.short.len() + self.ctx.refused.len();
        self.ctx.forgotten_waits > FORGOTTEN.max(listed / 2)
    }

    /// Lets channels go on that wait for what others have given back.
    #[inline]
    pub(super) fn share_freed(&mut self) {
        if self.has_freed() {
            self.unlist_forgotten();
            self.wake_short();
            self.serve_refused();
        }
    }

    /// Removes forgotten channels from the lists, before they outnumber those that wait: a peer may open and end
    /// channels for ever while it keeps the pool used up.
    #[cold]
    fn unlist_forgotten(&mut self) {
        if !self.has_forgotten_waits() {
            return;
        }
        let mut short = core::mem::take(&mut self.ctx.short);
        short.retain(|&(id, channel)| self.send_half(id, channel).is_some());
        let mut refused = core::mem::take(&mut self.ctx.refused);
        refused.retain(|&(id, channel)| self.any_half(id, channel).is_some());
        (self.ctx.short, self.ctx.refused) = (short, refused);
        self.ctx.forgotten_waits = 0;
    }

    /// Wakes senders that find enough in the pool.
    #[cold]
    fn wake_short(&mut self) {
        if !self.ctx.pool.take_freed() {
            return;
        }
        // Whoever is not looked at has another chance when more comes back: all of it, in the end.
        let all = self.ctx.pool.used() == 0;
        let looked_at = if all { usize::MAX } else { LOOKED_AT };
        for _ in 0..self.ctx.short.len().min(looked_at) {
            let Some((id, channel)) = self.ctx.short.pop_front() else {
                return;
            };
            let Some((half, ctx)) = self.send_half(id, channel) else {
                self.ctx.forgotten_waits = self.ctx.forgotten_waits.saturating_sub(1);
                continue;
            };
            let wanted = half.pending.front_len().or(half.waiting_for);
            if wanted.is_some_and(|wanted| !half.credit.fits(wanted, &ctx.pool)) {
                ctx.short.push_back((id, channel));
                continue;
            }
            half.in_line = false;
            if let Some((connection, ctx)) = self.live_connection(id) {
                connection.flush_pending(ctx, channel);
            }
        }
    }

    /// Grants credit to channels that were refused it before.
    #[cold]
    fn serve_refused(&mut self) {
        let was_freed = core::mem::take(&mut self.ctx.budget.room.was_freed);
        if !was_freed {
            return;
        }
        for _ in 0..self.ctx.refused.len().min(LOOKED_AT) {
            let Some((id, channel)) = self.ctx.refused.pop_front() else {
                return;
            };
            let Some((found, ctx)) = self.any_half(id, channel) else {
                self.ctx.forgotten_waits = self.ctx.forgotten_waits.saturating_sub(1);
                continue;
            };
            if let Channel::Receiving(half) = found {
                half.window.forget_refusal();
                if half.waiting {
                    serve(half, ctx, id, channel);
                }
            }
        }
    }
}
