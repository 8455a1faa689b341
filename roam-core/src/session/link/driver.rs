//! The driver: moves frames between a transport and the machine.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::detached::{DetachedLink, Phase};
use super::schedule::FRAMES_PER_TURN;
use super::shared::Shared;
use super::transmit::Transmit;
use bytes::Bytes;

use crate::proto::{Attach, CloseReason, Framing, LinkId, Metadata, Refusal, Secret};
use crate::session::extensions::Extensions;
use crate::transport::{Transport, TransportError};

/// Runs a link: a future that carries frames until the link has ended, and returns the reason. When the
/// transport fails, the link ends as lost.
///
/// Dropping it ends the link as lost.
///
/// A link is not its transport: whoever wants to decide what a failure means polls
/// [`carry`](Self::carry), and may [detach](Self::detach) the transport and
/// [attach](DetachedLink::attach) another.
#[must_use = "a link does nothing unless its driver is polled"]
pub struct Driver<T> {
    transport: T,
    link: DetachedLink,
    /// Frames were handed to the transport and not flushed.
    unflushed: bool,
    /// The transport had nothing more to read.
    caught_up: bool,
}

/// A transport does not hold messages in frames as the link does, which never changes.
#[derive(Debug, thiserror::Error)]
#[error("the transport's framing is {transport:?}, the link's is {expected:?}")]
#[non_exhaustive]
pub struct AttachError {
    /// The link, without a transport as before.
    pub link: Box<DetachedLink>,
    /// The framing of the transport.
    pub transport: Framing,
    /// The framing of the link.
    pub expected: Framing,
}

impl DetachedLink {
    /// Gives the link a transport. Nothing happens before the driver is polled.
    ///
    /// # Errors
    /// The transport must have the link's framing. A link on which the peers have not agreed on anything yet
    /// can go on in version 2 of the protocol.
    pub fn attach<T: Transport>(mut self, transport: T) -> Result<Driver<T>, AttachError> {
        let framing = transport.framing();
        self.shared.fall_back(framing);
        let expected = self.framing();
        if framing != expected {
            return Err(AttachError {
                link: Box::new(self),
                transport: framing,
                expected,
            });
        }
        self.begin();
        Ok(Driver::new(transport, self))
    }
}

impl<T: Transport> Driver<T> {
    /// Returns whether the peer has accepted the transport.
    pub(in crate::session) fn is_attached(&self) -> bool {
        self.link.shared.peek(|state| state.link.is_attached())
    }

    /// Goes on with another transport whose first frame was `attach`, as the acceptor. Returns the present
    /// one.
    ///
    /// # Errors
    /// The peer has no right to the link. Returns the other transport.
    pub(in crate::session) fn replace(
        &mut self,
        transport: T,
        attach: &Attach,
        secret: Secret,
    ) -> Result<T, (T, Refusal)> {
        if let Err(refusal) = self.link.resume(attach, secret) {
            return Err((transport, refusal));
        }
        self.link.shared.set_peer_addr(transport.peer_addr());
        self.unflushed = false;
        Ok(std::mem::replace(&mut self.transport, transport))
    }

    pub(in crate::session) fn shared(&self) -> &Arc<Shared> {
        &self.link.shared
    }

    /// Sets what we say of ourselves from now on.
    pub(in crate::session) fn say(&self, metadata: Metadata) {
        self.link.say(metadata);
    }

    /// Returns the values that users attached to the link.
    pub(in crate::session) fn extensions(&self) -> &Extensions {
        self.link.extensions()
    }

    /// Returns the link's id, if it has one.
    pub(in crate::session) fn link_id(&self) -> Option<LinkId> {
        self.link.shared.peek(|state| state.link.link_id().cloned())
    }

    /// Passes the first frame of the transport to the link.
    pub(in crate::session) fn on_first_frame(&mut self, frame: Bytes) {
        self.on_frame(frame);
    }

    #[inline]
    fn on_frame(&mut self, frame: Bytes) {
        if self.link.expects_attach {
            let framing = self.transport.framing();
            return self.link.on_first_frame(frame, framing);
        }
        self.link.on_frame(frame);
    }

    pub(crate) fn new(transport: T, link: DetachedLink) -> Self {
        link.shared.set_peer_addr(transport.peer_addr());
        Self {
            transport,
            link,
            unflushed: false,
            caught_up: false,
        }
    }

    /// Carries frames until the link has ended, and returns the reason; or until the transport fails,
    /// which leaves the link alive, or its peer without knowing its end.
    ///
    /// Cancel safe: the next call goes on.
    ///
    /// # Errors
    /// Returns how the transport failed, or how the peer closed it.
    pub async fn carry(&mut self) -> Result<CloseReason, TransportError> {
        poll_fn(|cx| self.poll_carry(cx)).await
    }

    /// Takes the transport away from the link, which lives on: calls and channels wait.
    ///
    /// With [`Framing::Numbered`], what was handed to the transport and has not reached the peer is sent
    /// again on the next one. Version 2 of the protocol does not number its messages: there it is lost, and
    /// the link with it; detach only when nothing is on its way in either direction, and do so at both ends.
    ///
    /// ```
    /// use roam_core::proto::Framing;
    /// use roam_core::transport::memory_pair;
    /// use roam_core::{Config, NoDispatcher, connect};
    ///
    /// let (first, _) = memory_pair(Framing::Packed);
    /// let (second, _) = memory_pair(Framing::Packed);
    /// let (handle, driver) = connect(first).drive();
    /// let (link, _first) = driver.detach();
    /// let driver = link.attach(second)?;
    /// assert!(handle.close_reason().is_none());
    /// # Ok::<(), roam_core::AttachError>(())
    /// ```
    pub fn detach(self) -> (DetachedLink, T) {
        self.link.shared.detach();
        (self.link, self.transport)
    }

    pub(in crate::session) fn poll_carry(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<CloseReason, TransportError>> {
        let driven = ready!(self.poll_drive(cx));
        if let Err(error) = driven
            // A peer that has not answered on this transport does not know that the link has ended.
            && (self.link.shared.close_reason().is_none() || !self.is_attached())
        {
            return Poll::Ready(Err(self.link.shared.explain(error)));
        }
        self.link.finish();
        Poll::Ready(Ok(self.link.close_reason()))
    }

    fn poll_drive(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        self.link.schedule.on_poll();
        loop {
            match self.link.phase {
                Phase::Running => {
                    self.link.schedule.on_turn();
                    let read = self.poll_read(cx);
                    let is_pending = read.is_pending();
                    // While a frame is being processed, nothing but a batch is sent.
                    if self.link.frame.is_none() || self.link.shared.has_batch() {
                        if self.link.poll_timer(cx).is_ready() {
                            return Poll::Ready(Err(TransportError::Silent));
                        }
                        self.poll_write(read, cx)?;
                    }
                    if is_pending && self.link.phase == Phase::Running {
                        self.link.wait(cx);
                        return Poll::Pending;
                    }
                }
                Phase::Closing => {
                    if self.link.poll_linger(cx).is_pending() {
                        let close = self.link.close_reason().close();
                        ready!(self.transport.poll_close(&close, cx))?;
                    }
                    self.link.phase = Phase::Done;
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
            if self.link.frame.is_none() {
                let received = self.transport.poll_receive(cx);
                self.caught_up = received.is_pending();
                match ready!(received) {
                    Ok(frame) => self.on_frame(frame),
                    // The rest is sent, unless the peer has not answered on this transport.
                    Err(_) if self.link.linger.is_some() && self.is_attached() => {
                        return Poll::Pending;
                    }
                    Err(TransportError::Violation(violation)) if self.link.linger.is_none() => {
                        self.link.shared.handle_violation(violation);
                        return Poll::Ready(Ok(()));
                    }
                    Err(lost) => return Poll::Ready(Err(lost)),
                }
            }
            while self.link.frame.is_some() {
                if self.link.schedule.must_yield() {
                    return Poll::Pending;
                }
                self.link.process();
            }
            if self.link.shared.has_batch() {
                break;
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Sends, given the result of the last read. After a failed read this is the last chance to.
    fn poll_write(
        &mut self,
        read: Poll<Result<(), TransportError>>,
        cx: &mut Context<'_>,
    ) -> Result<(), TransportError> {
        if matches!(read, Poll::Ready(Err(_))) {
            self.link.schedule.on_read_failed();
        }
        let sent = self.poll_send(cx);
        if let Poll::Ready(read) = read {
            read?;
        }
        if let Err(error) = sent {
            return Err(self.process_rest(cx).unwrap_or(error));
        }
        if self.link.phase == Phase::Running && self.link.poll_linger(cx).is_ready() {
            self.link.phase = Phase::Done;
        }
        Ok(())
    }

    /// Sends queued frames until the transport is full, and flushes once.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Result<(), TransportError> {
        while self.link.schedule.may_send() {
            if self.transport.poll_ready(cx)?.is_pending() {
                if self.link.shared.sleep_until_ended(cx) {
                    self.link.start_linger();
                }
                break;
            }
            let caught_up = std::mem::take(&mut self.caught_up);
            let (frame, is_last) =
                match (self.link.shared).poll_transmit(cx, &mut self.link.schedule, caught_up) {
                    Transmit::Frame(frame) => (frame, false),
                    Transmit::Last(frame) => (frame, true),
                    Transmit::Nothing => break,
                    Transmit::HeldBack => {
                        self.link.start_linger();
                        break;
                    }
                    Transmit::AfterOthers => {
                        self.link.yielding.wake_after_others(cx);
                        break;
                    }
                    Transmit::Ended => {
                        self.link.start_linger();
                        self.link.phase = Phase::Closing;
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
    /// how the peer has closed the transport, if it has, or that it does not understand us.
    fn process_rest(&mut self, cx: &mut Context<'_>) -> Option<TransportError> {
        loop {
            while self.link.frame.is_some() {
                self.link.process();
            }
            match self.transport.poll_receive(cx) {
                Poll::Ready(Ok(frame)) => self.on_frame(frame),
                Poll::Ready(Err(
                    said @ (TransportError::Closed(_) | TransportError::OnlyVersion2),
                )) => return Some(said),
                _ => return None,
            }
        }
    }
}

impl<T: Transport> Future for Driver<T> {
    type Output = CloseReason;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<CloseReason> {
        let this = self.get_mut();
        Poll::Ready(match ready!(this.poll_carry(cx)) {
            Ok(reason) => reason,
            Err(error) => {
                this.link.shared.lose(error);
                this.link.finish();
                this.link.close_reason()
            }
        })
    }
}

impl<T> std::fmt::Debug for Driver<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Driver").finish_non_exhaustive()
    }
}
