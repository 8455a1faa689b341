//! The future that runs a handler.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tracing::{Instrument, Span};

use super::dispatcher::ServiceDispatcher;
use super::incoming::IncomingCall;
use crate::proto::{FailureKind, Handler, NewChannels, Outcome, Request};
use crate::rt::{self, BoxFuture, Polling};
use crate::session::abort::AbortOnDrop;
use crate::session::call::Deadline;
use crate::session::link::ConnectionHandle;

/// A call that is not unpacked yet. Unpacking allocates, so it happens on the thread that runs the
/// handler and frees the memory.
pub(super) struct QueuedCall {
    pub(super) connection: ConnectionHandle,
    pub(super) request: Request,
    pub(super) deadline: Option<Deadline>,
}

/// Runs the handler of a call. A panic ends only this handler: the caller is told when the call is
/// dropped.
pub(crate) enum HandlerFuture {
    /// Not passed to the dispatcher yet.
    Queued(Queued),
    Running(BoxFuture<'static, ()>),
    Done,
}

/// Dropping it answers the call.
pub(crate) struct Queued {
    dispatcher: Arc<dyn ServiceDispatcher>,
    call: Option<QueuedCall>,
}

impl From<QueuedCall> for IncomingCall {
    fn from(call: QueuedCall) -> Self {
        Self::new(call.connection, call.request, call.deadline)
    }
}

impl Drop for Queued {
    fn drop(&mut self) {
        drop(self.call.take().map(IncomingCall::from));
    }
}

impl HandlerFuture {
    pub(super) fn queued(dispatcher: Arc<dyn ServiceDispatcher>, call: QueuedCall) -> Self {
        let call = Some(call);
        Self::Queued(Queued { dispatcher, call })
    }

    /// Passes a call to its dispatcher at once.
    pub(crate) fn dispatch(dispatcher: &dyn ServiceDispatcher, call: IncomingCall) -> Self {
        let handler = catch_unwind(AssertUnwindSafe(|| dispatcher.dispatch(call)));
        handler.map_or(Self::Done, Self::Running)
    }

    fn poll_handler(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::Queued(Queued { dispatcher, call }) => {
                let Some(call) = call.take() else {
                    return Poll::Ready(());
                };
                let mut handler = dispatcher.dispatch(call.into());
                let polled = handler.as_mut().poll(cx);
                if polled.is_pending() {
                    *self = Self::Running(handler);
                }
                polled
            }
            Self::Running(handler) => handler.as_mut().poll(cx),
            Self::Done => Poll::Ready(()),
        }
    }
}

impl Future for HandlerFuture {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let _polling = Polling::begin();
        let caught = catch_unwind(AssertUnwindSafe(|| self.poll_handler(cx)));
        let polled = caught.unwrap_or(Poll::Ready(()));
        if polled.is_ready() {
            *self = Self::Done;
        }
        polled
    }
}

/// Runs a handler in its span, and aborts it when its deadline passes.
pub(super) fn guarded(
    dispatcher: Arc<dyn ServiceDispatcher>,
    call: QueuedCall,
    span: Span,
) -> BoxFuture<'static, ()> {
    let (connection, request) = (call.connection.clone(), call.request.request);
    let deadline = call.deadline;
    let handler = HandlerFuture::queued(dispatcher, call).instrument(span);
    let Some(deadline) = deadline else {
        return Box::pin(handler);
    };
    Box::pin(async move {
        let mut handler = AbortOnDrop::new(handler);
        // A handler whose deadline has passed is not even started.
        if deadline.has_passed()
            || rt::timeout(deadline.remaining(), &mut handler)
                .await
                .is_none()
        {
            // Before the handler is dropped, which would answer with Cancelled.
            let (metadata, payload) = Outcome::Failed(FailureKind::Deadline).response();
            let _ = connection.shared().with(|state, _| {
                let (calls, none) = (state.link.calls(connection.id()), NewChannels::NONE);
                calls.respond(request, &metadata, none, payload, Handler::Running)
            });
        }
    })
}
