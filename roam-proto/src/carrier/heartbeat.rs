//! Noticing that the other end of a transport is gone: for links that survive it, and for shells that send pings of
//! their own on a transport of version 2.

use core::time::Duration;

/// Decides when to ping and when to give up a transport.
///
/// It compares counts of frames at intervals, so that no frame costs a look at a clock. What counts
/// is the time that has passed between looks at the clock, never how many of them there were: when
/// nobody looked for long, since the machine slept or a browser slowed its timers, the peer is probed
/// before it is judged.
#[derive(Debug)]
pub struct Heartbeat {
    /// Ping a peer that is silent for this long; `None` leaves it to the peer.
    interval: Option<Duration>,
    /// Give up after this much silence.
    dead_after: Duration,
    next_check: Duration,
    /// Frames at the last check.
    frames: Frames,
    /// When the last frame was received, and sent: at most one [`step`](Self::step) too late.
    received: Duration,
    sent: Duration,
    /// An answer is expected by the next check.
    probing: bool,
}

/// How many frames have passed a transport, or bytes: only changes count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Frames {
    /// By us.
    pub received: u64,
    /// By us.
    pub sent: u64,
}

/// What a check found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All is well.
    Alive,
    /// Ask the peer for a sign of life.
    Ping,
    /// The peer is silent: give up the transport.
    Dead,
}

/// How long a peer that is probed has to answer. Shorter than people wait before they reload a page,
/// and longer than a slow mobile network needs for a round trip.
const PROBE: Duration = Duration::from_secs(5);
/// Checks for each time after which a peer is given up. More are more exact, and wake idle links more
/// often.
const STEPS: u32 = 8;

impl Heartbeat {
    /// Starts to watch a transport on which a frame was just received. Pings a peer after silence for `interval`,
    /// unless that is left to the peer.
    pub fn new(interval: Option<Duration>, dead_after: Duration, now: Duration) -> Self {
        let mut heartbeat = Self {
            interval,
            dead_after,
            next_check: now,
            frames: Frames::default(),
            received: now,
            sent: now,
            probing: false,
        };
        heartbeat.next_check = now.saturating_add(heartbeat.step());
        heartbeat
    }

    /// Returns when to [check](Self::check) next.
    pub fn next_check(&self) -> Duration {
        self.next_check
    }

    /// Asks the peer for a sign of life, which it must give soon.
    pub fn probe(&mut self, frames: Frames, now: Duration) {
        self.look(frames, now);
        self.probing = true;
        self.next_check = now.saturating_add(PROBE.min(self.dead_after));
    }

    /// Checks whether the peer is alive, if a check is due.
    pub fn check(&mut self, frames: Frames, now: Duration) -> Verdict {
        if now < self.next_check {
            return Verdict::Alive;
        }
        let late = now.saturating_sub(self.next_check);
        let heard = frames.received != self.frames.received;
        self.look(frames, now);
        if heard {
            self.probing = false;
        } else if late > self.step() {
            self.probe(frames, now);
            return Verdict::Ping;
        } else if self.probing || self.is_due(self.received, self.dead_after, now) {
            return Verdict::Dead;
        }
        self.next_check = now.saturating_add(self.step());
        let is_quiet = |interval| {
            self.is_due(self.received, interval, now) || self.is_due(self.sent, interval, now)
        };
        if self.interval.is_some_and(is_quiet) {
            return Verdict::Ping;
        }
        Verdict::Alive
    }

    fn look(&mut self, frames: Frames, now: Duration) {
        if frames.received != self.frames.received {
            self.received = now;
        }
        if frames.sent != self.frames.sent {
            self.sent = now;
        }
        self.frames = frames;
    }

    fn step(&self) -> Duration {
        self.dead_after / STEPS
    }

    /// Returns whether `limit` will have passed since `since` before the next check, given that `since`
    /// may be one step too late.
    fn is_due(&self, since: Duration, limit: Duration, now: Duration) -> bool {
        now.saturating_add(self.step() * 2) > since.saturating_add(limit)
    }
}
