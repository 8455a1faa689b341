//! Frames that the peer has not acknowledged.

use alloc::collections::VecDeque;

use bytes::Bytes;

/// Frames that the peer has not acknowledged, to be sent again on the next transport.
#[derive(Debug)]
pub(super) struct Replay {
    frames: VecDeque<Kept>,
    /// The number of the first frame in `frames`: all before it are acknowledged.
    first: u64,
    /// How many of `frames` were handed to the present transport.
    sent: usize,
    /// Bytes in `frames`, with their overhead.
    cost: usize,
    /// How much [work](crate::outbox::work) the bulk in `frames` is.
    bulk: usize,
    /// Frames that were sent again.
    resent: u64,
    /// The most bytes; an empty buffer takes a frame of any size.
    limit: usize,
}

#[derive(Debug)]
struct Kept {
    frame: Bytes,
    bulk: usize,
}

/// The memory that a frame takes in addition to its bytes.
pub(super) const FRAME_COST: usize = 64;
/// How many frames the empty buffer keeps capacity for.
const KEPT_FRAMES: usize = 8;

impl Replay {
    /// Creates a buffer of `limit` bytes. The first frame has the number `first`.
    pub(super) fn new(limit: usize, first: u64) -> Self {
        Self {
            frames: VecDeque::new(),
            first,
            sent: 0,
            cost: 0,
            bulk: 0,
            resent: 0,
            limit,
        }
    }

    /// Returns the number of the next frame.
    #[inline]
    pub(super) fn next_number(&self) -> u64 {
        self.first + self.frames.len() as u64
    }

    /// Returns how many frames were sent again.
    pub(super) fn resent(&self) -> u64 {
        self.resent
    }

    pub(super) fn cost(&self) -> usize {
        self.cost
    }

    /// Returns whether another frame fits. Then all others were handed to the transport.
    #[inline]
    pub(super) fn has_room(&self) -> bool {
        self.sent == self.frames.len() && (self.cost < self.limit || self.frames.is_empty())
    }

    /// Returns how much [work](crate::outbox::work) the bulk is that is not acknowledged.
    #[inline]
    pub(super) fn bulk(&self) -> usize {
        self.bulk
    }

    /// Returns whether a frame waits to be sent again.
    #[inline]
    pub(super) fn has_unsent(&self) -> bool {
        self.sent < self.frames.len()
    }

    /// Keeps a frame that is handed to the transport now.
    #[inline]
    pub(super) fn push(&mut self, frame: Bytes, bulk: usize) {
        self.cost += frame.len() + FRAME_COST;
        self.bulk += bulk;
        self.frames.push_back(Kept { frame, bulk });
        self.sent += 1;
    }

    /// Takes the next frame to send again.
    pub(super) fn next_unsent(&mut self) -> Option<Bytes> {
        let frame = self.frames.get(self.sent)?.frame.clone();
        self.sent += 1;
        self.resent += 1;
        Some(frame)
    }

    /// Forgets the frames up to number `ack`. Returns `false` if there was no such frame.
    #[inline]
    pub(super) fn acknowledge(&mut self, ack: u64) -> bool {
        if ack >= self.next_number() {
            return false;
        }
        while self.first <= ack {
            let Some(Kept { frame, bulk }) = self.frames.pop_front() else {
                return false;
            };
            self.cost -= frame.len() + FRAME_COST;
            self.bulk -= bulk;
            self.first += 1;
            self.sent = self.sent.saturating_sub(1);
        }
        if self.frames.is_empty() && self.frames.capacity() > KEPT_FRAMES {
            self.frames.shrink_to(KEPT_FRAMES);
        }
        true
    }

    /// Sends every frame again, on another transport.
    pub(super) fn rewind(&mut self) {
        self.sent = 0;
    }

    /// Forgets everything: the link has ended.
    pub(super) fn clear(&mut self) {
        self.first = self.next_number();
        self.frames = VecDeque::new();
        self.sent = 0;
        self.cost = 0;
        self.bulk = 0;
    }
}
