//! Finding the current link of a client, or making the next.

use std::error::Error;
use std::fmt;
use std::pin::pin;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::{Either, WeakShared, select};

use crate::proto::CloseReason;
use crate::rt::{self, Clock};
use crate::session::error::CallFailure;
use crate::session::link::ConnectionHandle;
use crate::session::watch::Watch;

use super::Connect;
use super::link::Link;
use super::policy::RetryPolicy;
use super::state::{Backoff, Connecting, LinkState, Series, State};

/// Finds the current link of a client, or makes the next.
pub(super) struct Connector {
    connect: Box<dyn Connect>,
    policy: RetryPolicy,
    clock: Clock,
    state: Watch<State>,
}

enum Found {
    Link(Arc<Link>),
    Series(Series),
    Closed(CallFailure),
}

impl Connector {
    pub(super) fn new(connect: Box<dyn Connect>, policy: RetryPolicy) -> Arc<Self> {
        let state = State {
            link: None,
            series: None,
            series_number: 0,
            trying: None,
            backoff: Backoff::default(),
            closed: None,
        };
        Arc::new(Self {
            connect,
            policy,
            clock: Clock::start(),
            state: Watch::new(state),
        })
    }

    /// Returns how often to try.
    pub(super) fn attempts(&self) -> u32 {
        self.policy.attempts.max(1)
    }

    /// Returns the current link, or the next one.
    pub(super) async fn link(self: &Arc<Self>) -> Result<Arc<Link>, CallFailure> {
        if let Some(link) = self.state.read(State::live_link) {
            if link.handle().is_draining() {
                self.replace();
            }
            return Ok(link);
        }
        match self.find() {
            Found::Link(link) => Ok(link),
            Found::Series(series) => series.await,
            Found::Closed(failure) => Err(failure),
        }
    }

    /// Connects in the background, since the peer of the current link goes: that link is used until there is another.
    #[cold]
    fn replace(self: &Arc<Self>) {
        let series = self.state.change(|state| {
            let is_active = state
                .series
                .as_ref()
                .and_then(WeakShared::upgrade)
                .is_some();
            (!is_active && state.closed.is_none()).then(|| self.start(state))
        });
        if let Some(series) = series {
            rt::spawn(async move {
                // If it fails, the next call tries again.
                let _ = series.await;
            });
        }
    }

    /// Records that the peer has answered on `link`.
    pub(super) fn prove(&self, link: &Link) {
        if link.prove() {
            self.state.change(|state| state.backoff.reset());
        }
    }

    pub(super) fn close(&self, reason: &str) {
        let link = self.state.change(|state| {
            if state.closed.is_some() {
                return None;
            }
            state.closed = Some(reason.into());
            state.link.take()
        });
        if let Some(link) = link {
            link.handle().close(reason);
        }
    }

    pub(super) fn state(&self) -> LinkState {
        self.state.read(State::state)
    }

    /// Returns the shared state. A lost link does not change it by itself.
    pub(super) fn watch(&self) -> &Watch<State> {
        &self.state
    }

    /// Returns the link, the series of attempts in progress, or a new series.
    fn find(self: &Arc<Self>) -> Found {
        let now = self.clock.now();
        // The lost link is dropped after the lock is released.
        let (found, _lost) = self.state.change(|state| {
            if let Some(failure) = state.closed() {
                return (Found::Closed(failure), None);
            }
            if let Some(link) = state.live_link() {
                return (Found::Link(link), None);
            }
            let lost = state.link.take();
            if let Some(link) = lost.as_ref().filter(|link| !link.is_proven()) {
                let reason = link.handle().known_end_reason();
                let told = reason.retry_after();
                let reason: Arc<dyn Error + Send + Sync> = Arc::new(reason);
                state.backoff.failed(&self.policy, now, reason.into(), told);
            }
            let series = state.series.as_ref().and_then(WeakShared::upgrade);
            let series = series.unwrap_or_else(|| self.start(state));
            (Found::Series(series), lost)
        });
        found
    }

    fn start(self: &Arc<Self>, state: &mut State) -> Series {
        state.series_number += 1;
        let series = Arc::clone(self).run(state.series_number);
        let series: Connecting = Box::pin(series);
        let series = series.shared();
        state.series = series.downgrade();
        series
    }

    async fn run(self: Arc<Self>, number: u64) -> Result<Arc<Link>, CallFailure> {
        let _running = Running {
            connector: &self,
            number,
        };
        let closed = pin!(self.state.wait_for(State::closed));
        match select(closed, pin!(self.connect())).await {
            Either::Left((failure, _)) => Err(failure),
            Either::Right((connected, _)) => connected,
        }
    }

    /// Connects, until there is a link or the attempts are used up.
    async fn connect(&self) -> Result<Arc<Link>, CallFailure> {
        let mut left = self.attempts();
        loop {
            left -= 1;
            self.wait().await;
            let error = match self.connect.connect().await {
                Ok(handle) => return self.adopt(handle),
                Err(error) => error,
            };
            tracing::debug!(%error, left, "cannot connect");
            let now = self.clock.now();
            let told = error.retry_after();
            let error = Arc::new(error);
            let shared: Arc<dyn Error + Send + Sync> = Arc::clone(&error) as _;
            self.state.change(|state| {
                state.backoff.failed(&self.policy, now, shared.into(), told);
                if left == 0 {
                    state.backoff.reset();
                    state.end_series();
                }
            });
            if left == 0 {
                return Err(CallFailure::Unreachable(error));
            }
        }
    }

    /// Waits until the next attempt is due.
    async fn wait(&self) {
        let now = self.clock.now();
        let next = self.state.change(|state| {
            let next = state.backoff.next(now);
            state.trying = Some(next.clone());
            next
        });
        if let LinkState::Waiting { attempt, delay, .. } = next {
            rt::sleep(delay).await;
            let connecting = Some(LinkState::Connecting { attempt });
            self.state.change(|state| state.trying = connecting);
        }
    }

    fn adopt(&self, handle: ConnectionHandle) -> Result<Arc<Link>, CallFailure> {
        let link = Arc::new(Link::new(handle));
        // A link that was replaced is dropped after the lock is released, and closed when its calls have ended.
        let (closed, _replaced) = self.state.change(|state| {
            let closed = state.closed.clone();
            let mut replaced = None;
            if closed.is_none() {
                replaced = state.link.replace(Arc::clone(&link));
            }
            state.end_series();
            (closed, replaced)
        });
        match closed {
            None => Ok(link),
            Some(reason) => {
                link.handle().close(&reason);
                Err(closed_for(reason))
            }
        }
    }
}

impl State {
    pub(super) fn live_link(&self) -> Option<Arc<Link>> {
        self.link.clone().filter(|link| link.is_live())
    }

    /// Returns the failure of all calls once the client was closed.
    fn closed(&self) -> Option<CallFailure> {
        self.closed.clone().map(closed_for)
    }

    pub(super) fn state(&self) -> LinkState {
        if let Some(reason) = self.closed.clone() {
            return LinkState::Closed { reason };
        }
        match self.live_link() {
            // There may be a series that replaces it.
            Some(link) if link.handle().is_attached() => LinkState::Connected,
            Some(_) => LinkState::Reconnecting,
            None => self.trying.clone().unwrap_or(LinkState::Idle),
        }
    }

    fn end_series(&mut self) {
        self.series = None;
        self.trying = None;
    }
}

fn closed_for(reason: Arc<str>) -> CallFailure {
    CallFailure::Lost {
        reason: CloseReason::Local(reason),
        sent: false,
    }
}

/// A series of attempts in progress. It also ends when nobody waits for it any more.
struct Running<'a> {
    connector: &'a Connector,
    number: u64,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.connector.state.change(|state| {
            // Another series may have started since the last waiter left.
            if state.series_number == self.number {
                state.end_series();
            }
        });
    }
}

impl Drop for Connector {
    fn drop(&mut self) {
        // Whoever watches the state learns that nothing more will happen.
        self.state.change(|_| ());
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector")
            .field("policy", &self.policy)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
