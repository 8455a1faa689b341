//! The state of a client that reconnects.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{Shared, WeakShared};

use crate::proto::SharedError;
use crate::rt::BoxFuture;
use crate::session::error::CallFailure;

use super::link::Link;
use super::policy::{RetryPolicy, spread};

/// What a [`ReconnectingClient`](super::ReconnectingClient) is doing.
///
/// Two waits are equal when their attempts and delays are, whatever failed before.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum LinkState {
    /// There is no link and nobody waits for one. The next call connects.
    Idle,
    /// The client is connecting.
    Connecting {
        /// The number of this attempt in a row, from 1.
        attempt: u32,
    },
    /// There is a link.
    Connected,
    /// The link has lost its transport and dials again by itself. Calls and channels on it wait.
    Reconnecting,
    /// The client waits before it connects.
    Waiting {
        /// The number of the next attempt.
        attempt: u32,
        /// How long it waits, from when the wait began.
        delay: Duration,
        /// Why the attempt before failed, or why its link was lost before the peer had answered.
        error: SharedError,
    },
    /// The client was [closed](super::ReconnectingClient::close).
    Closed {
        /// The reason that was given.
        reason: Arc<str>,
    },
}

impl PartialEq for LinkState {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Idle, Self::Idle)
            | (Self::Connected, Self::Connected)
            | (Self::Reconnecting, Self::Reconnecting) => true,
            (Self::Connecting { attempt }, Self::Connecting { attempt: other }) => attempt == other,
            (Self::Closed { reason }, Self::Closed { reason: other }) => reason == other,
            (
                Self::Waiting { attempt, delay, .. },
                Self::Waiting {
                    attempt: other,
                    delay: other_delay,
                    ..
                },
            ) => (attempt, delay) == (other, other_delay),
            _ => false,
        }
    }
}

impl Eq for LinkState {}

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
    pub(super) trying: Option<LinkState>,
    pub(super) backoff: Backoff,
    /// Why it was closed.
    pub(super) closed: Option<Arc<str>>,
}

/// Failed attempts in a row: to connect, or to be answered on a link.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
    last: Option<Failed>,
}

#[derive(Debug)]
struct Failed {
    error: SharedError,
    /// When the next attempt is due.
    until: Duration,
}

impl Backoff {
    /// Records a failed attempt. A peer may have told when to come again.
    pub(super) fn failed(
        &mut self,
        policy: &RetryPolicy,
        now: Duration,
        error: SharedError,
        told: Option<Duration>,
    ) {
        self.failures = self.failures.saturating_add(1);
        // Without randomness, wait as long as possible.
        let random = getrandom::u32().unwrap_or(u32::MAX);
        let told = told.map_or(Duration::ZERO, |after| spread(after, random));
        let wait = policy.backoff(self.failures, random).max(told);
        let until = now.saturating_add(wait);
        self.last = Some(Failed { error, until });
    }

    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }

    /// Returns what to do next: connect, or wait before.
    pub(super) fn next(&self, now: Duration) -> LinkState {
        let attempt = self.failures.saturating_add(1);
        match &self.last {
            Some(last) if last.until > now => LinkState::Waiting {
                attempt,
                delay: last.until.saturating_sub(now),
                error: last.error.clone(),
            },
            _ => LinkState::Connecting { attempt },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::TransportError;

    #[test]
    fn nobody_comes_earlier_than_the_peer_has_told() {
        let told = Duration::from_mins(1);
        let mut backoff = Backoff::default();
        let error: Arc<dyn std::error::Error + Send + Sync> = Arc::new(TransportError::Silent);
        backoff.failed(
            &RetryPolicy::default(),
            Duration::ZERO,
            error.into(),
            Some(told),
        );
        let LinkState::Waiting { delay, .. } = backoff.next(Duration::ZERO) else {
            panic!("it waits")
        };
        assert!(delay >= told && delay < told * 3 / 2, "{delay:?}");
    }
}
