//! The driver's sleep state, for code that may have to wake it.

use std::task::Waker;

use super::wait::set_waker;

/// Whether the driver sleeps, and what wakes it.
///
/// Nobody wakes a driver that is awake: it looks for queued frames before it sleeps. Waking a task
/// that runs would poll it once more, possibly on another thread.
#[derive(Default)]
pub(super) struct DriverWaker {
    waker: Option<Waker>,
    interest: Option<Interest>,
}

/// What a sleeping driver waits for, besides its transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interest {
    /// Queued frames, or the end of the link.
    Output,
    /// The end of the link: the transport is full.
    EndOnly,
}

impl DriverWaker {
    pub(super) fn is_awake(&self) -> bool {
        self.interest.is_none()
    }

    pub(super) fn set_awake(&mut self) {
        self.interest = None;
    }

    /// Records that the driver goes to sleep. Returns the replaced waker.
    #[must_use = "a waker must not be dropped under a lock"]
    pub(super) fn sleep(&mut self, interest: Interest, waker: &Waker) -> Option<Waker> {
        self.interest = Some(interest);
        set_waker(&mut self.waker, waker)
    }

    /// Returns the waker of a sleeping driver that has frames to send.
    pub(super) fn wake_for_output(&mut self) -> Option<Waker> {
        if self.interest != Some(Interest::Output) {
            return None;
        }
        self.wake_for_end()
    }

    /// Returns the waker of a sleeping driver whose link has ended.
    pub(super) fn wake_for_end(&mut self) -> Option<Waker> {
        self.interest.take()?;
        self.waker.clone()
    }
}
