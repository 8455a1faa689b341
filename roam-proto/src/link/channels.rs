//! The channels of a connection, borrowed by what is done with them.

use super::Link;
use crate::channel::{self, ChannelEnd, Direction, ReceiveHalf, SendError, SendHalf};
use crate::connection::serve;
use crate::context::LinkContext;
use crate::credit::ReceiveWindow;
use crate::ids::{ChannelId, ConnectionId};
use crate::message::{DecodeError, Message, encode_data_header};
use crate::outbox::Priority;
use crate::payload::Payload;
use crate::queue::ElementQueue;

/// A channel in any direction, borrowed from its [`Link`] by [`Link::channel`].
#[derive(Debug)]
pub struct Channel<'a>(Handle<'a>);

/// The sending half of a channel, borrowed from its [`Link`] by [`Link::sender`].
#[derive(Debug)]
pub struct Sender<'a>(Handle<'a>);

/// The receiving half of a channel, borrowed from its [`Link`] by [`Link::receiver`].
#[derive(Debug)]
pub struct Receiver<'a>(Handle<'a>);

/// What [`Receiver::read`] found.
#[derive(Debug)]
pub enum ReadOutcome {
    /// All elements that have arrived. Report what the reader consumes of them by
    /// [`Receiver::consume`], at the latest after `report_after` bytes.
    Elements {
        /// The elements.
        queue: ElementQueue,
        /// After this many consumed bytes the peer is due more credit.
        report_after: u32,
    },
    /// Nothing yet. An [`Event::ChannelReady`](crate::Event::ChannelReady) follows.
    Empty,
    /// The channel has ended and is forgotten.
    Ended(ChannelEnd),
}

#[derive(Debug)]
struct Handle<'a> {
    link: &'a mut Link,
    connection: ConnectionId,
    id: ChannelId,
}

impl Link {
    /// Borrows a channel whose direction does not matter.
    #[inline]
    pub fn channel(&mut self, connection: ConnectionId, id: ChannelId) -> Channel<'_> {
        Channel(self.handle(connection, id))
    }

    /// Borrows the sending half of a channel.
    #[inline]
    pub fn sender(&mut self, connection: ConnectionId, id: ChannelId) -> Sender<'_> {
        Sender(self.handle(connection, id))
    }

    /// Borrows the receiving half of a channel.
    #[inline]
    pub fn receiver(&mut self, connection: ConnectionId, id: ChannelId) -> Receiver<'_> {
        Receiver(self.handle(connection, id))
    }

    #[inline]
    fn handle(&mut self, connection: ConnectionId, id: ChannelId) -> Handle<'_> {
        Handle {
            link: self,
            connection,
            id,
        }
    }

    /// Returns a channel that is not forgotten.
    #[inline]
    pub(crate) fn any_half(
        &mut self,
        connection: ConnectionId,
        id: ChannelId,
    ) -> Option<(&mut channel::Channel, &mut LinkContext)> {
        let (connection, ctx) = self.connection(connection)?;
        Some((connection.channels.get_mut(&id.0)?, ctx))
    }

    #[inline]
    pub(crate) fn send_half(
        &mut self,
        connection: ConnectionId,
        id: ChannelId,
    ) -> Option<(&mut SendHalf, &mut LinkContext)> {
        let (channel, ctx) = self.any_half(connection, id)?;
        Some((channel.sender()?, ctx))
    }

    #[inline]
    pub(crate) fn receive_half(
        &mut self,
        connection: ConnectionId,
        id: ChannelId,
    ) -> Option<(&mut ReceiveHalf, &mut LinkContext)> {
        let (channel, ctx) = self.any_half(connection, id)?;
        Some((channel.receiver()?, ctx))
    }

    fn forget_channel(&mut self, connection: ConnectionId, id: ChannelId) {
        if let Some((found, ctx)) = self.connection(connection) {
            found.remove(ctx, id);
            self.forget_if_unused(connection);
        }
    }
}

impl Channel<'_> {
    /// Declares which half of a channel is held here, for a channel that the peer opened or that a
    /// relay opened.
    ///
    /// Returns `false` when the channel has ended or the link's budget cannot hold its window; in
    /// the latter case the call that brought the channel is answered `busy`.
    pub fn bind(self, direction: Direction) -> bool {
        let Handle {
            link,
            connection: id,
            id: channel,
        } = self.0;
        let Some((connection, ctx)) = link.live_connection(id) else {
            return false;
        };
        match connection.bind(ctx, channel, direction) {
            Ok(bound) => bound,
            Err(violation) => {
                link.fail_peer(DecodeError {
                    connection: id,
                    violation,
                });
                false
            }
        }
    }

    /// Leaves a channel that the peer opened, and that is not bound, to a [`Relay`](crate::Relay).
    pub fn leave_to_relay(self) {
        if let Some((channel, _)) = self.0.link.any_half(self.0.connection, self.0.id) {
            channel.leave_to_relay();
        }
    }

    /// Returns whether the channel is forgotten: it has ended, and its holder knows. If not, an
    /// [`Event::ChannelReady`](crate::Event::ChannelReady) follows when it is, or when its
    /// connection has ended.
    pub fn is_forgotten(self) -> bool {
        let id = self.0.id.0;
        let Some((connection, _)) = self.0.link.connection(self.0.connection) else {
            return true;
        };
        let is_known = connection.channels.contains_key(&id);
        if is_known {
            connection.watched.insert(id);
        }
        !is_known
    }

    /// Resets and forgets the channel, from either half.
    pub fn reset(self) {
        let Handle {
            link,
            connection,
            id: channel,
        } = self.0;
        let Some((found, ctx)) = link.any_half(connection, channel) else {
            return;
        };
        if found.ended().is_none() {
            let reset = Message::Reset {
                connection,
                channel,
            };
            let priority = ctx.outbox.priority_after_ids();
            ctx.outbox.push(priority, &reset);
            found.end(ChannelEnd::Reset, &mut ctx.pool, &mut ctx.budget.room);
        }
        link.forget_channel(connection, channel);
    }
}

impl Sender<'_> {
    /// Sends an element.
    ///
    /// # Errors
    /// After [`SendError::Blocked`], an [`Event::ChannelReady`](crate::Event::ChannelReady) follows
    /// when the element can be sent, or never will be.
    #[inline]
    pub fn send<'p>(self, element: impl Into<Payload<'p>>) -> Result<(), SendError> {
        let element = element.into();
        let Handle {
            link,
            connection,
            id,
        } = self.0;
        let Some((half, ctx)) = link.send_half(connection, id) else {
            return Err(SendError::Ended(ChannelEnd::ConnectionEnded));
        };
        let (len, max) = (element.len(), ctx.agreed.largest_element());
        if len > max {
            return Err(SendError::TooLarge { len, max });
        }
        if half.end.is_none() && !ctx.may_send(half) {
            half.wait(len);
            ctx.block(half, connection, id);
            return Err(SendError::Blocked);
        }
        if let Err(error) = half.spend(len, &mut ctx.pool) {
            if error == SendError::Blocked && half.pending.is_empty() {
                ctx.ask(half, (connection, id), len);
            }
            return Err(error);
        }
        ctx.count_served(half, len);
        encode_data_header(ctx.outbox.begin(), connection, id, len);
        ctx.outbox.push_payload(Priority::Bulk, element);
        Ok(())
    }

    /// Sends an element, or keeps it until there is credit and capacity, ahead of everything that
    /// [`send`](Self::send) sends later. The caller must bound what is kept this way.
    pub fn queue(self, element: &[u8]) -> Result<(), SendError> {
        let Handle {
            link,
            connection,
            id,
        } = self.0;
        match link.sender(connection, id).send(element) {
            Err(SendError::Blocked) => {}
            done => return done,
        }
        if let Some((half, _)) = link.send_half(connection, id) {
            half.pending.push(element);
        }
        Ok(())
    }

    /// Returns how many bytes of elements can be sent at once, of which the first has `first`; 0 when the
    /// channel has ended. A single element may be larger than several together.
    pub fn sendable(self, first: usize) -> usize {
        match self.0.link.send_half(self.0.connection, self.0.id) {
            Some((half, ctx)) if ctx.may_send(half) => {
                let sendable = half.sendable(&ctx.pool);
                if half.fits(first, &ctx.pool) {
                    sendable.max(first)
                } else {
                    sendable
                }
            }
            _ => 0,
        }
    }

    /// Checks that an element of this many bytes can be sent at once.
    ///
    /// # Errors
    /// After [`SendError::Blocked`], an [`Event::ChannelReady`](crate::Event::ChannelReady) follows
    /// when they can, or never will be.
    pub fn wait_for_credit(self, bytes: usize) -> Result<(), SendError> {
        let Handle {
            link,
            connection,
            id,
        } = self.0;
        let Some((half, ctx)) = link.send_half(connection, id) else {
            return Err(SendError::Ended(ChannelEnd::ConnectionEnded));
        };
        if let Some(end) = half.end {
            return Err(SendError::Ended(end));
        }
        if !ctx.may_send(half) {
            half.wait(bytes);
            ctx.block(half, connection, id);
        } else if !half.fits(bytes, &ctx.pool) {
            half.wait(bytes);
            ctx.ask(half, (connection, id), bytes);
        } else {
            return Ok(());
        }
        Err(SendError::Blocked)
    }

    /// Returns how many bytes the peer's reader has certainly consumed, or `None` when the channel
    /// is forgotten.
    pub fn consumed(self) -> Option<u64> {
        let (half, _) = self.0.link.send_half(self.0.connection, self.0.id)?;
        Some(half.consumed())
    }

    /// Closes the channel: a Close follows everything that is kept.
    pub fn close(self) {
        let Handle {
            link,
            connection,
            id: channel,
        } = self.0;
        let Some((half, ctx)) = link.send_half(connection, channel) else {
            return;
        };
        half.finish();
        if half.end.is_some() {
            link.forget_channel(connection, channel);
        } else if half.pending.is_empty() {
            ctx.outbox.push_close(&Message::Close {
                connection,
                channel,
            });
            link.forget_channel(connection, channel);
        }
    }
}

impl Receiver<'_> {
    /// Takes all elements that have arrived.
    pub fn read(self) -> ReadOutcome {
        let Handle {
            link,
            connection,
            id,
        } = self.0;
        let Some((half, ctx)) = link.receive_half(connection, id) else {
            return ReadOutcome::Ended(ChannelEnd::ConnectionEnded);
        };
        if !half.queue.is_empty() {
            let queue = core::mem::take(&mut half.queue);
            return ReadOutcome::Elements {
                queue,
                report_after: half.window.threshold(),
            };
        }
        let Some(end) = half.end else {
            half.waiting = true;
            serve(half, ctx, connection, id);
            return ReadOutcome::Empty;
        };
        link.forget_channel(connection, id);
        ReadOutcome::Ended(end)
    }

    /// Returns how the channel has ended, even while elements wait to be read. After `None`, an
    /// [`Event::ChannelReady`](crate::Event::ChannelReady) follows when the end may have come.
    pub fn end(self) -> Option<ChannelEnd> {
        let Some((half, _)) = self.0.link.receive_half(self.0.connection, self.0.id) else {
            return Some(ChannelEnd::ConnectionEnded);
        };
        half.waiting |= half.end.is_none();
        half.end
    }

    /// Counts `bytes` of elements as consumed and grants the peer more credit when it is due.
    ///
    /// A grant refills the window, which is doubled first when the reader keeps up and the budget
    /// allows; see [`Limits::channel_window`](crate::Limits::channel_window). Returns after how
    /// many more consumed bytes to report again.
    pub fn consume(self, bytes: u32) -> u32 {
        let Handle {
            link,
            connection,
            id: channel,
        } = self.0;
        let Some((half, ctx)) = link.receive_half(connection, channel) else {
            return u32::MAX;
        };
        let window = match &mut half.window {
            ReceiveWindow::Pooled(window) => {
                let told = window.consume(bytes, &mut ctx.budget.room);
                let threshold = window.threshold();
                ctx.push_grant(told, connection, channel);
                return threshold;
            }
            ReceiveWindow::Window(window) => window,
        };
        let is_open = half.end.is_none();
        let may_grow = |from, to| is_open && ctx.may_grow(from, to);
        if let Some(grant) = window.consume(bytes, may_grow)
            && is_open
        {
            ctx.push_credit(&Message::Credit {
                connection,
                channel,
                bytes: grant,
            });
        }
        window.threshold()
    }
}
