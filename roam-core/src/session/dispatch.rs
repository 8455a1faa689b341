//! Calls as their callee sees them: from a Request to a handler, and back.

use std::future::{Future, Ready, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{self, Poll, Waker};

use futures::future::Either;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tracing::{Instrument, Span};

use crate::proto::{Failure, MethodId, ReceivedPayload, Request, outcome};
use crate::rt::{self, BoxFuture, MaybeSend, MaybeSync};
use crate::schema::MethodDescriptor;

use super::binder::{self, CollectedEnds};
use super::connection::ConnectionHandle;
use super::context::Context;
use super::deadline::Deadline;
use super::nonce::Claim;
use super::pool::Stopper;
use super::responder::Responder;
use super::responding::Responding;
use super::shared::{CallKey, NO_METADATA, Served, Shared};
use super::todo::Started;
use super::trace;
use super::unfinished::Unfinished;
use super::wire::OpenedEnds;

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

    fn find(
        &self,
        id: MethodId,
    ) -> Option<(&Arc<dyn ServiceDispatcher>, &'static MethodDescriptor)> {
        self.services
            .iter()
            .find_map(|service| Some((service, service.method(id)?)))
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
        f.debug_struct("RoutedDispatcher")
            .field("services", &self.services.len())
            .finish()
    }
}

/// A call of the peer, to be answered. When it is dropped without an answer, the peer is told
/// that it was cancelled, or that the handler panicked.
#[derive(Debug)]
pub struct IncomingCall(Box<Parts>);

/// Boxed, since a call is handed from future to future.
#[derive(Debug)]
struct Parts {
    payload: ReceivedPayload,
    ends: Option<OpenedEnds>,
    responder: Responder,
}

impl From<NewCall> for IncomingCall {
    fn from(call: NewCall) -> Self {
        Self::new(call.connection, call.request, call.deadline)
    }
}

impl IncomingCall {
    fn new(connection: ConnectionHandle, request: Request, deadline: Option<Deadline>) -> Self {
        let Request {
            request,
            method,
            metadata,
            channels,
            payload,
            ..
        } = request;
        let ends = OpenedEnds::new(&connection, channels.clone());
        let context = Context {
            connection,
            request,
            method,
            metadata,
            channels,
            deadline,
        };
        Self(Box::new(Parts {
            payload,
            ends: Some(ends),
            responder: Responder::new(context),
        }))
    }

    /// Splits off what the handler gets, whose answer is kept by `claim`. What is left is still to
    /// be answered.
    pub(super) fn split_off(&mut self, claim: Claim) -> Self {
        Self(Box::new(Parts {
            payload: self.take_payload(),
            ends: self.take_ends(),
            responder: self.0.responder.split_off(claim),
        }))
    }

    /// What answers the call.
    pub(super) fn responder(&mut self) -> &mut Responder {
        &mut self.0.responder
    }

    /// The encoded arguments.
    pub fn payload(&self) -> &[u8] {
        &self.0.payload
    }

    pub(super) fn take_payload(&mut self) -> ReceivedPayload {
        std::mem::take(&mut self.0.payload)
    }

    /// Takes the channel ends of the arguments, in order.
    pub fn take_ends(&mut self) -> Option<OpenedEnds> {
        self.0.ends.take()
    }

    /// What is known of the call.
    pub fn context(&self) -> &Context {
        self.0.responder.context()
    }

    /// The method that is called.
    pub fn method(&self) -> MethodId {
        self.context().method
    }

    /// Decodes the arguments, a tuple. When that fails the call is answered with `InvalidPayload`,
    /// and there is nothing more to do.
    pub fn decode<A: DeserializeOwned>(&mut self) -> Option<A> {
        let ends = self.take_ends()?;
        let payload = self.take_payload();
        match binder::decode(&payload, ends) {
            Ok(args) => Some(args),
            Err(error) => {
                tracing::debug!(method = %self.method(), %error, "arguments do not decode");
                self.responder()
                    .answer(NO_METADATA, &[outcome::ERROR, outcome::INVALID_PAYLOAD]);
                None
            }
        }
    }

    /// Answers that nobody serves the method here.
    pub fn unknown_method(mut self) -> Ready<()> {
        self.responder()
            .answer(NO_METADATA, &[outcome::ERROR, outcome::UNKNOWN_METHOD]);
        ready(())
    }

    /// Answers the call when the future is awaited, as soon as there is room to send. The result is
    /// encoded at once.
    pub fn respond<T: Serialize, E: Serialize>(self, result: Result<T, E>) -> Responding {
        let encoded = match &result {
            Ok(value) => binder::encode(value, &[outcome::OK]),
            Err(error) => binder::encode(error, &[outcome::ERROR, outcome::USER]),
        };
        drop(result);
        match encoded {
            Ok((payload, ends)) => Responding::new(self, payload, ends),
            Err(error) => {
                tracing::error!(method = %self.method(), %error, "a result cannot be encoded");
                Responding::failure(self, Failure::Panic)
            }
        }
    }
}

/// Hands Requests to their connections' dispatchers. Returns how many tasks that takes.
pub(super) fn start(
    shared: &Shared,
    started: impl Iterator<Item = Started>,
    mut requests: impl Iterator<Item = Option<Request>>,
) -> usize {
    let Some(users) = shared.users() else {
        // Nobody is left to answer, and the link is about to be closed.
        shared.with(|state, _| {
            for request in requests.flatten() {
                state.link.handler_gone(request.connection, request.request);
            }
        });
        return 0;
    };
    let mut handlers = Vec::new();
    for Started { served, count } in started {
        let Served {
            connection,
            dispatcher,
        } = served;
        let connection = ConnectionHandle::of(Arc::clone(&users), connection);
        let mut left = count;
        for request in requests.by_ref().take(count) {
            left -= 1;
            let Some(request) = request else { continue };
            if let Some(handler) = begin(connection.clone(), &dispatcher, request) {
                // Those that follow are likely to need a task as well.
                handlers.reserve(1 + left);
                handlers.push(handler);
            }
        }
    }
    let tasks = handlers.len();
    while !handlers.is_empty() {
        handlers = run_in_tasks(shared, handlers);
    }
    tasks
}

/// Runs handlers in tasks of their own. Returns those whose task turns out to be gone.
fn run_in_tasks(shared: &Shared, mut handlers: Vec<Handler>) -> Vec<Handler> {
    let (seats, over) = shared.with(|state, _| {
        // A Cancel may have come in the same frame, or another thread ended the connection.
        let is_over = |handler: &mut Handler| !state.link.is_awaited(handler.key.0, handler.key.1);
        let over: Vec<_> = handlers.extract_if(.., is_over).collect();
        let seats = shared.tasks.seats(handlers.len());
        for (handler, seat) in handlers.iter().zip(&seats) {
            state.handlers.insert(handler.key, seat.stopper());
        }
        (seats, over)
    });
    drop(over);
    let run = |(seat, Handler { key, task })| {
        let task = shared.tasks.run(seat, task)?;
        Some(Handler { key, task })
    };
    seats.into_iter().zip(handlers).filter_map(run).collect()
}

/// A handler that is to go on in a task of its own.
struct Handler {
    key: CallKey,
    task: HandlerTask,
}

/// What such a task runs.
pub(super) type HandlerTask = Unfinished<Running>;
/// What stops it, when nobody waits for the answer any more.
pub(super) type HandlerStopper = Stopper<HandlerTask>;

/// Calls a handler. `None` when it was polled in place, and is done.
fn begin(
    connection: ConnectionHandle,
    dispatcher: &Arc<dyn ServiceDispatcher>,
    request: Request,
) -> Option<Handler> {
    let key = (request.connection, request.request);
    let method = find_method(&**dispatcher, request.method);
    let span = trace::handler_span(&request, method);
    let deadline = Deadline::from_metadata(&request.metadata);
    let inline = method.is_some_and(|method| method.inline);
    let is_guarded = deadline.is_some() || !span.is_disabled();
    if inline && !is_guarded {
        let call = IncomingCall::new(connection, request, None);
        let handling = begin_in_place(&**dispatcher, call)?;
        let task = Unfinished::new(Either::Left(handling));
        return Some(Handler { key, task });
    }
    let call = NewCall {
        connection,
        request,
        deadline,
    };
    let dispatcher = Arc::clone(dispatcher);
    let mut task = Unfinished::new(if is_guarded {
        Either::Right(guarded(dispatcher, call, span))
    } else {
        Either::Left(Handling::new(dispatcher, call))
    });
    if inline && poll_once(&mut task).is_ready() {
        return None;
    }
    Some(Handler { key, task })
}

/// Calls a handler and polls it once. `None` when it is done.
fn begin_in_place(dispatcher: &dyn ServiceDispatcher, call: IncomingCall) -> Option<Handling> {
    // A panic ends the handler and nothing else.
    let caught = catch_unwind(AssertUnwindSafe(|| {
        let mut handler = dispatcher.dispatch(call);
        poll_once(&mut handler).is_pending().then_some(handler)
    }));
    caught.unwrap_or_default().map(Handling::Begun)
}

fn find_method(
    dispatcher: &dyn ServiceDispatcher,
    id: MethodId,
) -> Option<&'static MethodDescriptor> {
    // That is user code. When it panics, so it will when it is asked for the handler, and there
    // the caller is told.
    catch_unwind(AssertUnwindSafe(|| dispatcher.method(id))).unwrap_or_default()
}

/// A handler. It is boxed when it has a deadline to keep to, or a span that somebody watches.
pub(super) type Running = Either<Handling, BoxFuture<'static, ()>>;

/// The handler in its span, kept from outliving its deadline.
fn guarded(
    dispatcher: Arc<dyn ServiceDispatcher>,
    call: NewCall,
    span: Span,
) -> BoxFuture<'static, ()> {
    let (connection, request) = (call.connection.clone(), call.request.request);
    let deadline = call.deadline;
    let handler = Handling::new(dispatcher, call).instrument(span);
    let Some(deadline) = deadline else {
        return Box::pin(handler);
    };
    Box::pin(async move {
        let mut handler = Unfinished::new(handler);
        // One that comes too late is not even begun.
        if deadline.has_passed()
            || rt::timeout(deadline.remaining(), &mut handler)
                .await
                .is_none()
        {
            // Before the handler is dropped, which would answer with Cancelled.
            let (metadata, payload) = Failure::Deadline.response();
            let _ = connection.respond(request, &metadata, payload, CollectedEnds::default());
        }
    })
}

/// A call as it came. Memory for it is taken where its handler runs, since it is given back there.
pub(super) struct NewCall {
    connection: ConnectionHandle,
    request: Request,
    deadline: Option<Deadline>,
}

/// The handler of a call. A panic ends it and nothing else: the caller is told when the call is
/// dropped.
pub(super) enum Handling {
    /// The dispatcher is user code as well, and is asked where the handler runs.
    New(Unbegun),
    Begun(BoxFuture<'static, ()>),
    Done,
}

/// A call of which the handler is not begun. Dropped, it is answered all the same.
pub(super) struct Unbegun {
    dispatcher: Arc<dyn ServiceDispatcher>,
    call: Option<NewCall>,
}

impl Drop for Unbegun {
    fn drop(&mut self) {
        drop(self.call.take().map(IncomingCall::from));
    }
}

impl Handling {
    fn new(dispatcher: Arc<dyn ServiceDispatcher>, call: NewCall) -> Self {
        let call = Some(call);
        Self::New(Unbegun { dispatcher, call })
    }

    /// Asks the dispatcher at once.
    pub(super) fn begin(dispatcher: &dyn ServiceDispatcher, call: IncomingCall) -> Self {
        let begun = catch_unwind(AssertUnwindSafe(|| dispatcher.dispatch(call)));
        begun.map_or(Self::Done, Self::Begun)
    }

    fn poll_handler(&mut self, cx: &mut task::Context<'_>) -> Poll<()> {
        match self {
            Self::New(Unbegun { dispatcher, call }) => {
                let Some(call) = call.take() else {
                    return Poll::Ready(());
                };
                let mut handler = dispatcher.dispatch(call.into());
                let polled = handler.as_mut().poll(cx);
                if polled.is_pending() {
                    *self = Self::Begun(handler);
                }
                polled
            }
            Self::Begun(handler) => handler.as_mut().poll(cx),
            Self::Done => Poll::Ready(()),
        }
    }
}

impl Future for Handling {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<()> {
        let caught = catch_unwind(AssertUnwindSafe(|| self.poll_handler(cx)));
        let polled = caught.unwrap_or(Poll::Ready(()));
        if polled.is_ready() {
            *self = Self::Done;
        }
        polled
    }
}

/// Polls a future for nothing but to see whether it is done already.
fn poll_once<F: Future + Unpin>(handler: &mut F) -> Poll<F::Output> {
    pin!(handler).poll(&mut task::Context::from_waker(Waker::noop()))
}
