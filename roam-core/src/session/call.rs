//! Calls as their caller sees them.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::proto::{Encoded, Failure, Metadata, MethodId, ReceivedPayload, outcome};
use crate::rt::{self, BoxFuture, MaybeSend, MaybeSync};
use crate::schema::MethodDescriptor;

use super::binder::{self, CollectedEnds};
use super::child::Parent;
use super::codec::{self, DecodeError};
use super::connection::ConnectionHandle;
use super::deadline::Deadline;
use super::error::{CallError, CallFailure, Never, RoamError};
use super::pending::ConnectionCall;
use super::unfinished::cutting;
use super::wire::OpenedEnds;

/// Something that calls can be made on.
pub trait Caller: Clone + MaybeSend + MaybeSync + 'static {
    /// A call that was made. Dropping it cancels the call.
    type Future: Future<Output = Result<Answer, CallFailure>> + MaybeSend + Unpin + 'static;

    /// Makes a call.
    fn call(self, call: OutgoingCall) -> Self::Future;
}

/// A call that is ready to be sent.
#[derive(Debug)]
pub struct OutgoingCall {
    /// The method.
    pub method: MethodId,
    /// What travels beside the arguments.
    pub metadata: Metadata,
    /// The encoded arguments.
    pub payload: Encoded,
    /// Whether they are kept when they are sent, since they may have to be sent again.
    pub keeps_payload: bool,
    /// The channel ends in the arguments.
    pub ends: CollectedEnds,
    /// Until when the answer is waited for. The peer is told, when the call is sent, how long that
    /// still is.
    pub deadline: Option<Deadline>,
    /// Whether calling the method twice is as good as once.
    pub idempotent: bool,
}

/// The answer to a call, not decoded yet. Channel ends that it holds are cut when it is dropped.
#[derive(Debug)]
pub struct Answer {
    /// What travels beside the result.
    pub metadata: Metadata,
    /// The encoded result.
    pub payload: ReceivedPayload,
    /// The channel ends in the result.
    pub ends: OpenedEnds,
}

impl Caller for ConnectionHandle {
    type Future = ConnectionCall;

    fn call(self, call: OutgoingCall) -> ConnectionCall {
        ConnectionCall::new(self, call)
    }
}

/// A call on its way. Nothing is sent before it is first polled; dropping it cancels it, and the
/// handler at the peer is stopped.
///
/// `A` are the arguments, a tuple; `T` is the result, and `E` the method's own error.
#[must_use = "a call is made when it is awaited"]
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
    /// A call of `method`. Generated clients make it.
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

    /// Sends `metadata` along. Without effect once the call has been polled.
    pub fn with_metadata(mut self, metadata: Metadata) -> Self {
        if let State::Prepared(Some(prepared)) = &mut self.state {
            prepared.metadata = metadata;
        }
        self
    }

    /// Waits for the answer no longer than `timeout`, counted from the first poll, and lets the
    /// peer stop the handler when that has passed. Without effect once the call has been polled.
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Makes the call a part of another; see [`child_call`](super::Context::child_call).
    pub(super) fn with_parent(mut self, parent: Parent) -> Self {
        if let State::Prepared(Some(prepared)) = &mut self.state {
            prepared.parent = Some(Box::new(parent));
        }
        self
    }
}

impl<C, A> Prepared<C, A> {
    /// Until when its answer is waited for, as of now.
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
            return Err(CallFailure::Failed(Failure::Deadline));
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
        let (payload, ends) = cutting(move || binder::encode(&args, &[]))?;
        let answer = caller.call(OutgoingCall {
            method: method.id,
            metadata,
            payload,
            keeps_payload: false,
            ends,
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
        this.start().map_err(CallFailure::widen)?;
        let State::Waiting { answer, deadline } = &mut this.state else {
            panic!("a call was polled after it had failed")
        };
        if let Poll::Ready(answer) = Pin::new(answer).poll(cx) {
            return Poll::Ready(decode_answer(answer.map_err(CallFailure::widen)?));
        }
        if let Some(deadline) = deadline {
            ready!(deadline.as_mut().poll(cx));
            this.state = State::Prepared(None);
            return Poll::Ready(Err(CallError::Failed(Failure::Deadline)));
        }
        Poll::Pending
    }
}

impl<C: Caller, A, T, E> Drop for Call<C, A, T, E> {
    fn drop(&mut self) {
        // Channel ends in the arguments of a call that was never sent have not come to their end.
        if let State::Prepared(prepared) = &mut self.state {
            let prepared = prepared.take();
            cutting(|| drop(prepared));
        }
    }
}

// Nothing of it is ever pinned: the futures that it holds are `Unpin`.
impl<C: Caller, A, T, E> Unpin for Call<C, A, T, E> {}

fn decode_answer<T: DeserializeOwned, E: DeserializeOwned>(
    answer: Answer,
) -> Result<T, CallError<E>> {
    let Answer {
        metadata,
        payload,
        ends,
    } = answer;
    match payload.split_first() {
        Some((&outcome::OK, value)) => binder::decode(value, ends).map_err(CallError::Decode),
        Some((&outcome::ERROR, error)) => Err(decode_error(error, &metadata)),
        _ => Err(CallError::Decode(DecodeError::NoOutcome)),
    }
}

fn decode_error<E: DeserializeOwned>(error: &[u8], metadata: &Metadata) -> CallError<E> {
    let answered = match error {
        [outcome::USER, error @ ..] => match codec::decode(error) {
            Ok(error) => RoamError::User(error),
            Err(error) => return CallError::Decode(error),
        },
        [outcome::UNKNOWN_METHOD] => RoamError::UnknownMethod,
        [outcome::INVALID_PAYLOAD] => RoamError::InvalidPayload,
        [outcome::CANCELLED] => match Failure::from_metadata(metadata) {
            Some(failure) => return CallError::Failed(failure),
            None => RoamError::Cancelled,
        },
        _ => return CallError::Decode(DecodeError::NoOutcome),
    };
    CallError::Answered(answered)
}

impl<C: Caller, A, T, E> std::fmt::Debug for Call<C, A, T, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call")
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
