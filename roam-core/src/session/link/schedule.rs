//! When a driver reads, yields, sends and sleeps.
//!
//! Pure policy: it sees byte counts, wake-ups, the link's [`Load`] and the time, and decides. The
//! [driver](super::driver) only does what it says. Each number below was measured with `cargo
//! xtask bench native`; docs/performance/diary.md has the figures.

mod busy_poll;

use std::time::Duration;

use super::deferred::Woken;
use crate::proto::Load;
use busy_poll::BusyPoll;

/// Frames processed per turn, before the driver sends: a peer that keeps sending must not hold back
/// answers. Never reached in the benchmark.
pub(super) const FRAMES_PER_TURN: usize = 32;

/// Events handled per acquisition of the link's lock. With 16, or a whole frame, 6 to 15 % fewer
/// calls/s.
pub(super) const EVENTS_PER_LOCK: usize = 8;

/// Bytes processed before other tasks run, so that readers find the data in the processor's cache.
/// Rates relative to no limit, with 64, 128, 256 and 512 KiB: bulk 0.8, 0.95, 1.15 and 1.3; calls of
/// 64 KiB 1.15, 1.35, 1.0 and 1.0.
const BYTES_PER_POLL: usize = 256 * 1024;

/// Roughly how many callers to wake before yielding. A longer run queue is stolen by other workers,
/// which then contend for this link's lock and cache lines. 8 instead of 32: 1,610,000 → 1,880,000
/// inline calls/s with 64 in flight.
const WAITERS_PER_POLL: usize = 8;

/// Roughly how many handlers to make ready before yielding, so that their answers share a write. With
/// 4 or 8, a half or a fifth fewer calls/s.
const HANDLERS_PER_POLL: usize = 128;

/// A batch is half of our calls in flight, or this many: it is sent at once, and the peer works on it
/// meanwhile. Smaller batches wait for other tasks to queue more. 1,800,000 → 2,250,000 inline
/// calls/s with 512 in flight.
const REQUEST_BATCH: usize = 256;
/// The divisor for our calls in flight.
const REQUEST_BATCH_SHARE: usize = 2;

/// A batch also needs a quarter of the peer's calls in flight, or this many responses. 457,000 →
/// 640,000 inline calls/s with 64 in flight; 16, 64 and 128 are within 4 %.
const RESPONSE_BATCH: usize = 32;
/// The divisor for the peer's calls in flight.
const RESPONSE_BATCH_SHARE: usize = 4;

/// A link is busy with this many calls in flight; more frames are then expected soon. A lone caller
/// must not keep a processor busy.
const BUSY_CALLS: usize = 4;
/// A link is also busy when this many messages were sent since it last had nothing to do: a callee
/// of inline methods has no calls in flight while it waits. 1,270,000 → 1,560,000 inline calls/s with
/// 64 in flight.
const BUSY_MESSAGES: u64 = 4;

/// Decides what a driver does next.
#[derive(Debug)]
pub(super) struct Scheduler {
    /// Processed since other tasks last ran.
    bytes: usize,
    woken: Woken,
    gathering: Gathering,
    busy_poll: BusyPoll,
    /// Messages sent when there was last nothing to do.
    sent_messages: u64,
}

/// Whether other tasks may run before something is sent, to queue messages that then share a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gathering {
    /// Nothing is queued that waits for others.
    Idle,
    /// Other tasks run now; this many messages were queued before.
    Yielded { queued: usize },
    /// Other tasks have run. If they queued more than these messages, they are likely to go on.
    Resumed { queued: usize },
}

/// What a driver does about queued messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SendStep {
    /// Hand frames to the transport.
    Now,
    /// Yield: other tasks may queue more for the same write.
    AfterOthers,
}

/// What a driver does once it can read no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// Sleep until the transport, a timer or a queued message wakes it.
    Sleep,
    /// The task was already scheduled behind others.
    Yielded,
    /// Run again behind the tasks that were just woken.
    BehindWoken,
    /// Run again when every ready task has run and the system was asked for events.
    BehindOthers,
    /// The same, and count as awake meanwhile.
    KeepPolling,
}

impl Scheduler {
    /// Creates a scheduler for drivers that take `wake_latency` to be put to sleep and woken.
    pub(super) fn new(wake_latency: Duration) -> Self {
        Self {
            bytes: 0,
            woken: Woken::default(),
            gathering: Gathering::Idle,
            busy_poll: BusyPoll::new(wake_latency),
            sent_messages: 0,
        }
    }

    /// The driver is polled: other tasks have run.
    pub(super) fn on_poll(&mut self) {
        self.bytes = 0;
        self.woken = Woken::default();
    }

    /// The driver begins to read. Messages that wait for others are sent after this: others have
    /// run, or the driver has read as many frames as a turn allows.
    pub(super) fn on_turn(&mut self) {
        if let Gathering::Yielded { queued } = self.gathering {
            self.gathering = Gathering::Resumed { queued };
        }
    }

    /// A frame was received.
    pub(super) fn on_frame(&mut self, now: impl FnOnce() -> Duration) {
        self.busy_poll.on_frame(now);
    }

    /// A part of a frame was processed.
    pub(super) fn on_processed(&mut self, bytes: usize, woken: Woken) {
        self.bytes += bytes;
        self.woken += woken;
    }

    /// Nothing more can be received: send everything without waiting for others.
    pub(super) fn on_read_failed(&mut self) {
        self.gathering = Gathering::Resumed { queued: usize::MAX };
    }

    /// Every queued message was handed to the transport.
    pub(super) fn on_drained(&mut self) {
        self.gathering = Gathering::Idle;
    }

    /// Returns whether to stop processing, so that other tasks run.
    pub(super) fn must_yield(&self) -> bool {
        self.bytes >= BYTES_PER_POLL || self.has_woken_many()
    }

    fn has_woken_many(&self) -> bool {
        self.woken.waiters >= WAITERS_PER_POLL || self.woken.handlers >= HANDLERS_PER_POLL
    }

    /// Returns whether the driver may send now, rather than after others have run.
    pub(super) fn may_send(&self) -> bool {
        !matches!(self.gathering, Gathering::Yielded { .. })
    }

    /// Decides whether to send queued messages now.
    pub(super) fn send(&mut self, load: &Load) -> SendStep {
        let gathered = match self.gathering {
            Gathering::Idle => 0,
            Gathering::Yielded { queued } | Gathering::Resumed { queued } => queued,
        };
        let queued = load.queued_messages;
        if queued > gathered && !load.has_ended && !is_batch(load) {
            self.gathering = Gathering::Yielded { queued };
            return SendStep::AfterOthers;
        }
        SendStep::Now
    }

    /// Decides how to wait when nothing more can be read for now. `is_processing` tells whether a
    /// frame is only partly processed, `is_lingering` whether the link has ended.
    pub(super) fn wait(
        &mut self,
        is_processing: bool,
        is_lingering: bool,
        load: impl FnOnce() -> Load,
        now: impl FnOnce() -> Duration,
    ) -> Wait {
        if is_processing {
            return if self.has_woken_many() {
                Wait::BehindWoken
            } else {
                Wait::BehindOthers
            };
        }
        match self.gathering {
            Gathering::Idle => {}
            Gathering::Yielded { .. } => return Wait::Yielded,
            // The transport is full: it wakes the driver.
            Gathering::Resumed { .. } => return Wait::Sleep,
        }
        let sent_messages = &mut self.sent_messages;
        let is_busy = || is_busy(&load(), sent_messages);
        if !is_lingering && self.busy_poll.keep_polling(now, is_busy) {
            Wait::KeepPolling
        } else {
            Wait::Sleep
        }
    }
}

/// Returns whether enough is queued for a write of its own: the peer can work on it while we work
/// on the rest. With few calls in flight, any message is a batch.
pub(super) fn is_batch(load: &Load) -> bool {
    let requests = (load.own_calls / REQUEST_BATCH_SHARE).min(REQUEST_BATCH);
    let responses = (load.peer_calls / RESPONSE_BATCH_SHARE).min(RESPONSE_BATCH);
    load.queued_messages > 0 && load.queued_messages >= requests + responses
}

/// Returns whether more frames are expected soon.
fn is_busy(load: &Load, sent_messages: &mut u64) -> bool {
    let before = std::mem::replace(sent_messages, load.sent_messages);
    load.own_calls + load.peer_calls >= BUSY_CALLS || load.sent_messages - before >= BUSY_MESSAGES
}

#[cfg(test)]
mod tests;
