//! A client that outlives its links.

mod attempt;
mod link;
mod policy;
mod series;
mod state;
mod states;

pub use policy::RetryPolicy;
pub(in crate::session) use policy::spread;
pub use state::LinkState;
pub use states::LinkStates;

use std::fmt;
use std::future::IntoFuture;
use std::sync::Arc;

use crate::rt::{BoxFuture, MaybeSend, MaybeSync};

use super::call::{Answer, Caller, OutgoingCall};
use super::error::{CallFailure, ConnectError};
use super::link::ConnectionHandle;
use attempt::Attempt;
use series::Connector;

/// Makes calls on a link, and on the next one when that is lost.
///
/// It is created from a function that connects. The first call connects, and later calls share the
/// link. When the link is lost, the next call connects again, or at once a call that must be sent
/// again. All calls that wait for a link share one attempt and the waits between attempts; see
/// [`RetryPolicy`]. When the attempts are used up, they fail with
/// [`CallError::Unreachable`](crate::CallError::Unreachable), and the next call starts over.
///
/// When the peer advises to open another link, since its process goes, the next call does so in the background: new
/// calls go there once it is open, and the old link is closed when its calls and channels have ended.
///
/// # What is sent again
/// A call is sent again when its link was lost and
/// - it was certainly not sent, or
/// - its method is `#[roam(idempotent)]`, or
/// - it carries a [`Nonce`](crate::nonce::Nonce), and the next link leads to the same
///   [`NonceDispatcher`](crate::nonce::NonceDispatcher), which still remembers the nonce. A server that
///   restarts forgets all nonces.
///
/// Any other call fails with [`CallError::Lost`](crate::CallError::Lost) `{ sent: true, .. }`: its
/// outcome is unknown.
///
/// A call with channels in its arguments is sent again only while they are still here. Once its
/// Request is queued on a link, they belong to that link and are lost with it, and the call fails,
/// even when its method is idempotent or nothing was sent.
///
/// Dropping a call cancels it, even while it waits. When the client and its calls are all dropped,
/// the link is closed.
///
/// ```
/// use roam_core::proto::Framing;
/// use roam_core::transport::memory_pair;
/// use roam_core::client::{ReconnectingClient, RetryPolicy};
/// use roam_core::{accept, connect};
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// // In place of this, `|| websocket::connect("wss://…")` or `|| roam_wasm::connect("wss://…")`.
/// let dial = || {
///     let (ours, theirs) = memory_pair(Framing::Packed);
///     tokio::spawn(accept(theirs).drive().1);
///     connect(ours)
/// };
/// let client = ReconnectingClient::new(dial, RetryPolicy::default());
/// // `EchoClient::new(client.clone()).echo(…)` connects by itself, and so does this:
/// assert!(client.connection().await.is_ok());
/// # });
/// ```
#[derive(Clone)]
pub struct ReconnectingClient {
    connector: Arc<Connector>,
    nonces: bool,
}

/// A function that connects.
trait Connect: MaybeSend + MaybeSync + 'static {
    fn connect(&self) -> BoxFuture<'static, Result<ConnectionHandle, ConnectError>>;
}

impl<F, C> Connect for F
where
    F: Fn() -> C + MaybeSend + MaybeSync + 'static,
    C: IntoFuture<Output = Result<ConnectionHandle, ConnectError>, IntoFuture: MaybeSend + 'static>,
{
    fn connect(&self) -> BoxFuture<'static, Result<ConnectionHandle, ConnectError>> {
        Box::pin(self().into_future())
    }
}

impl ReconnectingClient {
    /// Creates a client that connects by `connect`, which must give up by itself when connecting takes
    /// too long.
    pub fn new<F, C>(connect: F, policy: RetryPolicy) -> Self
    where
        F: Fn() -> C + MaybeSend + MaybeSync + 'static,
        C: IntoFuture<
                Output = Result<ConnectionHandle, ConnectError>,
                IntoFuture: MaybeSend + 'static,
            > + 'static,
    {
        Self {
            connector: Connector::new(Box::new(connect), policy),
            nonces: false,
        }
    }

    /// Adds a nonce to each call that is not idempotent, has no channels in its arguments, and
    /// carries none. Before the first such call on a link, the client asks whether the server keeps
    /// nonces.
    #[must_use]
    pub fn with_nonces(self) -> Self {
        Self {
            nonces: true,
            ..self
        }
    }

    /// Returns the root connection of the current link. Connects when there is none.
    pub async fn connection(&self) -> Result<ConnectionHandle, CallFailure> {
        let link = self.connector.link().await?;
        Ok(link.handle().clone())
    }

    /// Returns the current state.
    pub fn state(&self) -> LinkState {
        self.connector.state()
    }

    /// Returns the current state, and then each later one that differs from the last it returned.
    ///
    /// A lost link shows without any call. States in between are missed by whoever reads slowly, never
    /// the latest. The stream does not keep the link open. It ends after [`LinkState::Closed`], or when
    /// the client and its calls are all dropped.
    pub fn states(&self) -> LinkStates {
        LinkStates::new(&self.connector)
    }

    /// Closes the link for good. Calls that wait or are in flight fail. The peer is told the reason, as
    /// by [`ConnectionHandle::close`].
    pub fn close(&self, reason: &str) {
        self.connector.close(reason);
    }
}

impl Caller for ReconnectingClient {
    type Future = BoxFuture<'static, Result<Answer, CallFailure>>;

    fn call(self, call: OutgoingCall) -> Self::Future {
        let attempt = Attempt::new(self.connector, call, self.nonces);
        Box::pin(attempt.run())
    }
}

impl fmt::Debug for ReconnectingClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReconnectingClient")
            .field("state", &self.state())
            .field("nonces", &self.nonces)
            .finish_non_exhaustive()
    }
}
