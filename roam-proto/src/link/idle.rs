//! Closing links on which nothing happens.

use core::time::Duration;

use super::{Link, Traffic};
use crate::connection::Connection;
use crate::event::CloseReason;

/// Detects a link without traffic.
///
/// It compares byte counts at intervals, so that no frame costs a look at a clock.
#[derive(Debug)]
pub(super) struct IdleWatch {
    timeout: Duration,
    next_check: Duration,
    /// The traffic at the last check.
    traffic: Traffic,
}

impl IdleWatch {
    pub(super) fn new(timeout: Duration, now: Duration) -> Self {
        Self {
            timeout,
            next_check: now.saturating_add(timeout),
            traffic: Traffic::default(),
        }
    }

    pub(super) fn next_check(&self) -> Duration {
        self.next_check
    }

    /// Returns whether a check is due and there was no traffic since the last one.
    fn is_silent(&mut self, now: Duration, traffic: Traffic) -> bool {
        if now < self.next_check {
            return false;
        }
        self.next_check = now.saturating_add(self.timeout);
        core::mem::replace(&mut self.traffic, traffic) == traffic
    }
}

impl Link {
    /// Closes the link if it is idle. The handshake has a timeout of its own.
    pub(super) fn close_if_idle(&mut self, now: Duration) {
        let traffic = self.traffic;
        let silent = |watch: &mut IdleWatch| watch.is_silent(now, traffic);
        if self.idle.as_mut().is_some_and(silent) && self.is_open() && !self.has_in_flight() {
            self.close_with_goodbye(CloseReason::Idle);
        }
    }

    /// Returns whether a call, a channel or a Connect is in flight.
    fn has_in_flight(&self) -> bool {
        let mut connections = core::iter::once(&self.root).chain(self.others.values());
        !connections.all(Connection::is_unused) || self.pending.in_flight()
    }
}
