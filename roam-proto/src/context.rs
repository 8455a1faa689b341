//! State that all connections of a link share.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use crate::budget::Budget;
use crate::channel::SendHalf;
use crate::config::{Agreed, Limits};
use crate::credit::SendCredit;
use crate::credit::pool::{Granted, Pool};
use crate::event::Event;
use crate::ids::{ChannelId, ConnectionId, Role};
use crate::memory::MemoryShare;
use crate::message::Message;
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
    /// What the link counts of the memory that it shares with others.
    pub(crate) memory: Option<MemoryShare>,
    /// Channels that wait for send capacity, each listed once.
    pub(crate) blocked: Vec<(ConnectionId, ChannelId)>,
    /// What our senders may have outstanding beyond what was granted to them.
    pub(crate) pool: Pool,
    /// The most that one channel of ours may have outstanding, in bytes.
    pub(crate) send_window: u32,
    /// How many calls without channels the peer handles at once on a connection, if it has told.
    pub(crate) peer_calls: usize,
    /// How many bytes of calls the peer holds at once, if it has told.
    pub(crate) peer_call_payloads: usize,
    /// Bytes of our calls that the peer holds.
    pub(crate) calls_held: usize,
    /// Channels whose senders wait for others to give back to the pool, each listed once, and some that are
    /// forgotten.
    pub(crate) short: VecDeque<(ConnectionId, ChannelId)>,
    /// Channels whose senders were refused credit, until others give some back, each listed once, and some that
    /// are forgotten.
    pub(crate) refused: VecDeque<(ConnectionId, ChannelId)>,
    /// How many channels in `short` and `refused` are forgotten.
    pub(crate) forgotten_waits: usize,
    /// The link has ended: nothing is queued any more.
    pub(crate) has_ended: bool,
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

    /// Asks the peer for credit for an element of `len` bytes, unless some will come anyway. The channel is
    /// retried when others have given back to the pool.
    #[cold]
    pub(crate) fn ask(
        &mut self,
        half: &mut SendHalf,
        (connection, channel): (ConnectionId, ChannelId),
        len: usize,
    ) {
        let SendCredit::Pooled(credit) = &mut half.credit else {
            return;
        };
        // Nobody may ever send that much: whoever waits for it waits for the end.
        if len > self.agreed.largest_element() {
            return;
        }
        if credit.ask() {
            self.outbox.push_control(&Message::Blocked {
                connection,
                channel,
                bytes: u32::try_from(len).unwrap_or(u32::MAX),
            });
        }
        // What is allowed only waits for others to give back to the pool.
        if credit.is_allowed(len) && !core::mem::replace(&mut half.in_line, true) {
            self.short.push_back((connection, channel));
        }
    }

    /// Tells the sender of a channel what was consumed and granted.
    pub(crate) fn push_grant(
        &mut self,
        granted: Option<Granted>,
        connection: ConnectionId,
        channel: ChannelId,
    ) {
        let Some(Granted { consumed, credit }) = granted.filter(|_| !self.has_ended) else {
            return;
        };
        self.outbox.push_control(&Message::Grant {
            connection,
            channel,
            consumed,
            credit,
        });
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
