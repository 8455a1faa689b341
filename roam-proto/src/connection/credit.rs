//! Credit of a connection's channels, both ways.

use alloc::format;

use super::{Connection, on};
use crate::budget::Reservation;
use crate::channel::{Channel, ReceiveHalf};
use crate::context::LinkContext;
use crate::credit::pool::Granted;
use crate::credit::{ReceiveWindow, SendCredit};
use crate::ids::{ChannelId, ConnectionId};
use crate::message::Message;
use crate::outbox::Priority;
use crate::violation::{Rule, Violation};

/// Input.
impl Connection {
    /// Handles a Credit, for a link whose channels have windows of their own.
    pub(crate) fn handle_credit(
        &mut self,
        ctx: &mut LinkContext,
        id: ChannelId,
        bytes: u32,
    ) -> Result<(), Violation> {
        if ctx.agreed.is_pooled() {
            return Err(Rule::UnknownVariant.because("Credit where channels share a pool"));
        }
        let granted = Granted {
            consumed: 0,
            credit: bytes,
        };
        self.on_granted(ctx, id, granted)
    }

    /// Handles a Grant, for a link whose channels share a pool.
    pub(crate) fn handle_grant(
        &mut self,
        ctx: &mut LinkContext,
        id: ChannelId,
        granted: Granted,
    ) -> Result<(), Violation> {
        check_pooled(ctx, "message 12")?;
        if self.draining.contains_key(&id.0) {
            return self.drain(ctx, id, granted);
        }
        self.on_granted(ctx, id, granted)
    }

    fn on_granted(
        &mut self,
        ctx: &mut LinkContext,
        id: ChannelId,
        granted: Granted,
    ) -> Result<(), Violation> {
        let Some(channel) = self.channels.get_mut(&id.0) else {
            return self.handle_stray(ctx, id, false);
        };
        let wake = channel
            .handle_credit(granted, ctx.send_window, &mut ctx.pool)
            .map_err(on(id))?;
        ctx.wake(wake, self.id, id);
        self.flush_pending(ctx, id);
        Ok(())
    }

    /// Handles a Blocked: a sender waits with an element of `bytes`.
    pub(crate) fn handle_blocked(
        &mut self,
        ctx: &mut LinkContext,
        id: ChannelId,
        bytes: u32,
    ) -> Result<(), Violation> {
        check_pooled(ctx, "message 13")?;
        let max = ctx.agreed.largest_element();
        if bytes as usize > max {
            let too_large = format!("channel {id}: an element of {bytes} bytes, {max} allowed");
            return Err(Rule::PayloadLimit.because(too_large));
        }
        let Some(channel) = self.channels.get_mut(&id.0) else {
            return self.handle_stray(ctx, id, true);
        };
        if !channel.expect_elements(&mut ctx.budget) {
            self.refuse_for_budget(ctx, id);
            return Ok(());
        }
        let half = match channel {
            Channel::Receiving(half) => half,
            Channel::Unbound(unbound) => {
                let wake = core::mem::take(&mut unbound.receive.waiting);
                ctx.wake(wake, self.id, id);
                &mut unbound.receive
            }
            Channel::Sending(half) => {
                return half.refuse_from_receiver("Blocked").map_err(on(id));
            }
        };
        if half.end.is_some() {
            return Ok(());
        }
        if let ReceiveWindow::Pooled(window) = &mut half.window {
            let told = window.ask(bytes, &mut ctx.budget.room);
            ctx.push_grant(told, self.id, id);
        }
        if half.waiting {
            serve(half, ctx, self.id, id);
            // A relay asks its other side.
            let asks = half.window.asked().is_some() && core::mem::take(&mut half.waiting);
            ctx.wake(asks, self.id, id);
        }
        Ok(())
    }

    /// Counts what the reader of a closed channel of ours has consumed, until it holds nothing of the pool.
    fn drain(
        &mut self,
        ctx: &mut LinkContext,
        id: ChannelId,
        granted: Granted,
    ) -> Result<(), Violation> {
        let Some(credit) = self.draining.get_mut(&id.0) else {
            return Ok(());
        };
        credit.grant(granted, 0, &mut ctx.pool).map_err(|_| {
            on(id)(Rule::CreditOverflow.because(format!(
                "{} consumed, {} granted",
                granted.consumed, granted.credit
            )))
        })?;
        if credit.overdrawn() == 0 {
            self.draining.remove(&id.0);
            ctx.budget.release(Reservation::Slot);
        }
        Ok(())
    }

    /// Forgets a closed channel of ours whose reader has dropped what it had not read.
    pub(super) fn stop_draining(&mut self, ctx: &mut LinkContext, id: ChannelId) {
        if let Some(mut credit) = self.draining.remove(&id.0) {
            credit.release(&mut ctx.pool);
            ctx.budget.release(Reservation::Slot);
        }
    }
}

/// Commands.
impl Connection {
    /// Forgets what closed channels hold of the pool: the link has ended.
    pub(crate) fn forget_draining(&mut self, ctx: &mut LinkContext) {
        for _ in core::mem::take(&mut self.draining) {
            ctx.budget.release(Reservation::Slot);
        }
    }

    /// Sends the kept elements of a channel as far as credit and capacity allow, and the Close
    /// that waits behind them.
    pub(crate) fn flush_pending(&mut self, ctx: &mut LinkContext, id: ChannelId) {
        let connection = self.id;
        let Some(half) = self.channels.get_mut(&id.0).and_then(Channel::sender) else {
            return;
        };
        while let Some(len) = half.pending.front_len() {
            if !ctx.may_send(half) {
                ctx.block(half, connection, id);
                return;
            }
            if !half.spend_pending(&mut ctx.pool) {
                ctx.ask(half, (connection, id), len);
                return;
            }
            ctx.count_served(half, len);
            half.pending.pop(|payload| {
                let data = Message::Data {
                    connection,
                    channel: id,
                    payload,
                };
                ctx.outbox.push(Priority::Bulk, &data);
            });
        }
        if half.closing && half.end.is_none() {
            ctx.outbox.push_close(&Message::Close {
                connection,
                channel: id,
            });
            self.remove(ctx, id);
        } else if half.take_wake(&ctx.pool) {
            ctx.wake(true, connection, id);
        } else if let Some(len) = half.waiting_for {
            // It may have waited for capacity so far.
            ctx.ask(half, (connection, id), len);
        }
    }

    /// Keeps count of what a channel of ours, whose end the peer knows or will know, still holds of the pool:
    /// its reader may yet consume it. Returns whether it holds something.
    pub(super) fn keep_draining(
        &mut self,
        ctx: &LinkContext,
        id: ChannelId,
        credit: SendCredit,
    ) -> bool {
        match credit {
            SendCredit::Pooled(credit) if credit.overdrawn() > 0 && !ctx.has_ended => {
                self.draining.insert(id.0, credit);
                true
            }
            _ => false,
        }
    }
}

/// Grants a channel what its sender waits for, if its reader waits too and there is room.
pub(crate) fn serve(
    half: &mut ReceiveHalf,
    ctx: &mut LinkContext,
    connection: ConnectionId,
    channel: ChannelId,
) {
    let ReceiveWindow::Pooled(window) = &mut half.window else {
        return;
    };
    if window.asked().is_none() || window.held() > 0 || half.end.is_some() {
        return;
    }
    let granted = window.serve(ctx.limits.channel_window, &mut ctx.budget.room);
    if granted.is_none() && !core::mem::replace(&mut window.is_refused, true) {
        ctx.refused.push_back((connection, channel));
    }
    ctx.push_grant(granted, connection, channel);
}

fn check_pooled(ctx: &LinkContext, what: &'static str) -> Result<(), Violation> {
    if ctx.agreed.is_pooled() {
        return Ok(());
    }
    Err(Rule::UnknownVariant.because(what))
}
