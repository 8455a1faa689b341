//! Channels of a link, in bytes.

use std::task::{Context, Poll, Waker};

use crate::proto::{
    ChannelEnd, ChannelId, ConnectionId, Direction, ElementQueue, Payload, ReadOutcome, Relay,
    SendError, Sender, Side,
};
use crate::session::error::ChannelAbort;
use crate::session::link::ConnectionHandle;
use crate::session::link::deferred::Deferred;
use crate::session::link::state::State;
use crate::session::link::wait::{WaitKey, WaiterId};

/// A channel of a link. Its holder knows which half it has.
///
/// It waits for one thing at a time. A clone waits independently.
#[derive(Debug)]
pub struct RemoteChannel {
    connection: ConnectionHandle,
    channel: ChannelId,
    waiter: WaiterId,
}

/// Elements that have arrived.
#[derive(Debug)]
pub struct Batch {
    /// The elements.
    pub elements: ElementQueue,
    /// After how many consumed bytes the peer is due more credit; see
    /// [`RemoteChannel::consume`].
    pub report_after: u32,
}

impl Clone for RemoteChannel {
    fn clone(&self) -> Self {
        Self::new(self.connection.clone(), self.channel)
    }
}

impl RemoteChannel {
    pub(crate) fn new(connection: ConnectionHandle, channel: ChannelId) -> Self {
        Self {
            connection,
            channel,
            waiter: WaiterId::next(),
        }
    }

    /// Returns the ids of the connection and the channel.
    pub(crate) fn id(&self) -> (ConnectionId, ChannelId) {
        (self.connection.id(), self.channel)
    }

    fn key(&self) -> WaitKey {
        WaitKey::Channel(self.connection.id(), self.channel)
    }

    #[inline]
    fn with<R>(&self, change: impl FnOnce(&mut State, &mut Deferred) -> R) -> R {
        self.connection.shared().with(change)
    }

    /// Returns how the channel was aborted; `None` when it was closed.
    fn abort(&self, end: ChannelEnd) -> Option<ChannelAbort> {
        match end {
            ChannelEnd::Closed => None,
            ChannelEnd::Reset => Some(ChannelAbort::Reset),
            ChannelEnd::CallEnded => Some(ChannelAbort::CallEnded),
            // The link also forgets a channel that was reset from here.
            ChannelEnd::ConnectionEnded => Some(
                self.connection
                    .end_reason()
                    .map_or(ChannelAbort::Reset, |reason| {
                        ChannelAbort::Lost(reason.clone())
                    }),
            ),
        }
    }

    /// Translates an error of the link; `None` means that the channel is only blocked.
    fn refusal(&self, error: SendError) -> Option<ChannelAbort> {
        match error {
            SendError::Blocked => None,
            SendError::TooLarge { len, max } => Some(ChannelAbort::TooLarge { len, max }),
            SendError::Ended(end) => Some(self.abort(end).unwrap_or(ChannelAbort::Reset)),
        }
    }

    /// Stops waiting.
    pub(super) fn leave(&self, waiter: WaiterId) {
        self.connection.shared().leave(self.key(), waiter);
    }

    /// Resets the channel.
    pub fn reset(&self) {
        self.with(|state, deferred| {
            let (connection, channel) = self.id();
            state.link.channel(connection, channel).reset();
            state.notify(self.key(), deferred);
        });
    }

    /// Advances one side of a relay. Returns `true` if the other side must be stepped.
    pub(crate) fn step_relay(&self, relay: &mut Relay, side: Side, waker: &Waker) -> bool {
        self.with(|state, deferred| {
            let news = relay.step(side, &mut state.link);
            if relay.is_side_finished(side) {
                state.notify(self.key(), deferred);
            } else {
                state.wait(self.key(), &mut Some(self.waiter), waker, deferred);
            }
            news
        })
    }
}

/// Sending.
impl RemoteChannel {
    /// Sends an element as soon as there is credit and send capacity.
    #[inline]
    pub(super) fn poll_send(
        &self,
        waiter: &mut Option<WaiterId>,
        cx: &Context<'_>,
        element: Payload<'_>,
    ) -> Poll<Result<(), ChannelAbort>> {
        self.poll_sender(waiter, cx, |sender| sender.send(element))
    }

    /// Ready when nobody reads any more.
    pub(super) fn poll_closed(
        &self,
        waiter: &mut Option<WaiterId>,
        cx: &Context<'_>,
    ) -> Poll<ChannelAbort> {
        // There is never that much credit, so this waits for the end.
        let ended = |sender: Sender<'_>| sender.wait_for_credit(usize::MAX);
        let polled = self.poll_sender(waiter, cx, ended);
        polled.map(|ended| ended.err().unwrap_or(ChannelAbort::Reset))
    }

    #[inline]
    fn poll_sender(
        &self,
        waiter: &mut Option<WaiterId>,
        cx: &Context<'_>,
        attempt: impl FnOnce(Sender<'_>) -> Result<(), SendError>,
    ) -> Poll<Result<(), ChannelAbort>> {
        let attempted = self.with(|state, deferred| {
            let attempted = attempt(state.link.sender(self.connection.id(), self.channel));
            if attempted == Err(SendError::Blocked) {
                state.wait(self.key(), waiter, cx.waker(), deferred);
            }
            attempted
        });
        match attempted {
            Ok(()) => Poll::Ready(Ok(())),
            Err(error) => match self.refusal(error) {
                Some(abort) => Poll::Ready(Err(abort)),
                None => Poll::Pending,
            },
        }
    }

    /// Returns how the channel was aborted, if it has ended.
    pub(super) fn aborted(&self) -> Option<ChannelAbort> {
        let (connection, channel) = self.id();
        let sendable = self.with(|state, _| {
            let sender = state.link.sender(connection, channel);
            sender.wait_for_credit(0)
        });
        sendable.err().and_then(|error| self.refusal(error))
    }

    /// Sends an element, or keeps it until there is credit. The caller must bound what is kept.
    pub(super) fn queue(&self, element: &[u8]) -> Result<(), ChannelAbort> {
        let (connection, channel) = self.id();
        let queued = self.with(|state, _| state.link.sender(connection, channel).queue(element));
        queued.map_err(|error| self.refusal(error).unwrap_or(ChannelAbort::Reset))
    }

    /// Returns how many bytes the peer has certainly consumed; `None` when the channel has ended.
    pub(super) fn consumed(&self) -> Option<u64> {
        let (connection, channel) = self.id();
        self.with(|state, _| state.link.sender(connection, channel).consumed())
    }

    /// Closes the channel.
    pub fn close(&self) {
        let (connection, channel) = self.id();
        self.with(|state, deferred| {
            state.link.sender(connection, channel).close();
            state.notify(self.key(), deferred);
        });
    }
}

/// Receiving.
impl RemoteChannel {
    /// Reports `consumed` bytes and takes what has arrived. `Err(None)` is the clean end.
    pub fn poll_read(
        &self,
        cx: &mut Context<'_>,
        consumed: u32,
    ) -> Poll<Result<Batch, Option<ChannelAbort>>> {
        let outcome = self.with(|state, deferred| {
            let (connection, channel) = self.id();
            if consumed > 0 {
                state.link.receiver(connection, channel).consume(consumed);
            }
            let outcome = state.link.receiver(connection, channel).read();
            if matches!(outcome, ReadOutcome::Empty) {
                state.wait(self.key(), &mut Some(self.waiter), cx.waker(), deferred);
            }
            outcome
        });
        match outcome {
            ReadOutcome::Elements {
                queue,
                report_after,
            } => Poll::Ready(Ok(Batch {
                elements: queue,
                report_after,
            })),
            ReadOutcome::Empty => Poll::Pending,
            ReadOutcome::Ended(end) => Poll::Ready(Err(self.abort(end))),
        }
    }

    /// Ready when the channel is aborted, which may be long before a reader learns of it.
    pub(super) fn poll_failed(&self, cx: &Context<'_>) -> Poll<ChannelAbort> {
        let end = self.with(|state, deferred| {
            let (connection, channel) = self.id();
            let end = state.link.receiver(connection, channel).end();
            if end.is_none() {
                state.wait(self.key(), &mut Some(self.waiter), cx.waker(), deferred);
            }
            end
        });
        match end.map(|end| self.abort(end)) {
            Some(Some(abort)) => Poll::Ready(abort),
            // Nothing aborts a channel that was closed.
            Some(None) | None => Poll::Pending,
        }
    }

    /// Reports consumed bytes. Returns after how many more to report again.
    pub fn consume(&self, bytes: u32) -> u32 {
        let (connection, channel) = self.id();
        self.with(|state, _| state.link.receiver(connection, channel).consume(bytes))
    }

    /// Declares which half of a received channel is held here; see [`proto::Channel::bind`].
    ///
    /// [`proto::Channel::bind`]: crate::proto::Channel::bind
    pub(super) fn bind(
        connection: &ConnectionHandle,
        channel: ChannelId,
        direction: Direction,
    ) -> Option<Self> {
        let bound = connection.shared().with(|state, _| {
            let channel = state.link.channel(connection.id(), channel);
            channel.bind(direction)
        });
        bound.then(|| Self::new(connection.clone(), channel))
    }
}
