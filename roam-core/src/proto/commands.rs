//! What the user wants of a link: calls and channels.

use super::channel::{Channel, ChannelEnd, Direction, SendRefused};
use super::connection::{Connection, Env};
use super::ids::{ChannelId, ConnectionId, MethodId, RequestId};
use super::link::Link;
use super::message::Message;
use super::metadata::Metadata;
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
    pub fn request(
        &mut self,
        connection: ConnectionId,
        method: MethodId,
        metadata: &Metadata,
        ends: &[Direction],
        payload: &[u8],
    ) -> Result<(RequestId, Vec<ChannelId>), Refused> {
        if self.agreed().is_none() {
            return Err(Refused::NotReady);
        }
        let (connection, env) = self.live(connection).ok_or(Refused::ConnectionOver)?;
        connection.request(env, method, metadata, ends, payload)
    }

    /// Gives up a call of ours: the peer is told, and the channels of its arguments end.
    pub fn cancel(&mut self, connection: ConnectionId, request: RequestId) {
        if let Some((connection, env)) = self.live(connection) {
            connection.cancel(env, request);
        }
    }

    /// Answers a call of the peer, and opens a channel for each of `ends`, in order.
    pub fn respond(
        &mut self,
        connection: ConnectionId,
        request: RequestId,
        metadata: &Metadata,
        ends: &[Direction],
        payload: &[u8],
    ) -> Result<Vec<ChannelId>, Refused> {
        let (connection, env) = self.live(connection).ok_or(Refused::ConnectionOver)?;
        connection.respond(env, request, metadata, ends, payload)
    }

    /// The handler of a call is gone. Until it is, the call counts as in flight.
    pub fn handler_gone(&mut self, connection: ConnectionId, request: RequestId) {
        if let Some((connection, env)) = self.connection_mut(connection) {
            connection.calls.handler_gone(env, request);
        }
    }

    /// Settles which end of a channel that the peer opened is here. `false` when there is no such
    /// channel any more, or no room for it.
    pub fn bind(&mut self, id: ConnectionId, channel: ChannelId, direction: Direction) -> bool {
        let Some((connection, env)) = self.live(id) else { return false };
        match connection.bind(env, channel, direction) {
            Ok(bound) => bound,
            Err(violation) => {
                self.punish(DecodeError { connection: id, violation });
                false
            }
        }
    }

    /// Sends an element.
    #[inline]
    pub fn send(
        &mut self,
        id: ConnectionId,
        channel: ChannelId,
        element: &[u8],
    ) -> Result<(), SendRefused> {
        let Some((half, env)) = self.sender(id, channel) else {
            return Err(SendRefused::Over(ChannelEnd::ConnectionOver));
        };
        let (len, max) = (element.len(), env.agreed.largest_element());
        if len > max {
            return Err(SendRefused::TooLarge { len, max });
        }
        if half.end.is_none() && env.outbox.queued() >= env.limits.send_buffer {
            half.wait(len);
            env.block(half, id, channel);
            return Err(SendRefused::Blocked);
        }
        half.spend(len)?;
        env.outbox.push(&Message::Data { connection: id, channel, payload: element });
        Ok(())
    }

    /// Sends elements that were there before the channel had a connection, ahead of all others and
    /// as credit comes in. `false` when one of them is longer than the link allows: the channel
    /// is cut.
    pub fn send_pending(&mut self, id: ConnectionId, channel: ChannelId, queue: ElementQueue) -> bool {
        let max = self.env.agreed.largest_element();
        if queue.longest() > max {
            self.reset(id, channel);
            return false;
        }
        if let Some((half, _)) = self.sender(id, channel) {
            half.pending = queue;
        }
        if let Some((connection, env)) = self.live(id) {
            connection.flush_pending(env, channel);
        }
        true
    }

    /// What the peer's reader has surely consumed of a channel, in bytes.
    pub fn consumed_by_peer(&mut self, id: ConnectionId, channel: ChannelId) -> Option<u64> {
        self.sender(id, channel).map(|(half, _)| half.consumed())
    }

    /// The sender is done: Close follows what is pending.
    pub fn finish(&mut self, id: ConnectionId, channel: ChannelId) {
        let Some((half, env)) = self.sender(id, channel) else { return };
        half.finishing = true;
        if half.end.is_some() {
            self.forget(id, channel);
        } else if half.pending.is_empty() {
            env.outbox.push(&Message::Close { connection: id, channel });
            self.forget(id, channel);
        }
    }

    /// Cuts a channel, from either end of it, and forgets it.
    pub fn reset(&mut self, id: ConnectionId, channel: ChannelId) {
        let over = self.is_over(id, channel);
        if over == Some(false) {
            self.env.outbox.push(&Message::Reset { connection: id, channel });
        }
        if over.is_some() {
            self.forget(id, channel);
        }
    }

    /// Takes all elements that are there. The next call says [`Received::Nothing`] until more
    /// arrive.
    pub fn receive(&mut self, id: ConnectionId, channel: ChannelId) -> Received {
        let found = self.find(id).and_then(|(connection, _)| connection.channels.get_mut(&channel.0));
        let Some(half) = found.and_then(Channel::receiver) else {
            return Received::End(ChannelEnd::ConnectionOver);
        };
        if !half.queue.is_empty() {
            let queue = std::mem::take(&mut half.queue);
            return Received::Elements { queue, report_after: half.window.threshold() };
        }
        let Some(end) = half.end else {
            half.waiting = true;
            return Received::Nothing;
        };
        self.forget(id, channel);
        Received::End(end)
    }

    /// Counts elements as consumed, and grants the peer more when it is time. Returns after how
    /// many more consumed bytes it will be.
    pub fn consume(&mut self, id: ConnectionId, channel: ChannelId, bytes: u32) -> u32 {
        let Some((connection, env)) = self.find(id) else { return u32::MAX };
        let half = connection.channels.get_mut(&channel.0).and_then(Channel::receiver);
        let Some(half) = half else { return u32::MAX };
        if let Some(grant) = half.window.consume(bytes)
            && half.end.is_none()
        {
            env.outbox.push_control(&Message::Credit { connection: id, channel, bytes: grant });
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

    /// A connection that is not over.
    fn live(&mut self, id: ConnectionId) -> Option<(&mut Connection, &mut Env)> {
        if self.close_reason().is_some() {
            return None;
        }
        self.connection_mut(id)
    }

    /// A connection, also one that is over and of which the user still holds channels.
    fn find(&mut self, id: ConnectionId) -> Option<(&mut Connection, &mut Env)> {
        let connection = match id {
            ConnectionId::ROOT => &mut self.root,
            id => match self.others.get_mut(&id.0) {
                Some(connection) => connection,
                None => self.ended.get_mut(&id.0)?,
            },
        };
        Some((connection, &mut self.env))
    }

    #[inline]
    fn sender(
        &mut self,
        id: ConnectionId,
        channel: ChannelId,
    ) -> Option<(&mut super::channel::SendHalf, &mut Env)> {
        let (connection, env) = self.find(id)?;
        Some((connection.channels.get_mut(&channel.0)?.sender()?, env))
    }

    fn is_over(&mut self, id: ConnectionId, channel: ChannelId) -> Option<bool> {
        let (connection, _) = self.find(id)?;
        Some(match connection.channels.get(&channel.0)? {
            Channel::Sending(half) => half.end.is_some(),
            Channel::Receiving(half) | Channel::Unbound(half, _) => half.end.is_some(),
        })
    }

    fn forget(&mut self, id: ConnectionId, channel: ChannelId) {
        let Some((connection, env)) = self.find(id) else { return };
        connection.remove(env, channel);
        if connection.channels.is_empty() {
            self.ended.remove(&id.0);
        }
    }
}
