//! Virtual connections as a user holds them.

use std::fmt;
use std::sync::{Arc, OnceLock, Weak};
use std::task::{Context, Poll, Waker, ready};

use crate::proto::{
    Agreed, ChannelId, CloseReason, ConnectionId, Direction, Link, Metadata, MethodId, Payload,
    Refused, RequestId, Stats,
};
use crate::rt::Clock;

use super::binder::{CollectedEnds, RawEnd};
use super::call::OutgoingCall;
use super::dispatch::ServiceDispatcher;
use super::error::{CallFailure, ConnectError};
use super::pending::PendingCall;
use super::shared::{CallSlot, Served, Shared, State, Users, Wait};
use super::todo::Todo;
use super::wire::Wire;

/// What is known of a connection on both sides of the lock.
pub(crate) struct ConnectionState {
    id: ConnectionId,
    ended: OnceLock<CloseReason>,
    /// What its first handle holds, for others to share as long as somebody has one.
    held: OnceLock<Weak<Held>>,
}

impl ConnectionState {
    pub(super) fn new(id: ConnectionId) -> Arc<Self> {
        Arc::new(Self {
            id,
            ended: OnceLock::new(),
            held: OnceLock::new(),
        })
    }

    pub(super) fn id(&self) -> ConnectionId {
        self.id
    }

    /// Why it ended. It is set under the lock, together with the machine's own notion of it.
    pub(super) fn end_reason(&self) -> Option<&CloseReason> {
        self.ended.get()
    }

    pub(super) fn end(&self, reason: CloseReason) {
        self.ended.get_or_init(|| reason);
    }
}

impl fmt::Debug for ConnectionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("id", &self.id)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

/// A connection to a peer: calls go out on it, and it can be ended. Cheap to clone.
///
/// When the last handle, channel end and pending call of a link that we opened is dropped, the
/// link is closed.
#[derive(Clone, Debug)]
pub struct ConnectionHandle(Arc<Held>);

/// What a handle holds: one count for both, since handles are cloned for every call.
#[derive(Debug)]
struct Held {
    users: Arc<Users>,
    state: Arc<ConnectionState>,
}

impl ConnectionHandle {
    /// The root connection of a link that nothing drives yet.
    pub(super) fn new(link: Link, dispatcher: Arc<dyn ServiceDispatcher>, clock: Clock) -> Self {
        let state = ConnectionState::new(ConnectionId::ROOT);
        let connection = Arc::clone(&state);
        let users = Shared::open(
            link,
            Served {
                connection,
                dispatcher,
            },
            clock,
        );
        Self::of(users, state)
    }

    /// A handle to a connection of a link that somebody uses.
    pub(super) fn of(users: Arc<Users>, state: Arc<ConnectionState>) -> Self {
        if let Some(held) = state.held.get().and_then(Weak::upgrade) {
            return Self(held);
        }
        let held = Arc::new(Held { users, state });
        held.state.held.get_or_init(|| Arc::downgrade(&held));
        Self(held)
    }

    pub(super) fn users(&self) -> &Arc<Users> {
        &self.0.users
    }

    /// The connection's id; that of the root is 0.
    pub fn id(&self) -> ConnectionId {
        self.0.state.id()
    }

    /// Waits until the handshake is done, and tells what the peers agreed on.
    pub async fn ready(&self) -> Result<Agreed, ConnectError> {
        let agreed = |state: &mut State, _: &mut Todo, _: &Context<'_>| {
            if let Some(reason) = self.end_reason() {
                return Poll::Ready(Err(ConnectError::Closed(reason.clone())));
            }
            match state.link.agreed() {
                Some(agreed) => Poll::Ready(Ok(agreed)),
                None => Poll::Pending,
            }
        };
        self.shared().wait_for(Wait::Room, agreed).await
    }

    /// Waits until the connection has ended, and tells why.
    pub async fn closed(&self) -> CloseReason {
        let ended = |_: &mut State, _: &mut Todo, _: &Context<'_>| match self.end_reason() {
            Some(reason) => Poll::Ready(reason.clone()),
            None => Poll::Pending,
        };
        self.shared().wait_for(Wait::End(self.id()), ended).await
    }

    /// Why the connection ended; `None` while it has not.
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.end_reason().cloned()
    }

    pub(super) fn end_reason(&self) -> Option<&CloseReason> {
        self.0.state.end_reason()
    }

    /// Ends the connection; the root's end is that of the link. What was sent before still goes
    /// out. The peer is told the reason, of which 1,024 bytes at most are kept.
    pub fn close(&self, reason: &str) {
        self.shared().with(|state, _| {
            if self.end_reason().is_none() {
                state.link.close_connection(self.id(), reason);
            }
        });
    }

    /// The link at this moment.
    pub fn stats(&self) -> Stats {
        self.shared().with(|state, _| state.link.stats())
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.0.users.shared
    }

    /// Why the connection has ended, when it is known to have.
    pub(super) fn reason(&self) -> CloseReason {
        let reason = self.close_reason();
        reason.expect("the machine and the session see a connection end at once")
    }

    pub(crate) fn wire(&self, channel: ChannelId) -> Wire {
        Wire::new(self.clone(), channel)
    }

    pub(super) fn wires(&self, channels: Vec<ChannelId>) -> Vec<Wire> {
        let wire = |channel| self.wire(channel);
        channels.into_iter().map(wire).collect()
    }

    /// Waits until there is room to send a call or an answer, or there never will be.
    pub(super) async fn room(&self) {
        let room = |state: &mut State, _: &mut Todo, _: &Context<'_>| self.poll_room(state);
        self.shared().wait_for(Wait::Room, room).await;
    }

    /// Ready when there is room to send, or there never will be.
    pub(super) fn poll_room(&self, state: &mut State) -> Poll<()> {
        match self.end_reason() {
            Some(_) => Poll::Ready(()),
            None => state.poll_room(),
        }
    }

    /// Sends a call once the handshake is done and there is room. What it returns is to be awaited
    /// next. When the call cannot be sent, its channel ends are still with it.
    pub(super) async fn send_call(
        self,
        call: &mut OutgoingCall,
    ) -> Result<PendingCall, CallFailure> {
        let keep = call.ends.directions();
        let start = |state: &mut State, todo: &mut Todo, cx: &Context<'_>| {
            self.poll_start_call(state, todo, call, &keep, cx.waker())
        };
        let started = self.shared().wait_for(Wait::Room, start).await;
        let request = self.sent(started)?;
        Ok(PendingCall::waiting(self, request))
    }

    /// Sends a call if the handshake is done and there is room. When it is pending nobody is woken.
    pub(super) fn poll_send_call(
        &self,
        call: &mut OutgoingCall,
        cx: &Context<'_>,
    ) -> Poll<Result<RequestId, Refused>> {
        let keep = call.ends.directions();
        self.shared()
            .with(|state, todo| self.poll_start_call(state, todo, call, &keep, cx.waker()))
    }

    /// Sends a call when there is room, for whoever has `waker`.
    fn poll_start_call(
        &self,
        state: &mut State,
        todo: &mut Todo,
        call: &mut OutgoingCall,
        keep: &[Direction],
        waker: &Waker,
    ) -> Poll<Result<RequestId, Refused>> {
        ready!(self.poll_room(state));
        if let Some(deadline) = call.deadline {
            deadline.put(&mut call.metadata);
        }
        let OutgoingCall {
            method,
            ref metadata,
            ref mut payload,
            keeps_payload,
            ref mut ends,
            ..
        } = *call;
        let payload = if keeps_payload {
            Payload::Lent(payload)
        } else {
            Payload::Given(payload)
        };
        let slot = CallSlot::waiting(Some(waker.clone()));
        let (request, channels) = self.start_in(state, slot, |link, id| {
            link.request(id, method, metadata, keep, payload)
        })?;
        self.put_on_wires(state, todo, ends.take(), channels);
        Poll::Ready(Ok(request))
    }

    /// Sends a call at once, in bytes; returns the channels of `keep`.
    pub(super) fn start(
        &self,
        method: MethodId,
        metadata: &Metadata,
        payload: &[u8],
        keep: &[Direction],
    ) -> Result<(PendingCall, Vec<ChannelId>), CallFailure> {
        self.start_with(|link, id| link.request(id, method, metadata, keep, payload))
    }

    /// Sends a call at once, in bytes, with so many channels that are to be relayed.
    pub(super) fn start_relayed(
        &self,
        method: MethodId,
        metadata: &Metadata,
        payload: &[u8],
        channels: usize,
    ) -> Result<(PendingCall, Vec<Wire>), CallFailure> {
        let (call, channels) = self
            .start_with(|link, id| link.request_relayed(id, method, metadata, channels, payload))?;
        Ok((call, self.wires(channels)))
    }

    /// Sends a call at once; returns the channels that it opens.
    fn start_with(
        &self,
        request: impl FnOnce(&mut Link, ConnectionId) -> Result<(RequestId, Vec<ChannelId>), Refused>,
    ) -> Result<(PendingCall, Vec<ChannelId>), CallFailure> {
        let started = self
            .shared()
            .with(|state, _| self.start_in(state, CallSlot::waiting(None), request));
        let mut opened = Vec::new();
        let started = started.map(|(request, channels)| {
            opened = channels;
            request
        });
        let request = self.sent(started)?;
        Ok((PendingCall::new(self.clone(), request), opened))
    }

    fn start_in(
        &self,
        state: &mut State,
        slot: CallSlot,
        request: impl FnOnce(&mut Link, ConnectionId) -> Result<(RequestId, Vec<ChannelId>), Refused>,
    ) -> Result<(RequestId, Vec<ChannelId>), Refused> {
        // The peer may have given the id to another connection since.
        if self.end_reason().is_some() {
            return Err(Refused::ConnectionOver);
        }
        let (request, channels) = request(&mut state.link, self.id())?;
        state.calls.insert((self.id(), request), slot);
        Ok((request, channels))
    }

    /// What came of sending a call.
    pub(super) fn sent(
        &self,
        started: Result<RequestId, Refused>,
    ) -> Result<RequestId, CallFailure> {
        started.map_err(|refused| CallFailure::refused(refused, || self.reason()))
    }

    /// Answers a call of the peer at once.
    pub(super) fn respond<'a>(
        &self,
        request: RequestId,
        metadata: &Metadata,
        payload: impl Into<Payload<'a>>,
        mut ends: CollectedEnds,
    ) -> Result<(), Refused> {
        let keep = ends.directions();
        self.shared().with(|state, todo| {
            let channels = (state.link).respond(self.id(), request, metadata, &keep, payload)?;
            self.put_on_wires(state, todo, ends.take(), channels);
            Ok(())
        })
    }

    pub(super) fn put_on_wires(
        &self,
        state: &mut State,
        todo: &mut Todo,
        ends: Vec<RawEnd>,
        channels: Vec<ChannelId>,
    ) {
        if ends.is_empty() {
            return;
        }
        for (end, channel) in ends.into_iter().zip(channels) {
            end.put_on_wire(&mut state.link, self.wire(channel), todo);
        }
    }
}
