//! The calls that a nonce names, and who waits for their answers.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::proto::Metadata;
use crate::rt;
use crate::session::link::ConnectionHandle;
use crate::session::watch::Watch;

/// A call with a nonce, running or ended.
#[derive(Debug, Default)]
pub(crate) struct Entry(Watch<State>);

#[derive(Debug, Default)]
struct State {
    /// How many callers wait for the answer.
    waiting: usize,
    /// Nobody wants the answer any more.
    abandoned: bool,
    outcome: Option<Outcome>,
}

/// How a call ended.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    Answered(Arc<KeptAnswer>),
    /// It was made, but its answer is not kept.
    Spent,
}

/// An answer that can be given again.
#[derive(Debug)]
pub(crate) struct KeptAnswer {
    pub(crate) metadata: Metadata,
    pub(crate) payload: Bytes,
}

impl Entry {
    /// Creates the entry of a call whose answer is not kept.
    pub(super) fn spent() -> Self {
        Self(Watch::new(State {
            outcome: Some(Outcome::Spent),
            ..State::default()
        }))
    }

    pub(super) fn end(&self, outcome: Outcome) {
        self.0.change(|state| state.outcome = Some(outcome));
    }

    /// Ready when the handler must be aborted: its callers gave it up, or nobody has waited for as
    /// long as `patience`.
    pub(super) async fn unwanted(&self, patience: Duration) {
        let unwatched = |state: &State| (state.abandoned || state.waiting == 0).then_some(());
        let watched =
            |state: &State| (state.abandoned || state.waiting > 0).then_some(state.abandoned);
        loop {
            self.0.wait_for(unwatched).await;
            if rt::timeout(patience, self.0.wait_for(watched)).await != Some(false) {
                return;
            }
        }
    }
}

/// A caller that waits for the answer of an entry.
///
/// When it is dropped earlier, the caller has given up or its connection has ended. The former aborts
/// the handler, unless others wait. The latter does not, since the caller may ask again.
#[derive(Debug)]
pub(super) struct Waiting {
    entry: Arc<Entry>,
    connection: ConnectionHandle,
}

impl Waiting {
    pub(super) fn new(entry: Arc<Entry>, connection: ConnectionHandle) -> Self {
        entry.0.change(|state| state.waiting += 1);
        Self { entry, connection }
    }

    pub(super) async fn outcome(self) -> Outcome {
        self.entry.0.wait_for(|state| state.outcome.clone()).await
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let gave_up = self.connection.close_reason().is_none();
        self.entry.0.change(|state| {
            state.waiting -= 1;
            state.abandoned |= gave_up && state.waiting == 0;
        });
    }
}
