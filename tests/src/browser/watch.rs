//! The service `Watch`, through which tests wait until a handler runs, blocks or ends, instead of
//! sleeping.

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};

use roam_core::{Context, Schema, service};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// Observes handlers by the keys that their callers chose.
#[service]
pub trait Watch {
    /// Waits until a handler with this key has started.
    async fn started(&self, key: String);
    /// Waits until the handler has ended and returns its progress.
    async fn ended(&self, key: String) -> Progress;
    /// Waits until the handler is blocked in a send and returns its progress.
    async fn waiting(&self, key: String) -> Progress;
    /// Releases a handler that waits to be released.
    async fn release(&self, key: String);
}

/// The progress of a handler.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub struct Progress {
    /// What the handler does.
    pub phase: Phase,
    /// How many elements the handler has sent.
    pub sent: u32,
}

/// The phase of a handler.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub enum Phase {
    /// Not called yet.
    #[default]
    Absent,
    /// Running and not blocked in a send.
    Runs,
    /// Blocked in a send.
    Waits,
    /// Returned.
    Finished,
    /// Aborted.
    Stopped,
}

/// All handlers of the server that have a key. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Watched(Arc<Mutex<HashMap<String, watch::Sender<State>>>>);

#[derive(Clone, Copy, Debug, Default)]
struct State {
    progress: Progress,
    released: bool,
}

impl Watched {
    /// Marks a handler with this key as running until the result is dropped.
    pub fn run(&self, key: &str) -> Running {
        let state = self.state(key);
        state.send_modify(|state| state.progress.phase = Phase::Runs);
        Running { state }
    }

    /// Returns the state of a handler, which may not have started yet.
    fn state(&self, key: &str) -> watch::Sender<State> {
        // No panic can leave the map inconsistent.
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(key.to_owned()).or_default().clone()
    }

    async fn wait(&self, key: &str, until: impl FnMut(&State) -> bool) -> Progress {
        let mut states = self.state(key).subscribe();
        let state = states.wait_for(until).await.map(|state| *state);
        state.expect("the map keeps the sender forever").progress
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

/// A running handler; dropping this marks the handler as aborted.
#[derive(Debug)]
pub struct Running {
    state: watch::Sender<State>,
}

impl Running {
    /// Marks the handler as finished.
    pub fn finish(self) {
        self.change(|progress| progress.phase = Phase::Finished);
    }

    /// Waits until `Watch.release` is called.
    pub async fn released(&self) {
        let released = self
            .state
            .subscribe()
            .wait_for(|state| state.released)
            .await
            .is_ok();
        debug_assert!(released, "self holds the sender");
    }

    /// Awaits a send and records whether it blocks.
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
