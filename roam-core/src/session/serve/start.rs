//! Starting handlers: in place, or in tasks that can be aborted.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures::future::Either;

use super::dispatcher::ServiceDispatcher;
use super::handler::{HandlerFuture, QueuedCall, guarded};
use crate::proto::{MethodId, Request};
use crate::rt::BoxFuture;
use crate::schema::MethodDescriptor;
use crate::session::abort::AbortOnDrop;
use crate::session::call::{Deadline, handler_span};
use crate::session::link::service::Service;
use crate::session::link::state::CallKey;
use crate::session::link::{ConnectionHandle, ConnectionState, LinkGuard};
use crate::session::workers::Workers;

/// Passes the calls of a connection to a dispatcher, and runs their handlers.
pub(crate) struct DispatchService {
    dispatcher: Arc<dyn ServiceDispatcher>,
    workers: Workers<HandlerTask>,
}

/// What a worker runs. It is boxed when the call has a deadline or a span that is recorded.
type HandlerTask = AbortOnDrop<Either<HandlerFuture, BoxFuture<'static, ()>>>;

/// A handler that goes on in a task.
struct Started {
    key: CallKey,
    task: HandlerTask,
}

impl DispatchService {
    pub(crate) fn service(dispatcher: impl ServiceDispatcher) -> Arc<dyn Service> {
        Arc::new(Self {
            dispatcher: Arc::new(dispatcher),
            workers: Workers::new(),
        })
    }

    /// Starts a handler. Returns `None` when it was polled in place and is ready.
    fn start_one(&self, connection: ConnectionHandle, request: Request) -> Option<Started> {
        let key = (request.connection, request.request);
        let method = self.find_method(request.method);
        let span = handler_span(&request, method);
        let deadline = Deadline::from_metadata(&request.metadata);
        let is_guarded = deadline.is_some() || !span.is_disabled();
        let call = QueuedCall {
            connection,
            request,
            deadline,
        };
        let dispatcher = Arc::clone(&self.dispatcher);
        let mut task = AbortOnDrop::new(if is_guarded {
            Either::Right(guarded(dispatcher, call, span))
        } else {
            Either::Left(HandlerFuture::queued(dispatcher, call))
        });
        let inline = method.is_some_and(|method| method.inline);
        if inline && poll_once(&mut task).is_ready() {
            return None;
        }
        Some(Started { key, task })
    }

    fn find_method(&self, id: MethodId) -> Option<&'static MethodDescriptor> {
        // This is user code. If it panics here, it will panic again when it is asked for the
        // handler, and there the caller is told.
        let method = catch_unwind(AssertUnwindSafe(|| self.dispatcher.method(id)));
        method.unwrap_or_default()
    }

    /// Runs handlers in tasks of their own. Returns those whose task turns out to have ended.
    fn run(&self, connection: &ConnectionHandle, mut started: Vec<Started>) -> Vec<Started> {
        let mut slots = self.workers.slots(started.len());
        let ended = connection.shared().with(|state, _| {
            // A Cancel may have come in the same frame, or the connection has ended.
            let has_ended = |it: &mut Started| !state.link.calls(it.key.0).is_unanswered(it.key.1);
            let ended: Vec<_> = started.extract_if(.., has_ended).collect();
            for (handler, slot) in started.iter().zip(&slots) {
                state.handlers.insert(handler.key, slot.abort_handle());
            }
            ended
        });
        drop(ended);
        self.workers.put_back(slots.drain(started.len()..));
        let run = |(slot, Started { key, task })| {
            let task = self.workers.run(slot, task)?;
            Some(Started { key, task })
        };
        slots.into_iter().zip(started).filter_map(run).collect()
    }
}

impl Service for DispatchService {
    fn start(
        &self,
        link: &Arc<LinkGuard>,
        connection: &Arc<ConnectionState>,
        requests: &mut [Option<Request>],
    ) -> usize {
        let connection = ConnectionHandle::of(Arc::clone(link), Arc::clone(connection));
        let requests = requests.iter_mut().filter_map(Option::take);
        let start = |request| self.start_one(connection.clone(), request);
        let mut started: Vec<_> = requests.filter_map(start).collect();
        let tasks = started.len();
        while !started.is_empty() {
            started = self.run(&connection, started);
        }
        tasks
    }
}

/// Polls a future once, without being woken later.
fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}
