//! State that all connections of a link share.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use crate::budget::Budget;
use crate::channel::SendHalf;
use crate::config::{Agreed, Limits};
use crate::credit::SendCredit;
use crate::credit::pool::Granted;
use crate::credit::sender_pool::SenderPool;
use crate::event::Event;
use crate::ids::{ChannelId, ConnectionId, Role};
use crate::memory::MemoryShare;
use crate::message::Message;
use crate::outbox::{Outbox, Priority, work};
use crate::turns::Turns;

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
    /// How much bulk may be queued, as [`work`]: no more than may be on its way.
    pub(crate) bulk_capacity: usize,
    /// How these channels share the capacity.
    pub(crate) turns: Turns,
    /// What our senders may have outstanding beyond what was granted to them.
    pub(crate) pool: SenderPool,
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
    /// Returns whether the outbox has capacity for messages of this priority.
    #[inline]
    pub(crate) fn has_capacity(&self, priority: Priority) -> bool {
        self.outbox.has_capacity(priority, self.capacity(priority))
    }

    /// Returns whether the outbox has drained far enough to wake those who wait for capacity.
    #[inline]
    pub(crate) fn has_ample_capacity(&self, priority: Priority) -> bool {
        (self.outbox).has_capacity(priority, self.capacity(priority) / 2)
    }

    #[inline]
    fn capacity(&self, priority: Priority) -> usize {
        match priority {
            Priority::Urgent => self.limits.send_buffer,
            Priority::Bulk => self.bulk_capacity,
        }
    }

    /// Returns whether a channel may queue an element: there is capacity, and it is not due to others.
    #[inline]
    pub(crate) fn may_send(&self, half: &SendHalf) -> bool {
        self.has_capacity(Priority::Bulk) && (!self.is_contended() || self.has_turn(half))
    }

    /// Returns whether a channel may send while others wait. The next round begins when something is sent, so there
    /// must be something.
    #[cold]
    fn has_turn(&self, half: &SendHalf) -> bool {
        self.turns.may_send(&half.turn) || !self.outbox.has_bulk()
    }

    /// Returns whether channels wait for send capacity, or have to share it.
    #[inline]
    pub(crate) fn is_contended(&self) -> bool {
        !self.blocked.is_empty() || self.turns.is_shared()
    }

    /// Counts an element of `len` bytes that a channel has queued.
    #[inline]
    pub(crate) fn count_served(&mut self, half: &mut SendHalf, len: usize) {
        self.turns.count(&mut half.turn, work(1, len));
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
            // It follows the elements of the channel, since the receiver may grant more once it has read them.
            let blocked = Message::Blocked {
                connection,
                channel,
                bytes: u32::try_from(len).unwrap_or(u32::MAX),
            };
            self.outbox.push_control(Priority::Bulk, &blocked);
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
        self.push_credit(&Message::Grant {
            connection,
            channel,
            consumed,
            credit,
        });
    }

    /// Queues a Grant or a Credit.
    pub(crate) fn push_credit(&mut self, message: &Message<'_>) {
        let priority = self.outbox.priority_after_ids();
        self.outbox.push_control(priority, message);
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
