//! Output: events, frames and the next deadline.

use core::time::Duration;

use bytes::Bytes;

use super::idle::IdleWatch;
use super::{Link, State};
use crate::event::Event;

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
        if let Some(carrier) = &mut self.carrier {
            if let Some(control) = carrier.poll_control() {
                return Some(control);
            }
            if !carrier.may_send() {
                return None;
            }
        }
        self.share_freed();
        let frame = self.ctx.outbox.pop()?;
        self.traffic.sent += frame.bytes.len() as u64;
        self.on_sent(frame.responses);
        if self.ctx.has_ample_capacity() {
            self.resume_senders();
        }
        Some(match &mut self.carrier {
            Some(carrier) => carrier.number(frame.bytes),
            None => frame.bytes.freeze(),
        })
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

    /// Asks for an [`Event::SendBufferReady`] once less than half of the send buffer is in use.
    #[doc(hidden)]
    pub fn wait_for_capacity(&mut self) {
        self.capacity_wanted = true;
    }

    /// Drops every frame that was to be sent, or sent again: the peer will not read it.
    pub(super) fn drop_unsent(&mut self) {
        if let Some(carrier) = &mut self.carrier {
            carrier.clear();
        }
        while let Some(frame) = self.ctx.outbox.pop() {
            self.on_sent(frame.responses);
        }
    }

    /// Records that the next `responses` queued Responses have left.
    fn on_sent(&mut self, responses: usize) {
        for _ in 0..responses {
            let Some((id, request)) = self.ctx.outbox.next_answered() else {
                return;
            };
            if let Some((connection, ctx)) = self.connection(id) {
                connection.calls.on_response_sent(ctx, request);
                self.forget_if_unused(id);
            }
        }
    }

    /// Wakes everybody who waits for send capacity.
    fn resume_senders(&mut self) {
        if core::mem::take(&mut self.capacity_wanted) {
            self.ctx.events.push_back(Event::SendBufferReady);
        }
        for (id, channel) in core::mem::take(&mut self.ctx.blocked) {
            if let Some((half, _)) = self.send_half(id, channel) {
                half.blocked = false;
            }
            if let Some((connection, ctx)) = self.live_connection(id) {
                connection.flush_pending(ctx, channel);
            }
        }
    }
}
