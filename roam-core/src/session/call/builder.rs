//! Typed calls, before they are sent.

use std::fmt;
use std::future::{IntoFuture, poll_fn};
use std::marker::PhantomData;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::caller::Caller;
use super::child::Parent;
use super::typed::{CallFuture, decode_answer};
use crate::proto::Metadata;
use crate::schema::MethodDescriptor;
use crate::session::abort::aborting;
use crate::session::error::{CallError, Never};

/// A typed call that is not sent yet: await it to send it.
///
/// `A` is the tuple of arguments, `T` the result, and `E` the method's own error. Dropping the call
/// instead resets the channels in its arguments.
///
/// ```
/// # use std::time::Duration;
/// # use roam_core::{CallError, Metadata, service};
/// # #[service] trait Demo { async fn divide(&self, a: i64, b: i64) -> i64; }
/// # async fn calls(demo: DemoClient) -> Result<(), CallError> {
/// let seven = demo.divide(42, 6).await?;
///
/// let three = demo
///     .divide(6, 2)
///     .timeout(Duration::from_secs(1))
///     .metadata(Metadata::new().with("tenant", "acme"))
///     .await?;
///
/// // Functions that take futures take calls after `into_future`.
/// let halves = (1..=8).map(|n| demo.divide(n, 2).into_future());
/// let halves = futures::future::try_join_all(halves).await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "a call does nothing unless it is awaited"]
pub struct Call<C: Caller, A, T, E = Never> {
    pub(super) caller: C,
    pub(super) method: &'static MethodDescriptor,
    pub(super) args: UnsentArgs<A>,
    pub(super) metadata: Metadata,
    pub(super) timeout: Option<Duration>,
    pub(super) parent: Option<Box<Parent>>,
    result: PhantomData<fn() -> (T, E)>,
}

/// The result of a call, with the metadata of the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reply<T> {
    /// What the method returned.
    pub value: T,
    /// Key-value pairs that the peer sent with it.
    pub metadata: Metadata,
}

/// The arguments of a call that is not sent. Dropping them resets their channels: senders that
/// were never used have not finished.
pub(super) struct UnsentArgs<A>(Option<A>);

impl<A> UnsentArgs<A> {
    pub(super) fn take(&mut self) -> Option<A> {
        self.0.take()
    }
}

impl<A> Drop for UnsentArgs<A> {
    fn drop(&mut self) {
        if let Some(args) = self.0.take() {
            aborting(|| drop(args));
        }
    }
}

impl<C: Caller, A, T, E> Call<C, A, T, E> {
    /// Creates a call of `method`. Generated clients use this.
    pub fn new(caller: C, method: &'static MethodDescriptor, args: A) -> Self {
        Self {
            caller,
            method,
            args: UnsentArgs(Some(args)),
            metadata: Metadata::new(),
            timeout: None,
            parent: None,
            result: PhantomData,
        }
    }

    /// Sends `metadata` with the call.
    pub fn metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = metadata;
        self
    }

    /// Waits for the answer no longer than `timeout`, counted from when the call is first polled.
    /// The peer aborts the handler when that has passed.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Makes the call a child of another; see [`child_call`](crate::Context::child_call).
    pub(crate) fn parent(mut self, parent: Parent) -> Self {
        self.parent = Some(Box::new(parent));
        self
    }
}

impl<C, A, T, E> Call<C, A, T, E>
where
    C: Caller,
    A: Serialize,
    T: DeserializeOwned,
    E: DeserializeOwned,
{
    /// Makes the call, and returns the metadata of the answer beside the value.
    ///
    /// Dropping the future cancels the call.
    pub async fn reply(self) -> Result<Reply<T>, CallError<E>> {
        let mut call = self.into_future();
        let answer = poll_fn(|cx| call.poll_answer(cx)).await?;
        let metadata = answer.metadata.clone();
        let value = decode_answer(answer)?;
        Ok(Reply { value, metadata })
    }
}

impl<C, A, T, E> IntoFuture for Call<C, A, T, E>
where
    C: Caller,
    A: Serialize,
    T: DeserializeOwned,
    E: DeserializeOwned,
{
    type Output = Result<T, CallError<E>>;
    type IntoFuture = CallFuture<C, A, T, E>;

    fn into_future(self) -> Self::IntoFuture {
        CallFuture::new(self)
    }
}

impl<C: Caller, A, T, E> fmt::Debug for Call<C, A, T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("method", &self.method.name)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
