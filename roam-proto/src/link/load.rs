//! What a scheduler needs to know of a link.

use super::Link;
use crate::carrier::Carrier;
use crate::outbox::Priority;

/// How busy a link is: the input of a shell's send scheduling.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[doc(hidden)]
pub struct Load {
    /// Messages waiting in the outbox that may be sent.
    pub queued_messages: usize,
    /// Messages handed to the transport since the link began.
    pub sent_messages: u64,
    /// Our unanswered calls without channels; calls with channels tend to stay open.
    pub own_calls: usize,
    /// The peer's unanswered calls without channels.
    pub peer_calls: usize,
    /// Whether the link has ended.
    pub has_ended: bool,
}

impl Link {
    /// Returns a snapshot of how busy the link is.
    #[doc(hidden)]
    #[inline]
    pub fn load(&self) -> Load {
        let (mut own_calls, mut peer_calls) = self.root.calls.without_channels();
        for connection in self.others.values() {
            let (own, peer) = connection.calls.without_channels();
            own_calls += own;
            peer_calls += peer;
        }
        Load {
            queued_messages: self.ctx.outbox.messages(),
            sent_messages: self.ctx.outbox.sent_messages(),
            own_calls,
            peer_calls,
            has_ended: self.is_closed(),
        }
    }

    /// Returns whether a call or an answer of `len` bytes may be queued. The machine itself refuses neither, so
    /// whoever queues them must ask first to keep the outbox within
    /// [`Limits::send_buffer`](crate::Limits::send_buffer).
    #[doc(hidden)]
    #[inline]
    pub fn has_capacity(&self, len: usize) -> bool {
        self.has_agreed() && self.ctx.has_capacity(Priority::of_call(len))
    }

    /// Returns whether [`poll_transmit`](Self::poll_transmit) has no frame for now.
    #[doc(hidden)]
    #[inline]
    pub fn is_drained(&self) -> bool {
        let Some(carrier) = &self.carrier else {
            return self.ctx.outbox.is_empty() && !self.has_freed();
        };
        let may_send =
            carrier.may_send() && (self.has_freed() || self.next_priority(carrier).is_some());
        !(carrier.has_control() || may_send)
    }

    /// Returns whether messages wait for the peer to acknowledge others, or for a transport.
    #[doc(hidden)]
    pub fn is_held_back(&self) -> bool {
        let is_held_back =
            |carrier: &Carrier| !carrier.may_send() || self.next_priority(carrier).is_none();
        !self.ctx.outbox.is_empty() && self.carrier.as_deref().is_some_and(is_held_back)
    }
}
