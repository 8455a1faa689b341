//! What waits to be sent.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use super::cobs::{CobsWriter, max_encoded_len};
use super::framing::{Framing, PACKED_FRAME};
use super::ids::{ConnectionId, RequestId};
use super::message::Message;
use super::wire::{Put, varint_len};

/// Messages in the order in which they are to be sent, already encoded.
///
/// In packed frames and in a byte stream, messages that are queued while the transport is busy
/// share a frame.
#[derive(Debug)]
pub(super) struct Outbox {
    framing: Framing,
    frames: VecDeque<Frame>,
    /// Spare room from which frames of a single message are cut.
    spare: BytesMut,
    /// Room in which a message is put together, but for its payload.
    envelope: Vec<u8>,
    queued: usize,
    messages: usize,
    control: usize,
    /// How many frames have left.
    left: u64,
    /// The calls that are answered by the Responses which wait, in their order.
    answered: VecDeque<(ConnectionId, RequestId)>,
}

#[derive(Debug, Default)]
struct Frame {
    bytes: BytesMut,
    sealed: bool,
    messages: usize,
    control: usize,
    responses: usize,
}

/// A frame that leaves.
pub(super) struct Departure {
    pub(super) bytes: Bytes,
    /// How many Responses are in it.
    pub(super) responses: usize,
}

/// The room for short single-message frames is taken in pieces of this size, and so much is kept
/// of the room for what stands before payloads.
const SPARE: usize = 4 * 1024;
/// How many frames there is room for while there are none.
const KEPT_FRAMES: usize = 256;
/// How many answered calls there is room for while there are none.
const KEPT_ANSWERED: usize = 256;
/// What a frame costs beside its bytes.
const FRAME_COST: usize = size_of::<Frame>();

impl Outbox {
    pub(super) fn new(framing: Framing) -> Self {
        Self {
            framing,
            frames: VecDeque::new(),
            spare: BytesMut::new(),
            envelope: Vec::new(),
            queued: 0,
            messages: 0,
            control: 0,
            left: 0,
            answered: VecDeque::new(),
        }
    }

    /// The bytes that wait.
    pub(super) fn queued(&self) -> usize {
        self.queued
    }

    /// The messages that wait.
    pub(super) fn messages(&self) -> usize {
        self.messages
    }

    /// What waits costs in memory, in bytes.
    #[inline]
    pub(super) fn cost(&self) -> usize {
        self.queued + self.frames.len() * FRAME_COST
    }

    /// What the control replies that wait cost in memory, in bytes.
    pub(super) fn control(&self) -> usize {
        self.control
    }

    /// The frames that wait.
    pub(super) fn frames(&self) -> usize {
        self.frames.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    #[inline]
    pub(super) fn push(&mut self, message: &Message<'_>) {
        self.append(message);
    }

    /// Queues a message that the peer made us send, which counts against the bound on those.
    pub(super) fn push_control(&mut self, message: &Message<'_>) {
        let (bytes, frames) = (self.queued, self.frames.len());
        self.append(message);
        let cost = self.queued - bytes + (self.frames.len() - frames) * FRAME_COST;
        self.control += cost;
        self.last().control += cost;
    }

    /// Queues a Response; its call is [reported](Self::next_answered) when the frame has left.
    pub(super) fn push_response(
        &mut self,
        connection: ConnectionId,
        request: RequestId,
        message: &Message<'_>,
    ) {
        self.append(message);
        self.answered.push_back((connection, request));
        self.last().responses += 1;
    }

    /// The number of the frame in which the message stands that was queued last.
    pub(super) fn last_frame(&self) -> u64 {
        self.left + self.frames.len() as u64
    }

    /// Whether a frame has been handed to the transport.
    pub(super) fn has_left(&self, frame: u64) -> bool {
        frame <= self.left
    }

    /// Closes the last frame: what comes later does not share it.
    pub(super) fn seal(&mut self) {
        if let Some(frame) = self.frames.back_mut() {
            frame.sealed = true;
        }
    }

    #[inline]
    fn append(&mut self, message: &Message<'_>) {
        let mut envelope = std::mem::take(&mut self.envelope);
        let payload = message.put_envelope(&mut envelope);
        let len = envelope.len() + payload.len();
        match self.framing {
            Framing::Single => {
                let bytes = self.cut(&envelope, payload);
                self.queued += len;
                self.frames.push_back(Frame {
                    bytes,
                    sealed: true,
                    ..Frame::default()
                });
            }
            Framing::Packed => {
                let record = varint_len(len as u64) + len;
                let bytes = self.shared(record);
                bytes.put_varint(len as u64);
                bytes.put_all(&envelope);
                bytes.put_all(payload);
                self.queued += record;
            }
            Framing::Cobs => {
                let bytes = self.shared(max_encoded_len(len));
                let start = bytes.len();
                let mut writer = CobsWriter::new(bytes);
                writer.put_all(&envelope);
                writer.put_all(payload);
                writer.finish();
                let end = bytes.len();
                self.queued += end - start;
            }
        }
        self.messages += 1;
        self.last().messages += 1;
        envelope.clear();
        envelope.shrink_to(SPARE);
        self.envelope = envelope;
    }

    fn last(&mut self) -> &mut Frame {
        self.frames
            .back_mut()
            .expect("called after a frame was appended")
    }

    /// The last frame, if it has room for `len` more bytes, or else a new one.
    fn shared(&mut self, len: usize) -> &mut BytesMut {
        let fits = |frame: &Frame| !frame.sealed && frame.bytes.len() + len <= PACKED_FRAME;
        if !self.frames.back().is_some_and(fits) {
            self.frames.push_back(Frame::default());
        }
        let bytes = &mut self.last().bytes;
        bytes.reserve(len);
        bytes
    }

    /// A frame of a single message.
    fn cut(&mut self, envelope: &[u8], payload: &[u8]) -> BytesMut {
        let len = envelope.len() + payload.len();
        if len > SPARE {
            let mut bytes = BytesMut::with_capacity(len);
            bytes.put_all(envelope);
            bytes.put_all(payload);
            return bytes;
        }
        if self.spare.capacity() < len {
            self.spare = BytesMut::with_capacity(SPARE);
        }
        self.spare.put_all(envelope);
        self.spare.put_all(payload);
        self.spare.split()
    }

    /// Takes out the next frame.
    pub(super) fn pop(&mut self) -> Option<Departure> {
        let Some(frame) = self.frames.pop_front() else {
            // A burst is not paid for until the end of the link.
            self.frames.shrink_to(KEPT_FRAMES);
            return None;
        };
        self.left += 1;
        self.queued -= frame.bytes.len();
        self.messages -= frame.messages;
        self.control -= frame.control;
        Some(Departure {
            bytes: frame.bytes.freeze(),
            responses: frame.responses,
        })
    }

    /// The next call whose Response has left. To be asked as often as there are Responses in a
    /// frame that has.
    pub(super) fn next_answered(&mut self) -> Option<(ConnectionId, RequestId)> {
        let next = self.answered.pop_front();
        if self.answered.is_empty() && self.answered.capacity() > KEPT_ANSWERED {
            self.answered.shrink_to(KEPT_ANSWERED);
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::super::ids::ChannelId;
    use super::*;

    fn data(payload: &[u8]) -> Message<'_> {
        Message::Data {
            connection: ConnectionId::ROOT,
            channel: ChannelId(1),
            payload,
        }
    }

    fn frames(outbox: &mut Outbox) -> Vec<Bytes> {
        std::iter::from_fn(|| outbox.pop().map(|departure| departure.bytes)).collect()
    }

    #[test]
    fn single_frames_hold_one_message_each() {
        let mut outbox = Outbox::new(Framing::Single);
        outbox.push(&data(&[1]));
        outbox.push(&data(&[2; 9_000]));
        assert_eq!(outbox.queued(), 5 + 9_005);
        assert_eq!(outbox.cost(), 5 + 9_005 + 2 * FRAME_COST);
        let frames = frames(&mut outbox);
        assert_eq!(&frames[0][..], [8, 0, 1, 1, 1]);
        assert_eq!(frames[1].len(), 9_005);
        assert_eq!(outbox.queued(), 0);
    }

    #[test]
    fn packed_frames_hold_what_is_ready_up_to_their_bound() {
        let mut outbox = Outbox::new(Framing::Packed);
        for _ in 0..70 {
            outbox.push(&data(&[0; 1_000]));
        }
        outbox.push(&data(&vec![0; 100_000]));
        outbox.push(&data(&[0]));
        let lens: Vec<_> = frames(&mut outbox).iter().map(Bytes::len).collect();
        assert_eq!(lens.len(), 4);
        assert!(lens[0] <= PACKED_FRAME && lens[0] > PACKED_FRAME - 1_100);
        assert!(
            lens[2] > PACKED_FRAME,
            "a message that is longer has a frame of its own"
        );
    }

    #[test]
    fn a_byte_stream_is_cut_into_frames_like_packed_ones() {
        let mut outbox = Outbox::new(Framing::Cobs);
        for _ in 0..70 {
            outbox.push(&data(&[0; 1_000]));
        }
        outbox.push(&data(&vec![9; 100_000]));
        let queued = outbox.queued();
        let frames = frames(&mut outbox);
        assert_eq!(frames.len(), 3);
        assert_eq!(frames.iter().map(Bytes::len).sum::<usize>(), queued);
        assert!(frames.iter().all(|frame| frame.last() == Some(&0)));
    }

    #[test]
    fn messages_are_counted_until_they_leave() {
        for framing in [Framing::Single, Framing::Packed, Framing::Cobs] {
            let mut outbox = Outbox::new(framing);
            outbox.push(&data(&[1]));
            outbox.seal();
            outbox.push(&data(&[2]));
            outbox.push(&data(&[3]));
            assert_eq!(outbox.messages(), 3);
            outbox.pop();
            assert_eq!(outbox.messages(), 2);
            frames(&mut outbox);
            assert_eq!(outbox.messages(), 0);
        }
    }

    #[test]
    fn a_sealed_frame_is_shared_with_nothing() {
        let mut outbox = Outbox::new(Framing::Packed);
        outbox.push(&data(&[1]));
        outbox.seal();
        outbox.push(&data(&[2]));
        assert_eq!(frames(&mut outbox).len(), 2);
    }

    #[test]
    fn control_replies_are_counted_until_they_leave() {
        for framing in [Framing::Single, Framing::Packed, Framing::Cobs] {
            let mut outbox = Outbox::new(framing);
            outbox.push(&data(&[1]));
            let bytes = outbox.queued();
            outbox.push_control(&data(&[2]));
            let own_frame = if framing == Framing::Single {
                FRAME_COST
            } else {
                0
            };
            assert_eq!(outbox.control(), bytes + own_frame);
            frames(&mut outbox);
            assert_eq!(outbox.control(), 0);
        }
    }

    #[test]
    fn a_message_has_left_when_its_frame_has() {
        for framing in [Framing::Single, Framing::Packed, Framing::Cobs] {
            let mut outbox = Outbox::new(framing);
            outbox.push(&data(&[1]));
            outbox.seal();
            let first = outbox.last_frame();
            outbox.push(&data(&[2]));
            let second = outbox.last_frame();
            assert_eq!([first, second].map(|it| outbox.has_left(it)), [false; 2]);
            outbox.pop();
            assert!(outbox.has_left(first) && !outbox.has_left(second));
            outbox.pop();
            assert!(outbox.has_left(second));
            outbox.push(&data(&[3]));
            assert!(!outbox.has_left(outbox.last_frame()));
        }
    }

    #[test]
    fn the_calls_that_a_frame_answers_are_named_when_it_has_left() {
        let mut outbox = Outbox::new(Framing::Packed);
        outbox.push_response(ConnectionId(3), RequestId(8), &data(&[]));
        outbox.push_response(ConnectionId(0), RequestId(9), &data(&[]));
        outbox.seal();
        outbox.push_response(ConnectionId(3), RequestId(1), &data(&[]));
        let left = |outbox: &mut Outbox| {
            let departure = outbox.pop().unwrap();
            let next = |_| outbox.next_answered().unwrap();
            (0..departure.responses).map(next).collect::<Vec<_>>()
        };
        assert_eq!(
            left(&mut outbox),
            [
                (ConnectionId(3), RequestId(8)),
                (ConnectionId(0), RequestId(9))
            ]
        );
        assert_eq!(left(&mut outbox), [(ConnectionId(3), RequestId(1))]);
    }
}
