//! One end of a channel on a link, in bytes.

use std::sync::Arc;
use std::task::{Context, Poll};

use crate::proto::{ChannelEnd, ChannelId, ConnectionId, Direction, ElementQueue, Received, SendRefused};

use super::connection::ConnectionState;
use super::error::Cut;
use super::pair::{RawReceiver, RawSender};
use super::shared::{State, Todo, Users};

/// One end of a channel on a link. It knows of no direction; whoever holds it does.
#[derive(Clone, Debug)]
pub struct Wire {
    pub(super) users: Arc<Users>,
    pub(super) connection: Arc<ConnectionState>,
    pub(super) channel: ChannelId,
}

/// What a reader was given.
#[derive(Debug)]
pub struct Batch {
    /// The elements.
    pub elements: ElementQueue,
    /// After how many consumed bytes it is to report.
    pub report_after: u32,
}

impl Wire {
    fn with<R>(&self, change: impl FnOnce(&mut State, &mut Todo, ConnectionId) -> R) -> R {
        self.users.shared.with(|state, todo| change(state, todo, self.connection.id()))
    }

    /// How the channel ended; `None` for a clean end.
    fn cut(&self, end: ChannelEnd) -> Option<Cut> {
        match (end, self.connection.end_reason()) {
            // The channel was cut from here.
            (ChannelEnd::ConnectionOver, None) => Some(Cut::Reset),
            (end, Some(reason)) => Cut::of(end, || reason.clone()),
            (end, None) => Cut::of(end, || unreachable_reason()),
        }
    }

    fn refusal(&self, refused: SendRefused) -> Poll<Cut> {
        match refused {
            SendRefused::Blocked => Poll::Pending,
            SendRefused::TooLarge { len, max } => Poll::Ready(Cut::TooLarge { len, max }),
            SendRefused::Over(end) => Poll::Ready(self.cut(end).unwrap_or(Cut::Reset)),
        }
    }

    /// Sends an element as soon as there is credit and room.
    pub fn poll_send(&self, cx: &mut Context<'_>, element: &[u8]) -> Poll<Result<(), Cut>> {
        let sent = self.with(|state, _, id| {
            let sent = state.link.send(id, self.channel, element);
            if sent == Err(SendRefused::Blocked) {
                state.wait_for_channel(id, self.channel, cx.waker());
            }
            sent
        });
        match sent {
            Ok(()) => Poll::Ready(Ok(())),
            Err(refused) => self.refusal(refused).map(Err),
        }
    }

    /// Sends elements of which the caller knows that there is credit for them.
    pub fn queue<'a>(&self, elements: impl IntoIterator<Item = &'a [u8]>) -> Result<(), Cut> {
        let queued = self.with(|state, _, id| {
            elements.into_iter().try_for_each(|element| state.link.queue(id, self.channel, element))
        });
        queued.map_err(|refused| match self.refusal(refused) {
            Poll::Ready(cut) => cut,
            Poll::Pending => Cut::Reset,
        })
    }

    /// How many bytes of elements can be sent at once.
    pub fn sendable(&self) -> usize {
        self.with(|state, _, id| state.link.sendable(id, self.channel))
    }

    /// Waits until so many bytes can be sent at once.
    pub fn poll_sendable(&self, cx: &mut Context<'_>, bytes: usize) -> Poll<Result<(), Cut>> {
        let ready = self.with(|state, _, id| {
            let ready = state.link.want_credit(id, self.channel, bytes);
            if ready == Err(SendRefused::Blocked) {
                state.wait_for_channel(id, self.channel, cx.waker());
            }
            ready
        });
        match ready {
            Ok(()) => Poll::Ready(Ok(())),
            Err(refused) => self.refusal(refused).map(Err),
        }
    }

    /// What the peer has surely consumed, in bytes; `None` when the channel is over.
    pub fn consumed_by_peer(&self) -> Option<u64> {
        self.with(|state, _, id| state.link.consumed_by_peer(id, self.channel))
    }

    /// Reports `consumed` bytes, and takes what has arrived. `Err(None)` is the clean end.
    pub fn poll_receive(&self, cx: &mut Context<'_>, consumed: u32) -> Poll<Result<Batch, Option<Cut>>> {
        let received = self.with(|state, _, id| {
            if consumed > 0 {
                state.link.consume(id, self.channel, consumed);
            }
            let received = state.link.receive(id, self.channel);
            if matches!(received, Received::Nothing) {
                state.wait_for_channel(id, self.channel, cx.waker());
            }
            received
        });
        match received {
            Received::Elements { queue, report_after } => {
                Poll::Ready(Ok(Batch { elements: queue, report_after }))
            }
            Received::Nothing => Poll::Pending,
            Received::End(end) => Poll::Ready(Err(self.cut(end))),
        }
    }

    /// Reports consumed bytes; returns after how many more to report again.
    pub fn consume(&self, bytes: u32) -> u32 {
        self.with(|state, _, id| state.link.consume(id, self.channel, bytes))
    }

    /// The sender is done.
    pub fn finish(&self) {
        self.with(|state, todo, id| {
            state.link.finish(id, self.channel);
            state.forget_channel_waiters(id, self.channel, todo);
        });
    }

    /// Cuts the channel.
    pub fn reset(&self) {
        self.with(|state, todo, id| {
            state.link.reset(id, self.channel);
            state.forget_channel_waiters(id, self.channel, todo);
        });
    }
}

fn unreachable_reason() -> crate::proto::CloseReason {
    crate::proto::CloseReason::Local("".into())
}

/// The channel ends beside a received value, until the value's own ends take them. What is left
/// is cut.
#[derive(Debug)]
pub struct OpenedEnds {
    users: Arc<Users>,
    connection: Arc<ConnectionState>,
    channels: std::vec::IntoIter<ChannelId>,
}

impl OpenedEnds {
    pub(super) fn new(users: Arc<Users>, connection: Arc<ConnectionState>, channels: Vec<ChannelId>) -> Self {
        Self { users, connection, channels: channels.into_iter() }
    }

    /// How many are left.
    pub fn len(&self) -> usize {
        self.channels.len()
    }

    /// Whether none is left.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn next_sender(&mut self) -> Option<RawSender> {
        self.next_wire(Direction::Send).map(RawSender::on_wire)
    }

    pub(super) fn next_receiver(&mut self) -> Option<RawReceiver> {
        self.next_wire(Direction::Receive).map(RawReceiver::on_wire)
    }

    /// Takes the next end as one of that direction.
    pub fn next_wire(&mut self, direction: Direction) -> Option<Wire> {
        let channel = self.channels.next()?;
        let id = self.connection.id();
        let bound = self.users.shared.with(|state, _| state.link.bind(id, channel, direction));
        let wire = Wire {
            users: Arc::clone(&self.users),
            connection: Arc::clone(&self.connection),
            channel,
        };
        bound.then_some(wire)
    }
}

impl Drop for OpenedEnds {
    fn drop(&mut self) {
        if self.is_empty() {
            return;
        }
        self.users.shared.with(|state, _| {
            for channel in self.channels.by_ref() {
                state.link.reset(self.connection.id(), channel);
            }
        });
    }
}
