//! Forwarding to a peer that is found later.

use futures::channel::oneshot;
use futures::future::{FutureExt, Shared};

use crate::proto::{Failure, MethodId};
use crate::rt::BoxFuture;
use crate::schema::MethodDescriptor;

use super::super::connection::ConnectionHandle;
use super::super::dispatch::{IncomingCall, ServiceDispatcher};
use super::super::responding::Responding;
use super::forward;

/// A [`ForwardingDispatcher`](super::ForwardingDispatcher) whose upstream is found later, when its
/// own link stands already: a proxy accepts a client before it connects to the server for it, and
/// calls of the server go to the client of a connection that is only being opened.
///
/// Calls that come before its [`LateBoundHandle`] is bound wait. They are in flight, so that there
/// are no more of them than [`Limits::calls`](crate::Limits::calls) and
/// [`Limits::call_payloads`](crate::Limits::call_payloads) allow.
///
/// ```
/// use roam_core::proto::Framing;
/// use roam_core::transport::memory_pair;
/// use roam_core::{
///     Config, ConnectionHandle, ForwardingDispatcher, LateBoundForwarder, accept, initiate,
/// };
/// # use roam_core::{MethodId, Metadata, NoDispatcher, proto::outcome};
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// # let (client_end, from_client) = memory_pair(Framing::Packed);
/// # let (to_server, server_end) = memory_pair(Framing::Packed);
/// let (forwarder, late) = LateBoundForwarder::new();
/// let (client, driver) = accept(from_client, forwarder, &Config::default());
/// tokio::spawn(driver);
/// # let (_server, driver) = accept(server_end, NoDispatcher, &Config::default());
/// # tokio::spawn(driver);
///
/// // What the server calls goes to the client, and what the client has called goes to the server.
/// let server = initiate(to_server, ForwardingDispatcher::new(client), &Config::client()).await?;
/// late.bind(server);
/// # let caller = initiate(client_end, NoDispatcher, &Config::client()).await?;
/// # let (call, _) = caller.call_raw(MethodId(7), &Metadata::new(), &[], &[])?;
/// # assert_eq!(call.await?.payload[..], [outcome::ERROR, outcome::UNKNOWN_METHOD]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct LateBoundForwarder {
    upstream: Shared<oneshot::Receiver<ConnectionHandle>>,
}

/// Tells a [`LateBoundForwarder`] where calls go. When it is dropped unbound, they are answered
/// [`Failure::Unavailable`].
#[derive(Debug)]
pub struct LateBoundHandle {
    upstream: oneshot::Sender<ConnectionHandle>,
}

impl LateBoundForwarder {
    /// A forwarder, and what binds it.
    pub fn new() -> (Self, LateBoundHandle) {
        let (handle, upstream) = oneshot::channel();
        let upstream = upstream.shared();
        (Self { upstream }, LateBoundHandle { upstream: handle })
    }
}

impl LateBoundHandle {
    /// Passes calls on to the peer of `upstream`, those that wait first.
    pub fn bind(self, upstream: ConnectionHandle) {
        // Without a forwarder there is nothing to be passed on.
        let _ = self.upstream.send(upstream);
    }
}

impl ServiceDispatcher for LateBoundForwarder {
    /// None is known here.
    fn method(&self, _: MethodId) -> Option<&'static MethodDescriptor> {
        None
    }

    fn dispatch(&self, call: IncomingCall) -> BoxFuture<'static, ()> {
        let upstream = self.upstream.clone();
        Box::pin(async move {
            match upstream.await {
                Ok(upstream) => forward(call, upstream).await,
                Err(oneshot::Canceled) => Responding::failure(call, Failure::Unavailable).await,
            }
        })
    }
}
