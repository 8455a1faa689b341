//! Proxies: forwarding calls and channels to another peer, without their types.

mod connections;
mod late;

use std::borrow::Cow;

use super::call::{Answer, PendingCall};
use super::error::{CallError, CallFailure};
use super::link::ConnectionHandle;
use super::relay::relay;
use super::serve::{Context, IncomingCall, ServiceDispatcher};
use crate::proto::{Failure, FailureKind, Metadata, MethodId, NewChannels};
use crate::rt::BoxFuture;
use crate::schema::MethodDescriptor;

pub use connections::forward_connections;
pub use late::{LateBoundForwarder, LateBoundHandle};

/// Answers every call by forwarding it to another peer, *upstream*. Arguments, results, errors,
/// metadata and channels pass through unchanged.
///
/// - **Backpressure is that of the two peers.** The forwarder grants no credit of its own. On each
///   channel it holds at most one window of the link on which the elements arrive, and the channel
///   takes its share of that link's [`Limits::receive_budget`](crate::Limits::receive_budget): the
///   upstream link of a gateway needs budget for every stream that its peer sends at once. What a
///   sender learns to be [consumed](super::Tx::consumed) has been forwarded, but where windows
///   differ it may not have been read yet.
/// - **Ends pass through.** A call that is cancelled is cancelled upstream; a channel that is reset
///   on one side is reset on the other.
/// - **What the other link cannot carry** fails: a call or a result that is too large is answered
///   [`FailureKind::TooLarge`], and an element that is too long resets its channel.
/// - When upstream is lost, calls are answered [`FailureKind::Unavailable`].
///
/// The forwarder learns the direction of a channel from the peers. So a peer that sends on a channel
/// on which it should receive breaks the rules of *both* links. Keep peers that do not trust each
/// other apart by a virtual connection for each:
/// [`IncomingConnection::forward`](super::IncomingConnection::forward),
/// [`LateBoundHandle::forward`].
///
/// It serves every method, so it must be a connection's only dispatcher.
///
/// ```
/// use roam_core::proto::Framing;
/// use roam_core::transport::memory_pair;
/// use roam_core::{Config, Context, NoDispatcher, accept, connect, service, proxy::ForwardingDispatcher};
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
/// let (_, driver) = accept(far).dispatcher(GreeterDispatcher::new(Server)).drive();
/// tokio::spawn(driver);
/// let upstream = connect(near).await?;
///
/// let (near, far) = memory_pair(Framing::Packed);
/// let (_, driver) = accept(far).dispatcher(ForwardingDispatcher::new(upstream)).drive();
/// tokio::spawn(driver);
/// let client = GreeterClient::new(connect(near).await?);
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
    /// Creates a dispatcher that forwards calls to the peer of `upstream`.
    pub fn new(upstream: ConnectionHandle) -> Self {
        Self { upstream }
    }
}

impl ServiceDispatcher for ForwardingDispatcher {
    /// Returns `None`: methods are known only upstream.
    fn method(&self, _: MethodId) -> Option<&'static MethodDescriptor> {
        None
    }

    fn dispatch(&self, call: IncomingCall) -> BoxFuture<'static, ()> {
        Box::pin(forward(call, self.upstream.clone()))
    }
}

/// Forwards a call, and its answer back. Dropping it cancels the call.
async fn forward(mut call: IncomingCall, upstream: ConnectionHandle) {
    upstream.capacity(call.payload().len()).await;
    let answer = match send(&mut call, &upstream) {
        Ok(pending) => pending.await,
        Err(failure) => Err(failure),
    };
    match answer {
        Ok(answer) => send_back(call, answer).await,
        Err(failure) => {
            call.context().connection().capacity(0).await;
            call.refuse(&failure_of(&failure)).await;
        }
    }
}

fn send(call: &mut IncomingCall, upstream: &ConnectionHandle) -> Result<PendingCall, CallFailure> {
    let channels = NewChannels::Relayed(call.context().channels().len());
    let metadata = current_metadata(call.context());
    let (pending, channels) =
        upstream.send_encoded(call.method(), &metadata, call.payload(), channels)?;
    drop(call.take_payload());
    if let Some(downstream) = call.take_channels() {
        relay(downstream.take_for_relays(), channels);
    }
    Ok(pending)
}

/// Returns the metadata of a call, with the time that its caller still waits.
fn current_metadata(context: &Context) -> Cow<'_, Metadata> {
    let Some(deadline) = context.deadline() else {
        return Cow::Borrowed(context.metadata());
    };
    let mut metadata = context.metadata().clone();
    deadline.put(&mut metadata);
    Cow::Owned(metadata)
}

async fn send_back(mut call: IncomingCall, answer: Answer) {
    let connection = call.context().connection();
    connection.capacity(answer.payload.len()).await;
    let Answer {
        metadata,
        payload,
        channels,
    } = answer;
    let relayed = NewChannels::Relayed(channels.len());
    match call.responder().try_respond(&metadata, &payload, relayed) {
        // The Response is queued, so what comes on its channels follows it.
        Ok(downstream) => relay(downstream, channels.take_for_relays()),
        Err(error) => call.responder().on_refused(error),
    }
}

/// Returns the answer to a call that was not forwarded or got no answer itself.
fn failure_of(failure: &CallFailure) -> Failure {
    let kind = match failure {
        CallError::TooLarge { .. } => {
            return Failure::new(FailureKind::TooLarge).with_reason(&failure.to_string());
        }
        CallError::NoBudgetForChannels => FailureKind::Busy,
        // The others concern types, which are not known here.
        _ => FailureKind::Unavailable,
    };
    kind.into()
}
