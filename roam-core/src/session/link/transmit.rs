//! What a driver asks of the shared state.

use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

use bytes::Bytes;

use super::deferred::{Deferred, Woken};
use super::driver_waker::Interest;
use super::schedule::{self, EVENTS_PER_LOCK, Scheduler, SendStep};
use super::shared::Shared;
use super::wait::WaitKey;
use crate::proto::{
    Attach, Close, ConnectionId, Framing, LinkId, Load, Refusal, Secret, Violation,
};
use crate::transport::TransportError;

/// What a driver hands to its transport next.
pub(super) enum Transmit {
    /// This frame, and then ask again.
    Frame(Bytes),
    /// This frame, which is the last for now. The driver counts as asleep.
    Last(Bytes),
    /// Nothing. The driver counts as asleep.
    Nothing,
    /// Nothing until the peer acknowledges what it has received. The link has ended. The driver counts as awake:
    /// only its transport wakes it.
    HeldBack,
    /// Nothing yet: yield first, so that others may queue more for the same write.
    AfterOthers,
    /// Nothing ever again: the link has ended and everything was sent. Close the transport.
    Ended,
}

impl Shared {
    /// Processes a part of a frame from byte offset `from`, for a driver that looks for queued
    /// frames before it sleeps. Returns the offset to resume at and which tasks were woken.
    pub(super) fn process(
        &self,
        frame: &Bytes,
        from: usize,
        deferred: &mut Deferred,
    ) -> (usize, Woken) {
        self.with_deferred(deferred, |state, _| {
            state.driver.set_awake();
            state.link.process(frame, from, EVENTS_PER_LOCK)
        })
    }

    /// Takes the next frame to send, given whether the transport has nothing more to read.
    pub(super) fn poll_transmit(
        &self,
        cx: &Context<'_>,
        schedule: &mut Scheduler,
        caught_up: bool,
    ) -> Transmit {
        self.with(|state, deferred| {
            if caught_up {
                state.link.handle_caught_up();
            }
            let load = state.link.load();
            if schedule.send(&load) == SendStep::AfterOthers {
                return Transmit::AfterOthers;
            }
            let frame = state.link.poll_transmit();
            match frame {
                Some(frame) if load.has_ended || !state.link.is_drained() => {
                    return Transmit::Frame(frame);
                }
                None if load.has_ended && !state.link.is_held_back() => return Transmit::Ended,
                _ => {}
            }
            schedule.on_drained();
            if load.has_ended {
                // It would be woken at once, since the link has ended.
                return Transmit::HeldBack;
            }
            deferred.discard(state.driver.sleep(Interest::Output, cx.waker()));
            frame.map_or(Transmit::Nothing, Transmit::Last)
        })
    }

    /// Returns whether enough is queued for a write of its own.
    pub(super) fn has_batch(&self) -> bool {
        schedule::is_batch(&self.load())
    }

    pub(super) fn load(&self) -> Load {
        self.lock().link.load()
    }

    /// Keeps the driver awake: it polls again soon.
    pub(super) fn set_awake(&self) {
        self.lock().driver.set_awake();
    }

    /// Puts the driver to sleep on a full transport, to be woken by nothing but the end of the
    /// link. Returns whether the link has already ended.
    pub(super) fn sleep_until_ended(&self, cx: &Context<'_>) -> bool {
        self.with(|state, deferred| {
            let has_ended = state.link.close_reason().is_some();
            if !has_ended {
                deferred.discard(state.driver.sleep(Interest::EndOnly, cx.waker()));
            }
            has_ended
        })
    }

    /// Accepts a new link under this id, or ends it. `first` was the first frame of its transport.
    pub(super) fn accept(&self, first: &[u8], id: LinkId, secret: Secret) {
        let now = self.clock.now();
        let protocol = |violation: Violation| Refusal::new(Close::PROTOCOL, &violation.to_string());
        self.with(|state, _| {
            let accepted = Attach::decode(first)
                .map_err(protocol)
                .and_then(|attach| state.link.accept(&attach, id, secret, now));
            if let Err(refusal) = accepted {
                state.link.refuse(refusal);
            }
        });
    }

    /// Goes on in version 2 of the protocol if `framing` is one of that and the peers have not agreed yet.
    pub(super) fn fall_back(&self, framing: Framing) {
        let now = self.clock.now();
        self.with(|state, _| state.link.fall_back(framing, now));
    }

    /// Records that the transport is gone.
    pub(super) fn detach(&self) {
        self.with(|state, deferred| {
            state.peer_addr = None;
            state.link.detach();
            state.notify(WaitKey::End(ConnectionId::ROOT), deferred);
        });
    }

    /// Records the address at the other end of the transport in use.
    pub(super) fn set_peer_addr(&self, peer: Option<SocketAddr>) {
        self.lock().peer_addr = peer;
    }

    /// Returns whether the handshakes of the link and of its transport are complete. If so, wakes whoever wants
    /// to know.
    pub(super) fn check_open(&self) -> bool {
        self.with(|state, deferred| {
            let is_open = state.link.has_agreed() && state.link.is_attached();
            if is_open {
                state.notify(WaitKey::End(ConnectionId::ROOT), deferred);
            }
            is_open
        })
    }

    /// Returns how long until [`handle_timeout`](Self::handle_timeout) is due.
    pub(super) fn timeout(&self) -> Option<Duration> {
        let at = self.lock().link.poll_timeout()?;
        Some(at.saturating_sub(self.clock.now()))
    }

    /// Returns whether the transport is dead.
    pub(super) fn handle_timeout(&self) -> bool {
        let now = self.clock.now();
        self.with(|state, _| {
            state.link.handle_timeout(now);
            state.link.is_transport_dead()
        })
    }

    /// Ends the link because the peer broke a rule of the transport.
    pub(super) fn handle_violation(&self, violation: Violation) {
        self.with(|state, _| state.link.handle_violation(violation));
    }

    /// Returns why a transport has failed: the acceptor may have said so.
    #[cold]
    pub(super) fn explain(&self, error: TransportError) -> TransportError {
        let postponed = self.peek(|state| state.link.take_postponed());
        postponed.map_or(error, TransportError::Postponed)
    }

    /// Ends the link because it gets no other transport than the one that failed.
    pub(super) fn lose(&self, error: TransportError) {
        match error {
            TransportError::Postponed(refusal) => {
                self.with(|state, _| state.link.handle_refused(refusal));
            }
            error => self.handle_lost(error.into_cause()),
        }
    }

    /// Ends the link because its transport was lost.
    pub(super) fn handle_lost(&self, error: Arc<dyn std::error::Error + Send + Sync>) {
        self.with(|state, _| state.link.handle_lost(error));
    }
}
