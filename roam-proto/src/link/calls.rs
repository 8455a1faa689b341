//! The calls of a connection.

use alloc::vec::Vec;

use super::Link;
use crate::calls::{Handler, NewChannels, RequestError};
use crate::ids::{ChannelId, ConnectionId, MethodId, RequestId};
use crate::metadata::Metadata;
use crate::payload::Payload;

/// The calls of one connection, borrowed from its [`Link`] by [`Link::calls`].
#[derive(Debug)]
pub struct Calls<'a> {
    link: &'a mut Link,
    connection: ConnectionId,
}

impl Link {
    /// Returns how many calls without channels the peer handles at once on each connection, and how many bytes of
    /// calls it holds. What it has not told is `usize::MAX`.
    pub fn peer_calls(&self) -> (usize, usize) {
        (self.ctx.peer_calls, self.ctx.peer_call_payloads)
    }

    /// Borrows the calls of `connection`.
    #[inline]
    pub fn calls(&mut self, connection: ConnectionId) -> Calls<'_> {
        Calls {
            link: self,
            connection,
        }
    }
}

impl Calls<'_> {
    /// Calls a method: queues a Request and opens its channels, whose ids are returned in order. A
    /// payload that gets the ids of [placed](NewChannels::Placed) channels is copied, and stays
    /// unchanged here.
    ///
    /// # Errors
    /// Nothing is queued or opened when the request is refused.
    #[inline]
    pub fn request<'p, 'c>(
        self,
        method: MethodId,
        metadata: &Metadata,
        channels: impl Into<NewChannels<'c>>,
        payload: impl Into<Payload<'p>>,
    ) -> Result<(RequestId, Vec<ChannelId>), RequestError> {
        if !self.link.has_agreed() {
            return Err(RequestError::NotReady);
        }
        let (connection, ctx) = (self.link)
            .live_connection(self.connection)
            .ok_or(RequestError::ConnectionEnded)?;
        connection.request(ctx, method, metadata, channels.into(), payload.into())
    }

    /// Returns whether the peer has told that it handles another call at once, with a payload of `len` bytes.
    /// Peers that only know version 2 tell nothing: then this is always so.
    ///
    /// Callers that wait for it are not answered `busy` for their number. A call of any size may be made while no
    /// other is unanswered.
    #[inline]
    pub fn peer_has_room(self, len: usize, has_channels: bool) -> bool {
        let found = self.link.live_connection(self.connection);
        found.is_none_or(|(connection, ctx)| connection.calls.peer_has_room(ctx, len, has_channels))
    }

    /// Cancels a call of ours: tells the peer and ends the channels of its arguments.
    pub fn cancel(self, request: RequestId) {
        if let Some((connection, ctx)) = self.link.live_connection(self.connection) {
            connection.cancel(ctx, request);
        }
    }

    /// Answers a call of the peer, and opens the answer's channels, whose ids are returned in
    /// order. With [`Handler::Finished`] this also does what
    /// [`handler_finished`](Self::handler_finished) does.
    ///
    /// # Errors
    /// The call stays unanswered when the response is refused, and its handler counts as running.
    #[inline]
    pub fn respond<'p, 'c>(
        self,
        request: RequestId,
        metadata: &Metadata,
        channels: impl Into<NewChannels<'c>>,
        payload: impl Into<Payload<'p>>,
        handler: Handler,
    ) -> Result<Vec<ChannelId>, RequestError> {
        let (connection, ctx) = (self.link)
            .live_connection(self.connection)
            .ok_or(RequestError::ConnectionEnded)?;
        let (channels, payload) = (channels.into(), payload.into());
        connection.respond(ctx, request, metadata, channels, payload, handler)
    }

    /// Records that the handler of a call no longer runs.
    ///
    /// Until then the call counts against [`Limits::calls`](crate::Limits::calls), even when it or
    /// its connection has ended. Call this once for every [`Event::Request`](crate::Event::Request).
    pub fn handler_finished(self, request: RequestId) {
        if let Some((connection, ctx)) = self.link.connection(self.connection) {
            connection.calls.on_handler_finished(ctx, request);
            self.link.forget_if_unused(self.connection);
        }
    }

    /// Returns whether a call of the peer is unanswered.
    pub fn is_unanswered(self, request: RequestId) -> bool {
        let found = self.link.connection(self.connection);
        found.is_some_and(|(connection, _)| connection.calls.is_unanswered(request))
    }
}
