//! Virtual connections as a user holds them.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};

use crate::proto::{
    Agreed, ChannelId, CloseReason, ConnectionId, Direction, Metadata, MethodId, Refused,
    RequestId, Stats,
};

use super::binder::{CollectedEnds, RawEnd};
use super::call::{Answer, OutgoingCall, PendingCall};
use super::dispatch::ServiceDispatcher;
use super::error::{CallFailure, ConnectError};
use super::shared::{CallSlot, Shared, State, Todo, Users};
use super::wire::Wire;

/// What is known of a connection on both sides of the lock.
pub(crate) struct ConnectionState {
    id: ConnectionId,
    dispatcher: Arc<dyn ServiceDispatcher>,
    ended: OnceLock<CloseReason>,
}

impl ConnectionState {
    pub(super) fn new(id: ConnectionId, dispatcher: Arc<dyn ServiceDispatcher>) -> Arc<Self> {
        Arc::new(Self { id, dispatcher, ended: OnceLock::new() })
    }

    pub(super) fn id(&self) -> ConnectionId {
        self.id
    }

    pub(super) fn dispatcher(&self) -> &Arc<dyn ServiceDispatcher> {
        &self.dispatcher
    }

    pub(super) fn end_reason(&self) -> Option<&CloseReason> {
        self.ended.get()
    }

    pub(super) fn end(&self, reason: CloseReason) {
        self.ended.get_or_init(|| reason);
    }
}

impl fmt::Debug for ConnectionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("id", &self.id).field("ended", &self.ended).finish_non_exhaustive()
    }
}

/// A connection to a peer: calls go out on it, and it can be ended. Cheap to clone.
///
/// When the last handle, channel end and pending call of a link that we opened is dropped, the
/// link is closed.
#[derive(Clone, Debug)]
pub struct ConnectionHandle {
    pub(crate) users: Arc<Users>,
    pub(crate) state: Arc<ConnectionState>,
}

impl ConnectionHandle {
    /// The connection's id; that of the root is 0.
    pub fn id(&self) -> ConnectionId {
        self.state.id()
    }

    /// Waits until the handshake is done, and tells what the peers agreed on.
    pub async fn ready(&self) -> Result<Agreed, ConnectError> {
        poll_fn(|cx| {
            self.shared().with(|state, _| {
                if let Some(reason) = self.state.end_reason() {
                    return Poll::Ready(Err(ConnectError::Closed(reason.clone())));
                }
                match state.link.agreed() {
                    Some(agreed) => Poll::Ready(Ok(agreed)),
                    None => state.poll_room(cx.waker()).map(|()| Err(ConnectError::Closed(no_reason()))),
                }
            })
        })
        .await
    }

    /// Waits until the connection has ended, and tells why.
    pub async fn closed(&self) -> CloseReason {
        poll_fn(|cx| {
            self.shared().with(|state, _| match self.state.end_reason() {
                Some(reason) => Poll::Ready(reason.clone()),
                None => {
                    state.wait_for_end(cx.waker());
                    Poll::Pending
                }
            })
        })
        .await
    }

    /// Why the connection ended; `None` while it has not.
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.state.end_reason().cloned()
    }

    /// Ends the connection; the root's end is that of the link. What was sent before still goes
    /// out. The peer is told the reason, of which 1,024 bytes at most are kept.
    pub fn close(&self, reason: &str) {
        self.shared().with(|state, _| state.link.close_connection(self.id(), reason));
    }

    /// The link at this moment.
    pub fn stats(&self) -> Stats {
        self.shared().with(|state, _| state.link.stats())
    }

    /// Asks the peer for a virtual connection, on which `dispatcher` answers its calls.
    pub async fn connect(
        &self,
        metadata: Metadata,
        dispatcher: impl ServiceDispatcher,
    ) -> Result<ConnectionHandle, RejectError> {
        self.ready().await.map_err(|_| RejectError::Lost(self.reason()))?;
        let asked = self.shared().with(|state, _| {
            let request = state.link.connect(&metadata)?;
            let dispatcher: Arc<dyn ServiceDispatcher> = Arc::new(dispatcher);
            state.connects.insert(request, ConnectSlot { dispatcher, waker: None, answer: None });
            Ok(request)
        });
        let request = asked.map_err(|refused| match refused {
            Refused::Metadata(error) => RejectError::Metadata(error),
            _ => RejectError::Lost(self.reason()),
        })?;
        let pending = PendingConnect { users: Arc::clone(&self.users), request };
        poll_fn(|cx| pending.poll(cx, self)).await
    }

    /// The connections that the peer asks for. While nobody listens, they are rejected.
    pub fn listen(&self) -> IncomingConnections {
        self.shared().with(|state, _| state.accepting.listeners += 1);
        IncomingConnections { users: Arc::clone(&self.users) }
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.users.shared
    }

    pub(super) fn reason(&self) -> CloseReason {
        self.close_reason().or_else(|| self.shared().close_reason()).unwrap_or_else(no_reason)
    }

    pub(crate) fn wire(&self, channel: ChannelId) -> Wire {
        Wire { users: Arc::clone(&self.users), connection: Arc::clone(&self.state), channel }
    }

    /// Sends a call once the handshake is done and there is room.
    pub(super) async fn send_call(self, mut call: OutgoingCall) -> Result<Answer, CallFailure> {
        poll_fn(|cx| self.shared().with(|state, _| state.poll_room(cx.waker()))).await;
        self.start_call(&mut call)?.await
    }

    /// Sends a call at once.
    fn start_call(&self, call: &mut OutgoingCall) -> Result<PendingCall, CallFailure> {
        let OutgoingCall { method, ref metadata, ref payload, ref mut ends } = *call;
        self.start_with(method, metadata, payload, &ends.directions(), |state, todo, channels| {
            self.put_on_wires(state, todo, ends.take(), channels);
        })
    }

    /// Sends a call at once, in bytes; returns the channels of `keep`.
    pub(super) fn start(
        &self,
        method: MethodId,
        metadata: &Metadata,
        payload: &[u8],
        keep: &[Direction],
    ) -> Result<(PendingCall, Vec<ChannelId>), CallFailure> {
        let mut opened = Vec::new();
        let call = self.start_with(method, metadata, payload, keep, |_, _, channels| opened = channels)?;
        Ok((call, opened))
    }

    /// Sends a call at once, and has its channels taken care of before anything can come on them.
    fn start_with(
        &self,
        method: MethodId,
        metadata: &Metadata,
        payload: &[u8],
        keep: &[Direction],
        take: impl FnOnce(&mut State, &mut Todo, Vec<ChannelId>),
    ) -> Result<PendingCall, CallFailure> {
        let started = self.shared().with(|state, todo| {
            let (request, channels) = state.link.request(self.id(), method, metadata, keep, payload)?;
            take(state, todo, channels);
            state.calls.insert((self.id(), request), CallSlot::default());
            Ok(request)
        });
        match started {
            Ok(request) => Ok(PendingCall::new(self.clone(), request)),
            Err(refused) => Err(CallFailure::refused(refused, || self.reason())),
        }
    }

    /// Answers a call of the peer.
    pub(super) fn respond(
        &self,
        request: RequestId,
        metadata: &Metadata,
        payload: &[u8],
        mut ends: CollectedEnds,
    ) -> Result<(), Refused> {
        self.shared().with(|state, todo| {
            let directions = ends.directions();
            let channels = state.link.respond(self.id(), request, metadata, &directions, payload)?;
            self.put_on_wires(state, todo, ends.take(), channels);
            Ok(())
        })
    }

    fn put_on_wires(&self, state: &mut State, todo: &mut Todo, ends: Vec<RawEnd>, channels: Vec<ChannelId>) {
        for (end, channel) in ends.into_iter().zip(channels) {
            end.put_on_wire(&mut state.link, self.wire(channel), todo);
        }
    }
}

fn no_reason() -> CloseReason {
    CloseReason::Local("".into())
}

/// Why there is no virtual connection.
#[derive(Debug, thiserror::Error)]
pub enum RejectError {
    /// The peer does not want it.
    #[error("rejected: {reason}")]
    Rejected {
        /// The peer's reason.
        reason: Arc<str>,
        /// What the peer says beside.
        metadata: Metadata,
    },
    /// Our metadata is over a limit.
    #[error(transparent)]
    Metadata(crate::proto::MetadataError),
    /// The link ended.
    #[error("{0}")]
    Lost(CloseReason),
}

/// A Connect of ours that waits for an answer.
pub(super) struct ConnectSlot {
    dispatcher: Arc<dyn ServiceDispatcher>,
    waker: Option<Waker>,
    answer: Option<Result<Arc<ConnectionState>, (Arc<str>, Metadata)>>,
}

struct PendingConnect {
    users: Arc<Users>,
    request: RequestId,
}

impl PendingConnect {
    fn poll(&self, cx: &mut Context<'_>, parent: &ConnectionHandle) -> Poll<Result<ConnectionHandle, RejectError>> {
        let answer = self.users.shared.with(|state, _| {
            let slot = state.connects.get_mut(&self.request)?;
            let answer = slot.answer.take();
            if answer.is_none() {
                slot.waker = Some(cx.waker().clone());
            }
            Some(answer)
        });
        match answer {
            Some(None) => Poll::Pending,
            None => Poll::Ready(Err(RejectError::Lost(parent.reason()))),
            Some(Some(Ok(state))) => {
                Poll::Ready(Ok(ConnectionHandle { users: Arc::clone(&self.users), state }))
            }
            Some(Some(Err((reason, metadata)))) => Poll::Ready(Err(RejectError::Rejected { reason, metadata })),
        }
    }
}

impl Drop for PendingConnect {
    fn drop(&mut self) {
        let slot = self.users.shared.with(|state, _| {
            state.link.forget_connect(self.request);
            let slot = state.connects.remove(&self.request);
            if let Some(ConnectSlot { answer: Some(Ok(connection)), .. }) = &slot {
                state.link.close_connection(connection.id(), "nobody waits for this connection");
            }
            slot
        });
        drop(slot);
    }
}

/// The peer's Connects, and who waits for them.
#[derive(Default)]
pub(super) struct Accepting {
    listeners: usize,
    /// Bounded by the machine's limit on connections.
    requested: VecDeque<(RequestId, Metadata)>,
    waiters: Vec<Waker>,
}

/// The virtual connections that the peer asks for.
#[derive(Debug)]
pub struct IncomingConnections {
    users: Arc<Users>,
}

/// A virtual connection that the peer asks for. Dropping it rejects it.
#[derive(Debug)]
pub struct IncomingConnection {
    users: Arc<Users>,
    request: RequestId,
    metadata: Metadata,
    answered: bool,
}

const NOT_LISTENING: &str = "not listening";

impl IncomingConnections {
    /// The next one; `None` when the link is over.
    pub async fn next(&mut self) -> Option<IncomingConnection> {
        let next = poll_fn(|cx| {
            self.users.shared.with(|state, _| {
                if let Some(next) = state.accepting.requested.pop_front() {
                    return Poll::Ready(Some(next));
                }
                if state.link.close_reason().is_some() {
                    return Poll::Ready(None);
                }
                state.accepting.waiters.push(cx.waker().clone());
                Poll::Pending
            })
        });
        let (request, metadata) = next.await?;
        Some(IncomingConnection { users: Arc::clone(&self.users), request, metadata, answered: false })
    }
}

impl Drop for IncomingConnections {
    fn drop(&mut self) {
        self.users.shared.with(|state, _| {
            state.accepting.listeners -= 1;
            if state.accepting.listeners == 0 {
                for (request, _) in std::mem::take(&mut state.accepting.requested) {
                    state.link.reject(request, NOT_LISTENING, super::shared::NO_METADATA);
                }
            }
        });
    }
}

impl IncomingConnection {
    /// What the peer says of the connection.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Grants it; `dispatcher` answers its calls.
    pub fn accept(
        mut self,
        metadata: &Metadata,
        dispatcher: impl ServiceDispatcher,
    ) -> Result<ConnectionHandle, Refused> {
        let dispatcher: Arc<dyn ServiceDispatcher> = Arc::new(dispatcher);
        let accepted = self.users.shared.with(|state, _| {
            let id = state.link.accept(self.request, metadata)?;
            let connection = ConnectionState::new(id, dispatcher);
            state.connections.insert(id, Arc::clone(&connection));
            Ok::<_, Refused>(connection)
        })?;
        self.answered = true;
        Ok(ConnectionHandle { users: Arc::clone(&self.users), state: accepted })
    }

    /// Refuses it.
    pub fn reject(mut self, reason: &str, metadata: &Metadata) {
        self.answer_with_reject(reason, metadata);
    }

    fn answer_with_reject(&mut self, reason: &str, metadata: &Metadata) {
        self.answered = true;
        self.users.shared.with(|state, _| state.link.reject(self.request, reason, metadata));
    }
}

impl Drop for IncomingConnection {
    fn drop(&mut self) {
        if !self.answered {
            self.answer_with_reject(NOT_LISTENING, super::shared::NO_METADATA);
        }
    }
}

impl State {
    pub(super) fn connect_requested(&mut self, request: RequestId, metadata: Metadata, todo: &mut Todo) {
        if self.accepting.listeners == 0 {
            self.link.reject(request, NOT_LISTENING, super::shared::NO_METADATA);
            return;
        }
        self.accepting.requested.push_back((request, metadata));
        todo.wake(self.accepting.waiters.drain(..));
    }

    pub(super) fn connect_answered(
        &mut self,
        request: RequestId,
        result: Result<ConnectionId, Arc<str>>,
        metadata: Metadata,
        todo: &mut Todo,
    ) {
        let Some(slot) = self.connects.get_mut(&request) else { return };
        slot.answer = Some(match result {
            Ok(id) => {
                let connection = ConnectionState::new(id, Arc::clone(&slot.dispatcher));
                self.connections.insert(id, Arc::clone(&connection));
                Ok(connection)
            }
            Err(reason) => Err((reason, metadata)),
        });
        todo.wake(slot.waker.take());
    }

    pub(super) fn end_connects(&mut self, todo: &mut Todo) {
        for (_, slot) in self.connects.extract_if(|_, slot| slot.answer.is_none()) {
            todo.wake(slot.waker);
            todo.drop_later(slot.dispatcher);
        }
        todo.wake(self.accepting.waiters.drain(..));
        self.accepting.requested.clear();
    }
}
