//! Noticing that a peer that only knows version 2 of the protocol is gone.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::proto::Config;
use crate::proto::heartbeat::{Frames, Heartbeat, Verdict};
use crate::rt::{self, Clock, Sleep};

/// Decides when to send a WebSocket ping and when to give up the socket. Links that survive their sockets do so
/// themselves.
#[derive(Debug)]
pub(super) struct Pulse<S> {
    heartbeat: Heartbeat,
    clock: Clock,
    timer: Pin<Box<Sleep>>,
    /// Returns how many bytes were read from a socket. A message may take longer than a peer may be silent.
    heard: fn(&S) -> u64,
    pub(super) ping: Ping,
}

/// What became of the last ping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ping {
    None,
    Wanted,
    Unflushed,
}

impl<S> Pulse<S> {
    pub(super) fn new(config: &Config, heard: fn(&S) -> u64) -> Self {
        let clock = Clock::start();
        let heartbeat = Heartbeat::new(Some(config.heartbeat), config.dead_after, clock.now());
        Self {
            timer: Box::pin(rt::sleep(heartbeat.next_check())),
            heartbeat,
            clock,
            heard,
            ping: Ping::None,
        }
    }

    /// Ready when the peer is gone. `sent` counts messages.
    pub(super) fn poll_gone(&mut self, socket: &S, sent: u64, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.timer.as_mut().poll(cx));
            let now = self.clock.now();
            let received = (self.heard)(socket);
            match self.heartbeat.check(Frames { received, sent }, now) {
                Verdict::Alive => {}
                Verdict::Ping => self.ping = Ping::Wanted,
                Verdict::Dead => return Poll::Ready(()),
            }
            let wait = self.heartbeat.next_check().saturating_sub(now);
            self.timer = Box::pin(rt::sleep(wait));
        }
    }
}
