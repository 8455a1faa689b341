//! What a client knows of its links.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{Shared, WeakShared};

use crate::rt::BoxFuture;
use crate::session::error::CallFailure;

use super::link::Link;
use super::policy::RetryPolicy;

/// What a [`ReconnectingClient`](super::ReconnectingClient) is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkStatus {
    /// There is no link, and nobody waits for one: the next call connects.
    Idle,
    /// It connects.
    Connecting {
        /// How many attempts in a row this makes, from 1.
        attempt: u32,
    },
    /// There is a link.
    Connected,
    /// It waits before it connects.
    Waiting {
        /// The attempt that it waits for.
        attempt: u32,
    },
    /// It was [closed](super::ReconnectingClient::close).
    Closed,
}

/// Attempts to connect, until there is a link.
pub(super) type Connecting = BoxFuture<'static, Result<Arc<Link>, CallFailure>>;

/// The same shared by all who wait. Dropped by the last of them, it ends.
pub(super) type Series = Shared<Connecting>;

/// What a client knows of its links.
#[derive(Debug)]
pub(super) struct State {
    pub(super) link: Option<Arc<Link>>,
    /// The attempts that are being made, and their number.
    pub(super) series: Option<WeakShared<Connecting>>,
    pub(super) series_number: u64,
    /// `None` while no attempts are being made.
    pub(super) trying: Option<LinkStatus>,
    pub(super) backoff: Backoff,
    /// Why it was closed.
    pub(super) closed: Option<Arc<str>>,
}

/// Attempts that failed in a row: to connect, or to be answered on a link.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
    /// Before this nothing is to be tried.
    until: Duration,
}

impl Backoff {
    pub(super) fn failed(&mut self, policy: &RetryPolicy, now: Duration) {
        self.failures = self.failures.saturating_add(1);
        // Without randomness one waits as long as can be.
        let random = getrandom::u32().unwrap_or(u32::MAX);
        self.until = now.saturating_add(policy.backoff(self.failures, random));
    }

    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }

    /// The number of the next attempt, and how long to wait before.
    pub(super) fn next(&self, now: Duration) -> (u32, Duration) {
        let attempt = self.failures.saturating_add(1);
        (attempt, self.until.saturating_sub(now))
    }
}
