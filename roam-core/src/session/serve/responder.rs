//! What answers a call of the peer.

use std::fmt::Debug;
use std::sync::Arc;
use std::task::{self, Poll, ready};

use super::context::Context;
use super::respond::EncodedAnswer;
use crate::proto::{
    FailureKind, Handler, Metadata, NewChannels, Outcome, Payload, RequestError, RequestId,
};
use crate::rt::{MaybeSend, MaybeSync};
use crate::session::channel::RemoteChannel;
use crate::session::link::ConnectionHandle;
use crate::session::link::deferred::Deferred;
use crate::session::link::service::AbortHandle;
use crate::session::link::state::State;
use crate::session::link::wait::{WaitKey, WaiterId};

/// Answers a call once, and tells the link when its handler has finished.
#[derive(Debug)]
pub(crate) struct Responder {
    context: Context,
    answered: bool,
    /// The link knows that the handler has finished.
    finished: bool,
    /// Keeps the answer instead of sending it. An answer with channels cannot be kept and is sent.
    keeper: Option<Box<dyn KeepAnswer>>,
    /// Set when the call was split: its handler counts as running until all parts are dropped.
    parts: Option<Arc<Parts>>,
}

/// Keeps an answer in place of sending it.
pub(crate) trait KeepAnswer: Debug + MaybeSend + MaybeSync + 'static {
    /// Keeps the answer to a call. It is called at most once.
    fn keep(&mut self, metadata: &Metadata, payload: &[u8]);
}

/// Dropped with the last part of a call.
#[derive(Debug)]
struct Parts {
    connection: ConnectionHandle,
    request: RequestId,
}

impl Drop for Parts {
    fn drop(&mut self) {
        handler_finished(&self.connection, self.request);
    }
}

impl Responder {
    pub(super) fn new(context: Context) -> Self {
        Self {
            context,
            answered: false,
            finished: false,
            keeper: None,
            parts: None,
        }
    }

    pub(super) fn context(&self) -> &Context {
        &self.context
    }

    pub(super) fn split_off(&mut self, keeper: Box<dyn KeepAnswer>) -> Self {
        let (connection, request) = (self.context.connection.clone(), self.context.request);
        let parts = self.parts.get_or_insert_with(|| {
            Arc::new(Parts {
                connection,
                request,
            })
        });
        Self {
            context: self.context.clone(),
            answered: false,
            finished: false,
            keeper: Some(keeper),
            parts: Some(Arc::clone(parts)),
        }
    }

    /// Answers at once with an outcome without a body.
    pub(crate) fn answer(&mut self, outcome: Outcome) {
        let (metadata, payload) = outcome.response();
        self.answered = true;
        // The call may have been cancelled in the meantime; then it has been answered.
        let _ = self.try_respond(&metadata, payload, NewChannels::NONE);
    }

    /// Answers at once with an encoded outcome. Returns the channels that it opens.
    ///
    /// # Errors
    /// The call stays unanswered.
    pub(crate) fn try_respond(
        &mut self,
        metadata: &Metadata,
        payload: &[u8],
        channels: NewChannels<'_>,
    ) -> Result<Vec<RemoteChannel>, RequestError> {
        let Context {
            connection,
            request,
            ..
        } = &self.context;
        if let Some(keeper) = &mut self.keeper
            && channels.is_empty()
        {
            metadata.check()?;
            keeper.keep(metadata, payload);
            self.answered = true;
            return Ok(Vec::new());
        }
        let payload = Payload::from(payload);
        let channels = connection.shared().with(|state, _| {
            let calls = state.link.calls(connection.id());
            calls.respond(*request, metadata, channels, payload, Handler::Running)
        })?;
        self.answered = true;
        let remote = |channel| RemoteChannel::new(connection.clone(), channel);
        Ok(channels.into_iter().map(remote).collect())
    }

    /// Answers as soon as there is send capacity. The handler has then finished.
    pub(super) fn poll_respond(
        &mut self,
        answer: &mut EncodedAnswer,
        waiter: &mut Option<WaiterId>,
        cx: &task::Context<'_>,
    ) -> Poll<()> {
        if let Some(keeper) = &mut self.keeper
            && answer.channels.is_empty()
        {
            keeper.keep(&answer.metadata, &answer.payload);
            self.answered = true;
            return Poll::Ready(());
        }
        let shared = self.context.connection.shared();
        let responded = ready!(shared.poll_wait(
            WaitKey::Capacity,
            waiter,
            cx,
            |state, deferred| { self.poll_finish(answer, state, deferred) }
        ));
        match responded {
            Ok(_abort_handle) => {
                self.answered = true;
                self.finished = self.parts.is_none();
            }
            Err(error) => self.on_refused(error),
        }
        Poll::Ready(())
    }

    /// Answers and releases the handler. Drop what could abort it after the lock is released.
    fn poll_finish(
        &self,
        answer: &mut EncodedAnswer,
        state: &mut State,
        deferred: &mut Deferred,
    ) -> Poll<Result<Option<AbortHandle>, RequestError>> {
        let Context {
            connection,
            request,
            ..
        } = &self.context;
        ready!(connection.poll_capacity(state));
        let (id, handler) = (connection.id(), self.handler());
        let EncodedAnswer {
            metadata,
            payload,
            channels,
        } = answer;
        let placed = channels.placed();
        let new = NewChannels::Placed(&placed);
        let opened = (state.link.calls(id)).respond(*request, metadata, new, payload, handler)?;
        channels.connect(&mut state.link, connection, opened, deferred);
        let abort_handle = match handler {
            Handler::Running => None,
            Handler::Finished => state.handlers.remove(&(id, *request)),
        };
        Poll::Ready(Ok(abort_handle))
    }

    /// Returns whether the handler counts as running once this part has answered.
    fn handler(&self) -> Handler {
        match self.parts {
            Some(_) => Handler::Running,
            None => Handler::Finished,
        }
    }

    /// Tells the caller why an answer was refused, if it still waits.
    pub(crate) fn on_refused(&mut self, error: RequestError) {
        self.answered = true;
        match error {
            RequestError::PayloadTooLarge { len, max } => {
                tracing::error!(len, max, "a result is larger than max_payload_size");
                self.answer(Outcome::Failed(FailureKind::TooLarge));
            }
            RequestError::NoBudgetForChannels | RequestError::TooManyChannels(_) => {
                self.answer(Outcome::Failed(FailureKind::Busy));
            }
            // The call was cancelled in the meantime, or its connection has ended.
            _ => {}
        }
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        if !self.answered {
            self.answer(if std::thread::panicking() {
                Outcome::Failed(FailureKind::Panic)
            } else {
                Outcome::Cancelled
            });
        }
        if self.parts.is_none() && !self.finished {
            handler_finished(&self.context.connection, self.context.request);
        }
    }
}

fn handler_finished(connection: &ConnectionHandle, request: RequestId) {
    let key = (connection.id(), request);
    let _abort_handle = (connection.shared()).with(|state, _| state.release_handler(key));
}
