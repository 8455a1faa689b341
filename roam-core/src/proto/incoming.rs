//! What comes in: frames, and what the transport and the clock have to say.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::config::{Agreed, MAX_HELLO_FRAME};
use super::connection::Connection;
use super::env::Env;
use super::event::{CloseReason, Event, Request};
use super::framing::{Framing, Messages};
use super::ids::ConnectionId;
use super::link::{Link, State};
use super::message::{DecodeError, Message};
use super::payload::ReceivedPayload;
use super::violation::{Rule, Violation};

impl Link {
    /// Takes in a frame of the transport, or a piece of its byte stream.
    pub fn handle_frame(&mut self, frame: &Bytes) {
        self.handle_part(frame, 0, usize::MAX);
    }

    /// Takes in a frame from the byte `from` on, until so many `events` wait. Returns where to go on
    /// when they are taken out, or the frame's length when there is nothing left of it. Of other
    /// frames nothing is to be taken in before.
    pub fn handle_part(&mut self, frame: &Bytes, from: usize, events: usize) -> usize {
        if from == 0 {
            self.traffic.received += frame.len() as u64;
        }
        let handled = match self.framing {
            Framing::Single => self.handle_messages(frame, from, events, false),
            Framing::Packed => self.handle_messages(frame, from, events, true),
            Framing::Cobs => self.handle_piece(frame, from, events),
        };
        match handled {
            // What comes behind the end of a link counts for nothing.
            Ok(to) if !self.is_closed() => to,
            Ok(_) => frame.len(),
            Err(violation) => {
                self.punish(violation.into());
                frame.len()
            }
        }
    }

    /// The peer broke a rule of the transport, for example with a text frame.
    pub fn handle_violation(&mut self, violation: Violation) {
        self.punish(violation.into());
    }

    /// The transport is gone.
    pub fn handle_lost(&mut self, error: Arc<dyn std::error::Error + Send + Sync>) {
        self.end(CloseReason::Lost(error));
        self.drop_unsent();
    }

    /// The time that [`poll_timeout`](Self::poll_timeout) named may have come.
    pub fn handle_timeout(&mut self, now: Duration) {
        match self.state {
            State::Handshake { deadline } if now >= deadline => {
                self.say_goodbye(CloseReason::HandshakeTimeout);
            }
            State::Handshake { .. } | State::Open => self.look_whether_idle(now),
            State::Closed { .. } => {}
        }
    }

    fn handle_messages(
        &mut self,
        frame: &Bytes,
        from: usize,
        events: usize,
        packed: bool,
    ) -> Result<usize, Violation> {
        let (len, max) = (frame.len(), self.max_frame());
        if len > max {
            let context = format!("a frame of {len} bytes, {max} allowed");
            return Err(Rule::TooLarge.because(context));
        }
        let mut messages = Messages::new(frame, packed, from)?;
        while self.is_listening() && self.pending_events() < events {
            let Some(message) = messages.next()? else {
                break;
            };
            self.handle_bytes(frame, message);
        }
        Ok(messages.read)
    }

    fn handle_piece(
        &mut self,
        bytes: &[u8],
        from: usize,
        events: usize,
    ) -> Result<usize, Violation> {
        let mut rest = &bytes[from..];
        while self.is_listening() && self.pending_events() < events {
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
            _ => self.env.agreed.max_frame(),
        }
    }

    /// Whether what the peer says still matters. It does not when the link is over, and when the
    /// peer makes us queue replies without reading them it is.
    fn is_listening(&mut self) -> bool {
        if self.env.outbox.control() > self.env.limits.control_replies {
            self.say_goodbye(CloseReason::RepliesUnread);
        }
        !self.is_closed()
    }

    /// Takes in one message. What it breaks may be one connection; the messages behind it count
    /// for the others.
    #[inline]
    fn handle_bytes(&mut self, frame: &Bytes, message: &[u8]) {
        let handled = match (&self.state, Message::decode(message)) {
            (State::Handshake { .. }, message) => self.handle_first(message).map_err(Into::into),
            (_, Ok(message)) => self.handle_message(frame, message),
            (_, Err(error)) => Err(error),
        };
        if let Err(error) = handled {
            self.punish(error);
        }
    }

    #[cold]
    fn handle_first(&mut self, message: Result<Message<'_>, DecodeError>) -> Result<(), Violation> {
        let theirs = match message {
            Ok(Message::Hello(theirs)) => theirs,
            Err(DecodeError { violation, .. }) if violation.rule.ends_link() => {
                return Err(violation);
            }
            // Why the peer does not want to talk is worth telling.
            Ok(Message::Goodbye { reason, .. }) => {
                return Err(Rule::HelloOrdering.because(format!("Goodbye: {reason}")));
            }
            _ => return Err(Rule::HelloOrdering.into()),
        };
        if theirs.max_payload_size == 0 {
            return Err(Rule::HelloParameters.because("max_payload_size 0"));
        }
        self.agree(Agreed::between(self.ours, theirs));
        Ok(())
    }

    #[inline]
    fn handle_message(&mut self, frame: &Bytes, message: Message<'_>) -> Result<(), DecodeError> {
        let id = match message {
            Message::Data { connection, .. }
            | Message::Close { connection, .. }
            | Message::Reset { connection, .. }
            | Message::Credit { connection, .. }
            | Message::Request { connection, .. }
            | Message::Response { connection, .. }
            | Message::Cancel { connection, .. } => connection,
            message => return Ok(self.handle_link_message(message)?),
        };
        let (connection, env) = match id {
            ConnectionId::ROOT => (&mut self.root, &mut self.env),
            id => match self.others.get_mut(&id.0) {
                Some(connection) => (connection, &mut self.env),
                None => return Ok(self.missing(id)?),
            },
        };
        dispatch(connection, env, frame, message).map_err(|violation| violation.on(id))
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
            Message::Hello(_) => return Err(Rule::HelloDuplicate.into()),
            // The others belong to a connection.
            _ => {}
        }
        Ok(())
    }

    fn handle_goodbye(&mut self, id: ConnectionId, reason: &str) -> Result<(), Violation> {
        let reason = CloseReason::Goodbye(reason.into());
        if id == ConnectionId::ROOT {
            self.end(reason);
            // The peer reads no more.
            self.drop_unsent();
        } else if self.others.contains_key(&id.0) {
            self.end_connection(id, reason);
        } else {
            self.missing(id)?;
        }
        Ok(())
    }

    /// A message on a connection that is not there: late, or wrong.
    #[cold]
    fn missing(&self, id: ConnectionId) -> Result<(), Violation> {
        if self.connects.ever_was(id) {
            return Ok(());
        }
        Err(Rule::UnknownConnection.because(format!("connection {id}")))
    }

    /// Ends what a broken rule ends, and tells the peer.
    #[cold]
    pub(super) fn punish(&mut self, error: DecodeError) {
        let DecodeError {
            connection,
            violation,
        } = error;
        if self.is_closed() {
            return;
        }
        if connection == ConnectionId::ROOT || violation.rule.ends_link() {
            self.say_goodbye(CloseReason::Violation(violation));
        } else if self.others.contains_key(&connection.0) {
            self.end_with_goodbye(connection, CloseReason::Violation(violation));
        } else if let Err(violation) = self.missing(connection) {
            self.say_goodbye(CloseReason::Violation(violation));
        }
    }

    fn agree(&mut self, agreed: Agreed) {
        self.env.agreed = agreed;
        self.env.budget.agree(agreed.initial_channel_credit);
        self.state = State::Open;
        self.env.events.push_back(Event::Ready(agreed));
    }
}

#[inline]
fn dispatch(
    connection: &mut Connection,
    env: &mut Env,
    frame: &Bytes,
    message: Message<'_>,
) -> Result<(), Violation> {
    match message {
        Message::Data {
            channel, payload, ..
        } => {
            // Most messages are of this kind; nothing in it is to be dropped, but that is looked at.
            std::mem::forget(message);
            connection.handle_data(env, channel, frame, payload)
        }
        Message::Close { channel, .. } => connection.handle_close(env, channel),
        Message::Reset { channel, .. } => connection.handle_reset(env, channel),
        Message::Credit { channel, bytes, .. } => connection.handle_credit(env, channel, bytes),
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
            connection.handle_request(env, request)
        }
        Message::Response {
            request,
            metadata,
            channels,
            payload,
            ..
        } => {
            let payload = ReceivedPayload::keep(frame, payload);
            connection.handle_response(env, request, metadata.into_owned(), &channels, payload)
        }
        Message::Cancel { request, .. } => {
            connection.handle_cancel(env, request);
            Ok(())
        }
        // The link handles the others before a connection is looked up.
        _ => Ok(()),
    }
}
