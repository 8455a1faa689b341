//! One end of a channel on a link, in bytes.

use std::task::{Context, Poll, Waker};

use crate::proto::{
    ChannelEnd, ChannelId, ConnectionId, Direction, ElementQueue, Link, Payload, Received, Relay,
    SendRefused, Side,
};

use super::connection::ConnectionHandle;
use super::ends::{RawReceiver, RawSender};
use super::error::Cut;
use super::shared::{State, Wait};
use super::todo::Todo;
use super::waiters::Ticket;

/// One end of a channel on a link. It knows of no direction; whoever holds it does.
///
/// It waits for one thing at a time: a clone of it is another one.
#[derive(Debug)]
pub struct Wire {
    connection: ConnectionHandle,
    channel: ChannelId,
    ticket: Ticket,
}

/// What a reader was given.
#[derive(Debug)]
pub struct Batch {
    /// The elements.
    pub elements: ElementQueue,
    /// After how many consumed bytes it is to report.
    pub report_after: u32,
}

impl Clone for Wire {
    fn clone(&self) -> Self {
        Self::new(self.connection.clone(), self.channel)
    }
}

impl Wire {
    pub(super) fn new(connection: ConnectionHandle, channel: ChannelId) -> Self {
        let ticket = Ticket::draw();
        Self {
            connection,
            channel,
            ticket,
        }
    }

    /// The connection and the channel.
    pub(super) fn id(&self) -> (ConnectionId, ChannelId) {
        (self.connection.id(), self.channel)
    }

    fn with<R>(&self, change: impl FnOnce(&mut State, &mut Todo, ConnectionId) -> R) -> R {
        let id = self.connection.id();
        self.connection
            .shared()
            .with(|state, todo| change(state, todo, id))
    }

    fn waits(&self) -> Wait {
        Wait::Channel(self.connection.id(), self.channel)
    }

    /// Takes a relay's step on this side of it; tells whether it is news for the other side.
    pub(super) fn relay(&self, relay: &mut Relay, side: Side, waker: &Waker) -> bool {
        self.with(|state, todo, _| {
            let news = relay.step(side, &mut state.link);
            if relay.is_released(side) {
                state.notify(self.waits(), todo);
            } else {
                state.wait(self.waits(), &mut Some(self.ticket), waker, todo);
            }
            news
        })
    }

    /// How the channel ended; `None` for a clean end.
    fn cut(&self, end: ChannelEnd) -> Option<Cut> {
        match end {
            ChannelEnd::Closed => None,
            ChannelEnd::Reset => Some(Cut::Reset),
            ChannelEnd::CallOver => Some(Cut::CallOver),
            // A channel that was cut from here is not known any more, and nor is one of a
            // connection that is over.
            ChannelEnd::ConnectionOver => Some(
                self.connection
                    .end_reason()
                    .map_or(Cut::Reset, |reason| Cut::Lost(reason.clone())),
            ),
        }
    }

    /// `None` when it is only a matter of time.
    fn refusal(&self, refused: SendRefused) -> Option<Cut> {
        match refused {
            SendRefused::Blocked => None,
            SendRefused::TooLarge { len, max } => Some(Cut::TooLarge { len, max }),
            SendRefused::Over(end) => Some(self.cut(end).unwrap_or(Cut::Reset)),
        }
    }

    /// Sends an element as soon as there is credit and room.
    pub fn poll_send(&self, cx: &mut Context<'_>, element: &[u8]) -> Poll<Result<(), Cut>> {
        self.poll_send_as(&mut Some(self.ticket), cx, element.into())
    }

    /// The same for one of several that send.
    pub(super) fn poll_send_as(
        &self,
        ticket: &mut Option<Ticket>,
        cx: &Context<'_>,
        element: Payload<'_>,
    ) -> Poll<Result<(), Cut>> {
        self.poll_while_blocked(ticket, cx, |link, id| link.send(id, self.channel, element))
    }

    fn poll_while_blocked(
        &self,
        ticket: &mut Option<Ticket>,
        cx: &Context<'_>,
        attempt: impl FnOnce(&mut Link, ConnectionId) -> Result<(), SendRefused>,
    ) -> Poll<Result<(), Cut>> {
        let attempted = self.with(|state, todo, id| {
            let attempted = attempt(&mut state.link, id);
            if attempted == Err(SendRefused::Blocked) {
                state.wait(self.waits(), ticket, cx.waker(), todo);
            }
            attempted
        });
        match attempted {
            Ok(()) => Poll::Ready(Ok(())),
            Err(refused) => match self.refusal(refused) {
                Some(cut) => Poll::Ready(Err(cut)),
                None => Poll::Pending,
            },
        }
    }

    /// Waits until nobody reads any more, and tells why.
    pub(super) fn poll_closed(&self, ticket: &mut Option<Ticket>, cx: &Context<'_>) -> Poll<Cut> {
        // There is never so much credit, so that it is the end that is waited for.
        let forever = |link: &mut Link, id| link.want_credit(id, self.channel, usize::MAX);
        self.poll_while_blocked(ticket, cx, forever)
            .map(|end| end.err().unwrap_or(Cut::Reset))
    }

    /// One that waited does not any more.
    pub(super) fn leave(&self, ticket: Ticket) {
        self.with(|state, todo, _| state.leave(self.waits(), ticket, todo));
    }

    /// Sends elements of which the caller knows that there is credit for them.
    pub fn queue<'a>(&self, elements: impl IntoIterator<Item = &'a [u8]>) -> Result<(), Cut> {
        let queued = self.with(|state, _, id| {
            elements
                .into_iter()
                .try_for_each(|element| state.link.queue(id, self.channel, element))
        });
        queued.map_err(|refused| self.refusal(refused).unwrap_or(Cut::Reset))
    }

    /// How many bytes of elements can be sent at once.
    pub fn sendable(&self) -> usize {
        self.with(|state, _, id| state.link.sendable(id, self.channel))
    }

    /// Waits until so many bytes can be sent at once.
    pub fn poll_sendable(&self, cx: &mut Context<'_>, bytes: usize) -> Poll<Result<(), Cut>> {
        self.poll_while_blocked(&mut Some(self.ticket), cx, |link, id| {
            link.want_credit(id, self.channel, bytes)
        })
    }

    /// What the peer has surely consumed, in bytes; `None` when the channel is over.
    pub fn consumed_by_peer(&self) -> Option<u64> {
        self.with(|state, _, id| state.link.consumed_by_peer(id, self.channel))
    }

    /// Reports `consumed` bytes, and takes what has arrived. `Err(None)` is the clean end.
    pub fn poll_receive(
        &self,
        cx: &mut Context<'_>,
        consumed: u32,
    ) -> Poll<Result<Batch, Option<Cut>>> {
        let received = self.with(|state, todo, id| {
            if consumed > 0 {
                state.link.consume(id, self.channel, consumed);
            }
            let received = state.link.receive(id, self.channel);
            if matches!(received, Received::Nothing) {
                state.wait(self.waits(), &mut Some(self.ticket), cx.waker(), todo);
            }
            received
        });
        match received {
            Received::Elements {
                queue,
                report_after,
            } => Poll::Ready(Ok(Batch {
                elements: queue,
                report_after,
            })),
            Received::Nothing => Poll::Pending,
            Received::End(end) => Poll::Ready(Err(self.cut(end))),
        }
    }

    /// Waits until the channel is cut, which may be long before a reader comes to that.
    pub(super) fn poll_cut(&self, cx: &Context<'_>) -> Poll<Cut> {
        let end = self.with(|state, todo, id| {
            let end = state.link.receiving_end(id, self.channel);
            if end.is_none() {
                state.wait(self.waits(), &mut Some(self.ticket), cx.waker(), todo);
            }
            end
        });
        match end.map(|end| self.cut(end)) {
            Some(Some(cut)) => Poll::Ready(cut),
            // After a clean end nothing can cut it any more.
            Some(None) | None => Poll::Pending,
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
            state.notify(self.waits(), todo);
        });
    }

    /// Cuts the channel.
    pub fn reset(&self) {
        self.with(|state, todo, id| {
            state.link.reset(id, self.channel);
            state.notify(self.waits(), todo);
        });
    }
}

/// The channel ends beside a received value, until the value's own ends take them. What is left
/// is cut.
#[derive(Debug)]
pub struct OpenedEnds(Option<Box<Opened>>);

#[derive(Debug)]
struct Opened {
    connection: ConnectionHandle,
    channels: std::vec::IntoIter<ChannelId>,
}

impl OpenedEnds {
    pub(super) const fn none() -> Self {
        Self(None)
    }

    pub(super) fn new(connection: &ConnectionHandle, channels: Vec<ChannelId>) -> Self {
        // Most values have none, and are to cost nothing.
        let opened = (!channels.is_empty()).then(|| {
            Box::new(Opened {
                connection: connection.clone(),
                channels: channels.into_iter(),
            })
        });
        Self(opened)
    }

    /// How many are left.
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |opened| opened.channels.len())
    }

    /// Whether none is left.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes all of them for relays, which find out about their directions.
    pub(super) fn take_for_relays(mut self) -> Vec<Wire> {
        let Some(opened) = &mut self.0 else {
            return Vec::new();
        };
        let channels: Vec<_> = opened.channels.by_ref().collect();
        let connection = &opened.connection;
        connection.shared().with(|state, _| {
            for &channel in &channels {
                state.link.relay(connection.id(), channel);
            }
        });
        connection.wires(channels)
    }

    pub(super) fn next_sender(&mut self) -> Option<RawSender> {
        self.next_wire(Direction::Send).map(RawSender::on_wire)
    }

    pub(super) fn next_receiver(&mut self) -> Option<RawReceiver> {
        self.next_wire(Direction::Receive).map(RawReceiver::on_wire)
    }

    /// Takes the next end as one of that direction.
    pub fn next_wire(&mut self, direction: Direction) -> Option<Wire> {
        let Opened {
            connection,
            channels,
        } = &mut **self.0.as_mut()?;
        let channel = channels.next()?;
        let bound = connection
            .shared()
            .with(|state, _| state.link.bind(connection.id(), channel, direction));
        bound.then(|| connection.wire(channel))
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        if self.channels.len() == 0 {
            return;
        }
        self.connection.shared().with(|state, _| {
            for channel in self.channels.by_ref() {
                state.link.reset(self.connection.id(), channel);
            }
        });
    }
}
