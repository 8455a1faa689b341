//! State that all connections of a link share.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use crate::budget::Budget;
use crate::channel::SendHalf;
use crate::config::{Agreed, Limits};
use crate::event::Event;
use crate::ids::{ChannelId, ConnectionId, Role};
use crate::outbox::Outbox;

/// State that all connections of a link share.
#[derive(Debug)]
pub(crate) struct LinkContext {
    pub(crate) role: Role,
    pub(crate) agreed: Agreed,
    pub(crate) limits: Limits,
    pub(crate) outbox: Outbox,
    /// Bounded by its causes: one frame at a time, and the shell's own commands.
    pub(crate) events: VecDeque<Event>,
    pub(crate) budget: Budget,
    /// Channels that wait for send capacity, each listed once.
    pub(crate) blocked: Vec<(ConnectionId, ChannelId)>,
    /// Responses to calls that were no longer waiting.
    pub(crate) stray_responses: u64,
    /// The time that the shell last told, or `None` while nobody wants ages.
    pub(crate) now: Option<Duration>,
}

impl LinkContext {
    /// Returns whether the outbox is below its limit. An empty outbox always has capacity, so that
    /// a tiny limit cannot block a sender forever.
    pub(crate) fn has_capacity(&self) -> bool {
        self.outbox.cost() < self.limits.send_buffer || self.outbox.is_empty()
    }

    /// Returns whether the outbox has drained far enough to wake blocked senders.
    pub(crate) fn has_ample_capacity(&self) -> bool {
        self.outbox.cost() < self.limits.send_buffer / 2 || self.outbox.is_empty()
    }

    /// Returns whether a window may grow, and charges the budget if so.
    pub(crate) fn may_grow(&mut self, from: u32, to: u32) -> bool {
        to <= self.limits.channel_window && self.budget.grow(from, to)
    }

    /// Retries a channel when the outbox has capacity again.
    pub(crate) fn block(
        &mut self,
        half: &mut SendHalf,
        connection: ConnectionId,
        channel: ChannelId,
    ) {
        if !core::mem::replace(&mut half.blocked, true) {
            self.blocked.push((connection, channel));
        }
    }

    /// Reports a channel as ready if its user waits.
    pub(crate) fn wake(&mut self, wake: bool, connection: ConnectionId, channel: ChannelId) {
        if wake {
            self.events.push_back(Event::ChannelReady {
                connection,
                channel,
            });
        }
    }
}
