//! The outbox: messages queued for the transport.

mod lane;
mod parts;

use bytes::BytesMut;

use crate::framing::Framing;
use crate::header::HeaderBuf;
use crate::ids::{ConnectionId, RequestId};
use crate::message::Message;
use crate::payload::Payload;

use lane::Lane;

/// Encoded messages in two lanes, so that calls do not wait behind what may take long.
///
/// Urgent messages overtake bulk, which keeps one turn in five. Bulk overtakes nothing that was queued before it. So
/// a message is only urgent if nothing that it must follow waits in the bulk lane:
///
/// - a Cancel, Reset or credit follows the message that opened its ids;
/// - a Close follows the Data of its channel, and the Response of a handler that has closed a channel of its
///   arguments follows that Close;
/// - a Goodbye follows everything.
///
/// Links that do not number their frames have a single lane: other implementations may count on the order.
#[derive(Debug)]
pub(crate) struct Outbox {
    framing: Framing,
    /// By priority.
    lanes: [Lane; 2],
    /// The header of the message that is being queued.
    header: HeaderBuf,
    /// Urgent frames that were sent since the last of the bulk lane.
    urgent_in_row: u8,
    /// The last frame of the bulk lane that opens ids.
    opens_ids: u64,
    /// The last frame of the bulk lane with a Close.
    closes: u64,
}

/// How soon a message is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Priority {
    /// Ahead of bulk.
    Urgent,
    /// After everything that was queued before it.
    Bulk,
}

/// Where a message was queued.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    priority: Priority,
    frame: u64,
}

/// A frame to hand to the transport.
pub(crate) struct SentFrame {
    pub(crate) bytes: BytesMut,
    pub(crate) priority: Priority,
    /// How much [`work`] it is, if it is bulk.
    pub(crate) bulk: usize,
    /// The number of Responses in it.
    pub(crate) responses: usize,
}

/// Returns how much work it is to process messages of `bytes` in all, in bytes: each message takes as long as copying
/// a hundred bytes or two.
#[inline]
pub(crate) fn work(messages: usize, bytes: usize) -> usize {
    messages * 128 + bytes
}

/// Longer calls and answers are bulk, in bytes. So no urgent message is sent in parts.
const URGENT_CALL: usize = 16 * 1024;
/// After this many urgent frames it is the turn of the bulk lane.
const URGENT_IN_ROW: u8 = 4;

impl Priority {
    /// Returns the priority of a Request or a Response of `len` bytes.
    #[inline]
    pub(crate) fn of_call(len: usize) -> Self {
        if len > URGENT_CALL {
            Self::Bulk
        } else {
            Self::Urgent
        }
    }
}

impl Outbox {
    pub(crate) fn new(framing: Framing) -> Self {
        Self {
            framing,
            lanes: [Lane::new(framing), Lane::new(framing)],
            header: HeaderBuf::new(),
            urgent_in_row: 0,
            opens_ids: 0,
            closes: 0,
        }
    }

    /// Returns the number of queued bytes.
    pub(crate) fn queued(&self) -> usize {
        self.lanes.iter().map(|lane| lane.queued).sum()
    }

    /// Returns the number of queued messages.
    #[inline]
    pub(crate) fn messages(&self) -> usize {
        self.urgent().messages + self.bulk().messages
    }

    /// Returns the number of sent messages.
    #[inline]
    pub(crate) fn sent_messages(&self) -> u64 {
        self.urgent().sent_messages + self.bulk().sent_messages
    }

    /// Returns how much memory the queued frames take, in bytes.
    #[inline]
    pub(crate) fn cost(&self) -> usize {
        self.urgent().cost() + self.bulk().cost()
    }

    /// Returns how much memory the queued control replies take, in bytes.
    #[inline]
    pub(crate) fn control_cost(&self) -> usize {
        self.urgent().control_cost + self.bulk().control_cost
    }

    /// Returns the number of queued frames.
    pub(crate) fn frames(&self) -> usize {
        self.lanes.iter().map(Lane::frames).sum()
    }

    /// Returns whether nothing is queued.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.urgent().is_empty() && self.bulk().is_empty()
    }

    /// Returns whether bulk is queued.
    #[inline]
    pub(crate) fn has_bulk(&self) -> bool {
        !self.lane(Priority::Bulk).is_empty()
    }

    /// Returns whether less than `limit` is queued with this priority: bytes, or [`work`] where frames are numbered. An
    /// empty lane always has capacity, so that a tiny limit cannot block a sender forever.
    #[inline]
    pub(crate) fn has_capacity(&self, priority: Priority, limit: usize) -> bool {
        let lane = self.lane(priority);
        let messages = match self.framing {
            Framing::Numbered => lane.messages,
            _ => 0,
        };
        work(messages, lane.cost()) < limit || lane.is_empty()
    }

    /// Returns the priority of the begun Request or Response with a payload of `len` bytes.
    #[inline]
    pub(crate) fn priority_of(&self, len: usize) -> Priority {
        Priority::of_call(self.header.len() + len)
    }

    /// Returns the priority of a message about ids that an earlier message has opened.
    #[inline]
    pub(crate) fn priority_after_ids(&self) -> Priority {
        if self.bulk().was_sent(self.opens_ids) {
            Priority::Urgent
        } else {
            Priority::Bulk
        }
    }

    /// Returns the priority of the begun Response with a payload of `len` bytes, whose handler may have closed
    /// channels of its arguments.
    pub(crate) fn priority_after_close(&self, len: usize) -> Priority {
        if self.bulk().was_sent(self.closes) {
            self.priority_of(len)
        } else {
            Priority::Bulk
        }
    }

    #[inline]
    fn urgent(&self) -> &Lane {
        &self.lanes[Priority::Urgent as usize]
    }

    #[inline]
    fn bulk(&self) -> &Lane {
        &self.lanes[Priority::Bulk as usize]
    }

    /// Returns the priority of the lane for messages of this priority.
    #[inline]
    fn lane_of(&self, priority: Priority) -> Priority {
        if self.framing == Framing::Numbered {
            priority
        } else {
            Priority::Urgent
        }
    }

    #[inline]
    fn lane(&self, priority: Priority) -> &Lane {
        &self.lanes[self.lane_of(priority) as usize]
    }

    #[inline]
    fn lane_mut(&mut self, priority: Priority) -> &mut Lane {
        &mut self.lanes[self.lane_of(priority) as usize]
    }

    /// Queues a message.
    #[inline]
    pub(crate) fn push(&mut self, priority: Priority, message: &Message<'_>) {
        let payload = message.encode_header(self.begin());
        self.push_payload(priority, Payload::Borrowed(payload));
    }

    /// Begins a message. Write its header to the returned buffer, then call
    /// [`push_payload`](Self::push_payload) or [`push_response`](Self::push_response).
    #[inline]
    pub(crate) fn begin(&mut self) -> &mut HeaderBuf {
        debug_assert!(self.header.is_empty(), "the last message was not finished");
        &mut self.header
    }

    /// Queues the begun message.
    #[inline]
    pub(crate) fn push_payload(&mut self, priority: Priority, payload: Payload<'_>) {
        let follows = self.urgent().last_frame();
        let lane = self.lane_of(priority);
        self.lanes[lane as usize].push(&self.header, payload, follows);
        self.header.clear();
    }

    /// Queues a reply that the peer made us send. It counts against
    /// [`Limits::control_replies`](crate::Limits::control_replies).
    pub(crate) fn push_control(&mut self, priority: Priority, message: &Message<'_>) {
        let before = self.cost();
        self.push(priority, message);
        let cost = self.cost() - before;
        self.lane_mut(priority).count_control(cost);
    }

    /// Queues the begun Response. Once its frame is sent,
    /// [`next_answered`](Self::next_answered) names its call.
    pub(crate) fn push_response(
        &mut self,
        priority: Priority,
        call: (ConnectionId, RequestId),
        payload: Payload<'_>,
    ) {
        self.push_payload(priority, payload);
        self.lane_mut(priority).count_response(call);
    }

    /// Queues a Close.
    pub(crate) fn push_close(&mut self, message: &Message<'_>) {
        self.push(Priority::Bulk, message);
        self.closes = self.bulk().last_frame();
    }

    /// Records that the last message, of this priority, opens ids.
    #[inline]
    pub(crate) fn note_opens_ids(&mut self, priority: Priority) {
        if priority == Priority::Bulk {
            self.opens_ids = self.bulk().last_frame();
        }
    }

    /// Returns where the last message of this priority is queued.
    #[inline]
    pub(crate) fn last_place(&self, priority: Priority) -> Place {
        let priority = self.lane_of(priority);
        let frame = self.lanes[priority as usize].last_frame();
        Place { priority, frame }
    }

    /// Returns whether the whole message that was queued here was handed to the transport.
    pub(crate) fn was_sent(&self, place: Place) -> bool {
        self.lanes[place.priority as usize].was_sent(place.frame)
    }

    /// Seals the last urgent frame, so that later messages do not share it.
    pub(crate) fn seal(&mut self) {
        self.lane_mut(Priority::Urgent).seal();
    }

    /// Returns the priority of the next frame, while `bulk` may be sent or not.
    #[inline]
    pub(crate) fn next(&self, bulk: bool) -> Option<Priority> {
        let bulk = self.bulk().front().filter(|_| bulk);
        if self.urgent().is_empty() {
            return bulk.map(|_| Priority::Bulk);
        }
        let is_turn = |frame: &lane::Frame| {
            self.urgent_in_row >= URGENT_IN_ROW && self.urgent().was_sent(frame.follows)
        };
        Some(if bulk.is_some_and(is_turn) {
            Priority::Bulk
        } else {
            Priority::Urgent
        })
    }

    /// Removes the next frame, or the next part of a long one, and counts it as sent.
    #[inline]
    pub(crate) fn pop(&mut self, bulk: bool) -> Option<SentFrame> {
        let priority = self.next(bulk)?;
        match priority {
            Priority::Bulk => self.urgent_in_row = 0,
            Priority::Urgent if self.urgent_in_row < URGENT_IN_ROW => self.urgent_in_row += 1,
            // It is the turn of bulk, whose next frame must follow others. It waits for no more than these.
            Priority::Urgent => self.lane_mut(Priority::Bulk).seal_first(),
        }
        self.lanes[priority as usize].pop(priority)
    }

    /// Frees the memory of a burst, once everything is sent.
    pub(crate) fn shrink(&mut self) {
        self.lanes.iter_mut().for_each(Lane::shrink);
    }

    /// Returns the next call whose Response was sent. Call this once for each Response in a sent
    /// frame of this priority.
    pub(crate) fn next_answered(
        &mut self,
        priority: Priority,
    ) -> Option<(ConnectionId, RequestId)> {
        self.lanes[priority as usize].next_answered()
    }
}

#[cfg(test)]
mod tests;
