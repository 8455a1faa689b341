//! A virtual connection: its calls, its channels and its ids.

mod calls;
mod credit;

pub(crate) use credit::serve;

use alloc::format;
use alloc::vec::Vec;
use core::time::Duration;

use crate::budget::Reservation;
use crate::calls::{CallTable, NewChannels};
use crate::channel::{Channel, ChannelEnd, Direction};
use crate::context::LinkContext;
use crate::credit::ReceiveWindow;
use crate::credit::pool::PooledCredit;
use crate::diagnostics::Origin;
use crate::event::CloseReason;
use crate::id_space::{IdAllocator, RecentIds, SeenIds};
use crate::ids::{ChannelId, ConnectionId, RequestId, Role};
use crate::map::{IdMap, IdSet, shrink};
use crate::message::Message;
use crate::violation::{Rule, Violation};

#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) id: ConnectionId,
    pub(crate) calls: CallTable,
    pub(crate) channels: IdMap<Channel>,
    /// Closed channels of ours that still hold something of the pool.
    pub(crate) draining: IdMap<PooledCredit>,
    /// Where channels come from that were opened while the shell told the time.
    pub(crate) origins: IdMap<Origin>,
    /// When the connection began, if the shell tells the time.
    pub(crate) since: Option<Duration>,
    /// Channels that share the send buffer in this round.
    pub(crate) sharers: u32,
    our_ids: IdAllocator,
    peer_ids: SeenIds,
    /// Channels that the peer closed and that have since been read to their end.
    closed: RecentIds,
    /// Channels whose end the shell wants to know.
    pub(crate) watched: IdSet,
}

/// A message for a channel that is not live.
enum Stray {
    /// The channel has ended: the message is late.
    Ended,
    /// The channel was never opened: the message is wrong.
    NeverOpened,
}

impl Connection {
    pub(crate) fn new(id: ConnectionId, role: Role, since: Option<Duration>) -> Self {
        Self {
            id,
            calls: CallTable::default(),
            channels: IdMap::default(),
            draining: IdMap::default(),
            origins: IdMap::default(),
            since,
            sharers: 0,
            our_ids: IdAllocator::new(role),
            peer_ids: SeenIds::default(),
            closed: RecentIds::default(),
            watched: IdSet::default(),
        }
    }

    /// Ends everything. Halves that users still hold keep their share of the link's budget until
    /// they are dropped.
    pub(crate) fn end_all(&mut self, ctx: &mut LinkContext, reason: &CloseReason) {
        let ids: Vec<_> = self.channels.keys().copied().map(ChannelId).collect();
        self.end_channels(ctx, &ids, ChannelEnd::ConnectionEnded);
        if ctx.has_ended {
            self.forget_draining(ctx);
        }
        self.calls.end_all(ctx, self.id, reason.reaches_peer());
    }

    /// Returns whether no call is in flight and no channel is left.
    pub(crate) fn is_unused(&self) -> bool {
        self.channels.is_empty() && self.draining.is_empty() && self.calls.in_flight() == (0, 0)
    }
}

/// Input for channels.
impl Connection {
    #[inline]
    pub(crate) fn handle_data(
        &mut self,
        ctx: &mut LinkContext,
        id: ChannelId,
        frame: &bytes::Bytes,
        payload: &[u8],
    ) -> Result<(), Violation> {
        if payload.len() > ctx.agreed.max_payload_size as usize {
            return Err(
                Rule::PayloadLimit.because(format!("channel {id}: {} bytes", payload.len()))
            );
        }
        let Some(channel) = self.channels.get_mut(&id.0) else {
            return self.handle_stray(ctx, id, true);
        };
        if !channel.expect_elements(&mut ctx.budget) {
            self.refuse_for_budget(ctx, id);
            return Ok(());
        }
        let room = &mut ctx.budget.room;
        let wake = (channel.handle_data(frame, payload, room)).map_err(on(id))?;
        ctx.wake(wake, self.id, id);
        Ok(())
    }

    pub(crate) fn handle_close(
        &mut self,
        ctx: &mut LinkContext,
        id: ChannelId,
    ) -> Result<(), Violation> {
        let Some(channel) = self.channels.get_mut(&id.0) else {
            return self.handle_stray(ctx, id, true);
        };
        let wake = channel.handle_close().map_err(on(id))?;
        ctx.wake(wake, self.id, id);
        Ok(())
    }

    pub(crate) fn handle_reset(
        &mut self,
        ctx: &mut LinkContext,
        id: ChannelId,
    ) -> Result<(), Violation> {
        let Some(channel) = self.channels.get_mut(&id.0) else {
            self.stop_draining(ctx, id);
            return self.handle_stray(ctx, id, false);
        };
        let wake = channel.end(ChannelEnd::Reset, &mut ctx.pool, &mut ctx.budget.room);
        ctx.wake(wake, self.id, id);
        if self.is_closing_sender(id) {
            self.remove(ctx, id);
        }
        Ok(())
    }

    /// Ignores a late message for a channel that is not live, and reports a wrong one.
    fn handle_stray(
        &self,
        ctx: &LinkContext,
        id: ChannelId,
        from_sender: bool,
    ) -> Result<(), Violation> {
        if id.0 == 0 {
            return Err(Rule::ZeroChannelId.into());
        }
        match self.stray(ctx.role, id) {
            Stray::NeverOpened => Err(Rule::UnknownChannel.because(format!("channel {id}"))),
            Stray::Ended if from_sender && self.closed.contains(id.0) => {
                Err(Rule::DataAfterClose.because(format!("channel {id}")))
            }
            Stray::Ended => Ok(()),
        }
    }

    fn stray(&self, role: Role, id: ChannelId) -> Stray {
        let was_opened = if role.owns(id.0) {
            self.our_ids.was_allocated(id.0)
        } else {
            self.peer_ids.contains(id.0 / 2)
        };
        if was_opened {
            Stray::Ended
        } else {
            Stray::NeverOpened
        }
    }

    /// Checks and records channel ids that the peer opens. [`open`](Self::open) makes them live.
    pub(crate) fn admit(&mut self, ctx: &LinkContext, ids: &[ChannelId]) -> Result<(), Violation> {
        for &id in ids {
            if id.0 == 0 {
                return Err(Rule::ZeroChannelId.into());
            }
            if !ctx.role.peer().owns(id.0) {
                return Err(Rule::ChannelIdParity.because(format!("channel {id}")));
            }
            if !self.peer_ids.insert(id.0 / 2) {
                return Err(Rule::ChannelIdReused.because(format!("channel {id}")));
            }
        }
        Ok(())
    }

    /// Opens admitted channels if the budget holds all of them.
    ///
    /// They come with the arguments of `call`, or with a result. A channel in arguments reserves a
    /// window only once it turns out that we receive on it; in results hardly anything else occurs.
    #[must_use]
    pub(crate) fn open(
        &mut self,
        ctx: &mut LinkContext,
        ids: &[ChannelId],
        call: Option<RequestId>,
    ) -> bool {
        if ids.is_empty() {
            return true;
        }
        let reservation = if call.is_some() {
            Reservation::Slot
        } else {
            Reservation::Window
        };
        let reserved = ctx.budget.reserve(ids.iter().map(|_| reservation));
        if reserved {
            let agreed = &ctx.agreed;
            let on = self.id;
            let open = |id: &ChannelId| (id.0, Channel::unbound(agreed, reservation, (on, call)));
            self.channels.extend(ids.iter().map(open));
        }
        reserved
    }
}

/// Commands for channels.
impl Connection {
    /// Opens channels of ours, in the arguments of `call` or in a result, if the budget holds all
    /// of them.
    pub(crate) fn allocate(
        &mut self,
        ctx: &mut LinkContext,
        channels: NewChannels<'_>,
        call: Option<RequestId>,
    ) -> Option<Vec<ChannelId>> {
        if channels.is_empty() {
            return Some(Vec::new());
        }
        let directions = channels.directions();
        if !(ctx.budget).reserve(directions.clone().map(Reservation::from)) {
            return None;
        }
        let (agreed, on) = (&ctx.agreed, self.id);
        let open = |direction| {
            let id = self.our_ids.allocate();
            let channel = match direction {
                Some(direction) => Channel::new(direction, agreed, on),
                None => Channel::relayed(agreed, Reservation::from(direction), (on, call)),
            };
            self.channels.insert(id, channel);
            ChannelId(id)
        };
        Some(directions.map(open).collect())
    }

    /// Sets which half of an unbound channel is held here. Returns `false` when it cannot be.
    pub(crate) fn bind(
        &mut self,
        ctx: &mut LinkContext,
        id: ChannelId,
        direction: Direction,
    ) -> Result<bool, Violation> {
        let Some(Channel::Unbound(unbound)) = self.channels.get_mut(&id.0) else {
            return Ok(false);
        };
        if !(ctx.budget).change(&mut unbound.reservation, direction.into()) {
            self.refuse_for_budget(ctx, id);
            return Ok(false);
        }
        let Some(Channel::Unbound(unbound)) = self.channels.remove(&id.0) else {
            return Ok(false);
        };
        match unbound.bind(direction) {
            Ok(channel) => {
                self.channels.insert(id.0, channel);
                Ok(true)
            }
            Err(violation) => {
                ctx.budget.release(direction.into());
                Err(on(id)(violation))
            }
        }
    }

    /// Refuses a channel that turns out to need a window beyond the budget. The call that brought
    /// it is answered `busy`; a channel in a result, or of an ended call, is reset.
    pub(super) fn refuse_for_budget(&mut self, ctx: &mut LinkContext, id: ChannelId) {
        let call = match self.channels.get(&id.0) {
            Some(Channel::Unbound(unbound)) => unbound.call,
            _ => None,
        };
        let refused = match call {
            Some(call) if ctx.role.owns(id.0) => self.fail_own_call(ctx, call),
            Some(call) => self.refuse_call(ctx, call),
            None => false,
        };
        if !refused {
            self.push_reset(ctx, id);
            self.end_channels(ctx, &[id], ChannelEnd::Reset);
        }
    }

    fn push_reset(&self, ctx: &mut LinkContext, channel: ChannelId) {
        let reset = Message::Reset {
            connection: self.id,
            channel,
        };
        let priority = ctx.outbox.priority_after_ids();
        ctx.outbox.push_control(priority, &reset);
    }

    /// Forgets a channel and releases its budget.
    pub(crate) fn remove(&mut self, ctx: &mut LinkContext, id: ChannelId) {
        let Some(channel) = self.channels.remove(&id.0) else {
            return;
        };
        shrink(&mut self.channels);
        if self.origins.remove(&id.0).is_some() && self.origins.is_empty() {
            self.origins = IdMap::default();
        }
        let (reservation, ended) = (channel.reservation(), channel.ended());
        if !self.settle(ctx, id, channel) {
            ctx.budget.release(reservation);
        }
        if ended == Some(ChannelEnd::Closed) {
            self.closed.insert(id.0);
        }
        let is_watched = !self.watched.is_empty() && self.watched.remove(&id.0);
        ctx.wake(is_watched, self.id, id);
    }

    /// Settles the credit of a channel that is forgotten. Returns whether it goes on counting.
    fn settle(&mut self, ctx: &mut LinkContext, id: ChannelId, channel: Channel) -> bool {
        let half = match channel {
            Channel::Sending(half) => {
                ctx.forgotten_waits += usize::from(half.in_line);
                return self.keep_draining(ctx, id, half.credit);
            }
            Channel::Receiving(half) => half,
            Channel::Unbound(unbound) => unbound.receive,
        };
        match half.window {
            ReceiveWindow::Window(window) => ctx.budget.shrink(window.size()),
            ReceiveWindow::Pooled(mut window) => {
                ctx.forgotten_waits += usize::from(window.is_refused);
                let told = window.settle(&mut ctx.budget.room);
                // After a Reset the sender no longer counts.
                if half.end.is_some() {
                    ctx.push_grant(told, self.id, id);
                }
            }
        }
        false
    }

    /// Ends channels, such as those of a call's arguments, and forgets those that no user holds.
    pub(crate) fn end_channels(
        &mut self,
        ctx: &mut LinkContext,
        ids: &[ChannelId],
        end: ChannelEnd,
    ) {
        for &id in ids {
            let Some(channel) = self.channels.get_mut(&id.0) else {
                continue;
            };
            let wake = channel.end(end, &mut ctx.pool, &mut ctx.budget.room);
            let unclaimed = channel.is_unclaimed();
            ctx.wake(wake, self.id, id);
            if unclaimed || self.is_closing_sender(id) {
                self.remove(ctx, id);
            }
        }
    }

    /// Resets the channels of a call's arguments that no user has taken.
    pub(crate) fn reset_unclaimed(&mut self, ctx: &mut LinkContext, ids: &[ChannelId]) {
        for &id in ids {
            let Some(channel) = self.channels.get(&id.0).filter(|it| it.is_unclaimed()) else {
                continue;
            };
            if channel.ended().is_none() {
                self.push_reset(ctx, id);
            }
            self.remove(ctx, id);
        }
    }

    /// Returns whether the user has closed the sending half `id`, and only kept elements are left.
    fn is_closing_sender(&self, id: ChannelId) -> bool {
        matches!(self.channels.get(&id.0), Some(Channel::Sending(half)) if half.closing)
    }
}

fn on(id: ChannelId) -> impl Fn(Violation) -> Violation {
    move |violation| {
        violation
            .rule
            .because(format!("channel {id}: {}", violation.context))
    }
}
