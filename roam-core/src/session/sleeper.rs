//! The driver of a link, as those see it who may have to wake it.

use std::task::Waker;

use super::waiters::set_waker;

/// A driver that sleeps, or does not.
///
/// While it is awake nobody wakes it: it looks for what there is to send before it sleeps. A task
/// that is woken while it runs is polled once more, and may rouse another thread to do that.
#[derive(Default)]
pub(super) struct Sleeper {
    waker: Option<Waker>,
    until: Option<Until>,
}

/// What a driver sleeps for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Until {
    /// Something to send, or the end of the link.
    Output,
    /// The end of the link: its transport takes nothing that is to be sent.
    End,
}

impl Sleeper {
    pub(super) fn is_awake(&self) -> bool {
        self.until.is_none()
    }

    /// The driver is up, and takes care of itself.
    pub(super) fn rise(&mut self) {
        self.until = None;
    }

    /// The driver goes to sleep. Returns a waker that is to be dropped when the lock is released.
    #[must_use = "a waker is not to be dropped under a lock"]
    pub(super) fn sleep(&mut self, until: Until, waker: &Waker) -> Option<Waker> {
        self.until = Some(until);
        set_waker(&mut self.waker, waker)
    }

    /// Who is to be woken when `event` has happened, if the driver sleeps for it.
    pub(super) fn wake(&mut self, event: Until) -> Option<Waker> {
        let waits = self.until == Some(event) || (self.until.is_some() && event == Until::End);
        if !waits {
            return None;
        }
        self.until = None;
        self.waker.clone()
    }
}
