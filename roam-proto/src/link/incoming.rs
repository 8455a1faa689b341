//! Input: received frames, a lost transport and the time.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::sync::Arc;
use core::time::Duration;

use bytes::Bytes;

use super::{Link, State};
use crate::carrier::HEADROOM;
use crate::close::PeerClose;
use crate::config::{Agreed, MAX_HELLO_FRAME};
use crate::connection::Connection;
use crate::context::LinkContext;
use crate::credit::pool::Granted;
use crate::credit::sender_pool::SenderPool;
use crate::event::{CloseReason, Event, Request};
use crate::framing::{Framing, Messages};
use crate::ids::ConnectionId;
use crate::message::{DecodeError, Message};
use crate::payload::ReceivedPayload;
use crate::violation::{Rule, Violation};

impl Link {
    /// Processes a frame of the transport, or any piece of its byte stream.
    pub fn handle_frame(&mut self, frame: &Bytes) {
        self.process(frame, 0, usize::MAX);
    }

    /// Processes `frame` from byte offset `from` until `max_events` events are queued.
    ///
    /// Returns the offset to resume at, or `frame.len()` when the frame is finished. Finish one
    /// frame before passing the next.
    #[doc(hidden)]
    #[inline]
    pub fn process(&mut self, frame: &Bytes, from: usize, max_events: usize) -> usize {
        let mut from = from;
        if from == 0 {
            if self.carrier.is_some() {
                match self.receive(frame) {
                    Some(messages) => from = messages,
                    None => return frame.len(),
                }
            }
            self.traffic.received += frame.len() as u64;
        }
        let processed = match self.framing {
            Framing::Single => self.process_messages(frame, from, max_events, false),
            Framing::Packed | Framing::Numbered => {
                self.process_messages(frame, from, max_events, true)
            }
            #[cfg(feature = "byte-streams")]
            Framing::Cobs => self.process_piece(frame, from, max_events),
        };
        self.count_memory();
        match processed {
            Ok(offset) if !self.is_closed() => offset,
            // What follows the end of a link is ignored.
            Ok(_) => frame.len(),
            Err(violation) => {
                self.fail_peer(violation.into());
                frame.len()
            }
        }
    }

    /// Ends the link because the peer broke a rule of the transport, such as by a text frame.
    pub fn handle_violation(&mut self, violation: Violation) {
        self.fail_peer(violation.into());
    }

    /// Ends the link because its transport was closed or failed, for good. Frees what was to be sent, also
    /// by a link that has ended.
    pub fn handle_lost(&mut self, error: Arc<dyn core::error::Error + Send + Sync>) {
        self.end(CloseReason::Lost(error.into()));
        self.drop_unsent();
    }

    /// Handles the deadline of [`poll_timeout`](Self::poll_timeout), if it has passed.
    pub fn handle_timeout(&mut self, now: Duration) {
        self.check_transport(now);
        match self.state {
            State::Handshake { deadline } if now >= deadline => {
                self.close_with_goodbye(CloseReason::HandshakeTimeout);
                // Nobody has said how to tell it.
                if !self.is_attached() {
                    self.drop_unsent();
                }
            }
            State::Handshake { .. } | State::Open => self.close_if_idle(now),
            State::Closed { .. } => {}
        }
    }

    fn process_messages(
        &mut self,
        frame: &Bytes,
        from: usize,
        max_events: usize,
        packed: bool,
    ) -> Result<usize, Violation> {
        let (len, max) = (frame.len(), self.max_frame());
        if len > max {
            return Err(Rule::TooLarge.because(format!("a frame of {len} bytes, {max} allowed")));
        }
        let mut messages = Messages::new(frame, packed, from)?;
        while self.is_listening() && self.ctx.events.len() < max_events {
            let Some(message) = messages.next()? else {
                break;
            };
            self.handle_bytes(frame, message);
        }
        Ok(messages.offset)
    }

    #[cfg(feature = "byte-streams")]
    fn process_piece(
        &mut self,
        bytes: &[u8],
        from: usize,
        max_events: usize,
    ) -> Result<usize, Violation> {
        let mut rest = &bytes[from..];
        while self.is_listening() && self.ctx.events.len() < max_events {
            let max = self.max_frame();
            let Some(message) = self.cobs.next(&mut rest, max)? else {
                break;
            };
            self.handle_bytes(&message, &message);
        }
        Ok(bytes.len() - rest.len())
    }

    fn max_frame(&self) -> usize {
        match self.state {
            State::Handshake { .. } => MAX_HELLO_FRAME,
            // A number adds a few bytes.
            _ if self.carrier.is_some() => self.ctx.agreed.max_frame() + HEADROOM,
            _ => self.ctx.agreed.max_frame(),
        }
    }

    /// Returns whether further messages matter. Ends the link of a peer that makes us queue
    /// replies without reading them.
    fn is_listening(&mut self) -> bool {
        if self.ctx.outbox.control_cost() > self.ctx.limits.control_replies {
            self.close_with_goodbye(CloseReason::RepliesUnread);
        }
        !self.is_closed()
    }

    /// Handles one message. A violation may end just one connection, so the messages that follow
    /// still count.
    #[inline]
    fn handle_bytes(&mut self, frame: &Bytes, message: &[u8]) {
        let decoded = Message::decode(message).map_err(|error| self.decode_error(message, error));
        let handled = match (&self.state, decoded) {
            (State::Handshake { .. }, message) => self.handle_first(message).map_err(Into::into),
            (_, Ok(message)) => self.handle_message(frame, message),
            (_, Err(error)) => Err(error),
        };
        if let Err(error) = handled {
            self.fail_peer(error);
        }
    }

    /// Returns why a message does not decode: version 2 does not know all of them.
    #[cold]
    fn decode_error(&self, message: &[u8], error: DecodeError) -> DecodeError {
        match message.first() {
            Some(&tag) if !self.ctx.agreed.is_pooled() && Message::is_beyond_v2(tag) => {
                Rule::UnknownVariant
                    .because(format!("message {tag}"))
                    .into()
            }
            _ => error,
        }
    }

    #[cold]
    fn handle_first(&mut self, message: Result<Message<'_>, DecodeError>) -> Result<(), Violation> {
        let theirs = match message {
            Ok(Message::Hello(theirs)) => theirs,
            Err(DecodeError { violation, .. }) if violation.rule.ends_link() => {
                return Err(violation);
            }
            // Tell the user why the peer refuses to talk.
            Ok(Message::Goodbye { reason, .. }) => {
                return Err(Rule::HelloOrdering.because(format!("Goodbye: {reason}")));
            }
            _ => return Err(Rule::HelloOrdering.into()),
        };
        if theirs.max_payload_size == 0 {
            return Err(Rule::HelloParameters.because("max_payload_size 0"));
        }
        self.on_agreed(Agreed::between(self.our_hello, theirs, self.framing));
        Ok(())
    }

    fn on_agreed(&mut self, agreed: Agreed) {
        self.ctx.agreed = agreed;
        self.ctx.budget.set_window(agreed.initial_channel_credit);
        if let Some(carrier) = &self.carrier {
            let limits = carrier.peer_limits();
            self.ctx.pool = SenderPool::new(limits.pool);
            self.ctx.send_window = u32::try_from(limits.window).unwrap_or(u32::MAX);
            self.ctx.peer_calls = usize::try_from(limits.calls).unwrap_or(usize::MAX);
            self.ctx.peer_call_payloads =
                usize::try_from(limits.call_payloads).unwrap_or(usize::MAX);
        }
        self.state = State::Open;
        self.ctx.events.push_back(Event::Ready(agreed));
    }

    #[inline]
    pub(super) fn handle_message(
        &mut self,
        frame: &Bytes,
        message: Message<'_>,
    ) -> Result<(), DecodeError> {
        let id = match message {
            Message::Data { connection, .. }
            | Message::Close { connection, .. }
            | Message::Reset { connection, .. }
            | Message::Credit { connection, .. }
            | Message::Grant { connection, .. }
            | Message::Blocked { connection, .. }
            | Message::Request { connection, .. }
            | Message::Response { connection, .. }
            | Message::Cancel { connection, .. } => connection,
            message => return Ok(self.handle_link_message(message)?),
        };
        let (connection, ctx) = match id {
            ConnectionId::ROOT => (&mut self.root, &mut self.ctx),
            id => match self.others.get_mut(&id.0) {
                Some(connection) => (connection, &mut self.ctx),
                None => return Ok(self.handle_late(id, &message)?),
            },
        };
        handle_connection_message(connection, ctx, frame, message)
            .map_err(|violation| violation.on(id))
    }

    #[cold]
    fn handle_link_message(&mut self, message: Message<'_>) -> Result<(), Violation> {
        match message {
            Message::Goodbye { connection, reason } => {
                return self.handle_goodbye(connection, reason);
            }
            Message::Connect { request, metadata } => {
                self.handle_connect(request, metadata.into_owned());
            }
            Message::Accept {
                request,
                connection,
                metadata,
            } => {
                return self.handle_accept(request, connection, metadata.into_owned());
            }
            Message::Reject {
                request,
                reason,
                metadata,
            } => {
                self.handle_reject(request, reason, metadata.into_owned());
            }
            Message::Part { is_last, bytes } => self.handle_part(is_last, bytes)?,
            Message::End { code, reason } => {
                let reason = reason.to_owned();
                self.on_goodbye(CloseReason::ClosedByPeer(PeerClose { code, reason }));
            }
            Message::Hello(_) => return Err(Rule::HelloDuplicate.into()),
            // The others belong to a connection.
            _ => {}
        }
        Ok(())
    }

    fn handle_goodbye(&mut self, id: ConnectionId, reason: &str) -> Result<(), Violation> {
        let reason = CloseReason::Goodbye(reason.into());
        if id == ConnectionId::ROOT {
            self.on_goodbye(reason);
        } else if self.others.contains_key(&id.0) {
            self.end_connection(id, reason);
        } else {
            self.check_was_open(id)?;
        }
        Ok(())
    }

    /// The peer has ended the link.
    fn on_goodbye(&mut self, reason: CloseReason) {
        self.end(reason);
        // The peer reads no more.
        self.drop_unsent();
    }

    /// Handles a message for a connection that is not open. It may be late, and readers go on consuming what
    /// came before the end.
    #[cold]
    fn handle_late(&mut self, id: ConnectionId, message: &Message<'_>) -> Result<(), Violation> {
        if let &Message::Grant {
            channel,
            consumed,
            credit,
            ..
        } = message
            && let Some(connection) = self.ended.get_mut(&id.0)
        {
            let granted = Granted { consumed, credit };
            connection.handle_grant(&mut self.ctx, channel, granted)?;
            self.forget_if_unused(id);
            return Ok(());
        }
        self.check_was_open(id)
    }

    /// Checks that a message for a connection that is not open is late, not wrong.
    #[cold]
    fn check_was_open(&self, id: ConnectionId) -> Result<(), Violation> {
        if self.pending.was_open(id) {
            return Ok(());
        }
        Err(Rule::UnknownConnection.because(format!("connection {id}")))
    }

    /// Ends what a violation ends, and tells the peer.
    #[cold]
    pub(super) fn fail_peer(&mut self, error: DecodeError) {
        let DecodeError {
            connection,
            violation,
        } = error;
        if self.is_closed() {
            return;
        }
        if connection == ConnectionId::ROOT || violation.rule.ends_link() {
            self.close_with_goodbye(CloseReason::Violation(violation));
        } else if self.others.contains_key(&connection.0) {
            self.end_with_goodbye(connection, CloseReason::Violation(violation));
        } else if let Err(violation) = self.check_was_open(connection) {
            self.close_with_goodbye(CloseReason::Violation(violation));
        }
    }
}

#[inline]
fn handle_connection_message(
    connection: &mut Connection,
    ctx: &mut LinkContext,
    frame: &Bytes,
    message: Message<'_>,
) -> Result<(), Violation> {
    match message {
        Message::Data {
            channel, payload, ..
        } => connection.handle_data(ctx, channel, frame, payload),
        Message::Close { channel, .. } => connection.handle_close(ctx, channel),
        Message::Reset { channel, .. } => connection.handle_reset(ctx, channel),
        Message::Credit { channel, bytes, .. } => connection.handle_credit(ctx, channel, bytes),
        Message::Grant {
            channel,
            consumed,
            credit,
            ..
        } => connection.handle_grant(ctx, channel, Granted { consumed, credit }),
        Message::Blocked { channel, bytes, .. } => connection.handle_blocked(ctx, channel, bytes),
        Message::Request {
            connection: id,
            request,
            method,
            metadata,
            channels,
            payload,
        } => {
            let request = Request {
                connection: id,
                request,
                method,
                metadata: metadata.into_owned(),
                channels: channels.into_owned(),
                payload: ReceivedPayload::keep(frame, payload),
            };
            connection.handle_request(ctx, request)
        }
        Message::Response {
            request,
            metadata,
            channels,
            payload,
            ..
        } => {
            let payload = ReceivedPayload::keep(frame, payload);
            connection.handle_response(ctx, request, metadata.into_owned(), &channels, payload)
        }
        Message::Cancel { request, .. } => {
            connection.handle_cancel(ctx, request);
            Ok(())
        }
        // The link handles the others before it looks up a connection.
        _ => Ok(()),
    }
}
