//! A call that was made once, whoever waits for its answer.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::proto::Metadata;
use crate::rt;
use crate::session::connection::ConnectionHandle;
use crate::session::watch::Watch;

/// A call that was made once: it runs, or has come to its end.
#[derive(Debug, Default)]
pub(crate) struct Entry(Watch<State>);

#[derive(Debug, Default)]
struct State {
    /// How many calls wait for the answer.
    waiting: usize,
    /// Nobody wants the answer any more.
    stopped: bool,
    outcome: Option<Outcome>,
}

/// What has become of a call.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    Answered(Arc<KeptAnswer>),
    /// It was made, and its answer is not kept.
    Spent,
}

/// An answer that can be given again.
#[derive(Debug)]
pub(crate) struct KeptAnswer {
    pub(crate) metadata: Metadata,
    pub(crate) payload: Bytes,
}

impl Entry {
    /// A call whose answer is not kept.
    pub(super) fn spent() -> Self {
        Self(Watch::new(State {
            outcome: Some(Outcome::Spent),
            ..State::default()
        }))
    }

    pub(super) fn end(&self, outcome: Outcome) {
        self.0.change(|state| state.outcome = Some(outcome));
    }

    /// Ready when the handler is to be stopped: those who waited for it gave it up, or nobody has
    /// waited for as long as `patience`.
    pub(super) async fn unwanted(&self, patience: Duration) {
        let unwatched = |state: &State| (state.stopped || state.waiting == 0).then_some(());
        let watched = |state: &State| (state.stopped || state.waiting > 0).then_some(state.stopped);
        loop {
            self.0.wait_for(unwatched).await;
            if rt::timeout(patience, self.0.wait_for(watched)).await != Some(false) {
                return;
            }
        }
    }
}

/// A call that waits for the answer of an entry, from when it is made.
///
/// When it is dropped before that, its caller has given it up, or is out of reach. The first stops
/// the handler, unless others wait; the second does not, as the caller may ask again.
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
        let given_up = self.connection.close_reason().is_none();
        self.entry.0.change(|state| {
            state.waiting -= 1;
            state.stopped |= given_up && state.waiting == 0;
        });
    }
}
