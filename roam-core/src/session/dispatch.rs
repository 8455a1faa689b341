//! Calls as their callee sees them: from a Request to a handler, and back.

use std::future::{Future, poll_fn};
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::task::{self, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::{AbortHandle, Abortable, Either, select};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::proto::{Direction, Failure, Metadata, MethodId, Refused, Request, RequestId, outcome};
use crate::rt::{self, BoxFuture, MaybeSend, MaybeSync};
use crate::schema::MethodDescriptor;

use super::binder::{self, CollectedEnds};
use super::call::DEADLINE_KEY;
use super::connection::{ConnectionHandle, ConnectionState};
use super::context::{Context, Deadline};
use super::shared::{NO_METADATA, Users};
use super::wire::{OpenedEnds, Wire};

/// Answers the calls that come on a connection. `#[service]` writes one for each service;
/// [`RoutedDispatcher`] joins several.
pub trait ServiceDispatcher: MaybeSend + MaybeSync + 'static {
    /// The method with this id, if it is served here.
    fn method(&self, id: MethodId) -> Option<&'static MethodDescriptor>;

    /// Answers a call. The future is run in a task of its own, unless the method asks to be
    /// polled in place first; dropping it answers the call with Cancelled.
    fn dispatch(&self, call: IncomingCall) -> BoxFuture<'static, ()>;
}

impl<D: ServiceDispatcher + ?Sized> ServiceDispatcher for Arc<D> {
    fn method(&self, id: MethodId) -> Option<&'static MethodDescriptor> {
        (**self).method(id)
    }

    fn dispatch(&self, call: IncomingCall) -> BoxFuture<'static, ()> {
        (**self).dispatch(call)
    }
}

/// Serves nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoDispatcher;

impl ServiceDispatcher for NoDispatcher {
    fn method(&self, _: MethodId) -> Option<&'static MethodDescriptor> {
        None
    }

    fn dispatch(&self, call: IncomingCall) -> BoxFuture<'static, ()> {
        Box::pin(call.unknown_method())
    }
}

/// Serves several services on one connection. A method id is unique to its service, so that the
/// order matters only when the same service is put in twice: the first then answers.
#[derive(Clone, Default)]
pub struct RoutedDispatcher {
    services: Vec<Arc<dyn ServiceDispatcher>>,
}

impl RoutedDispatcher {
    /// Serves nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Serves what `dispatcher` does as well.
    #[must_use]
    pub fn with(mut self, dispatcher: impl ServiceDispatcher) -> Self {
        self.services.push(Arc::new(dispatcher));
        self
    }

    fn find(&self, id: MethodId) -> Option<(&Arc<dyn ServiceDispatcher>, &'static MethodDescriptor)> {
        self.services.iter().find_map(|service| Some((service, service.method(id)?)))
    }
}

impl ServiceDispatcher for RoutedDispatcher {
    fn method(&self, id: MethodId) -> Option<&'static MethodDescriptor> {
        self.find(id).map(|(_, method)| method)
    }

    fn dispatch(&self, call: IncomingCall) -> BoxFuture<'static, ()> {
        match self.find(call.method()) {
            Some((service, _)) => service.dispatch(call),
            None => Box::pin(call.unknown_method()),
        }
    }
}

impl std::fmt::Debug for RoutedDispatcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RoutedDispatcher").field("services", &self.services.len()).finish()
    }
}

/// A call of the peer, to be answered. When it is dropped without an answer, the peer is told
/// that it was cancelled, or that the handler panicked.
#[derive(Debug)]
pub struct IncomingCall {
    context: Context,
    pub(super) payload: Bytes,
    pub(super) ends: Option<OpenedEnds>,
    pub(super) responder: Responder,
}

impl IncomingCall {
    /// What is known of the call.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// The method that is called.
    pub fn method(&self) -> MethodId {
        self.context.method
    }

    /// Decodes the arguments, a tuple. When that fails the call is answered with InvalidPayload,
    /// and there is nothing more to do.
    pub fn decode<A: DeserializeOwned>(&mut self) -> Option<A> {
        let ends = self.ends.take()?;
        let payload = std::mem::take(&mut self.payload);
        match binder::decode(&payload, ends) {
            Ok(args) => Some(args),
            Err(error) => {
                tracing::debug!(method = %self.method(), %error, "arguments do not decode");
                self.responder.answer(NO_METADATA, &[outcome::ERROR, outcome::INVALID_PAYLOAD]);
                None
            }
        }
    }

    /// Answers that nobody serves the method here.
    pub async fn unknown_method(mut self) {
        self.responder.answer(NO_METADATA, &[outcome::ERROR, outcome::UNKNOWN_METHOD]);
    }

    /// Answers the call, as soon as there is room to send.
    pub async fn respond<T: Serialize, E: Serialize>(mut self, result: Result<T, E>) {
        let encoded = match &result {
            Ok(value) => binder::encode(value, vec![outcome::OK]),
            Err(error) => binder::encode(error, vec![outcome::ERROR, outcome::USER]),
        };
        drop(result);
        let connection = self.context.connection.clone();
        poll_fn(|cx| connection.shared().with(|state, _| state.poll_room(cx.waker()))).await;
        match encoded {
            Ok((payload, ends)) => self.responder.answer_with(&payload, ends),
            Err(error) => {
                tracing::error!(method = %self.method(), %error, "a result cannot be encoded");
                self.responder.fail(Failure::Panic);
            }
        }
    }
}

/// Answers a call once, and tells the machine when its handler is gone.
#[derive(Debug)]
pub(super) struct Responder {
    connection: ConnectionHandle,
    request: RequestId,
    answered: bool,
}

impl Responder {
    fn answer(&mut self, metadata: &Metadata, payload: &[u8]) {
        self.answered = true;
        // The call may have been cancelled in between; then it has been answered.
        let _ = self.connection.respond(self.request, metadata, payload, CollectedEnds::default());
    }

    /// Answers in bytes. What is refused is not answered yet.
    pub(super) fn respond_raw(
        &mut self,
        metadata: &Metadata,
        payload: &[u8],
        keep: &[Direction],
    ) -> Result<Vec<Wire>, Refused> {
        let id = self.connection.id();
        let channels = self.connection.shared().with(|state, _| {
            state.link.respond(id, self.request, metadata, keep, payload)
        })?;
        self.answered = true;
        Ok(channels.into_iter().map(|channel| self.connection.wire(channel)).collect())
    }

    fn fail(&mut self, failure: Failure) {
        let (metadata, payload) = failure.response();
        self.answer(&metadata, payload);
    }

    fn answer_with(&mut self, payload: &[u8], ends: CollectedEnds) {
        match self.connection.respond(self.request, NO_METADATA, payload, ends) {
            Ok(()) => self.answered = true,
            Err(Refused::PayloadTooLarge { len, max }) => {
                tracing::error!(len, max, "a result is too large");
                self.fail(Failure::TooLarge);
            }
            Err(Refused::NoRoomForChannels | Refused::TooManyEnds(_)) => self.fail(Failure::Busy),
            Err(_) => self.answered = true,
        }
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        if !self.answered {
            if std::thread::panicking() {
                self.fail(Failure::Panic);
            } else {
                self.answer(NO_METADATA, &[outcome::ERROR, outcome::CANCELLED]);
            }
        }
        let key = (self.connection.id(), self.request);
        self.connection.shared().with(|state, _| {
            state.handlers.remove(&key);
            state.link.handler_gone(key.0, key.1);
        });
    }
}

/// Hands a Request to its connection's dispatcher.
pub(super) fn start(users: &Arc<Users>, state: Arc<ConnectionState>, request: Request) {
    let dispatcher = Arc::clone(state.dispatcher());
    let connection = ConnectionHandle { users: Arc::clone(users), state };
    let key = (connection.id(), request.request);
    let call = incoming_call(connection.clone(), request);
    let inline = dispatcher.method(call.method()).is_some_and(|method| method.inline);
    let mut handler = run(dispatcher, call);
    if inline && poll_once(&mut handler).is_ready() {
        return;
    }
    let (abort, registration) = AbortHandle::new_pair();
    let live = connection.shared().with(|state, _| {
        // The call may be over by now, when another thread ended the connection.
        let live = state.link.is_live(key.0);
        if live {
            state.handlers.insert(key, abort);
        }
        live
    });
    if live {
        rt::spawn(async move {
            let _ = Abortable::new(handler, registration).await;
        });
    }
}

fn incoming_call(connection: ConnectionHandle, request: Request) -> IncomingCall {
    let Request { request, method, metadata, channels, payload, .. } = request;
    let ends = OpenedEnds::new(Arc::clone(&connection.users), Arc::clone(&connection.state), channels.clone());
    let deadline = metadata.get_u64(DEADLINE_KEY).map(|millis| Deadline::after(Duration::from_millis(millis)));
    let responder = Responder { connection: connection.clone(), request, answered: false };
    let context = Context { connection, request, method, metadata, channels, deadline };
    IncomingCall { context, payload, ends: Some(ends), responder }
}

/// The handler, kept from taking others down when it panics, and from outliving its deadline.
fn run(dispatcher: Arc<dyn ServiceDispatcher>, call: IncomingCall) -> BoxFuture<'static, ()> {
    let Some(deadline) = call.context.deadline else {
        return Box::pin(catch_panics(dispatcher, call).map(drop));
    };
    let (connection, request) = (call.responder.connection.clone(), call.responder.request);
    Box::pin(async move {
        let handler = pin!(catch_panics(dispatcher, call));
        let expiry = pin!(rt::sleep(deadline.remaining()));
        if let Either::Right(((), handler)) = select(handler, expiry).await {
            let (metadata, payload) = Failure::Deadline.response();
            // Before the handler is dropped, which would answer with Cancelled.
            let _ = connection.respond(request, &metadata, payload, CollectedEnds::default());
            drop(handler);
        }
    })
}

fn catch_panics(
    dispatcher: Arc<dyn ServiceDispatcher>,
    call: IncomingCall,
) -> impl Future<Output = std::thread::Result<()>> {
    // `dispatch` itself is user code as well.
    AssertUnwindSafe(async move { dispatcher.dispatch(call).await }).catch_unwind()
}

/// Polls a future for nothing but to see whether it is done already.
fn poll_once(future: &mut BoxFuture<'static, ()>) -> Poll<()> {
    future.as_mut().poll(&mut task::Context::from_waker(Waker::noop()))
}
