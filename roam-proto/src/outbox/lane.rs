//! A lane of the outbox: frames that are sent in order.

use alloc::collections::VecDeque;

use bytes::BytesMut;

use crate::carrier::HEADROOM;
#[cfg(feature = "byte-streams")]
use crate::cobs::{CobsWriter, max_encoded_len};
use crate::coding::{WriteBytes, varint_len};
use crate::framing::{Framing, PACKED_FRAME};
use crate::header::HeaderBuf;
use crate::ids::{ConnectionId, RequestId};
use crate::payload::{Encoded, Payload};

use super::{Priority, SentFrame, work};

/// Queued frames, in the order to send them.
///
/// With packed frames and byte streams, messages that are queued while the transport is busy share
/// a frame.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) framing: Framing,
    /// The space in front of each frame for its number, in bytes.
    pub(super) headroom: usize,
    pub(super) frames: VecDeque<Frame>,
    /// The buffer that short frames of a single message are split from.
    spare: BytesMut,
    /// Bytes in `frames`, without the space for their numbers.
    pub(super) queued: usize,
    /// Messages in `frames`.
    pub(super) messages: usize,
    /// The memory that control replies in `frames` take, in bytes.
    pub(super) control_cost: usize,
    /// The initial capacity of the next shared frame, estimated from the last sent one.
    frame_capacity: usize,
    sent_frames: u64,
    pub(super) sent_messages: u64,
    /// The calls that the queued Responses answer, in order.
    answered: VecDeque<(ConnectionId, RequestId)>,
}

#[derive(Debug, Default)]
pub(super) struct Frame {
    pub(super) bytes: BytesMut,
    /// Whether no further message may share the frame.
    sealed: bool,
    /// A part of it was sent: what is left is the rest of its message.
    pub(super) in_parts: bool,
    messages: usize,
    /// The memory that control replies take, in bytes.
    control_cost: usize,
    pub(super) responses: usize,
    /// How many frames of the other lane go before it.
    pub(super) follows: u64,
}

/// The capacity of the buffer that short frames of a single message are split from.
const SPARE_CAPACITY: usize = 4 * 1024;
/// The least and the most initial capacity of a shared frame.
const MIN_FRAME_CAPACITY: usize = 512;
const MAX_FRAME_CAPACITY: usize = 8 * 1024;
/// How many frames the empty lane keeps capacity for.
const KEPT_FRAMES: usize = 256;
/// How many answered calls the empty lane keeps capacity for.
const KEPT_ANSWERED: usize = 256;
/// The memory that a frame takes in addition to its bytes.
pub(super) const FRAME_COST: usize = size_of::<Frame>();

impl Lane {
    pub(super) fn new(framing: Framing) -> Self {
        Self {
            framing,
            headroom: if framing == Framing::Numbered {
                HEADROOM
            } else {
                0
            },
            frames: VecDeque::new(),
            spare: BytesMut::new(),
            queued: 0,
            messages: 0,
            control_cost: 0,
            frame_capacity: MIN_FRAME_CAPACITY,
            sent_frames: 0,
            sent_messages: 0,
            answered: VecDeque::new(),
        }
    }

    /// Returns how much memory the queued frames take, in bytes.
    #[inline]
    pub(super) fn cost(&self) -> usize {
        self.queued + self.frames.len() * FRAME_COST
    }

    /// Returns the number of queued frames.
    pub(super) fn frames(&self) -> usize {
        self.frames.len()
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Returns the number of the frame that contains the last queued message.
    #[inline]
    pub(super) fn last_frame(&self) -> u64 {
        self.sent_frames + self.frames.len() as u64
    }

    /// Returns whether a frame was handed to the transport.
    #[inline]
    pub(super) fn was_sent(&self, frame: u64) -> bool {
        frame <= self.sent_frames
    }

    #[inline]
    pub(super) fn front(&self) -> Option<&Frame> {
        self.frames.front()
    }

    /// Counts `cost` bytes of a control reply, which was just queued.
    pub(super) fn count_control(&mut self, cost: usize) {
        self.control_cost += cost;
        if let Some(frame) = self.frames.back_mut() {
            frame.control_cost += cost;
        }
    }

    /// Seals the last frame, so that later messages do not share it.
    pub(super) fn seal(&mut self) {
        if let Some(frame) = self.frames.back_mut() {
            frame.sealed = true;
        }
    }

    /// Seals the first frame.
    pub(super) fn seal_first(&mut self) {
        if let Some(frame) = self.frames.front_mut() {
            frame.sealed = true;
        }
    }

    /// Queues a message that must follow the first `follows` frames of the other lane.
    #[inline]
    pub(super) fn push(&mut self, header: &HeaderBuf, mut payload: Payload<'_>, follows: u64) {
        match &mut payload {
            Payload::Taken(encoded) if encoded.is_worth_taking() => {
                self.push_large(header, encoded);
            }
            _ => self.append(header, &payload),
        }
        if let Some(frame) = self.frames.back_mut() {
            frame.follows = follows;
        }
    }

    /// Counts the Response that was just queued.
    pub(super) fn count_response(&mut self, call: (ConnectionId, RequestId)) {
        if let Some(frame) = self.frames.back_mut() {
            frame.responses += 1;
        }
        self.answered.push_back(call);
    }

    /// Queues a message by copying its payload.
    fn append(&mut self, header: &HeaderBuf, payload: &[u8]) {
        let len = header.len() + payload.len();
        self.messages += 1;
        let (frame, queued) = match self.framing {
            Framing::Single => {
                let bytes = split_from_spare(&mut self.spare, header, payload);
                (push_own_frame(&mut self.frames, bytes), len)
            }
            Framing::Packed | Framing::Numbered => {
                let record = varint_len(len as u64) + len;
                let frame =
                    shared_frame(&mut self.frames, record, self.frame_capacity, self.headroom);
                frame.bytes.write_varint(len as u64);
                header.copy_to(&mut frame.bytes);
                frame.bytes.write_slice(payload);
                (frame, record)
            }
            #[cfg(feature = "byte-streams")]
            Framing::Cobs => {
                let max = max_encoded_len(len);
                let frame = shared_frame(&mut self.frames, max, self.frame_capacity, 0);
                let start = frame.bytes.len();
                let mut writer = CobsWriter::new(&mut frame.bytes);
                header.copy_to(&mut writer);
                writer.write_slice(payload);
                writer.finish();
                let encoded = frame.bytes.len() - start;
                (frame, encoded)
            }
        };
        self.queued += queued;
        frame.messages += 1;
    }

    /// Queues a message in its own frame, without copying the payload if its header fits.
    #[cold]
    fn push_large(&mut self, begun: &HeaderBuf, encoded: &mut Encoded) {
        let mut header = alloc::vec![0; self.headroom];
        if matches!(self.framing, Framing::Packed | Framing::Numbered) {
            header.write_varint((begun.len() + encoded.len()) as u64);
        }
        begun.copy_to(&mut header);
        let fits = !self.framing.is_byte_stream() && header.len() <= Encoded::HEADROOM;
        if !fits {
            return self.append(begun, encoded);
        }
        let bytes = encoded.take_with_header(&header);
        self.queued += bytes.len() - self.headroom;
        self.messages += 1;
        push_own_frame(&mut self.frames, bytes).messages += 1;
    }

    /// Removes the next frame, or the next part of a long one, and counts it as sent.
    pub(super) fn pop(&mut self, priority: Priority) -> Option<SentFrame> {
        if self.is_in_parts(self.frames.front()?) {
            return self.pop_part(priority);
        }
        let frame = self.frames.pop_front()?;
        let len = frame.bytes.len() - self.headroom;
        self.frame_capacity = len.clamp(MIN_FRAME_CAPACITY, MAX_FRAME_CAPACITY);
        self.queued -= len;
        self.count_sent(&frame);
        Some(SentFrame {
            bytes: frame.bytes,
            priority,
            bulk: match priority {
                Priority::Urgent => 0,
                Priority::Bulk => work(frame.messages, len),
            },
            responses: frame.responses,
        })
    }

    #[inline]
    pub(super) fn count_sent(&mut self, frame: &Frame) {
        self.sent_frames += 1;
        self.sent_messages += frame.messages as u64;
        self.messages -= frame.messages;
        self.control_cost -= frame.control_cost;
    }

    /// Frees the memory of a burst, once the lane is empty.
    pub(super) fn shrink(&mut self) {
        self.frames.shrink_to(KEPT_FRAMES);
    }

    /// Returns the next call whose Response was sent.
    pub(super) fn next_answered(&mut self) -> Option<(ConnectionId, RequestId)> {
        let next = self.answered.pop_front();
        if self.answered.is_empty() && self.answered.capacity() > KEPT_ANSWERED {
            self.answered.shrink_to(KEPT_ANSWERED);
        }
        next
    }
}

/// Appends a frame that no other message shares.
fn push_own_frame(frames: &mut VecDeque<Frame>, bytes: BytesMut) -> &mut Frame {
    frames.push_back_mut(Frame {
        bytes,
        sealed: true,
        ..Frame::default()
    })
}

/// Returns the last frame if `len` more bytes fit, otherwise a new one of the given capacity.
fn shared_frame(
    frames: &mut VecDeque<Frame>,
    len: usize,
    capacity: usize,
    headroom: usize,
) -> &mut Frame {
    let fits = |frame: &Frame| !frame.sealed && frame.bytes.len() + len <= PACKED_FRAME;
    if !frames.back().is_some_and(fits) {
        let mut bytes = BytesMut::with_capacity((headroom + len).max(capacity));
        bytes.resize(headroom, 0);
        frames.push_back(Frame {
            bytes,
            ..Frame::default()
        });
    }
    let frame = frames.back_mut().expect("a frame was just appended");
    frame.bytes.reserve(len);
    frame
}

/// Encodes a message for its own frame. A short one is split from `spare`.
fn split_from_spare(spare: &mut BytesMut, header: &HeaderBuf, payload: &[u8]) -> BytesMut {
    let len = header.len() + payload.len();
    if len > SPARE_CAPACITY {
        let mut bytes = BytesMut::with_capacity(len);
        header.copy_to(&mut bytes);
        bytes.write_slice(payload);
        return bytes;
    }
    if spare.capacity() < len {
        *spare = BytesMut::with_capacity(SPARE_CAPACITY);
    }
    header.copy_to(spare);
    spare.write_slice(payload);
    spare.split()
}
