//! When nothing is going on on a link.

use std::time::Duration;

use super::connection::Connection;
use super::event::CloseReason;
use super::link::Link;
use super::stats::Traffic;

/// Watches for a link on which nothing is going on.
///
/// It looks only now and then, and compares: so no frame costs a look at a clock.
#[derive(Debug)]
pub(super) struct IdleWatch {
    timeout: Duration,
    next_look: Duration,
    /// What had come and gone at the last look.
    traffic: Traffic,
}

impl IdleWatch {
    pub(super) fn new(timeout: Duration, now: Duration) -> Self {
        Self {
            timeout,
            next_look: now.saturating_add(timeout),
            traffic: Traffic::default(),
        }
    }

    pub(super) fn next_look(&self) -> Duration {
        self.next_look
    }

    /// Whether nothing has come or gone since the last look, if it is time for one.
    fn is_silent(&mut self, now: Duration, traffic: Traffic) -> bool {
        if now < self.next_look {
            return false;
        }
        self.next_look = now.saturating_add(self.timeout);
        std::mem::replace(&mut self.traffic, traffic) == traffic
    }
}

impl Link {
    /// Closes the link if nothing is going on. A handshake has a time of its own.
    pub(super) fn look_whether_idle(&mut self, now: Duration) {
        let traffic = self.traffic;
        let silent = |watch: &mut IdleWatch| watch.is_silent(now, traffic);
        if self.idle.as_mut().is_some_and(silent) && self.is_open() && !self.is_in_flight() {
            self.say_goodbye(CloseReason::Idle);
        }
    }

    /// Whether anything is: a call, a channel, a Connect.
    fn is_in_flight(&self) -> bool {
        let mut connections = std::iter::once(&self.root).chain(self.others.values());
        !connections.all(Connection::is_released) || self.connects.in_flight()
    }
}
