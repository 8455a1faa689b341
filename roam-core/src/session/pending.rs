//! Calls of ours on a connection, until they are answered.

use std::collections::hash_map::Entry;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::proto::{ChannelId, RequestId, Response};
use crate::rt::BoxFuture;

use super::call::{Answer, OutgoingCall};
use super::codec;
use super::connection::ConnectionHandle;
use super::error::CallFailure;
use super::shared::CallOutcome;
use super::waiters::set_waker;
use super::wire::OpenedEnds;

/// A call on a connection. Nothing is sent before it is first polled; dropping it cancels the
/// call.
#[must_use = "a call is made when it is awaited"]
pub struct ConnectionCall {
    pending: PendingCall,
    unsent: Unsent,
}

/// What is to be done before a call is sent.
enum Unsent {
    Prepared(OutgoingCall),
    /// There was no room to send it.
    Blocked(BoxFuture<'static, Result<PendingCall, CallFailure>>),
    Nothing,
}

impl ConnectionCall {
    pub(super) fn new(connection: ConnectionHandle, call: OutgoingCall) -> Self {
        Self {
            pending: PendingCall::unsent(connection),
            unsent: Unsent::Prepared(call),
        }
    }

    /// Sends the call. Mostly there is room at once.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CallFailure>> {
        if let Unsent::Prepared(call) = &mut self.unsent {
            let connection = &self.pending.connection;
            if let Poll::Ready(sent) = connection.poll_send_call(call, cx) {
                codec::give_back(std::mem::take(&mut call.payload));
                let sent = connection.sent(sent);
                self.unsent = Unsent::Nothing;
                self.pending.waits_for(sent?);
                return Poll::Ready(Ok(()));
            }
            self.block();
        }
        if let Unsent::Blocked(sending) = &mut self.unsent {
            let sent = ready!(sending.as_mut().poll(cx));
            self.unsent = Unsent::Nothing;
            self.pending = sent?;
        }
        Poll::Ready(Ok(()))
    }

    /// Has the call sent when there is room.
    fn block(&mut self) {
        if let Unsent::Prepared(mut call) = std::mem::replace(&mut self.unsent, Unsent::Nothing) {
            call.payload.shrink();
            let connection = self.pending.connection.clone();
            self.unsent =
                Unsent::Blocked(Box::pin(
                    async move { connection.send_call(&mut call).await },
                ));
        }
    }
}

impl Future for ConnectionCall {
    type Output = Result<Answer, CallFailure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        ready!(self.poll_send(cx))?;
        Pin::new(&mut self.pending).poll(cx)
    }
}

impl std::fmt::Debug for ConnectionCall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConnectionCall").finish_non_exhaustive()
    }
}

/// A call that was sent. Dropping it cancels the call.
#[derive(Debug)]
pub(super) struct PendingCall {
    connection: ConnectionHandle,
    request: RequestId,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage {
    /// Or it was not to be sent.
    Unsent,
    Sent,
    /// The task that polls it is going to be woken.
    Waiting,
    Done,
}

impl PendingCall {
    pub(super) fn new(connection: ConnectionHandle, request: RequestId) -> Self {
        Self {
            connection,
            request,
            stage: Stage::Sent,
        }
    }

    /// A call whose waker was set when it was sent. To be polled next by that task.
    pub(super) fn waiting(connection: ConnectionHandle, request: RequestId) -> Self {
        Self {
            connection,
            request,
            stage: Stage::Waiting,
        }
    }

    /// A call that is about to be sent.
    fn unsent(connection: ConnectionHandle) -> Self {
        Self {
            connection,
            request: RequestId(0),
            stage: Stage::Unsent,
        }
    }

    /// It was sent as [`waiting`](Self::waiting) are.
    fn waits_for(&mut self, request: RequestId) {
        self.request = request;
        self.stage = Stage::Waiting;
    }

    fn ends(&self, channels: Vec<ChannelId>) -> OpenedEnds {
        OpenedEnds::new(&self.connection, channels)
    }

    /// How the call ended; `None` when the connection is over, and the Request had left before.
    fn poll_outcome(&self, cx: &Context<'_>) -> Poll<Option<CallOutcome>> {
        let key = (self.connection.id(), self.request);
        let shared = self.connection.shared();
        let (outcome, _waker) = shared.look(|state| {
            let Entry::Occupied(mut slot) = state.calls.entry(key) else {
                return (Poll::Ready(None), None);
            };
            if slot.get().outcome.is_none() {
                let waker = set_waker(&mut slot.get_mut().waker, cx.waker());
                return (Poll::Pending, waker);
            }
            (Poll::Ready(slot.remove().outcome), None)
        });
        outcome
    }

    fn lost(&self, sent: bool) -> CallFailure {
        let reason = self.connection.reason();
        CallFailure::Lost { reason, sent }
    }
}

impl Future for PendingCall {
    type Output = Result<Answer, CallFailure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.stage {
            Stage::Sent => {}
            Stage::Waiting => {
                self.stage = Stage::Sent;
                return Poll::Pending;
            }
            Stage::Unsent | Stage::Done => panic!("a call was polled after it had ended"),
        }
        let outcome = ready!(self.poll_outcome(cx));
        self.stage = Stage::Done;
        let response = match outcome {
            Some(CallOutcome::Answered(response)) => response,
            Some(CallOutcome::NotSent) => return Poll::Ready(Err(self.lost(false))),
            None => return Poll::Ready(Err(self.lost(true))),
        };
        let Some(channels) = response.channels else {
            return Poll::Ready(Err(CallFailure::NoRoomForChannels));
        };
        Poll::Ready(Ok(Answer {
            metadata: response.metadata,
            payload: response.payload,
            ends: self.ends(channels),
        }))
    }
}

impl Drop for PendingCall {
    fn drop(&mut self) {
        if matches!(self.stage, Stage::Unsent | Stage::Done) {
            return;
        }
        let key = (self.connection.id(), self.request);
        let slot = self.connection.shared().with(|state, _| {
            state.link.cancel(key.0, key.1);
            state.calls.remove(&key)
        });
        // An answer that came in between may have opened channels: they are cut.
        let outcome = slot.and_then(|slot| slot.outcome);
        if let Some(CallOutcome::Answered(Response {
            channels: Some(channels),
            ..
        })) = outcome
        {
            drop(self.ends(channels));
        }
    }
}
