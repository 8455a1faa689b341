//! What the user wants of a link: calls and channels.

use super::calls::HandlerIs;
use super::channel::{Channel, ChannelEnd, Direction, SendRefused};
use super::env::Env;
use super::ids::{ChannelId, ConnectionId, MethodId, RequestId};
use super::link::Link;
use super::message::{Message, put_data_head};
use super::metadata::Metadata;
use super::payload::Payload;
use super::queue::ElementQueue;
use super::{DecodeError, Event, Refused};

/// What a channel has for its reader.
#[derive(Debug)]
pub enum Received {
    /// All elements that are there. What the reader consumes of them is to be reported by
    /// [`Link::consume`], at the latest when `report_after` bytes are.
    Elements {
        /// The elements.
        queue: ElementQueue,
        /// After how many consumed bytes the peer is to be granted more.
        report_after: u32,
    },
    /// Nothing yet. A [`ChannelReady`](Event::ChannelReady) follows.
    Nothing,
    /// The channel is over, and forgotten.
    End(ChannelEnd),
}

impl Link {
    /// Calls a method: queues the Request and opens a channel for each of `ends`, in order.
    pub fn request<'a>(
        &mut self,
        connection: ConnectionId,
        method: MethodId,
        metadata: &Metadata,
        ends: &[Direction],
        payload: impl Into<Payload<'a>>,
    ) -> Result<(RequestId, Vec<ChannelId>), Refused> {
        if !self.has_agreed() {
            return Err(Refused::NotReady);
        }
        let (connection, env) = self.live(connection).ok_or(Refused::ConnectionOver)?;
        let ends = ends.iter().copied().map(Some);
        connection.request(env, method, metadata, ends, payload.into())
    }

    /// Gives up a call of ours: the peer is told, and the channels of its arguments end.
    pub fn cancel(&mut self, connection: ConnectionId, request: RequestId) {
        if let Some((connection, env)) = self.live(connection) {
            connection.cancel(env, request);
        }
    }

    /// Answers a call of the peer, and opens a channel for each of `ends`, in order.
    pub fn respond<'a>(
        &mut self,
        connection: ConnectionId,
        request: RequestId,
        metadata: &Metadata,
        ends: &[Direction],
        payload: impl Into<Payload<'a>>,
    ) -> Result<Vec<ChannelId>, Refused> {
        let (connection, env) = self.live(connection).ok_or(Refused::ConnectionOver)?;
        let ends = ends.iter().copied().map(Some);
        let payload = payload.into();
        connection.respond(env, request, metadata, ends, payload, HandlerIs::There)
    }

    /// Answers a call of the peer, with which its [handler is gone](Self::handler_gone). If that is
    /// refused, it is not.
    pub fn respond_last<'a>(
        &mut self,
        connection: ConnectionId,
        request: RequestId,
        metadata: &Metadata,
        ends: &[Direction],
        payload: impl Into<Payload<'a>>,
    ) -> Result<Vec<ChannelId>, Refused> {
        let (connection, env) = self.live(connection).ok_or(Refused::ConnectionOver)?;
        let (ends, payload) = (ends.iter().copied().map(Some), payload.into());
        connection.respond(env, request, metadata, ends, payload, HandlerIs::Gone)
    }

    /// The handler of a call is gone. Until it is, the call counts as in flight, also when the
    /// call or its connection is over; so this is to be said of every
    /// [`Request`](Event::Request), once.
    pub fn handler_gone(&mut self, connection: ConnectionId, request: RequestId) {
        if let Some((found, env)) = self.find(connection) {
            found.calls.handler_gone(env, request);
            self.release(connection);
        }
    }

    /// Settles which end of a channel that the peer opened, or that is relayed, is here. `false` when there is no such
    /// channel any more, or no room for it; then a call that brought it has been answered `busy`.
    pub fn bind(&mut self, id: ConnectionId, channel: ChannelId, direction: Direction) -> bool {
        let Some((connection, env)) = self.live(id) else {
            return false;
        };
        match connection.bind(env, channel, direction) {
            Ok(bound) => bound,
            Err(violation) => {
                self.punish(DecodeError {
                    connection: id,
                    violation,
                });
                false
            }
        }
    }

    /// Sends an element.
    #[inline]
    pub fn send<'a>(
        &mut self,
        id: ConnectionId,
        channel: ChannelId,
        element: impl Into<Payload<'a>>,
    ) -> Result<(), SendRefused> {
        let element = element.into();
        let Some((half, env)) = self.sender(id, channel) else {
            return Err(SendRefused::Over(ChannelEnd::ConnectionOver));
        };
        let (len, max) = (element.len(), env.agreed.largest_element());
        if len > max {
            return Err(SendRefused::TooLarge { len, max });
        }
        if half.end.is_none() && !env.has_room() {
            half.wait(len);
            env.block(half, id, channel);
            return Err(SendRefused::Blocked);
        }
        half.spend(len)?;
        put_data_head(env.outbox.begin(), id, channel, len);
        env.outbox.push_payload(element);
        Ok(())
    }

    /// Sends an element, or keeps it until there is credit and room, ahead of all that
    /// [`send`](Self::send) sends later. It is for the caller to bound what is kept so.
    pub fn queue(
        &mut self,
        id: ConnectionId,
        channel: ChannelId,
        element: &[u8],
    ) -> Result<(), SendRefused> {
        match self.send(id, channel, element) {
            Err(SendRefused::Blocked) => {}
            done => return done,
        }
        if let Some((half, _)) = self.sender(id, channel) {
            half.pending.push(element);
        }
        Ok(())
    }

    /// How many bytes of elements can be sent on a channel at once.
    pub fn sendable(&mut self, id: ConnectionId, channel: ChannelId) -> usize {
        match self.sender(id, channel) {
            Some((half, env)) if env.has_room() => half.sendable(),
            _ => 0,
        }
    }

    /// Checks that so many bytes can be sent on a channel at once; if not, a
    /// [`ChannelReady`](Event::ChannelReady) follows when they can.
    pub fn want_credit(
        &mut self,
        id: ConnectionId,
        channel: ChannelId,
        bytes: usize,
    ) -> Result<(), SendRefused> {
        let Some((half, env)) = self.sender(id, channel) else {
            return Err(SendRefused::Over(ChannelEnd::ConnectionOver));
        };
        if let Some(end) = half.end {
            return Err(SendRefused::Over(end));
        }
        if !env.has_room() {
            half.wait(bytes);
            env.block(half, id, channel);
        } else if half.sendable() < bytes {
            half.wait(bytes);
        } else {
            return Ok(());
        }
        Err(SendRefused::Blocked)
    }

    /// What the peer's reader has surely consumed of a channel, in bytes.
    pub fn consumed_by_peer(&mut self, id: ConnectionId, channel: ChannelId) -> Option<u64> {
        self.sender(id, channel).map(|(half, _)| half.consumed())
    }

    /// The sender is done: Close follows what is pending.
    pub fn finish(&mut self, id: ConnectionId, channel: ChannelId) {
        let Some((half, env)) = self.sender(id, channel) else {
            return;
        };
        half.finish();
        if half.end.is_some() {
            self.forget(id, channel);
        } else if half.pending.is_empty() {
            env.outbox.push(&Message::Close {
                connection: id,
                channel,
            });
            self.forget(id, channel);
        }
    }

    /// Cuts a channel, from either end of it, and forgets it.
    pub fn reset(&mut self, id: ConnectionId, channel: ChannelId) {
        let Some((connection, env)) = self.find(id) else {
            return;
        };
        let Some(half) = connection.channels.get(&channel.0) else {
            return;
        };
        if half.ended().is_none() {
            env.outbox.push(&Message::Reset {
                connection: id,
                channel,
            });
        }
        self.forget(id, channel);
    }

    /// Takes all elements that are there. The next call says [`Received::Nothing`] until more
    /// arrive.
    pub fn receive(&mut self, id: ConnectionId, channel: ChannelId) -> Received {
        let found = self
            .find(id)
            .and_then(|(connection, _)| connection.channels.get_mut(&channel.0));
        let Some(half) = found.and_then(Channel::receiver) else {
            return Received::End(ChannelEnd::ConnectionOver);
        };
        if !half.queue.is_empty() {
            let queue = std::mem::take(&mut half.queue);
            return Received::Elements {
                queue,
                report_after: half.window.threshold(),
            };
        }
        let Some(end) = half.end else {
            half.waiting = true;
            return Received::Nothing;
        };
        self.forget(id, channel);
        Received::End(end)
    }

    /// How a channel on which we receive has ended, though elements may still wait there. While it
    /// has not, a [`ChannelReady`](Event::ChannelReady) follows when it may have.
    pub fn receiving_end(&mut self, id: ConnectionId, channel: ChannelId) -> Option<ChannelEnd> {
        let found = self
            .find(id)
            .and_then(|(connection, _)| connection.channels.get_mut(&channel.0));
        let Some(half) = found.and_then(Channel::receiver) else {
            return Some(ChannelEnd::ConnectionOver);
        };
        half.waiting |= half.end.is_none();
        half.end
    }

    /// Counts elements as consumed, and grants the peer more when it is time: as much as fills the
    /// window up, which is doubled before when the reader keeps up and there is room, see
    /// [`Limits::channel_window`](super::Limits::channel_window). Returns after how many more
    /// consumed bytes it will be time again.
    pub fn consume(&mut self, id: ConnectionId, channel: ChannelId, bytes: u32) -> u32 {
        let Some((connection, env)) = self.find(id) else {
            return u32::MAX;
        };
        let half = connection
            .channels
            .get_mut(&channel.0)
            .and_then(Channel::receiver);
        let Some(half) = half else { return u32::MAX };
        let is_open = half.end.is_none();
        let may_grow = |from, to| is_open && env.may_grow(from, to);
        if let Some(grant) = half.window.consume(bytes, may_grow)
            && is_open
        {
            env.outbox.push_control(&Message::Credit {
                connection: id,
                channel,
                bytes: grant,
            });
        }
        half.window.threshold()
    }

    /// Asks for a [`SendBufferReady`](Event::SendBufferReady) when there is room to send again.
    pub fn want_room(&mut self) {
        self.room_wanted = true;
    }

    /// Wakes who waited for room.
    pub(super) fn unblock(&mut self) {
        if std::mem::take(&mut self.room_wanted) {
            self.env.events.push_back(Event::SendBufferReady);
        }
        for (id, channel) in std::mem::take(&mut self.env.blocked) {
            if let Some((half, _)) = self.sender(id, channel) {
                half.blocked = false;
            }
            if let Some((connection, env)) = self.live(id) {
                connection.flush_pending(env, channel);
            }
        }
    }

    #[inline]
    pub(super) fn sender(
        &mut self,
        id: ConnectionId,
        channel: ChannelId,
    ) -> Option<(&mut super::channel::SendHalf, &mut Env)> {
        let (connection, env) = self.find(id)?;
        Some((connection.channels.get_mut(&channel.0)?.sender()?, env))
    }

    fn forget(&mut self, id: ConnectionId, channel: ChannelId) {
        if let Some((connection, env)) = self.find(id) {
            connection.remove(env, channel);
            self.release(id);
        }
    }
}
