//! The state of a client that reconnects.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{Shared, WeakShared};

use crate::rt::BoxFuture;
use crate::session::error::CallFailure;

use super::link::Link;
use super::policy::RetryPolicy;

/// What a [`ReconnectingClient`](super::ReconnectingClient) is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkStatus {
    /// There is no link and nobody waits for one. The next call connects.
    Idle,
    /// The client is connecting.
    Connecting {
        /// The number of this attempt in a row, from 1.
        attempt: u32,
    },
    /// There is a link.
    Connected,
    /// The client waits before it connects.
    Waiting {
        /// The number of the next attempt.
        attempt: u32,
    },
    /// The client was [closed](super::ReconnectingClient::close).
    Closed,
}

/// A series of attempts to connect, until there is a link.
pub(super) type Connecting = BoxFuture<'static, Result<Arc<Link>, CallFailure>>;

/// A series, shared by everybody who waits. It ends when the last waiter drops it.
pub(super) type Series = Shared<Connecting>;

/// The state of a client that reconnects.
#[derive(Debug)]
pub(super) struct State {
    pub(super) link: Option<Arc<Link>>,
    /// The series in progress, and its number.
    pub(super) series: Option<WeakShared<Connecting>>,
    pub(super) series_number: u64,
    /// `None` while no series is in progress.
    pub(super) trying: Option<LinkStatus>,
    pub(super) backoff: Backoff,
    /// Why it was closed.
    pub(super) closed: Option<Arc<str>>,
}

/// Failed attempts in a row: to connect, or to be answered on a link.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
    /// When the next attempt is due.
    until: Duration,
}

impl Backoff {
    pub(super) fn failed(&mut self, policy: &RetryPolicy, now: Duration) {
        self.failures = self.failures.saturating_add(1);
        // Without randomness, wait as long as possible.
        let random = getrandom::u32().unwrap_or(u32::MAX);
        self.until = now.saturating_add(policy.backoff(self.failures, random));
    }

    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }

    /// Returns the number of the next attempt and how long to wait before it.
    pub(super) fn next(&self, now: Duration) -> (u32, Duration) {
        let attempt = self.failures.saturating_add(1);
        (attempt, self.until.saturating_sub(now))
    }
}
