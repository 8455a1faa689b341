//! Layers around the calls that clients make.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tower_layer::Layer;
use tower_service::Service;

use crate::rt::{BoxFuture, MaybeSend, MaybeSync};
use crate::session::call::{Answer, Caller, OutgoingCall, Watching};
use crate::session::error::CallFailure;

/// A caller whose calls go through layers of tower.
///
/// A layer wraps a `tower::Service<OutgoingCall, Response = Answer>`. It sees and may change the
/// metadata of each call before it is sent, may refuse it, and sees the answer. It may
/// [watch](OutgoingCall::watch) when the last channel of a call has ended. Clients are created from it
/// as from any other caller:
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
    type Future = LayeredCall<C::Future>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), CallFailure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut call: OutgoingCall) -> Self::Future {
        let watching = call.watching.as_mut().map(|watching| watching.take_over());
        LayeredCall {
            answer: self.0.clone().call(call),
            watching,
        }
    }
}

/// A call that has passed all layers. Dropping it cancels the call.
#[must_use = "a call does nothing unless it is awaited"]
pub struct LayeredCall<F> {
    answer: F,
    watching: Option<Watching>,
}

impl<F> Future for LayeredCall<F>
where
    F: Future<Output = Result<Answer, CallFailure>> + Unpin,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = ready!(Pin::new(&mut self.answer).poll(cx));
        if let Some(watching) = self.watching.take() {
            watching.end(&answer);
        }
        Poll::Ready(answer)
    }
}

impl<F> fmt::Debug for LayeredCall<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LayeredCall").finish_non_exhaustive()
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
