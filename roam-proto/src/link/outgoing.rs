//! Output: events, frames and the next deadline.

use core::time::Duration;

use bytes::Bytes;

use super::idle::IdleWatch;
use super::{CapacityWanted, Link, State};
use crate::carrier::Carrier;
use crate::event::Event;
use crate::ids::{ChannelId, ConnectionId};
use crate::outbox::{Priority, SentFrame};

/// The event queue keeps this capacity while empty; a larger burst is freed.
const KEPT_EVENTS: usize = 1024;

impl Link {
    /// Takes the next event.
    #[inline]
    pub fn poll_event(&mut self) -> Option<Event> {
        let events = &mut self.ctx.events;
        if events.is_empty() {
            if events.capacity() > KEPT_EVENTS {
                events.shrink_to(KEPT_EVENTS);
            }
            return None;
        }
        events.pop_front()
    }

    /// Takes the next frame to hand to the transport. When the link has ended and no frame is
    /// left, close the transport.
    pub fn poll_transmit(&mut self) -> Option<Bytes> {
        self.count_memory();
        let mut may_send_bulk = true;
        if let Some(carrier) = &mut self.carrier {
            if let Some(control) = carrier.poll_control() {
                return Some(control);
            }
            if !carrier.may_send() {
                return None;
            }
            // The rest of a link that has ended shall not wait.
            may_send_bulk = carrier.may_send_bulk() || matches!(self.state, State::Closed { .. });
            if !may_send_bulk && self.ctx.outbox.has_bulk() {
                carrier.on_bulk_held_back();
            }
        }
        self.share_freed();
        let Some(frame) = self.ctx.outbox.pop(may_send_bulk) else {
            self.ctx.outbox.shrink();
            return None;
        };
        self.traffic.sent += frame.bytes.len() as u64;
        self.on_sent(&frame);
        self.resume_waiting();
        Some(match &mut self.carrier {
            Some(carrier) => carrier.number(frame.bytes, frame.bulk),
            None => frame.bytes.freeze(),
        })
    }

    /// Returns the priority of the next frame of messages, if the carrier lets one through.
    #[inline]
    pub(super) fn next_priority(&self, carrier: &Carrier) -> Option<Priority> {
        let may_send_bulk = carrier.may_send_bulk() || self.is_closed();
        self.ctx.outbox.next(may_send_bulk)
    }

    /// Records that the transport has nothing more to read for now. Then the peer may send more at once than before.
    #[inline]
    pub fn handle_caught_up(&mut self) {
        if let Some(carrier) = &mut self.carrier {
            carrier.on_caught_up();
        }
    }

    /// Returns when to call [`handle_timeout`](Self::handle_timeout) next.
    pub fn poll_timeout(&self) -> Option<Duration> {
        let idle_check = self.idle.as_ref().map(IdleWatch::next_check);
        let carrier_check = self
            .carrier
            .as_ref()
            .and_then(|carrier| carrier.poll_timeout());
        let idle_check = idle_check.into_iter().chain(carrier_check).min();
        match self.state {
            State::Handshake { deadline } => {
                Some(idle_check.map_or(deadline, |check| check.min(deadline)))
            }
            State::Open => idle_check,
            State::Closed { .. } => None,
        }
    }

    /// Asks for an [`Event::SendBufferReady`] once there is ample capacity for a call or an answer of `len` bytes.
    #[doc(hidden)]
    pub fn wait_for_capacity(&mut self, len: usize) {
        match Priority::of_call(len) {
            Priority::Urgent => self.capacity_wanted.urgent = true,
            Priority::Bulk => self.capacity_wanted.bulk = true,
        }
    }

    /// Drops every frame that was to be sent, or sent again: the peer will not read it.
    pub(super) fn drop_unsent(&mut self) {
        if let Some(carrier) = &mut self.carrier {
            carrier.clear();
        }
        while let Some(frame) = self.ctx.outbox.pop(true) {
            self.on_sent(&frame);
        }
    }

    /// Records that a frame has left, with the Responses in it.
    #[inline]
    fn on_sent(&mut self, frame: &SentFrame) {
        for _ in 0..frame.responses {
            let Some((id, request)) = self.ctx.outbox.next_answered(frame.priority) else {
                return;
            };
            if let Some((connection, ctx)) = self.connection(id) {
                connection.calls.on_response_sent(ctx, request);
                self.forget_if_unused(id);
            }
        }
    }

    /// Wakes those who wait for send capacity, if there is ample.
    #[inline]
    fn resume_waiting(&mut self) {
        let CapacityWanted { urgent, bulk } = self.capacity_wanted;
        let has_ample_bulk = self.ctx.has_ample_capacity(Priority::Bulk);
        if (bulk && has_ample_bulk) || (urgent && self.ctx.has_ample_capacity(Priority::Urgent)) {
            self.capacity_wanted = CapacityWanted::default();
            self.ctx.events.push_back(Event::SendBufferReady);
        }
        if has_ample_bulk && self.ctx.is_contended() {
            self.resume_senders();
        }
    }

    /// Begins a new round among the channels that waited for send capacity.
    fn begin_round(&mut self, blocked: &[(ConnectionId, ChannelId)]) {
        if blocked.len() < 2 {
            return self.ctx.turns.end();
        }
        for &(id, _) in blocked {
            if let Some((connection, _)) = self.connection(id) {
                connection.sharers = 0;
            }
        }
        let mut connections = 0;
        for &(id, _) in blocked {
            if let Some((connection, _)) = self.connection(id) {
                connections += usize::from(connection.sharers == 0);
                connection.sharers += 1;
            }
        }
        for &(id, channel) in blocked {
            let sharers = self.connection(id).map_or(0, |(it, _)| it.sharers);
            if let Some((half, _)) = self.send_half(id, channel) {
                half.turn.sharers = sharers;
            }
        }
        let share = self.ctx.bulk_capacity / 2 / connections.max(1);
        self.ctx.turns.begin_round(share as u64);
    }

    /// Lets the channels go on that waited for send capacity, in a new round.
    #[cold]
    fn resume_senders(&mut self) {
        let blocked = core::mem::take(&mut self.ctx.blocked);
        self.begin_round(&blocked);
        for (id, channel) in blocked {
            if let Some((half, _)) = self.send_half(id, channel) {
                half.blocked = false;
            }
            if let Some((connection, ctx)) = self.live_connection(id) {
                connection.flush_pending(ctx, channel);
            }
        }
    }
}
