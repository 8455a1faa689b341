//! What happens to an answer besides sending it: it is kept, watched, or replaced by a refusal.

use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};

use super::context::Context;
use super::watch::{CallWatch, Watched};
use crate::proto::{
    ChannelId, Failure, FailureKind, Handler, Metadata, NewChannels, Outcome, RequestError,
};
use crate::rt::{MaybeSend, MaybeSync};
use crate::schema::MethodDescriptor;

/// What happens to an answer besides sending it.
#[derive(Debug, Default)]
pub(super) struct Hooks {
    /// Keeps the answer instead of sending it. An answer with channels cannot be kept and is sent.
    keeper: Option<Box<dyn KeepAnswer>>,
    watched: Option<Arc<Watched>>,
    /// A layer answers the call when its part of the call is dropped unanswered.
    backing: Option<Arc<Returned>>,
    /// Known inside layers.
    pub(super) method: Option<&'static MethodDescriptor>,
}

/// Keeps an answer in place of sending it.
pub(crate) trait KeepAnswer: Debug + MaybeSend + MaybeSync + 'static {
    /// Keeps the answer to a call. It is called at most once.
    fn keep(&mut self, metadata: &Metadata, payload: &[u8]);
}

/// The keeper of a call that was dropped unanswered.
type Returned = Mutex<Option<Box<dyn KeepAnswer>>>;

impl Hooks {
    pub(super) fn keeping(keeper: Box<dyn KeepAnswer>) -> Self {
        Self {
            keeper: Some(keeper),
            ..Self::default()
        }
    }

    pub(super) fn watch(&mut self, context: &Context) -> CallWatch {
        let watched = Arc::clone(self.watched.get_or_insert_default());
        CallWatch::new(context.clone(), watched)
    }

    pub(super) fn back(
        &mut self,
        context: &Context,
        method: Option<&'static MethodDescriptor>,
    ) -> Backing {
        self.method = method;
        Backing {
            context: context.clone(),
            watched: Arc::clone(self.watched.get_or_insert_default()),
            returned: Arc::clone(self.backing.get_or_insert_default()),
            refused: false,
        }
    }

    /// Records an answer that is about to be sent. Returns `true` when it was kept instead.
    pub(super) fn keep(&mut self, metadata: &Metadata, payload: &[u8], has_channels: bool) -> bool {
        if let Some(watched) = &self.watched {
            watched.record(metadata, payload);
        }
        let Some(keeper) = self.keeper.as_mut().filter(|_| !has_channels) else {
            return false;
        };
        keeper.keep(metadata, payload);
        self.note_sent(Vec::new());
        true
    }

    /// Records that the answer was sent with these channels.
    pub(super) fn note_sent(&self, channels: Vec<ChannelId>) {
        if let Some(watched) = &self.watched {
            watched.sent(channels);
        }
    }

    /// Records that the answer came too late.
    pub(super) fn note_refused(&self, error: &RequestError, context: &Context) {
        if let Some(watched) = &self.watched {
            note_refused(watched, error, context);
        }
    }

    /// Leaves the answer to the layer that waits for it. Returns `false` when there is none.
    pub(super) fn give_back(&mut self) -> bool {
        let Some(backing) = &self.backing else {
            return false;
        };
        *backing.lock().unwrap_or_else(PoisonError::into_inner) = self.keeper.take();
        true
    }
}

/// Records how a call had ended when an answer was refused, if it had.
fn note_refused(watched: &Watched, error: &RequestError, context: &Context) {
    let ended = matches!(
        error,
        RequestError::AlreadyAnswered | RequestError::ConnectionEnded
    );
    if !ended {
        return;
    }
    let in_time = context.deadline().is_none_or(|it| !it.has_passed());
    let outcome = if in_time {
        Outcome::Cancelled
    } else {
        Outcome::Failed(FailureKind::Deadline)
    };
    let (metadata, payload) = outcome.response();
    watched.record(&metadata, payload);
    watched.sent(Vec::new());
}

/// Answers a call when the part of it that went through layers was dropped unanswered.
#[derive(Debug)]
pub(crate) struct Backing {
    context: Context,
    watched: Arc<Watched>,
    returned: Arc<Returned>,
    refused: bool,
}

impl Backing {
    /// Refuses the call, unless it was answered or cancelled.
    pub(crate) fn refuse(mut self, failure: &Failure) {
        self.refused = true;
        let (metadata, payload) = failure.response();
        self.answer(&metadata, payload);
    }

    fn answer(&self, metadata: &Metadata, payload: &[u8]) {
        if self.watched.is_sent() {
            return;
        }
        self.watched.record(metadata, payload);
        let mut returned = self.returned.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mut keeper) = returned.take() {
            keeper.keep(metadata, payload);
            return self.watched.sent(Vec::new());
        }
        drop(returned);
        let connection = self.context.connection();
        let sent = connection.shared().with(|state, _| {
            let (calls, none) = (state.link.calls(connection.id()), NewChannels::NONE);
            let request = self.context.request_id();
            calls.respond(request, metadata, none, payload, Handler::Running)
        });
        match sent {
            Ok(channels) => self.watched.sent(channels),
            Err(error) => note_refused(&self.watched, &error, &self.context),
        }
    }
}

impl Drop for Backing {
    fn drop(&mut self) {
        if self.refused {
            return;
        }
        let outcome = if std::thread::panicking() {
            Outcome::Failed(FailureKind::Panic)
        } else {
            Outcome::Cancelled
        };
        let (metadata, payload) = outcome.response();
        self.answer(&metadata, payload);
    }
}
