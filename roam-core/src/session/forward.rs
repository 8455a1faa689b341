//! Proxies: calls and channels that are passed on to another peer, without their types.

mod connections;
mod late;

use std::borrow::Cow;

use crate::proto::{Failure, Metadata, MethodId};
use crate::rt::BoxFuture;
use crate::schema::MethodDescriptor;

use super::call::Answer;
use super::connection::ConnectionHandle;
use super::context::Context;
use super::dispatch::{IncomingCall, ServiceDispatcher};
use super::error::{CallError, CallFailure};
use super::pending::PendingCall;
use super::relay::relay;
use super::responding::Responding;

pub use connections::forward_connections;
pub use late::{LateBoundForwarder, LateBoundHandle};

/// Answers every call by passing it on to another peer, *upstream*: arguments, result, metadata and
/// channels go through as they are, and so do errors.
///
/// - **Backpressure is that of the two ends.** The forwarder grants no credit of its own; on each
///   channel it holds at most one window of the link on which the elements come. On that link the
///   channel takes its part of [`Limits::receive_budget`](crate::Limits::receive_budget): the
///   upstream link of a gateway needs room for every stream that its peer sends at a time. What a
///   sender is told to be [consumed](super::Tx::consumed) has been passed on, but where windows
///   differ it may not have been read yet.
/// - **Ends go through.** A call that is cancelled is cancelled upstream; a channel that is cut on
///   one side is cut on the other.
/// - **What the other link cannot carry** fails: a call or a result that is too large is answered
///   [`Failure::TooLarge`], and an element that is too long cuts its channel.
/// - When upstream is gone, calls are answered [`Failure::Unavailable`].
///
/// Which way a channel goes the forwarder learns from the peers. One that sends on a channel on
/// which it should receive therefore breaks the rules of *both* links. Peers that do not trust each
/// other are to be kept apart by a virtual connection for each:
/// [`IncomingConnection::forward`](super::IncomingConnection::forward),
/// [`LateBoundHandle::forward`].
///
/// It serves whatever method is called, so that it is to be a connection's only dispatcher.
///
/// ```
/// use roam_core::proto::Framing;
/// use roam_core::transport::memory_pair;
/// use roam_core::{Config, Context, ForwardingDispatcher, NoDispatcher, accept, initiate, service};
///
/// #[service]
/// trait Greeter {
///     async fn greet(&self, name: String) -> String;
/// }
///
/// struct Server;
///
/// impl Greeter for Server {
///     async fn greet(&self, _: &Context, name: String) -> String {
///         format!("Hello, {name}!")
///     }
/// }
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let (near, far) = memory_pair(Framing::Packed);
/// let (_, driver) = accept(far, GreeterDispatcher::new(Server), &Config::default());
/// tokio::spawn(driver);
/// let upstream = initiate(near, NoDispatcher, &Config::client()).await?;
///
/// let (near, far) = memory_pair(Framing::Packed);
/// let (_, driver) = accept(far, ForwardingDispatcher::new(upstream), &Config::default());
/// tokio::spawn(driver);
/// let client = GreeterClient::new(initiate(near, NoDispatcher, &Config::client()).await?);
///
/// assert_eq!(client.greet("Ada".into()).await?, "Hello, Ada!");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct ForwardingDispatcher {
    upstream: ConnectionHandle,
}

impl ForwardingDispatcher {
    /// Passes calls on to the peer of `upstream`.
    pub fn new(upstream: ConnectionHandle) -> Self {
        Self { upstream }
    }
}

impl ServiceDispatcher for ForwardingDispatcher {
    /// None is known here.
    fn method(&self, _: MethodId) -> Option<&'static MethodDescriptor> {
        None
    }

    fn dispatch(&self, call: IncomingCall) -> BoxFuture<'static, ()> {
        Box::pin(forward(call, self.upstream.clone()))
    }
}

/// Passes a call on, and its answer back. Dropping it cancels the call.
async fn forward(mut call: IncomingCall, upstream: ConnectionHandle) {
    upstream.room().await;
    let answer = match start(&mut call, &upstream) {
        Ok(pending) => pending.await,
        Err(failure) => Err(failure),
    };
    match answer {
        Ok(answer) => pass_back(call, answer).await,
        Err(failure) => Responding::failure(call, failure_of(&failure)).await,
    }
}

fn start(call: &mut IncomingCall, upstream: &ConnectionHandle) -> Result<PendingCall, CallFailure> {
    let channels = call.context().channels().len();
    let metadata = metadata_now(call.context());
    let (pending, wires) =
        upstream.start_relayed(call.method(), &metadata, call.payload(), channels)?;
    drop(call.take_payload());
    if let Some(ends) = call.take_ends() {
        relay(ends.take_for_relays(), wires);
    }
    Ok(pending)
}

/// What came beside the call, with the time that its caller still waits as it is now.
fn metadata_now(context: &Context) -> Cow<'_, Metadata> {
    let Some(deadline) = context.deadline() else {
        return Cow::Borrowed(context.metadata());
    };
    let mut metadata = context.metadata().clone();
    deadline.put(&mut metadata);
    Cow::Owned(metadata)
}

async fn pass_back(mut call: IncomingCall, answer: Answer) {
    call.context().connection().room().await;
    let Answer {
        metadata,
        payload,
        ends,
    } = answer;
    match call
        .responder()
        .respond_relayed(&metadata, &payload, ends.len())
    {
        // Now that the Response is queued, what comes on its channels goes behind it.
        Ok(wires) => relay(wires, ends.take_for_relays()),
        Err(refused) => call.responder().refused(refused),
    }
}

/// What the caller is told of a call that could not be passed on, or got no answer.
fn failure_of(failure: &CallFailure) -> Failure {
    match failure {
        CallError::TooLarge { .. } => Failure::TooLarge,
        CallError::NoRoomForChannels => Failure::Busy,
        // The others have to do with types, which are not known here.
        _ => Failure::Unavailable,
    }
}
