//! The shared state of a link: the machine and its tables behind one lock.
//!
//! Whoever wants something locks the state, changes the machine, and wakes the driver if it sleeps.
//! The lock is never held while user code runs: wakers, handlers and drops are
//! [deferred](Deferred) until it is released.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::task::{Context, Poll};

use super::deferred::{Deferred, Woken};
use super::service::Served;
use super::state::State;
use super::wait::{WaitGuard, WaitKey, WaitList, WaiterId};
use crate::proto::{CloseReason, ConnectionId, Link, Metadata, Role};
use crate::rt::Clock;
use crate::session::extensions::Extensions;

/// The state of a link, shared by its driver, its handles and its channels.
pub(crate) struct Shared {
    state: Mutex<State>,
    pub(super) clock: Clock,
    guard: OnceLock<Weak<LinkGuard>>,
    pub(super) extensions: Extensions,
}

/// Held by everything that a user holds of a link.
///
/// When the last one is dropped, a link that we opened is closed. A link that the peer opened goes
/// on for the peer.
pub(crate) struct LinkGuard {
    pub(crate) shared: Arc<Shared>,
    role: Role,
}

impl Shared {
    /// Creates the state of a link whose root connection is `root`.
    pub(crate) fn open(link: Link, root: Served, clock: Clock) -> Arc<LinkGuard> {
        let role = link.role();
        let mut state = State::new(link);
        state.connections.insert(ConnectionId::ROOT, root);
        let shared = Arc::new(Self {
            state: Mutex::new(state),
            clock,
            guard: OnceLock::new(),
            extensions: Extensions::default(),
        });
        let guard = Arc::new(LinkGuard {
            shared: Arc::clone(&shared),
            role,
        });
        shared.guard.get_or_init(|| Arc::downgrade(&guard));
        guard
    }

    /// Returns the guard, while a user holds something of the link.
    pub(crate) fn guard(&self) -> Option<Arc<LinkGuard>> {
        self.guard.get()?.upgrade()
    }

    /// Changes the state, then does what was deferred.
    pub(crate) fn with<R>(&self, change: impl FnOnce(&mut State, &mut Deferred) -> R) -> R {
        self.with_deferred(&mut Deferred::default(), change).0
    }

    /// Like [`with`](Self::with), with a list whose memory is reused. Returns which tasks were
    /// woken.
    #[inline]
    pub(super) fn with_deferred<R>(
        &self,
        deferred: &mut Deferred,
        change: impl FnOnce(&mut State, &mut Deferred) -> R,
    ) -> (R, Woken) {
        let result = {
            let mut state = self.lock();
            if state.watched {
                state.link.handle_clock(self.clock.now());
            }
            let result = change(&mut state, deferred);
            state.settle(deferred);
            result
        };
        let woken = deferred.run(self);
        (result, woken)
    }

    /// Reads the state, or changes something that has no consequences.
    pub(crate) fn peek<R>(&self, peek: impl FnOnce(&mut State) -> R) -> R {
        peek(&mut self.lock())
    }

    /// Polls `check`. When it is pending, registers the task, to be woken when what `key` names may
    /// have happened. Whoever gives up waiting must [leave](Self::leave).
    pub(crate) fn poll_wait<R>(
        &self,
        key: WaitKey,
        waiter: &mut Option<WaiterId>,
        cx: &Context<'_>,
        check: impl FnOnce(&mut State, &mut Deferred) -> Poll<R>,
    ) -> Poll<R> {
        self.with(|state, deferred| {
            let checked = check(state, deferred);
            if checked.is_pending() {
                state.wait(key, waiter, cx.waker(), deferred);
            } else if let Some(waiter) = waiter.take() {
                state.leave(key, waiter, deferred);
            }
            checked
        })
    }

    /// Waits until `check` is ready. It is polled at once, and again when what `key` names may
    /// have happened.
    pub(crate) async fn wait_for<R>(
        &self,
        key: WaitKey,
        mut check: impl FnMut(&mut State, &mut Deferred, &Context<'_>) -> Poll<R>,
    ) -> R {
        let mut guard = WaitGuard::new((self, key));
        poll_fn(|cx| {
            let WaitGuard { waiter, .. } = &mut guard;
            self.poll_wait(key, waiter, cx, |state, deferred| {
                check(state, deferred, cx)
            })
        })
        .await
    }

    /// Removes a waiter that has given up.
    pub(crate) fn leave(&self, key: WaitKey, waiter: WaiterId) {
        self.with(|state, deferred| state.leave(key, waiter, deferred));
    }

    /// Returns why the link ended, or `None` while it is alive.
    pub(crate) fn close_reason(&self) -> Option<CloseReason> {
        self.lock().link.close_reason().cloned()
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // No user code runs under the lock, so a panic there is a bug of ours. The machine checks
        // its invariants where it relies on them, and other links must go on.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl WaitList for (&Shared, WaitKey) {
    fn leave(&self, waiter: WaiterId) {
        self.0.leave(self.1, waiter);
    }
}

impl Drop for LinkGuard {
    fn drop(&mut self) {
        if self.role == Role::Initiator {
            self.shared.with(|state, _| state.link.close(""));
        }
    }
}

impl std::fmt::Debug for LinkGuard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LinkGuard")
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

/// Empty metadata.
pub(crate) const NO_METADATA: &Metadata = &const { Metadata::new() };
