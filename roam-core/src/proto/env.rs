//! What all connections of a link share.

use std::collections::VecDeque;
use std::time::Duration;

use super::budget::Budget;
use super::channel::SendHalf;
use super::config::{Agreed, Limits};
use super::event::Event;
use super::ids::{ChannelId, ConnectionId, Role};
use super::outbox::Outbox;

/// What all connections of a link share.
#[derive(Debug)]
pub(super) struct Env {
    pub(super) role: Role,
    pub(super) agreed: Agreed,
    pub(super) limits: Limits,
    pub(super) outbox: Outbox,
    /// Bounded by what causes events: frames, of which one is taken in at a time, and users.
    pub(super) events: VecDeque<Event>,
    pub(super) budget: Budget,
    /// Channels that wait until there is room to send, each of them once.
    pub(super) blocked: Vec<(ConnectionId, ChannelId)>,
    /// Responses that nobody waited for.
    pub(super) stray_responses: u64,
    /// The time as the shell told it last; `None` while nobody watches.
    pub(super) now: Option<Duration>,
}

impl Env {
    /// Whether what waits to be sent is less than its bound. While nothing waits there is room, so
    /// that the smallest of bounds stops nobody for good.
    pub(super) fn has_room(&self) -> bool {
        self.outbox.cost() < self.limits.send_buffer || self.outbox.is_empty()
    }

    /// Whether there is so much room that those who waited for it are to be woken.
    pub(super) fn has_ample_room(&self) -> bool {
        self.outbox.cost() < self.limits.send_buffer / 2 || self.outbox.is_empty()
    }

    /// Whether a window may grow from one size to another; if so, the budget is charged for it.
    pub(super) fn may_grow(&mut self, from: u32, to: u32) -> bool {
        to <= self.limits.channel_window && self.budget.grow(from, to)
    }

    /// Has a channel tried again when there is room to send.
    pub(super) fn block(
        &mut self,
        half: &mut SendHalf,
        connection: ConnectionId,
        channel: ChannelId,
    ) {
        if !std::mem::replace(&mut half.blocked, true) {
            self.blocked.push((connection, channel));
        }
    }

    pub(super) fn wake(&mut self, wake: bool, connection: ConnectionId, channel: ChannelId) {
        if wake {
            self.events.push_back(Event::ChannelReady {
                connection,
                channel,
            });
        }
    }
}
