//! The driver: moves frames between a transport and the machine.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;

use super::deferred::Deferred;
use super::handle::ConnectionHandle;
use super::schedule::{FRAMES_PER_TURN, Scheduler, Wait};
use super::shared::Shared;
use super::transmit::Transmit;
use crate::proto::{CloseReason, PeerClose, Role};
use crate::rt::{self, Sleep, Stopwatch};
use crate::transport::{Transport, TransportError};

/// Runs a link: a future that carries frames until the link has ended, and returns the reason.
///
/// Dropping it ends the link as lost.
#[must_use = "a link does nothing unless its driver is polled"]
pub struct Driver<T> {
    transport: T,
    shared: Arc<Shared>,
    /// Keeps alive a link that the peer opened, which goes on without other handles.
    handle: Option<ConnectionHandle>,
    schedule: Scheduler,
    stopwatch: Stopwatch,
    phase: Phase,
    /// The frame being processed and the next offset.
    frame: Option<(Bytes, usize)>,
    /// Deferred work, whose memory is reused until the driver sleeps. Gain: 3 % of the instructions
    /// of a call, without which calls would miss their bound.
    deferred: Deferred,
    /// Frames were handed to the transport and not flushed.
    unflushed: bool,
    /// The handshake is not complete; it has a timeout of its own.
    is_opening: bool,
    is_timer_set: bool,
    timer: Option<Pin<Box<Sleep>>>,
    /// Runs once the link has ended: how long the rest may take to be sent.
    linger: Option<Pin<Box<Sleep>>>,
}

#[derive(Clone, Copy, PartialEq)]
enum Phase {
    Running,
    /// The link has ended and everything was sent.
    Closing,
    Done,
}

/// How long queued messages may take to be sent after the link has ended. A peer that does not read
/// must not hold the link forever.
const LINGER: Duration = Duration::from_secs(5);

impl<T: Transport> Driver<T> {
    pub(crate) fn new(transport: T, handle: &ConnectionHandle, role: Role) -> Self {
        Self {
            transport,
            shared: Arc::clone(&handle.link().shared),
            handle: (role == Role::Acceptor).then(|| handle.clone()),
            schedule: Scheduler::new(rt::WAKE_LATENCY),
            stopwatch: Stopwatch::start(),
            phase: Phase::Running,
            frame: None,
            deferred: Deferred::default(),
            unflushed: false,
            is_opening: true,
            is_timer_set: false,
            timer: None,
            linger: None,
        }
    }

    fn poll_drive(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        self.schedule.on_poll();
        loop {
            match self.phase {
                Phase::Running => {
                    self.schedule.on_turn();
                    let read = self.poll_read(cx);
                    let is_pending = read.is_pending();
                    // While a frame is being processed, nothing but a batch is sent.
                    if self.frame.is_none() || self.shared.has_batch() {
                        self.poll_timer(cx);
                        self.poll_write(read, cx)?;
                    }
                    if is_pending && self.phase == Phase::Running {
                        self.wait(cx);
                        return Poll::Pending;
                    }
                }
                Phase::Closing => {
                    if self.poll_linger(cx).is_pending() {
                        let close = self.close_reason().close();
                        ready!(self.transport.poll_close(&close, cx))?;
                    }
                    self.phase = Phase::Done;
                }
                Phase::Done => return Poll::Ready(Ok(())),
            }
        }
    }

    /// Reads and processes frames until a batch is queued. Pending when nothing more is there, or
    /// when other tasks must run first. Once the link has ended, frames are only read so that the
    /// peer is not blocked.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        for _ in 0..FRAMES_PER_TURN {
            if self.frame.is_none() {
                match ready!(self.transport.poll_receive(cx)) {
                    Ok(frame) => self.on_frame(frame),
                    _ if self.linger.is_some() => return Poll::Pending,
                    Err(TransportError::Violation(violation)) => {
                        self.shared.handle_violation(violation);
                        return Poll::Ready(Ok(()));
                    }
                    Err(lost) => return Poll::Ready(Err(lost)),
                }
            }
            while self.frame.is_some() {
                if self.schedule.must_yield() {
                    return Poll::Pending;
                }
                self.process();
            }
            if self.shared.has_batch() {
                break;
            }
        }
        Poll::Ready(Ok(()))
    }

    fn on_frame(&mut self, frame: Bytes) {
        self.schedule.on_frame(|| self.stopwatch.now());
        self.frame = Some((frame, 0));
    }

    /// Processes a part of the current frame.
    fn process(&mut self) {
        let Some((frame, offset)) = &mut self.frame else {
            return;
        };
        let (to, woken) = self.shared.process(frame, *offset, &mut self.deferred);
        self.schedule.on_processed(to - *offset, woken);
        *offset = to;
        if to == frame.len() {
            self.frame = None;
        }
        if self.is_opening && self.shared.has_agreed() {
            self.is_opening = false;
            self.is_timer_set = false;
        }
    }

    /// Sends, given the result of the last read. After a failed read this is the last chance to.
    fn poll_write(
        &mut self,
        read: Poll<Result<(), TransportError>>,
        cx: &mut Context<'_>,
    ) -> Result<(), TransportError> {
        if matches!(read, Poll::Ready(Err(_))) {
            self.schedule.on_read_failed();
        }
        let sent = self.poll_send(cx);
        if let Poll::Ready(read) = read {
            read?;
        }
        if let Err(error) = sent {
            return Err(self.process_rest(cx).map_or(error, Into::into));
        }
        if self.phase == Phase::Running && self.poll_linger(cx).is_ready() {
            self.phase = Phase::Done;
        }
        Ok(())
    }

    /// Sends queued frames until the transport is full, and flushes once.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Result<(), TransportError> {
        while self.schedule.may_send() {
            if self.transport.poll_ready(cx)?.is_pending() {
                if self.shared.sleep_until_ended(cx) {
                    self.start_linger();
                }
                break;
            }
            let (frame, is_last) = match self.shared.poll_transmit(cx, &mut self.schedule) {
                Transmit::Frame(frame) => (frame, false),
                Transmit::Last(frame) => (frame, true),
                Transmit::Nothing => break,
                Transmit::AfterOthers => {
                    rt::wake_after_others(cx);
                    break;
                }
                Transmit::Ended => {
                    self.start_linger();
                    self.phase = Phase::Closing;
                    return Ok(());
                }
            };
            self.transport.start_send(frame)?;
            self.unflushed = true;
            if is_last {
                break;
            }
        }
        if self.unflushed && self.transport.poll_flush(cx)?.is_ready() {
            self.unflushed = false;
        }
        Ok(())
    }

    /// Processes what the peer has sent before it stopped reading: it may well have said why. Returns
    /// how the peer has closed the transport, if it has.
    fn process_rest(&mut self, cx: &mut Context<'_>) -> Option<PeerClose> {
        loop {
            while self.frame.is_some() {
                self.process();
            }
            match self.transport.poll_receive(cx) {
                Poll::Ready(Ok(frame)) => self.on_frame(frame),
                Poll::Ready(Err(TransportError::Closed(close))) => return Some(close),
                _ => return None,
            }
        }
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>) {
        if !std::mem::replace(&mut self.is_timer_set, true) {
            self.set_timer();
        }
        while let Some(timer) = &mut self.timer {
            if timer.as_mut().poll(cx).is_pending() {
                return;
            }
            self.shared.handle_timeout();
            // The timer may have been ahead of the clock: then it is set once more.
            self.set_timer();
        }
    }

    fn set_timer(&mut self) {
        let limit = self.shared.timeout();
        self.timer = limit.map(|limit| Box::pin(rt::sleep(limit)));
    }

    /// Returns why the link ended, which it has.
    fn close_reason(&self) -> CloseReason {
        let reason = self.shared.close_reason();
        reason.unwrap_or_else(|| CloseReason::Local("".into()))
    }

    fn start_linger(&mut self) {
        let start = || Box::pin(rt::sleep(LINGER));
        self.linger.get_or_insert_with(start);
    }

    /// Ready when the time to send the rest is up.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.linger {
            Some(sleep) => sleep.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }

    /// Yields or sleeps, since nothing more can be read for now.
    fn wait(&mut self, cx: &mut Context<'_>) {
        let Self {
            schedule,
            shared,
            stopwatch,
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
            Wait::BehindOthers => rt::wake_after_others(cx),
            Wait::KeepPolling => {
                shared.set_awake();
                rt::wake_after_others(cx);
            }
            Wait::Sleep => self.deferred = Deferred::default(),
        }
    }
}

impl<T: Transport> Future for Driver<T> {
    type Output = CloseReason;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<CloseReason> {
        let this = self.get_mut();
        if let Err(error) = ready!(this.poll_drive(cx)) {
            this.phase = Phase::Done;
            this.shared.handle_lost(error.into_cause());
        }
        this.handle = None;
        Poll::Ready(this.close_reason())
    }
}

impl<T> Drop for Driver<T> {
    fn drop(&mut self) {
        // Does nothing when the link has ended.
        self.shared.handle_lost(Arc::new(DriverDropped));
    }
}

/// The driver of a link was dropped before the link had ended.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the link's driver was dropped")]
struct DriverDropped;

impl<T> std::fmt::Debug for Driver<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Driver").finish_non_exhaustive()
    }
}
