//! Watching how a call of the peer is answered, and when it has ended.

use std::sync::Arc;

use super::context::Context;
use crate::proto::{ChannelId, Metadata};
use crate::session::call::Answered;
use crate::session::watch::Watch;

/// Watches a call of the peer, beside what answers it. See [`IncomingCall::watch`].
///
/// Cheap to clone. It keeps the handle of the connection.
///
/// [`IncomingCall::watch`]: super::IncomingCall::watch
#[derive(Clone, Debug)]
pub struct CallWatch {
    context: Context,
    watched: Arc<Watched>,
}

/// What a [`CallWatch`] waits for.
#[derive(Debug, Default)]
pub(super) struct Watched(Watch<Progress>);

#[derive(Debug, Default)]
struct Progress {
    /// The answer that is about to be sent, or was sent.
    answer: Option<Answered>,
    /// The channels of the answer, once it was sent.
    sent: Option<Vec<ChannelId>>,
}

impl CallWatch {
    pub(super) fn new(context: Context, watched: Arc<Watched>) -> Self {
        Self { context, watched }
    }

    /// Returns what is known of the call.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Waits until the call is answered.
    ///
    /// Cancel safe.
    pub async fn answered(&self) -> Answered {
        let answer = |progress: &Progress| progress.answer.filter(|_| progress.sent.is_some());
        self.watched.0.wait_for(answer).await
    }

    /// Waits until the call is answered, and the last channel of its arguments and of its answer
    /// has ended here: its holder has closed, reset or dropped it, or has read its end. The end of
    /// the connection ends them all.
    ///
    /// Cancel safe.
    pub async fn ended(&self) -> Answered {
        let answered = self.answered().await;
        let of_answer = (self.watched.0).read(|progress| progress.sent.clone());
        let of_answer = of_answer.unwrap_or_default();
        for &channel in self.context.channels().iter().chain(&of_answer) {
            self.context.connection().channel_forgotten(channel).await;
        }
        answered
    }
}

impl Watched {
    /// Records an answer that is about to be sent. A later one replaces it until one is sent.
    pub(super) fn record(&self, metadata: &Metadata, payload: &[u8]) {
        let answered = Answered::of(metadata, payload);
        self.0.change(|progress| {
            if progress.sent.is_none() {
                progress.answer = Some(answered);
            }
        });
    }

    /// Returns whether an answer was sent or kept, or none is wanted any more.
    pub(super) fn is_sent(&self) -> bool {
        self.0.read(|progress| progress.sent.is_some())
    }

    /// Records that the answer was sent, with these channels.
    pub(super) fn sent(&self, channels: Vec<ChannelId>) {
        self.0.change(|progress| {
            progress.sent.get_or_insert(channels);
        });
    }
}
