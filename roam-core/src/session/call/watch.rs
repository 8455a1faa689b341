//! Watching how a call of ours is answered, and when it has ended.

use std::sync::{Arc, OnceLock};

use super::caller::Answer;
use crate::proto::{ChannelId, Metadata, Outcome};
use crate::session::error::CallFailure;
use crate::session::link::ConnectionHandle;
use crate::session::watch::Watch;

/// How a call was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answered {
    /// The kind of answer.
    pub outcome: Outcome,
    /// The length of the encoded answer in bytes.
    pub size: usize,
}

impl Answered {
    pub(crate) fn of(metadata: &Metadata, payload: &[u8]) -> Self {
        let outcome = match Outcome::decode(payload, metadata) {
            Some(Outcome::Value(_)) => Outcome::Value(()),
            Some(Outcome::Error(_)) => Outcome::Error(()),
            Some(Outcome::UnknownMethod) => Outcome::UnknownMethod,
            Some(Outcome::InvalidPayload) | None => Outcome::InvalidPayload,
            Some(Outcome::Cancelled) => Outcome::Cancelled,
            Some(Outcome::Failed(kind)) => Outcome::Failed(kind),
        };
        let size = payload.len();
        Self { outcome, size }
    }
}

/// Watches a call that a client makes, beside what waits for it. See [`OutgoingCall::watch`].
///
/// Cheap to clone. Once the call has channels, it keeps the handle of their connection.
///
/// [`OutgoingCall::watch`]: super::OutgoingCall::watch
#[derive(Clone, Debug)]
pub struct OutgoingWatch(Arc<Watched>);

/// Channels of a call, and their connection.
type Channels = (ConnectionHandle, Vec<ChannelId>);

#[derive(Debug, Default)]
struct Watched {
    /// Set under the lock of the link, where nobody may be woken. Arguments with channels are sent
    /// once.
    arguments: OnceLock<Channels>,
    end: Watch<Option<End>>,
}

#[derive(Clone, Debug)]
struct End {
    /// `None` when there was no answer.
    answered: Option<Answered>,
    channels: Option<Channels>,
}

impl OutgoingWatch {
    /// Waits until the call is answered. Returns `None` when it failed, was refused by a layer or was
    /// dropped before.
    ///
    /// Cancel safe.
    pub async fn answered(&self) -> Option<Answered> {
        self.end().await.answered
    }

    /// Waits as [`answered`](Self::answered) does, and until the last channel of the call's arguments and
    /// of its answer has ended here: its holder has closed, reset or dropped it, or has read its end.
    /// The end of the connection ends them all.
    ///
    /// Cancel safe.
    pub async fn ended(&self) -> Option<Answered> {
        let end = self.end().await;
        for (connection, channels) in self.0.arguments.get().into_iter().chain(&end.channels) {
            for &channel in channels {
                connection.channel_forgotten(channel).await;
            }
        }
        end.answered
    }

    async fn end(&self) -> End {
        self.0.end.wait_for(Clone::clone).await
    }
}

/// The part of a watched call that tells its watches. The last one that is dropped untold tells them
/// that there was no answer.
#[derive(Debug)]
pub(crate) struct Watching {
    watched: Arc<Watched>,
    tells: bool,
}

impl Watching {
    pub(super) fn new() -> Self {
        Self {
            watched: Arc::default(),
            tells: true,
        }
    }

    pub(super) fn watch(&self) -> OutgoingWatch {
        OutgoingWatch(Arc::clone(&self.watched))
    }

    /// Has what is returned tell of the answer. The call still tells of its channels.
    pub(crate) fn take_over(&mut self) -> Self {
        let watched = Arc::clone(&self.watched);
        let tells = std::mem::replace(&mut self.tells, false);
        Self { watched, tells }
    }

    /// Records the channels of the arguments.
    pub(super) fn sent(&self, connection: &ConnectionHandle, channels: &[ChannelId]) {
        let arguments = &self.watched.arguments;
        arguments.get_or_init(|| (connection.clone(), channels.to_vec()));
    }

    /// Records how the call ended.
    pub(crate) fn end(mut self, answer: &Result<Answer, CallFailure>) {
        let answer = answer.as_ref().ok();
        let end = End {
            answered: answer.map(|answer| Answered::of(&answer.metadata, &answer.payload)),
            channels: answer.and_then(|answer| answer.channels.ids()),
        };
        self.tell(end);
    }

    fn tell(&mut self, end: End) {
        if std::mem::replace(&mut self.tells, false) {
            self.watched.end.change(|told| *told = Some(end));
        }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.tell(End {
            answered: None,
            channels: None,
        });
    }
}
