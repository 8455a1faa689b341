//! Output: frames and the next deadline.

use core::time::Duration;

use bytes::{Bytes, BytesMut};

use super::frame::{self, Acknowledged};
use super::{Carrier, Ready, Transport};

/// An end that has read everything acknowledges this many bytes at once, since its peer may wait.
const ACKNOWLEDGED_WHEN_CAUGHT_UP: u64 = 4 * 1024;

impl Carrier {
    /// Returns whether a frame of messages may be sent now.
    #[inline]
    pub(crate) fn may_send(&self) -> bool {
        self.replay.has_room() && self.ready.messages
    }

    /// Returns whether a frame of bulk may be sent, if [a frame may](Self::may_send).
    #[inline]
    pub(crate) fn may_send_bulk(&self) -> bool {
        self.replay.bulk() < self.flight.window()
    }

    /// Records that bulk waits for acknowledgements.
    pub(crate) fn on_bulk_held_back(&mut self) {
        self.flight.on_full();
    }

    /// Returns how much bulk it makes sense to queue, as [work](crate::outbox::work).
    #[inline]
    pub(crate) fn bulk_window(&self) -> usize {
        self.flight.window()
    }

    /// Records that everything was read that had come.
    #[inline]
    pub(crate) fn on_caught_up(&mut self) {
        self.caught_up = true;
        // An initiator says nothing before it is answered: any frame confirms that it has read the answer.
        let is_due = self.ready.messages && !self.control.ack;
        if is_due && self.unacknowledged >= ACKNOWLEDGED_WHEN_CAUGHT_UP {
            self.control.ack = true;
            self.refresh();
        }
    }

    /// Returns whether [`poll_control`](Self::poll_control) has a frame.
    #[inline]
    pub(crate) fn has_control(&self) -> bool {
        self.ready.control
    }

    /// Finds out anew what may be sent.
    #[cold]
    pub(super) fn refresh(&mut self) {
        let control = &self.control;
        self.ready = Ready {
            control: control.ack
                || control.ping
                || control.pong.is_some()
                || control.handshake.is_some()
                || control.token.is_some()
                || control.drain.is_some()
                || (self.replay.has_unsent() && self.is_attached()),
            messages: match &self.transport {
                Transport::Attached(_) => true,
                // Messages may follow the Attach of a new link at once: then there is nothing to replay.
                Transport::Attaching { .. } => self.link_id().is_none(),
                Transport::None => false,
            },
        };
    }

    /// Takes the next frame that goes before new messages.
    #[inline]
    pub(crate) fn poll_control(&mut self) -> Option<Bytes> {
        if !self.has_control() {
            return None;
        }
        self.frames.sent += 1;
        let next = self.next_control();
        self.refresh();
        next
    }

    #[cold]
    pub(super) fn next_control(&mut self) -> Option<Bytes> {
        if let Some(handshake) = self.control.handshake.take() {
            return Some(handshake);
        }
        if let Some(aside) = self
            .control
            .token
            .take()
            .or_else(|| self.control.drain.take())
        {
            return Some(aside);
        }
        if let Some(token) = self.control.pong.take() {
            return Some(frame::pong(self.take_ack().number, token));
        }
        if core::mem::take(&mut self.control.ping) {
            return Some(frame::ping(self.take_ack().number, self.frames.received));
        }
        if self.replay.has_unsent() && self.is_attached() {
            return self.replay.next_unsent();
        }
        let ack = self.take_ack();
        Some(frame::ack(ack))
    }

    /// Numbers a frame of messages, which has [`HEADROOM`] in front, and keeps it. It has so much bulk, as
    /// [work](crate::outbox::work).
    #[inline]
    pub(crate) fn number(&mut self, messages: BytesMut, bulk: usize) -> Bytes {
        self.frames.sent += 1;
        let ack = self.take_ack();
        let frame = frame::number(messages, self.replay.next_number(), ack).freeze();
        self.replay.push(frame.clone(), bulk);
        frame
    }

    /// Returns what to acknowledge with a frame that is about to be sent.
    #[inline]
    pub(super) fn take_ack(&mut self) -> Acknowledged {
        if core::mem::take(&mut self.control.ack) {
            self.refresh();
        }
        let (all, prompt) = (self.unacknowledged, self.prompt);
        (self.unacknowledged, self.prompt) = (0, 0);
        Acknowledged {
            number: self.received,
            is_prompt: prompt > all / 2,
        }
    }

    /// Returns when to call [`handle_timeout`](Self::handle_timeout) next.
    pub(crate) fn poll_timeout(&self) -> Option<Duration> {
        match &self.transport {
            Transport::None => None,
            Transport::Attaching { since } => {
                Some(since.saturating_add(self.settings.handshake_timeout))
            }
            Transport::Attached(heartbeat) => Some(heartbeat.next_check()),
        }
    }
}
