//! Calls on a connection, from the queue to the answer.

use std::collections::hash_map::Entry;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use super::caller::{Answer, OutgoingCall};
use super::signature;
use crate::proto::{
    ChannelId, Framing, Metadata, MethodId, NewChannels, Payload, RequestError, RequestId, Response,
};
use crate::session::channel::{IncomingChannels, RemoteChannel};
use crate::session::codec;
use crate::session::error::CallFailure;
use crate::session::link::ConnectionHandle;
use crate::session::link::deferred::Deferred;
use crate::session::link::state::{CallOutcome, CallSlot, State, Verified};
use crate::session::link::wait::{WaitKey, WaiterId, set_waker};

/// Where a call waits to be sent.
#[derive(Default)]
struct Places {
    /// In the line of callers.
    turn: Option<WaiterId>,
    /// Among those who wait for send capacity.
    capacity: Option<WaiterId>,
}

impl Places {
    fn are_taken(&self) -> bool {
        self.turn.is_some() || self.capacity.is_some()
    }

    fn leave(&mut self, turn: WaitKey, state: &mut State, deferred: &mut Deferred) {
        if let Some(place) = self.capacity.take() {
            state.leave(WaitKey::Capacity, place, deferred);
        }
        if let Some(place) = self.turn.take() {
            state.leave(turn, place, deferred);
        }
    }
}

/// Leaves the places when it is dropped.
struct PlacesGuard<'a> {
    connection: &'a ConnectionHandle,
    places: Places,
}

impl Drop for PlacesGuard<'_> {
    fn drop(&mut self) {
        self.connection.leave(&mut self.places);
    }
}

/// A call on a connection. Nothing is sent before it is first polled. Dropping it cancels the call.
#[must_use = "a call does nothing unless it is awaited"]
pub struct ConnectionCall {
    connection: ConnectionHandle,
    stage: Stage,
}

enum Stage {
    /// The call waits for the handshake, its turn and send capacity.
    Queued {
        call: OutgoingCall,
        places: Places,
    },
    Sent(RequestId),
    Done,
}

impl ConnectionCall {
    pub(super) fn new(connection: ConnectionHandle, call: OutgoingCall) -> Self {
        let places = Places::default();
        let stage = Stage::Queued { call, places };
        Self { connection, stage }
    }

    /// Sends the call once there is capacity. It then waits for the answer, with this waker.
    fn poll_send(&mut self, cx: &Context<'_>) -> Poll<Result<(), CallFailure>> {
        let Stage::Queued { call, places } = &mut self.stage else {
            return Poll::Ready(Ok(()));
        };
        let sent = self.connection.poll_request(call, places, cx);
        let Poll::Ready(sent) = sent else {
            // It may wait for long.
            call.payload.shrink();
            return Poll::Pending;
        };
        codec::recycle(std::mem::take(&mut call.payload));
        self.stage = Stage::Done;
        self.stage = Stage::Sent(sent.map_err(|error| self.connection.request_failure(error))?);
        Poll::Pending
    }
}

impl Future for ConnectionCall {
    type Output = Result<Answer, CallFailure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        ready!(self.poll_send(cx))?;
        let Stage::Sent(request) = self.stage else {
            panic!("a call was polled after it had ended")
        };
        let answer = ready!(self.connection.poll_answer(request, cx));
        self.stage = Stage::Done;
        Poll::Ready(answer)
    }
}

impl Drop for ConnectionCall {
    fn drop(&mut self) {
        match self.stage {
            Stage::Queued { ref mut places, .. } => self.connection.leave(places),
            Stage::Sent(request) => self.connection.cancel(request),
            Stage::Done => {}
        }
    }
}

impl std::fmt::Debug for ConnectionCall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConnectionCall").finish_non_exhaustive()
    }
}

/// A call that was sent. Dropping it cancels the call.
#[derive(Debug)]
pub(crate) struct PendingCall {
    connection: ConnectionHandle,
    /// `None` once the call was answered.
    request: Option<RequestId>,
}

impl Future for PendingCall {
    type Output = Result<Answer, CallFailure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(request) = self.request else {
            panic!("a call was polled after it had ended")
        };
        let answer = ready!(self.connection.poll_answer(request, cx));
        self.request = None;
        Poll::Ready(answer)
    }
}

impl Drop for PendingCall {
    fn drop(&mut self) {
        if let Some(request) = self.request {
            self.connection.cancel(request);
        }
    }
}

/// Making calls. All of them go through [`request`](Self::request).
impl ConnectionHandle {
    /// Sends a call once there is capacity. When it is refused, its channels are still with it.
    pub(crate) async fn send_call(
        &self,
        call: &mut OutgoingCall,
    ) -> Result<PendingCall, CallFailure> {
        let mut guard = PlacesGuard {
            connection: self,
            places: Places::default(),
        };
        let sent = poll_fn(|cx| self.poll_request(call, &mut guard.places, cx)).await;
        let request = sent.map_err(|error| self.request_failure(error))?;
        Ok(self.pending(request))
    }

    /// Sends an encoded call at once. Returns its channels.
    pub(crate) fn send_encoded(
        &self,
        method: MethodId,
        metadata: &Metadata,
        payload: &[u8],
        channels: NewChannels<'_>,
    ) -> Result<(PendingCall, Vec<RemoteChannel>), CallFailure> {
        let sent = self
            .shared()
            .with(|state, _| self.request(state, None, method, metadata, channels, payload.into()));
        let (request, channels) = sent.map_err(|error| self.request_failure(error))?;
        let remote = |channel| RemoteChannel::new(self.clone(), channel);
        Ok((
            self.pending(request),
            channels.into_iter().map(remote).collect(),
        ))
    }

    /// Sends a call once it is its turn and there is capacity. The task then waits for the answer.
    fn poll_request(
        &self,
        call: &mut OutgoingCall,
        places: &mut Places,
        cx: &Context<'_>,
    ) -> Poll<Result<RequestId, RequestError>> {
        let turn = WaitKey::Turn(self.id());
        self.shared().with(|state, deferred| {
            let needs = (call.payload.len(), !call.channels.is_empty());
            if state.poll_turn(self.id(), places.turn, needs).is_pending() {
                state.wait(turn, &mut places.turn, cx.waker(), deferred);
                return Poll::Pending;
            }
            let len = call.payload.len() + call.metadata.memory_size();
            if self.poll_capacity(state, len).is_pending() {
                state.wait(
                    WaitKey::Capacity,
                    &mut places.capacity,
                    cx.waker(),
                    deferred,
                );
                return Poll::Pending;
            }
            let sent = self.send_request(state, deferred, call, cx.waker());
            if places.are_taken() {
                places.leave(turn, state, deferred);
            }
            Poll::Ready(sent)
        })
    }

    /// Gives up waiting to send a call.
    fn leave(&self, places: &mut Places) {
        if places.are_taken() {
            let turn = WaitKey::Turn(self.id());
            self.shared()
                .with(|state, deferred| places.leave(turn, state, deferred));
        }
    }

    /// Sends a call, for the task with `waker` to wait for the answer.
    fn send_request(
        &self,
        state: &mut State,
        deferred: &mut Deferred,
        call: &mut OutgoingCall,
        waker: &Waker,
    ) -> Result<RequestId, RequestError> {
        if let Some(deadline) = call.deadline {
            deadline.put(&mut call.metadata);
        }
        let verifies = self.sign(state, call);
        let placed = call.channels.placed();
        let payload = if call.keeps_payload {
            Payload::from(&call.payload[..])
        } else {
            Payload::from(&mut call.payload)
        };
        let waker = Some(waker.clone());
        let (request, channels) = self.request(
            state,
            waker,
            call.method.id,
            &call.metadata,
            NewChannels::Placed(&placed),
            payload,
        )?;
        if let Some(method) = verifies {
            state.verifies((self.id(), request), method);
        }
        if channels.is_empty() {
            return Ok(request);
        }
        if let Some(watching) = &call.watching {
            watching.sent(self, &channels);
        }
        (call.channels).connect(&mut state.link, self, channels, deferred);
        Ok(request)
    }

    /// Adds our signature to a call, unless the peer has answered one of its method. Returns what an answer
    /// proves then.
    #[inline]
    fn sign(&self, state: &State, call: &mut OutgoingCall) -> Option<Verified> {
        // To handlers of published version 2 it would be metadata of the caller's.
        let is_ours = state.link.framing() == Framing::Numbered;
        let signature = call.method.signature.filter(|_| is_ours)?;
        let method = Verified::new(self.id(), call.method.id, signature);
        if state.verified.contains_key(&method) {
            return None;
        }
        signature::put(signature, &mut call.metadata).then_some(method)
    }

    fn request(
        &self,
        state: &mut State,
        waker: Option<Waker>,
        method: MethodId,
        metadata: &Metadata,
        channels: NewChannels<'_>,
        payload: Payload<'_>,
    ) -> Result<(RequestId, Vec<ChannelId>), RequestError> {
        // The peer may have given the id to another connection since.
        if self.end_reason().is_some() {
            return Err(RequestError::ConnectionEnded);
        }
        let calls = state.link.calls(self.id());
        let (request, channels) = calls.request(method, metadata, channels, payload)?;
        let slot = CallSlot {
            waker,
            outcome: Err(None),
        };
        state.calls.insert((self.id(), request), slot);
        Ok((request, channels))
    }

    fn request_failure(&self, error: RequestError) -> CallFailure {
        CallFailure::refused(error, || self.known_end_reason())
    }

    fn pending(&self, request: RequestId) -> PendingCall {
        PendingCall {
            connection: self.clone(),
            request: Some(request),
        }
    }

    fn poll_answer(
        &self,
        request: RequestId,
        cx: &Context<'_>,
    ) -> Poll<Result<Answer, CallFailure>> {
        let lost = |sent| {
            let reason = self.known_end_reason();
            Poll::Ready(Err(CallFailure::Lost { reason, sent }))
        };
        let response = match ready!(self.poll_outcome(request, cx)) {
            Some(CallOutcome::Answered(response)) => response,
            Some(CallOutcome::NotSent) => return lost(false),
            None => return lost(true),
        };
        let Some(channels) = response.channels else {
            return Poll::Ready(Err(CallFailure::NoBudgetForChannels));
        };
        Poll::Ready(Ok(Answer {
            metadata: response.metadata,
            payload: response.payload,
            channels: IncomingChannels::new(self, channels),
        }))
    }

    /// Returns how a call ended; `None` when the connection ended after the Request was sent.
    fn poll_outcome(&self, request: RequestId, cx: &Context<'_>) -> Poll<Option<CallOutcome>> {
        let (outcome, _replaced) = self.shared().peek(|state| {
            let Entry::Occupied(mut slot) = state.calls.entry((self.id(), request)) else {
                return (Poll::Ready(None), None);
            };
            if slot.get().outcome.is_err() {
                let replaced = set_waker(&mut slot.get_mut().waker, cx.waker());
                return (Poll::Pending, replaced);
            }
            (Poll::Ready(slot.remove().outcome.ok()), None)
        });
        outcome
    }

    /// Cancels a call of ours.
    fn cancel(&self, request: RequestId) {
        let slot = self.shared().with(|state, deferred| {
            state.link.calls(self.id()).cancel(request);
            state.call_next(self.id(), deferred);
            state.calls.remove(&(self.id(), request))
        });
        // An answer that came in between may have brought channels: they are reset.
        let outcome = slot.and_then(|slot| slot.outcome.ok());
        if let Some(CallOutcome::Answered(Response {
            channels: Some(channels),
            ..
        })) = outcome
        {
            drop(IncomingChannels::new(self, channels));
        }
    }
}
