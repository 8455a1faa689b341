//! What answers a call of the peer.

use std::sync::Arc;
use std::task::{self, Poll, ready};

use super::context::Context;
use super::hooks::{Backing, Hooks, KeepAnswer};
use super::respond::EncodedAnswer;
use super::watch::CallWatch;
use crate::proto::{
    ChannelId, Failure, FailureKind, Handler, Metadata, NewChannels, Outcome, Payload,
    RequestError, RequestId,
};
use crate::schema::MethodDescriptor;
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
    /// Few calls have any.
    hooks: Option<Box<Hooks>>,
    /// Set when the call was split: its handler counts as running until all parts are dropped.
    parts: Option<Arc<Parts>>,
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
            hooks: None,
            parts: None,
        }
    }

    pub(super) fn context(&self) -> &Context {
        &self.context
    }

    pub(super) fn context_mut(&mut self) -> &mut Context {
        &mut self.context
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
            hooks: Some(Box::new(Hooks::keeping(keeper))),
            parts: Some(Arc::clone(parts)),
        }
    }

    /// Watches how the call is answered.
    pub(super) fn watch(&mut self) -> CallWatch {
        self.hooks.get_or_insert_default().watch(&self.context)
    }

    /// Returns what answers the call when this part of it is dropped unanswered.
    pub(super) fn back(&mut self, method: Option<&'static MethodDescriptor>) -> Backing {
        self.hooks
            .get_or_insert_default()
            .back(&self.context, method)
    }

    pub(super) fn descriptor(&self) -> Option<&'static MethodDescriptor> {
        self.hooks.as_ref()?.method
    }

    /// Answers at once with an outcome without a body.
    pub(crate) fn answer(&mut self, outcome: Outcome) {
        let (metadata, payload) = outcome.response();
        self.answer_with(&metadata, payload);
    }

    /// Answers at once with a failure and its details.
    pub(super) fn fail(&mut self, failure: &Failure) {
        let (metadata, payload) = failure.response();
        self.answer_with(&metadata, payload);
    }

    fn answer_with(&mut self, metadata: &Metadata, payload: &[u8]) {
        self.answered = true;
        // The call may have been cancelled in the meantime; then it has been answered.
        let _ = self.try_respond(metadata, payload, NewChannels::NONE);
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
        let opened = match &mut self.hooks {
            None => self.send(metadata, payload, channels)?,
            Some(hooks) => {
                metadata.check()?;
                if hooks.keep(metadata, payload, !channels.is_empty()) {
                    Vec::new()
                } else {
                    self.send_noted(metadata, payload, channels)?
                }
            }
        };
        self.answered = true;
        let connection = &self.context.connection;
        let remote = |channel| RemoteChannel::new(connection.clone(), channel);
        Ok(opened.into_iter().map(remote).collect())
    }
    fn send(
        &self,
        metadata: &Metadata,
        payload: &[u8],
        channels: NewChannels<'_>,
    ) -> Result<Vec<ChannelId>, RequestError> {
        let Context {
            connection,
            request,
            ..
        } = &self.context;
        connection.shared().with(|state, _| {
            let (calls, payload) = (state.link.calls(connection.id()), Payload::from(payload));
            calls.respond(*request, metadata, channels, payload, Handler::Running)
        })
    }

    /// Sends an answer, and tells those who watch the call.
    #[cold]
    fn send_noted(
        &self,
        metadata: &Metadata,
        payload: &[u8],
        channels: NewChannels<'_>,
    ) -> Result<Vec<ChannelId>, RequestError> {
        let sent = self.send(metadata, payload, channels);
        match (&self.hooks, &sent) {
            (Some(hooks), Ok(channels)) => hooks.note_sent(channels.clone()),
            (Some(hooks), Err(error)) => hooks.note_refused(error, &self.context),
            (None, _) => {}
        }
        sent
    }

    /// Answers as soon as there is send capacity. The handler has then finished.
    pub(super) fn poll_respond(
        &mut self,
        answer: &mut EncodedAnswer,
        waiter: &mut Option<WaiterId>,
        cx: &task::Context<'_>,
    ) -> Poll<()> {
        let Some(hooks) = &mut self.hooks else {
            return self.poll_send(answer, waiter, cx, |_| {});
        };
        if hooks.keep(
            &answer.metadata,
            &answer.payload,
            !answer.channels.is_empty(),
        ) {
            self.answered = true;
            return Poll::Ready(());
        }
        let mut sent = None;
        let polled = self.poll_send(answer, waiter, cx, |channels| {
            sent = Some(channels.to_vec());
        });
        if let (Some(hooks), Some(channels)) = (&self.hooks, sent) {
            hooks.note_sent(channels);
        }
        polled
    }

    /// Calls `opened` with the channels of the answer when that is sent.
    #[inline]
    fn poll_send(
        &mut self,
        answer: &mut EncodedAnswer,
        waiter: &mut Option<WaiterId>,
        cx: &task::Context<'_>,
        opened: impl FnOnce(&[ChannelId]),
    ) -> Poll<()> {
        let shared = self.context.connection.shared();
        let responded = ready!(shared.poll_wait(
            WaitKey::Capacity,
            waiter,
            cx,
            |state, deferred| { self.poll_finish(answer, state, deferred, opened) }
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
        on_opened: impl FnOnce(&[ChannelId]),
    ) -> Poll<Result<Option<AbortHandle>, RequestError>> {
        let Context {
            connection,
            request,
            ..
        } = &self.context;
        let len = answer.payload.len() + answer.metadata.memory_size();
        ready!(connection.poll_capacity(state, len));
        let (id, handler) = (connection.id(), self.handler());
        let EncodedAnswer {
            metadata,
            payload,
            channels,
        } = answer;
        let placed = channels.placed();
        let new = NewChannels::Placed(&placed);
        let opened = (state.link.calls(id)).respond(*request, metadata, new, payload, handler)?;
        on_opened(&opened);
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
                let reason = format!("{error} (in TypeScript: maxPayloadSize)");
                self.fail(&Failure::new(FailureKind::TooLarge).with_reason(&reason));
            }
            RequestError::NoBudgetForChannels | RequestError::TooManyChannels(_) => {
                self.answer(Outcome::Failed(FailureKind::Busy));
            }
            // The call was cancelled in the meantime, or its connection has ended.
            error => {
                if let Some(hooks) = &self.hooks {
                    hooks.note_refused(&error, &self.context);
                }
            }
        }
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        let answers = !self.answered && !self.hooks.as_mut().is_some_and(|it| it.give_back());
        if answers {
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
