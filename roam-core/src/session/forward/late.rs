//! Forwarding to a peer that is connected later.

use futures::channel::oneshot;
use futures::future::{FutureExt, Shared};

use crate::proto::{FailureKind, MethodId, Outcome};
use crate::rt::BoxFuture;
use crate::schema::MethodDescriptor;

use super::forward;
use crate::session::link::ConnectionHandle;
use crate::session::serve::{IncomingCall, Respond, ServiceDispatcher};

/// A [`ForwardingDispatcher`](super::ForwardingDispatcher) whose upstream is connected after its own
/// link: a proxy accepts a client before it connects to the server for it, and calls of the server
/// go to the client of a connection that is still being opened.
///
/// Calls that arrive before its [`LateBoundHandle`] is bound wait. They count as in flight, so
/// [`Limits::calls`](crate::Limits::calls) and [`Limits::call_payloads`](crate::Limits::call_payloads)
/// bound them.
///
/// ```
/// use roam_core::proto::Framing;
/// use roam_core::transport::memory_pair;
/// use roam_core::{Config, ConnectionHandle, accept, connect, proxy::{ForwardingDispatcher, LateBoundForwarder}};
/// # use roam_core::{MethodId, Metadata, NoDispatcher, proto::Outcome};
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// # let (client_end, from_client) = memory_pair(Framing::Packed);
/// # let (to_server, server_end) = memory_pair(Framing::Packed);
/// let (forwarder, late) = LateBoundForwarder::new();
/// let (client, driver) = accept(from_client).dispatcher(forwarder).drive();
/// tokio::spawn(driver);
/// # let (_server, driver) = accept(server_end).drive();
/// # tokio::spawn(driver);
///
/// // What the server calls goes to the client, and what the client has called goes to the server.
/// let server = connect(to_server).dispatcher(ForwardingDispatcher::new(client)).await?;
/// late.bind(server);
/// # let caller = connect(client_end).await?;
/// # let (call, _) = caller.call_raw(MethodId(7), &Metadata::new(), &[], &[])?;
/// # let unknown: Outcome = Outcome::UnknownMethod;
/// # assert_eq!(call.await?.payload[..], *unknown.prefix());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct LateBoundForwarder {
    upstream: Shared<oneshot::Receiver<ConnectionHandle>>,
}

/// Tells a [`LateBoundForwarder`] where to forward calls. When it is dropped unbound, they are answered
/// [`FailureKind::Unavailable`].
#[derive(Debug)]
pub struct LateBoundHandle {
    upstream: oneshot::Sender<ConnectionHandle>,
}

impl LateBoundForwarder {
    /// Creates a forwarder and the handle that binds it.
    pub fn new() -> (Self, LateBoundHandle) {
        let (handle, upstream) = oneshot::channel();
        let upstream = upstream.shared();
        (Self { upstream }, LateBoundHandle { upstream: handle })
    }
}

impl LateBoundHandle {
    /// Forwards calls to the peer of `upstream`, first those that wait.
    pub fn bind(self, upstream: ConnectionHandle) {
        // Without a forwarder there is nothing to forward.
        let _ = self.upstream.send(upstream);
    }
}

impl ServiceDispatcher for LateBoundForwarder {
    /// Returns `None`: methods are known only upstream.
    fn method(&self, _: MethodId) -> Option<&'static MethodDescriptor> {
        None
    }

    fn dispatch(&self, call: IncomingCall) -> BoxFuture<'static, ()> {
        let upstream = self.upstream.clone();
        Box::pin(async move {
            match upstream.await {
                Ok(upstream) => forward(call, upstream).await,
                Err(oneshot::Canceled) => {
                    Respond::outcome(call, Outcome::Failed(FailureKind::Unavailable)).await;
                }
            }
        })
    }
}
