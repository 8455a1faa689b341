//! Typed calls.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::caller::{Answer, Caller, OutgoingCall};
use super::child::Parent;
use super::deadline::Deadline;
use crate::proto::{Failure, FailureKind, Metadata, Outcome};
use crate::rt::{self, BoxFuture};
use crate::schema::MethodDescriptor;
use crate::session::abort::aborting;
use crate::session::channel;
use crate::session::codec::{self, DecodeError};
use crate::session::error::{CallError, CallFailure, Never, RoamError};

/// A typed call. Nothing is sent before it is first polled. Dropping it cancels the call and aborts
/// the handler at the peer.
///
/// `A` is the tuple of arguments, `T` the result, and `E` the method's own error.
#[must_use = "a call does nothing unless it is awaited"]
pub struct Call<C: Caller, A, T, E = Never> {
    state: State<C, A>,
    timeout: Option<Duration>,
    result: PhantomData<fn() -> (T, E)>,
}

enum State<C: Caller, A> {
    Prepared(Option<Prepared<C, A>>),
    Waiting {
        answer: C::Future,
        deadline: Option<BoxFuture<'static, ()>>,
    },
}

struct Prepared<C, A> {
    caller: C,
    method: &'static MethodDescriptor,
    args: A,
    metadata: Metadata,
    parent: Option<Box<Parent>>,
}

impl<C: Caller, A, T, E> Call<C, A, T, E> {
    /// Creates a call of `method`. Generated clients use this.
    pub fn new(caller: C, method: &'static MethodDescriptor, args: A) -> Self {
        let prepared = Prepared {
            caller,
            method,
            args,
            metadata: Metadata::new(),
            parent: None,
        };
        Self {
            state: State::Prepared(Some(prepared)),
            timeout: None,
            result: PhantomData,
        }
    }

    /// Sends `metadata` with the call. Has no effect once the call was polled.
    pub fn with_metadata(mut self, metadata: Metadata) -> Self {
        if let State::Prepared(Some(prepared)) = &mut self.state {
            prepared.metadata = metadata;
        }
        self
    }

    /// Waits for the answer no longer than `timeout`, counted from the first poll. The peer aborts
    /// the handler when that has passed. Has no effect once the call was polled.
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Makes the call a child of another; see [`child_call`](crate::Context::child_call).
    pub(crate) fn with_parent(mut self, parent: Parent) -> Self {
        if let State::Prepared(Some(prepared)) = &mut self.state {
            prepared.parent = Some(Box::new(parent));
        }
        self
    }
}

impl<C, A> Prepared<C, A> {
    /// Returns when the caller stops waiting, counted from now.
    fn deadline(&self, timeout: Option<Duration>) -> Option<Deadline> {
        let inherited = self.parent.as_ref().and_then(|parent| parent.deadline);
        Deadline::sooner(timeout.map(Deadline::after), inherited)
    }
}

impl<C: Caller, A: Serialize, T, E> Call<C, A, T, E> {
    fn start(&mut self) -> Result<(), CallFailure> {
        let State::Prepared(prepared) = &mut self.state else {
            return Ok(());
        };
        let Some(deadline) = prepared.as_ref().map(|call| call.deadline(self.timeout)) else {
            return Ok(());
        };
        if deadline.is_some_and(|deadline| deadline.has_passed()) {
            return Err(CallFailure::Failed(FailureKind::Deadline.into()));
        }
        let Some(Prepared {
            caller,
            method,
            args,
            mut metadata,
            parent,
        }) = prepared.take()
        else {
            return Ok(());
        };
        if let Some(parent) = parent {
            parent.put_trace(&mut metadata);
        }
        let (payload, channels) = aborting(move || channel::encode(&args, &[]))?;
        let answer = caller.call(OutgoingCall {
            method: method.id,
            metadata,
            payload,
            keeps_payload: false,
            channels,
            deadline,
            idempotent: method.idempotent,
        });
        let deadline = deadline
            .map(|deadline| Box::pin(rt::sleep(deadline.remaining())) as BoxFuture<'static, ()>);
        self.state = State::Waiting { answer, deadline };
        Ok(())
    }
}

impl<C, A, T, E> Future for Call<C, A, T, E>
where
    C: Caller,
    A: Serialize,
    T: DeserializeOwned,
    E: DeserializeOwned,
{
    type Output = Result<T, CallError<E>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        this.start().map_err(CallFailure::into_typed)?;
        let State::Waiting { answer, deadline } = &mut this.state else {
            panic!("a call was polled after it had ended")
        };
        if let Poll::Ready(answer) = Pin::new(answer).poll(cx) {
            return Poll::Ready(decode_answer(answer.map_err(CallFailure::into_typed)?));
        }
        if let Some(deadline) = deadline {
            ready!(deadline.as_mut().poll(cx));
            this.state = State::Prepared(None);
            return Poll::Ready(Err(CallError::Failed(FailureKind::Deadline.into())));
        }
        Poll::Pending
    }
}

impl<C: Caller, A, T, E> Drop for Call<C, A, T, E> {
    fn drop(&mut self) {
        // Senders in the arguments of a call that was never sent have not finished.
        if let State::Prepared(prepared) = &mut self.state {
            let prepared = prepared.take();
            aborting(|| drop(prepared));
        }
    }
}

// The futures that it holds are `Unpin`, so nothing is ever pinned.
impl<C: Caller, A, T, E> Unpin for Call<C, A, T, E> {}

fn decode_answer<T: DeserializeOwned, E: DeserializeOwned>(
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

impl<C: Caller, A, T, E> std::fmt::Debug for Call<C, A, T, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call")
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
