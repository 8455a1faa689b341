//! Typed calls in flight.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::builder::Call;
use super::caller::{Answer, Caller, OutgoingCall};
use super::deadline::Deadline;
use crate::proto::{Failure, FailureKind, Outcome};
use crate::rt::{self, BoxFuture};
use crate::session::abort::aborting;
use crate::session::channel;
use crate::session::codec::{self, DecodeError};
use crate::session::error::{CallError, CallFailure, Never, RoamError};

/// A [`Call`] as a future. Nothing is sent before it is first polled. Dropping it cancels the call
/// and aborts the handler at the peer.
#[must_use = "a call does nothing unless it is awaited"]
pub struct CallFuture<C: Caller, A, T, E = Never>(State<C, A, T, E>);

enum State<C: Caller, A, T, E> {
    Unsent(Call<C, A, T, E>),
    Waiting {
        answer: C::Future,
        deadline: Option<BoxFuture<'static, ()>>,
    },
    Ended,
}

impl<C: Caller, A, T, E> Call<C, A, T, E> {
    /// Returns when the caller stops waiting, if the call is sent now.
    fn deadline(&self) -> Option<Deadline> {
        let inherited = self.parent.as_ref().and_then(|parent| parent.deadline);
        Deadline::sooner(self.timeout.map(Deadline::after), inherited)
    }
}

impl<C: Caller, A: Serialize, T, E> Call<C, A, T, E> {
    /// Sends the call.
    fn send(mut self, deadline: Option<Deadline>) -> Result<C::Future, CallFailure> {
        if deadline.is_some_and(|deadline| deadline.has_passed()) {
            return Err(CallFailure::Failed(FailureKind::Deadline.into()));
        }
        if let Some(parent) = self.parent.take() {
            parent.put_trace(&mut self.metadata);
        }
        let args = self.args.take();
        // The arguments are there: only sending takes them.
        let encode = move || args.map(|args| channel::encode(&args, &[])).transpose();
        let (payload, channels) = aborting(encode)?.unwrap_or_default();
        Ok(self.caller.call(OutgoingCall {
            method: self.method,
            metadata: self.metadata,
            payload,
            keeps_payload: false,
            channels,
            deadline,
            watching: None,
        }))
    }
}

impl<C: Caller, A, T, E> CallFuture<C, A, T, E> {
    pub(super) fn new(call: Call<C, A, T, E>) -> Self {
        Self(State::Unsent(call))
    }
}

impl<C: Caller, A: Serialize, T, E> CallFuture<C, A, T, E> {
    fn start(&mut self) -> Result<(), CallFailure> {
        let State::Unsent(_) = &self.0 else {
            return Ok(());
        };
        if let State::Unsent(call) = std::mem::replace(&mut self.0, State::Ended) {
            let deadline = call.deadline();
            let answer = call.send(deadline)?;
            let deadline = deadline
                .map(|deadline| Box::pin(rt::sleep(deadline.remaining())) as BoxFuture<'static, _>);
            self.0 = State::Waiting { answer, deadline };
        }
        Ok(())
    }

    /// Sends the call, and waits for the answer.
    #[inline]
    pub(super) fn poll_answer(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Answer, CallError<E>>> {
        self.start().map_err(CallFailure::into_typed)?;
        let State::Waiting { answer, deadline } = &mut self.0 else {
            panic!("a call was polled after it had ended")
        };
        if let Poll::Ready(answer) = Pin::new(answer).poll(cx) {
            return Poll::Ready(answer.map_err(CallFailure::into_typed));
        }
        if let Some(deadline) = deadline {
            ready!(deadline.as_mut().poll(cx));
            self.0 = State::Ended;
            return Poll::Ready(Err(CallError::Failed(FailureKind::Deadline.into())));
        }
        Poll::Pending
    }
}

impl<C, A, T, E> Future for CallFuture<C, A, T, E>
where
    C: Caller,
    A: Serialize,
    T: DeserializeOwned,
    E: DeserializeOwned,
{
    type Output = Result<T, CallError<E>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = ready!(self.poll_answer(cx))?;
        Poll::Ready(decode_answer(answer))
    }
}

// The futures that it holds are `Unpin`, so nothing is ever pinned.
impl<C: Caller, A, T, E> Unpin for CallFuture<C, A, T, E> {}

pub(super) fn decode_answer<T: DeserializeOwned, E: DeserializeOwned>(
    answer: Answer,
) -> Result<T, CallError<E>> {
    let Answer {
        metadata,
        payload,
        channels,
    } = answer;
    let outcome = Outcome::decode(&payload, &metadata);
    let error = match outcome.ok_or(CallError::Decode(DecodeError::NoOutcome))? {
        Outcome::Value(value) => {
            return channel::decode(value, channels).map_err(CallError::Decode);
        }
        Outcome::Error(error) => RoamError::User(codec::decode(error).map_err(CallError::Decode)?),
        Outcome::UnknownMethod => RoamError::UnknownMethod,
        Outcome::InvalidPayload => RoamError::InvalidPayload,
        Outcome::Cancelled => RoamError::Cancelled,
        Outcome::Failed(kind) => {
            let failure = Failure::from_metadata(&metadata).unwrap_or(kind.into());
            return Err(CallError::Failed(failure));
        }
    };
    Err(CallError::Answered(error))
}

impl<C: Caller, A, T, E> fmt::Debug for CallFuture<C, A, T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut call = f.debug_struct("CallFuture");
        if let State::Unsent(unsent) = &self.0 {
            call.field("call", unsent);
        }
        call.finish_non_exhaustive()
    }
}
