//! What the tests get to know of handlers: that one runs, waits, has ended. By waiting for it,
//! never by time.

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};

use roam_core::{Context, Schema, service};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// Tells about handlers, by the keys that their callers gave them.
#[service]
pub trait Watch {
    /// Waits until a handler runs under this key.
    async fn started(&self, key: String);
    /// Waits until that handler is gone, and tells how far it came.
    async fn ended(&self, key: String) -> Progress;
    /// Waits until that handler has to wait in a send, and tells how far it came.
    async fn waiting(&self, key: String) -> Progress;
    /// Lets a handler go on that waits for this.
    async fn release(&self, key: String);
}

/// A handler at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub struct Progress {
    /// What it does.
    pub phase: Phase,
    /// How many elements it has sent.
    pub sent: u32,
}

/// What a handler does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub enum Phase {
    /// It was not called yet.
    #[default]
    Absent,
    /// It does not wait for its reader.
    Runs,
    /// It waits for its reader.
    Waits,
    /// It came to its own end.
    Finished,
    /// It was dropped before.
    Stopped,
}

/// All handlers of the server that were given a key. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Watched(Arc<Mutex<HashMap<String, watch::Sender<State>>>>);

#[derive(Clone, Copy, Debug, Default)]
struct State {
    progress: Progress,
    released: bool,
}

impl Watched {
    /// A handler runs under this key as long as the result lives.
    pub fn run(&self, key: &str) -> Running {
        let state = self.state(key);
        state.send_modify(|state| state.progress.phase = Phase::Runs);
        Running { state }
    }

    /// The state of a handler, which may not run yet.
    fn state(&self, key: &str) -> watch::Sender<State> {
        // Nothing can panic half-way through a change.
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(key.to_owned()).or_default().clone()
    }

    async fn wait(&self, key: &str, until: impl FnMut(&State) -> bool) -> Progress {
        let mut states = self.state(key).subscribe();
        let state = states.wait_for(until).await.map(|state| *state);
        state.expect("its sender is kept for ever").progress
    }
}

impl Watch for Watched {
    async fn started(&self, _: &Context, key: String) {
        self.wait(&key, |state| state.progress.phase != Phase::Absent)
            .await;
    }

    async fn ended(&self, _: &Context, key: String) -> Progress {
        self.wait(&key, |state| {
            matches!(state.progress.phase, Phase::Finished | Phase::Stopped)
        })
        .await
    }

    async fn waiting(&self, _: &Context, key: String) -> Progress {
        self.wait(&key, |state| state.progress.phase == Phase::Waits)
            .await
    }

    async fn release(&self, _: &Context, key: String) {
        self.state(&key).send_modify(|state| state.released = true);
    }
}

/// A handler that is watched; dropping it is its end.
#[derive(Debug)]
pub struct Running {
    state: watch::Sender<State>,
}

impl Running {
    /// The handler came to its own end.
    pub fn finish(self) {
        self.change(|progress| progress.phase = Phase::Finished);
    }

    /// Waits for `Watch.release`.
    pub async fn released(&self) {
        let released = self
            .state
            .subscribe()
            .wait_for(|state| state.released)
            .await
            .is_ok();
        debug_assert!(released, "its sender lives in self");
    }

    /// Waits for a send, and tells of it.
    pub async fn sending<T>(&self, sending: impl Future<Output = T>) -> T {
        let mut sending = pin!(sending);
        let result = poll_fn(|cx| {
            let polled = sending.as_mut().poll(cx);
            let phase = if polled.is_pending() {
                Phase::Waits
            } else {
                Phase::Runs
            };
            self.change(|progress| progress.phase = phase);
            polled
        })
        .await;
        self.change(|progress| progress.sent += 1);
        result
    }

    fn change(&self, change: impl FnOnce(&mut Progress)) {
        self.state.send_modify(|state| change(&mut state.progress));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.change(|progress| {
            if progress.phase != Phase::Finished {
                progress.phase = Phase::Stopped;
            }
        });
    }
}
