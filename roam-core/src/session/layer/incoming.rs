//! Layers around the calls that a dispatcher gets.

use std::fmt;
use std::future::poll_fn;
use std::task::{Context, Poll};

use tower_layer::Layer;
use tower_service::Service;

use crate::proto::{Failure, MethodId};
use crate::rt::{BoxFuture, MaybeSend, MaybeSync};
use crate::schema::MethodDescriptor;
use crate::session::serve::{IncomingCall, ServiceDispatcher};

/// A dispatcher whose calls go through layers of tower.
///
/// A layer wraps a `tower::Service<IncomingCall>`. It sees the method, the metadata, the size, the
/// deadline and the extensions of each call, typed or forwarded, before the handler does. It can
/// - pass the call on;
/// - [refuse](IncomingCall::refuse) it, or fail with an error that becomes a [`Failure`];
/// - [watch](IncomingCall::watch) how it is answered, and when its last channel has ended.
///
/// A call that a service drops without an answer is answered with the service's error, or else with
/// Cancelled. The service is cloned for each call and asked whether it is ready first, so layers
/// that bound concurrency bound that of the whole dispatcher.
///
/// ```
/// use std::task::{Context, Poll};
/// use roam_core::{Failure, FailureKind, NoDispatcher, server::{IncomingCall, LayeredDispatcher}};
/// use tower_service::Service;
///
/// /// Refuses calls of peers that nobody knows.
/// #[derive(Clone)]
/// struct Known<S>(S);
///
/// impl<S: Service<IncomingCall, Error = Failure>> Service<IncomingCall> for Known<S> {
///     type Response = S::Response;
///     type Error = Failure;
///     type Future = futures::future::Either<std::future::Ready<Result<S::Response, Failure>>, S::Future>;
///
///     fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
///         self.0.poll_ready(cx)
///     }
///
///     fn call(&mut self, call: IncomingCall) -> Self::Future {
///         if call.context().identity().is_none() {
///             let refused = Failure::new(FailureKind::Unauthenticated);
///             return futures::future::Either::Left(std::future::ready(Err(refused)));
///         }
///         futures::future::Either::Right(self.0.call(call))
///     }
/// }
///
/// let layer = tower_layer::layer_fn(Known);
/// let dispatcher = LayeredDispatcher::new(NoDispatcher, &layer);
/// ```
#[derive(Clone)]
pub struct LayeredDispatcher<D, S> {
    methods: D,
    service: S,
}

/// The innermost service: passes calls to a dispatcher.
#[derive(Clone, Debug)]
pub struct CallService<D>(D);

impl<D: ServiceDispatcher + Clone, S> LayeredDispatcher<D, S> {
    /// Wraps `dispatcher` in `layer`.
    pub fn new<L>(dispatcher: D, layer: &L) -> Self
    where
        L: Layer<CallService<D>, Service = S>,
    {
        Self {
            methods: dispatcher.clone(),
            service: layer.layer(CallService(dispatcher)),
        }
    }
}

impl<D: ServiceDispatcher> Service<IncomingCall> for CallService<D> {
    type Response = ();
    type Error = Failure;
    type Future = Dispatched;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: IncomingCall) -> Dispatched {
        Dispatched(self.0.dispatch(call))
    }
}

/// Answers a call. Ready when it is answered.
#[must_use = "a call is answered when this is awaited"]
pub struct Dispatched(BoxFuture<'static, ()>);

impl Future for Dispatched {
    type Output = Result<(), Failure>;

    fn poll(mut self: std::pin::Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx).map(Ok)
    }
}

impl fmt::Debug for Dispatched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dispatched").finish_non_exhaustive()
    }
}

impl<D, S> ServiceDispatcher for LayeredDispatcher<D, S>
where
    D: ServiceDispatcher,
    S: Service<IncomingCall> + Clone + MaybeSend + MaybeSync + 'static,
    S::Error: Into<Failure> + MaybeSend,
    S::Response: MaybeSend,
    S::Future: MaybeSend,
{
    fn method(&self, id: MethodId) -> Option<&'static MethodDescriptor> {
        self.methods.method(id)
    }

    fn dispatch(&self, mut call: IncomingCall) -> BoxFuture<'static, ()> {
        let mut service = self.service.clone();
        let method = self.methods.method(call.method());
        Box::pin(async move {
            let backing = call.back(method);
            let served = match poll_fn(|cx| service.poll_ready(cx)).await {
                Ok(()) => service.call(call).await.map(drop),
                Err(error) => Err(error),
            };
            if let Err(error) = served {
                backing.refuse(&error.into());
            }
        })
    }
}

impl<D, S> fmt::Debug for LayeredDispatcher<D, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LayeredDispatcher").finish_non_exhaustive()
    }
}
