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
pub struct ConnectionCall(Progress);

enum Progress {
    Prepared(ConnectionHandle, OutgoingCall),
    /// There was no room to send it.
    Blocked(BoxFuture<'static, Result<PendingCall, CallFailure>>),
    Sent(PendingCall),
    Over,
}

impl ConnectionCall {
    pub(super) fn new(connection: ConnectionHandle, call: OutgoingCall) -> Self {
        Self(Progress::Prepared(connection, call))
    }

    /// Sends the call. Mostly there is room at once.
    fn start(&mut self, cx: &Context<'_>) -> Result<(), CallFailure> {
        if !matches!(self.0, Progress::Prepared(..)) {
            return Ok(());
        }
        let Progress::Prepared(connection, mut call) =
            std::mem::replace(&mut self.0, Progress::Over)
        else {
            return Ok(());
        };
        self.0 = match connection.poll_send_call(&mut call, cx) {
            Poll::Ready(started) => {
                codec::give_back(call.payload);
                Progress::Sent(connection.pending(started, PendingCall::waiting)?)
            }
            Poll::Pending => {
                call.payload.shrink();
                Progress::Blocked(Box::pin(
                    async move { connection.send_call(&mut call).await },
                ))
            }
        };
        Ok(())
    }
}

impl Future for ConnectionCall {
    type Output = Result<Answer, CallFailure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.start(cx)?;
        if let Progress::Blocked(sending) = &mut self.0 {
            let sent = ready!(sending.as_mut().poll(cx));
            self.0 = Progress::Over;
            self.0 = Progress::Sent(sent?);
        }
        match &mut self.0 {
            Progress::Sent(call) => Pin::new(call).poll(cx),
            _ => panic!("a call was polled after it had failed"),
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
pub(super) struct PendingCall {
    connection: ConnectionHandle,
    request: RequestId,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage {
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
        if self.stage == Stage::Waiting {
            self.stage = Stage::Sent;
            return Poll::Pending;
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
        if self.stage == Stage::Done {
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
