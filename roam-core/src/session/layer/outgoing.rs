//! Layers around the calls that clients make.

use std::fmt;
use std::future::poll_fn;
use std::task::{Context, Poll};

use tower_layer::Layer;
use tower_service::Service;

use crate::rt::{BoxFuture, MaybeSend, MaybeSync};
use crate::session::call::{Answer, Caller, OutgoingCall};
use crate::session::error::CallFailure;

/// A caller whose calls go through layers of tower.
///
/// A layer wraps a `tower::Service<OutgoingCall, Response = Answer>`. It sees and may change the
/// metadata of each call before it is sent, may refuse it, and sees the answer. Clients are created
/// from it as from any other caller:
///
/// ```
/// use roam_core::{ConnectionHandle, service, client::{LayeredCaller, OutgoingCall}};
/// use tower_layer::Layer;
/// use tower_service::Service;
/// # use std::task::{Context, Poll};
///
/// #[service]
/// trait Demo {
///     async fn divide(&self, a: i64, b: i64) -> i64;
/// }
///
/// /// Sends a tenant with each call.
/// #[derive(Clone)]
/// struct Tenant<S>(S);
///
/// impl<S: Service<OutgoingCall>> Service<OutgoingCall> for Tenant<S> {
///     type Response = S::Response;
///     type Error = S::Error;
///     type Future = S::Future;
///
///     fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
///         self.0.poll_ready(cx)
///     }
///
///     fn call(&mut self, mut call: OutgoingCall) -> S::Future {
///         call.metadata.push("tenant", "acme");
///         self.0.call(call)
///     }
/// }
///
/// fn client(connection: ConnectionHandle) -> DemoClient<impl roam_core::Caller> {
///     DemoClient::new(LayeredCaller::new(connection, &tower_layer::layer_fn(Tenant)))
/// }
/// ```
#[derive(Clone)]
pub struct LayeredCaller<S>(S);

/// The innermost service: makes calls with a [`Caller`].
#[derive(Clone, Debug)]
pub struct CallerService<C>(C);

impl<S> LayeredCaller<S> {
    /// Wraps `caller` in `layer`.
    pub fn new<C, L>(caller: C, layer: &L) -> Self
    where
        C: Caller,
        L: Layer<CallerService<C>, Service = S>,
    {
        Self(layer.layer(CallerService(caller)))
    }
}

impl<C: Caller> Service<OutgoingCall> for CallerService<C> {
    type Response = Answer;
    type Error = CallFailure;
    type Future = C::Future;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), CallFailure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: OutgoingCall) -> C::Future {
        self.0.clone().call(call)
    }
}

impl<S> Caller for LayeredCaller<S>
where
    S: Service<OutgoingCall, Response = Answer> + Clone + MaybeSend + MaybeSync + 'static,
    S::Error: Into<CallFailure> + MaybeSend,
    S::Future: MaybeSend,
{
    type Future = BoxFuture<'static, Result<Answer, CallFailure>>;

    fn call(self, call: OutgoingCall) -> Self::Future {
        let Self(mut service) = self;
        Box::pin(async move {
            poll_fn(|cx| service.poll_ready(cx))
                .await
                .map_err(Into::into)?;
            service.call(call).await.map_err(Into::into)
        })
    }
}

impl<S> fmt::Debug for LayeredCaller<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LayeredCaller").finish_non_exhaustive()
    }
}
