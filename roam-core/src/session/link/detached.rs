//! A link without its transport.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;

use super::deferred::Deferred;
use super::handle::ConnectionHandle;
use super::schedule::{Scheduler, Wait};
use super::shared::Shared;
use crate::proto::{Attach, CloseReason, Framing, Metadata, Refusal, Role, Secret};
use crate::rt::{self, Sleep, Stopwatch, Yielding};
use crate::session::extensions::Extensions;
use crate::session::random;
use crate::transport::TransportError;

/// A link without a transport: what a [`Driver`](super::Driver) needs beside one.
///
/// Dropping it ends the link as lost. Its timers do not run while nothing drives it.
#[must_use = "a link without a transport does nothing"]
pub struct DetachedLink {
    pub(super) shared: Arc<Shared>,
    /// Keeps alive a link that the peer opened, which goes on without other handles.
    handle: Option<ConnectionHandle>,
    pub(super) schedule: Scheduler,
    stopwatch: Stopwatch,
    pub(super) yielding: Yielding,
    pub(super) phase: Phase,
    /// The frame being processed and the next offset.
    pub(super) frame: Option<(Bytes, usize)>,
    /// Deferred work, whose memory is reused until the driver sleeps. Gain: 3 % of the instructions
    /// of a call, without which calls would miss their bound.
    deferred: Deferred,
    /// The handshake is not complete; it has a timeout of its own.
    is_opening: bool,
    is_timer_set: bool,
    timer: Option<Pin<Box<Sleep>>>,
    /// Whom the timer wakes.
    timer_waker: Option<Waker>,
    /// Runs once the link has ended: how long the rest may take to be sent.
    pub(super) linger: Option<Pin<Box<Sleep>>>,
    /// Whether the link waits for its first frame, an Attach unless the peer only knows version 2.
    pub(super) expects_attach: bool,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Phase {
    Running,
    /// The link has ended and everything was sent.
    Closing,
    Done,
}

/// How long queued messages may take to be sent after the link has ended. A peer that does not read
/// must not hold the link forever.
pub(in crate::session) const LINGER: Duration = Duration::from_secs(5);

impl DetachedLink {
    pub(crate) fn new(handle: &ConnectionHandle, role: Role, metadata: Metadata) -> Self {
        handle.shared().set_metadata(metadata, false);
        Self {
            shared: Arc::clone(&handle.link().shared),
            handle: (role == Role::Acceptor).then(|| handle.clone()),
            schedule: Scheduler::new(rt::WAKE_LATENCY),
            stopwatch: Stopwatch::start(),
            yielding: Yielding::new(),
            phase: Phase::Running,
            frame: None,
            deferred: Deferred::default(),
            is_opening: true,
            is_timer_set: false,
            timer: None,
            timer_waker: None,
            linger: None,
            expects_attach: role == Role::Acceptor && handle.is_numbered(),
        }
    }

    /// Returns how the link's transports must hold messages in frames.
    pub fn framing(&self) -> Framing {
        self.shared.peek(|state| state.link.framing())
    }

    /// Sets what we say of ourselves from now on. Somebody waits until we are [asked](Shared::asked) for it anew.
    pub(in crate::session) fn say(&self, metadata: Metadata) {
        self.shared.set_metadata(metadata, true);
    }

    /// Returns whether the handshake was completed.
    pub(in crate::session) fn has_agreed(&self) -> bool {
        self.shared.peek(|state| state.link.has_agreed())
    }

    /// Begins on another transport, as the initiator.
    pub(super) fn begin(&mut self) {
        let now = self.shared.clock.now();
        self.shared.with(|state, _| {
            // This is the other transport that we were advised to open.
            state.another_transport = None;
            state.link.attach(&state.tokens.metadata, now);
        });
        self.on_transport();
    }

    /// Goes on with the link on a transport whose first frame was `attach`, as the acceptor.
    ///
    /// # Errors
    /// The link is unchanged.
    pub(in crate::session) fn resume(
        &mut self,
        attach: &Attach,
        secret: Secret,
    ) -> Result<(), Refusal> {
        let now = self.shared.clock.now();
        self.shared
            .with(|state, _| state.link.resume(attach, secret, now))?;
        self.on_transport();
        Ok(())
    }

    /// The timer is set anew, and again once the peer has answered.
    fn on_transport(&mut self) {
        self.is_opening = true;
        self.is_timer_set = false;
        if self.phase == Phase::Closing {
            self.phase = Phase::Running;
        }
    }

    /// Returns for how long the link is kept without a transport.
    pub(in crate::session) fn keep(&self) -> Duration {
        self.shared.peek(|state| state.link.keep())
    }

    /// Returns the values that users attached to the link.
    pub(in crate::session) fn extensions(&self) -> &Extensions {
        &self.shared.extensions
    }

    /// Ready when the link has ended.
    pub(in crate::session) fn poll_ended(&mut self, cx: &Context<'_>) -> Poll<()> {
        if self.shared.sleep_until_ended(cx) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    /// Returns whether the peer may not know everything, such as how the link ended.
    pub(in crate::session) fn has_unsent(&self) -> bool {
        self.shared.peek(|state| state.link.has_unsent())
    }

    /// Ends the link for good, unless it has ended. Returns why it did.
    pub(in crate::session) fn lose(mut self, error: TransportError) -> CloseReason {
        self.shared.lose(error);
        self.finish();
        self.close_reason()
    }

    /// Lets go of the link, which has ended.
    pub(super) fn finish(&mut self) {
        self.phase = Phase::Done;
        self.handle = None;
    }

    pub(super) fn on_frame(&mut self, frame: Bytes) {
        self.schedule.on_frame(|| self.stopwatch.now());
        self.frame = Some((frame, 0));
    }

    /// Accepts a new link: this was the first frame of its transport, whose framing is known now.
    #[cold]
    pub(super) fn on_first_frame(&mut self, first: Bytes, framing: Framing) {
        self.expects_attach = false;
        if framing == Framing::Numbered {
            self.shared
                .accept(&first, random::link_id(), random::secret());
        } else {
            self.shared.fall_back(framing);
            self.on_frame(first);
        }
    }

    /// Processes a part of the current frame.
    pub(super) fn process(&mut self) {
        let Some((frame, offset)) = &mut self.frame else {
            return;
        };
        let (to, woken) = self.shared.process(frame, *offset, &mut self.deferred);
        self.schedule.on_processed(to - *offset, woken);
        *offset = to;
        if to == frame.len() {
            self.frame = None;
        }
        if self.is_opening && self.shared.check_open() {
            self.is_opening = false;
            self.is_timer_set = false;
        }
    }

    /// Ready when the transport is dead.
    #[inline]
    pub(super) fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.is_timer_set && self.timer.is_none() {
            return Poll::Pending;
        }
        self.poll_set_timer(cx)
    }

    fn poll_set_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !std::mem::replace(&mut self.is_timer_set, true) {
            self.set_timer();
        }
        while let Some(timer) = &mut self.timer {
            let is_registered =
                (self.timer_waker.as_ref()).is_some_and(|it| it.will_wake(cx.waker()));
            if is_registered && !timer.is_elapsed() {
                return Poll::Pending;
            }
            if timer.as_mut().poll(cx).is_pending() {
                self.timer_waker = Some(cx.waker().clone());
                return Poll::Pending;
            }
            if self.shared.handle_timeout() {
                return Poll::Ready(());
            }
            // The timer may have been ahead of the clock: then it is set once more.
            self.set_timer();
        }
        Poll::Pending
    }

    fn set_timer(&mut self) {
        let limit = self.shared.timeout();
        self.timer = limit.map(|limit| Box::pin(rt::sleep(limit)));
        self.timer_waker = None;
    }

    /// Returns why the link ended, which it has.
    pub(super) fn close_reason(&self) -> CloseReason {
        let reason = self.shared.close_reason();
        reason.unwrap_or_else(|| CloseReason::Local("".into()))
    }

    pub(super) fn start_linger(&mut self) {
        let start = || Box::pin(rt::sleep(LINGER));
        self.linger.get_or_insert_with(start);
    }

    /// Ready when the time to send the rest is up.
    pub(super) fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.linger {
            Some(sleep) => sleep.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }

    /// Yields or sleeps, since nothing more can be read for now.
    pub(super) fn wait(&mut self, cx: &mut Context<'_>) {
        let Self {
            schedule,
            shared,
            stopwatch,
            yielding,
            ..
        } = self;
        let (is_processing, is_lingering) = (self.frame.is_some(), self.linger.is_some());
        match schedule.wait(
            is_processing,
            is_lingering,
            || shared.load(),
            || stopwatch.now(),
        ) {
            Wait::Yielded => {}
            // Ahead of the system's events.
            Wait::BehindWoken => cx.waker().wake_by_ref(),
            Wait::BehindOthers => yielding.wake_after_others(cx),
            Wait::KeepPolling => {
                shared.set_awake();
                yielding.wake_after_others(cx);
            }
            Wait::Sleep => {
                yielding.leave();
                self.deferred = Deferred::default();
            }
        }
    }
}

impl Drop for DetachedLink {
    fn drop(&mut self) {
        // Does nothing when the link has ended.
        self.shared.handle_lost(Arc::new(DriverDropped));
    }
}

/// The driver of a link was dropped before the link had ended.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the link's driver was dropped")]
struct DriverDropped;

impl std::fmt::Debug for DetachedLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DetachedLink").finish_non_exhaustive()
    }
}
