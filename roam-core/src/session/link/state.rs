//! What the link's lock protects, and how the machine's events change it.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

use rustc_hash::FxHashMap;

use super::deferred::Deferred;
use super::driver_waker::DriverWaker;
use super::handle::ConnectionState;
use super::service::{AbortHandle, Served, Service};
use super::shared::NO_METADATA;
use super::tokens::Tokens;
use super::wait::{WaitKey, WaiterId, Waiters};
use crate::proto::{
    CloseReason, ConnectionId, Event, Link, Metadata, MethodId, Outcome, RequestId, Response,
};
use crate::schema::SignatureHash;

/// What the link's lock protects.
pub(crate) struct State {
    pub(crate) link: Link,
    /// Our unanswered calls, and answers that nobody has taken yet.
    pub(crate) calls: FxHashMap<CallKey, CallSlot>,
    /// Methods with a signature that the peer has confirmed by an answer, and their connections.
    pub(crate) verified: FxHashMap<Verified, ConnectionId>,
    /// The handlers that run in tasks.
    pub(crate) handlers: FxHashMap<CallKey, AbortHandle>,
    pub(crate) connections: FxHashMap<ConnectionId, Served>,
    /// Our Connects.
    pub(crate) opening: FxHashMap<RequestId, OpenSlot>,
    pub(crate) requested: RequestedConnections,
    /// Whether somebody wants to know the age of what is in flight.
    pub(crate) watched: bool,
    pub(super) driver: DriverWaker,
    pub(super) tokens: Tokens,
    /// The acceptor advises to open another transport after this time.
    pub(super) another_transport: Option<Duration>,
    /// The other end of the transport in use.
    pub(super) peer_addr: Option<SocketAddr>,
    waiting: FxHashMap<WaitKey, Waiters>,
    /// How many connections have callers that wait for their turn.
    lines: usize,
}

/// A call, unique on its link.
pub(crate) type CallKey = (ConnectionId, RequestId);

/// A method as its callers know it, on a connection. A virtual connection may lead to another program, and
/// callers may differ in their signatures. One number, since each call looks it up.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Verified(u64);

impl Verified {
    /// Mixes all three. Two of them are hashes, so it is as unique as those are.
    pub(crate) fn new(
        ConnectionId(connection): ConnectionId,
        MethodId(method): MethodId,
        SignatureHash(signature): SignatureHash,
    ) -> Self {
        Self(method ^ signature ^ connection.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }
}

/// A call of ours.
pub(crate) struct CallSlot {
    /// The task that waits for the answer.
    pub(crate) waker: Option<Waker>,
    /// How it ended; before that, what an answer will prove, if the call tells the peer our signature.
    pub(crate) outcome: Result<CallOutcome, Option<Verified>>,
}

/// How a call of ours ended.
pub(crate) enum CallOutcome {
    Answered(Response),
    /// The connection ended before the Request was sent.
    NotSent,
}

/// A Connect of ours.
pub(crate) struct OpenSlot {
    pub(crate) service: Arc<dyn Service>,
    pub(crate) answer: Option<OpenAnswer>,
}

/// The peer's answer to a Connect: the connection or the reason for rejecting it, and metadata.
pub(crate) type OpenAnswer = (Result<Arc<ConnectionState>, Arc<str>>, Metadata);

/// The peer's Connects, and how many listeners there are.
#[derive(Default)]
pub(crate) struct RequestedConnections {
    pub(crate) listeners: usize,
    /// Bounded by [`Limits::connections`](crate::Limits::connections).
    pub(crate) queue: VecDeque<(RequestId, Metadata)>,
}

/// Rejects a connection that nobody listens for.
pub(crate) const NOT_LISTENING: &str = "not listening";

impl State {
    pub(super) fn new(link: Link) -> Self {
        Self {
            link,
            calls: FxHashMap::default(),
            verified: FxHashMap::default(),
            handlers: FxHashMap::default(),
            connections: FxHashMap::default(),
            opening: FxHashMap::default(),
            requested: RequestedConnections::default(),
            watched: false,
            driver: DriverWaker::default(),
            tokens: Tokens::default(),
            another_transport: None,
            peer_addr: None,
            waiting: FxHashMap::default(),
            lines: 0,
        }
    }

    /// Returns whether a Request or a Response of `len` bytes may be queued now. If not, tasks that wait for
    /// [`WaitKey::Capacity`] are woken when one may.
    pub(crate) fn poll_capacity(&mut self, len: usize) -> Poll<()> {
        if self.link.has_capacity(len) {
            return Poll::Ready(());
        }
        self.link.wait_for_capacity(len);
        Poll::Pending
    }

    /// Returns whether the peer handles another call, whose caller has this place in the line. If not, the
    /// caller waits for [`WaitKey::Turn`]. Those who came first go first.
    #[inline]
    pub(crate) fn poll_turn(
        &mut self,
        connection: ConnectionId,
        place: Option<WaiterId>,
        (len, has_channels): (usize, bool),
    ) -> Poll<()> {
        let has_room = (self.link.calls(connection)).peer_has_room(len, has_channels);
        let first = self.first_in_line(connection);
        if has_room && first.is_none_or(|first| Some(first) == place) {
            return Poll::Ready(());
        }
        Poll::Pending
    }

    #[inline]
    fn first_in_line(&self, connection: ConnectionId) -> Option<WaiterId> {
        // Most links have no line.
        if self.lines == 0 {
            return None;
        }
        let line = self.waiting.get(&WaitKey::Turn(connection))?;
        line.first().map(|(first, _)| first)
    }

    /// Wakes the caller that is first in the line of a connection: the peer may handle another call.
    #[inline]
    pub(crate) fn call_next(&self, connection: ConnectionId, deferred: &mut Deferred) {
        if self.lines > 0
            && let Some(line) = self.waiting.get(&WaitKey::Turn(connection))
        {
            deferred.wake(line.first().map(|(_, waker)| waker.clone()));
        }
    }

    /// Has `service` answer the calls on a new connection.
    pub(crate) fn serve(
        &mut self,
        id: ConnectionId,
        service: Arc<dyn Service>,
    ) -> Arc<ConnectionState> {
        let connection = ConnectionState::new(id);
        let served = Served {
            connection: Arc::clone(&connection),
            service,
        };
        self.connections.insert(id, served);
        connection
    }

    /// Records what an answer to a call of ours will prove.
    #[cold]
    pub(crate) fn verifies(&mut self, call: CallKey, method: Verified) {
        if let Some(slot) = self.calls.get_mut(&call) {
            slot.outcome = Err(Some(method));
        }
    }

    /// Records that the handler of a call no longer runs. Drop what could abort it after the lock
    /// is released.
    pub(crate) fn release_handler(&mut self, key: CallKey) -> Option<AbortHandle> {
        self.link.calls(key.0).handler_finished(key.1);
        self.handlers.remove(&key)
    }
}

/// Waiting.
impl State {
    /// Wakes `waker` when what `key` names may have happened.
    pub(crate) fn wait(
        &mut self,
        key: WaitKey,
        waiter: &mut Option<WaiterId>,
        waker: &Waker,
        deferred: &mut Deferred,
    ) {
        let waiter = *waiter.get_or_insert_with(WaiterId::next);
        let waiters = self.waiting.entry(key).or_default();
        if waiters.is_empty() && matches!(key, WaitKey::Turn(_)) {
            self.lines += 1;
        }
        deferred.discard(waiters.wait(waiter, waker));
    }

    /// Removes a waiter.
    pub(crate) fn leave(&mut self, key: WaitKey, waiter: WaiterId, deferred: &mut Deferred) {
        if let Some(waiters) = self.waiting.get_mut(&key) {
            deferred.discard(waiters.leave(waiter));
            if waiters.is_empty() {
                self.remove_waiters(key);
            } else if let WaitKey::Turn(connection) = key {
                // Whoever is first now may go at once.
                self.call_next(connection, deferred);
            }
        }
    }

    fn remove_waiters(&mut self, key: WaitKey) -> Option<Waiters> {
        let waiters = self.waiting.remove(&key)?;
        self.lines -= usize::from(matches!(key, WaitKey::Turn(_)));
        Some(waiters)
    }

    /// Wakes everybody who waits for `key`.
    pub(crate) fn notify(&mut self, key: WaitKey, deferred: &mut Deferred) {
        if let Some(waiters) = self.remove_waiters(key) {
            deferred.wake(waiters.into_wakers());
        }
    }
}

/// Returns whether an answer is the method's own, a value or an error. A call that failed otherwise may
/// have failed before the peer looked at its method.
#[cold]
fn is_of_method(answered: &CallSlot) -> bool {
    let Ok(CallOutcome::Answered(answer)) = &answered.outcome else {
        return false;
    };
    let outcome = Outcome::decode(&answer.payload, &answer.metadata);
    matches!(outcome, Some(Outcome::Value(_) | Outcome::Error(_)))
}

/// The machine's events.
impl State {
    /// Handles all events of the machine, and wakes the driver if it has something to do.
    #[inline]
    pub(super) fn settle(&mut self, deferred: &mut Deferred) {
        while let Some(event) = self.link.poll_event() {
            self.handle(event, deferred);
        }
        if self.driver.is_awake() {
            return;
        }
        if self.link.close_reason().is_some() {
            deferred.wake(self.driver.wake_for_end());
        } else if !self.link.is_drained() {
            deferred.wake(self.driver.wake_for_output());
        }
    }

    #[inline]
    fn handle(&mut self, event: Event, deferred: &mut Deferred) {
        match event {
            Event::Ready(_) | Event::SendBufferReady => self.notify(WaitKey::Capacity, deferred),
            Event::ChannelReady {
                connection,
                channel,
            } => self.notify(WaitKey::Channel(connection, channel), deferred),
            Event::Request(request) => {
                if let Some(served) = self.connections.get(&request.connection) {
                    deferred.start(served, request);
                }
            }
            Event::Cancelled {
                connection,
                request,
            } => self.on_cancelled(connection, request, deferred),
            Event::Response(response) => {
                let key = (response.connection, response.request);
                self.end_call(key, CallOutcome::Answered(response), deferred);
            }
            Event::NotSent {
                connection,
                request,
            } => self.end_call((connection, request), CallOutcome::NotSent, deferred),
            Event::ConnectRequest { request, metadata } => {
                self.on_connect_request(request, metadata, deferred);
            }
            Event::ConnectAnswer {
                request,
                result,
                metadata,
            } => self.on_connect_answer(request, result, metadata, deferred),
            Event::Drain(advice) => self.on_drain(advice, deferred),
            Event::TokenAsked { .. } => self.on_token_asked(deferred),
            Event::TokenGiven { metadata } => self.on_token_given(metadata, deferred),
            Event::ConnectionEnded { connection, reason } => {
                self.on_ended(connection, &reason, deferred);
            }
        }
    }

    fn end_call(&mut self, key: CallKey, outcome: CallOutcome, deferred: &mut Deferred) {
        self.call_next(key.0, deferred);
        if let Some(slot) = self.calls.get_mut(&key) {
            let verifies = slot.outcome.as_ref().err().copied().flatten();
            slot.outcome = Ok(outcome);
            deferred.wake(slot.waker.take());
            if let Some(method) = verifies
                && is_of_method(slot)
            {
                self.verified.insert(method, key.0);
            }
        }
    }

    /// Aborts the handler of a cancelled call. When the Cancel came in the same frame as the
    /// Request, the handler is never started.
    #[cold]
    fn on_cancelled(
        &mut self,
        connection: ConnectionId,
        request: RequestId,
        deferred: &mut Deferred,
    ) {
        if let Some(handler) = self.handlers.remove(&(connection, request)) {
            deferred.abort(handler);
        } else if deferred.cancel_start(connection, request) {
            self.link.calls(connection).handler_finished(request);
        }
    }

    fn on_connect_request(
        &mut self,
        request: RequestId,
        metadata: Metadata,
        deferred: &mut Deferred,
    ) {
        if self.requested.listeners == 0 {
            (self.link).reject_connection(request, NOT_LISTENING, NO_METADATA);
            return;
        }
        self.requested.queue.push_back((request, metadata));
        self.notify(WaitKey::Connects, deferred);
    }

    fn on_connect_answer(
        &mut self,
        request: RequestId,
        result: Result<ConnectionId, Arc<str>>,
        metadata: Metadata,
        deferred: &mut Deferred,
    ) {
        let Some(mut slot) = self.opening.remove(&request) else {
            return;
        };
        let result = result.map(|id| self.serve(id, Arc::clone(&slot.service)));
        slot.answer = Some((result, metadata));
        self.opening.insert(request, slot);
        self.notify(WaitKey::Connect(request), deferred);
    }

    /// Ends everything on a connection: its calls, its handlers and its channels.
    #[cold]
    fn on_ended(
        &mut self,
        connection: ConnectionId,
        reason: &CloseReason,
        deferred: &mut Deferred,
    ) {
        if let Some(served) = self.connections.remove(&connection) {
            served.connection.end(reason.clone());
            deferred.discard_service(served.service);
        }
        self.verified.retain(|_, on| *on != connection);
        let on_it = |key: &CallKey| key.0 == connection;
        // A call that was answered before keeps its answer.
        let unanswered = self
            .calls
            .extract_if(|key, slot| on_it(key) && slot.outcome.is_err());
        deferred.wake(unanswered.filter_map(|(_, slot)| slot.waker));
        for (_, handler) in self.handlers.extract_if(|key, _| on_it(key)) {
            deferred.abort(handler);
        }
        self.notify(WaitKey::End(connection), deferred);
        // Whoever waits to send on it never will.
        self.notify(WaitKey::Capacity, deferred);
        self.notify(WaitKey::Turn(connection), deferred);
        if connection == ConnectionId::ROOT {
            self.on_link_ended(deferred);
        }
    }

    /// Wakes everybody who still waits: nothing more will happen on the link.
    fn on_link_ended(&mut self, deferred: &mut Deferred) {
        let unanswered = self.opening.extract_if(|_, slot| slot.answer.is_none());
        for (_, slot) in unanswered {
            deferred.discard_service(slot.service);
        }
        self.requested.queue.clear();
        self.lines = 0;
        let waiting = self.waiting.drain();
        deferred.wake(waiting.flat_map(|(_, waiters)| waiters.into_wakers()));
    }
}
