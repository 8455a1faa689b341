//! What waits to be sent.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use super::cobs::{CobsWriter, max_encoded_len};
use super::envelope::Envelope;
use super::framing::{Framing, PACKED_FRAME};
use super::ids::{ConnectionId, RequestId};
use super::message::Message;
use super::payload::{Encoded, Payload};
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
    /// The message that is being queued.
    envelope: Envelope,
    queued: usize,
    messages: usize,
    control: usize,
    /// The room that the next frame of several messages begins with: that of the one before.
    room: usize,
    /// How many frames have left.
    left: u64,
    /// How many messages have left.
    left_messages: u64,
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

/// The room for short single-message frames is taken in pieces of this size.
const SPARE: usize = 4 * 1024;
/// The room that a frame of several messages begins with, at least and at most.
const FRAME_ROOM: usize = 512;
const MAX_FRAME_ROOM: usize = 8 * 1024;
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
            envelope: Envelope::new(),
            queued: 0,
            messages: 0,
            control: 0,
            room: FRAME_ROOM,
            left: 0,
            left_messages: 0,
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

    /// The messages that have left.
    pub(super) fn left_messages(&self) -> u64 {
        self.left_messages
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
        let payload = message.put_envelope(self.begin());
        self.append(payload);
    }

    /// Begins a message, of which all is to be written but the payload: that is
    /// [pushed](Self::push_payload) next.
    #[inline]
    pub(super) fn begin(&mut self) -> &mut Envelope {
        debug_assert!(self.envelope.is_empty(), "a message was begun before");
        &mut self.envelope
    }

    /// Queues the message that was begun.
    #[inline]
    pub(super) fn push_payload(&mut self, mut payload: Payload<'_>) {
        match &mut payload {
            Payload::Given(encoded) if encoded.is_worth_taking() => self.push_large(encoded),
            _ => self.append(&payload),
        }
    }

    /// Queues a message that the peer made us send, which counts against the bound on those.
    pub(super) fn push_control(&mut self, message: &Message<'_>) {
        let before = self.cost();
        self.push(message);
        let cost = self.cost() - before;
        self.control += cost;
        if let Some(frame) = self.frames.back_mut() {
            frame.control += cost;
        }
    }

    /// Queues the Response that was begun; its call is [reported](Self::next_answered) when the
    /// frame has left.
    pub(super) fn push_response(
        &mut self,
        connection: ConnectionId,
        request: RequestId,
        payload: Payload<'_>,
    ) {
        self.push_payload(payload);
        if let Some(frame) = self.frames.back_mut() {
            frame.responses += 1;
        }
        self.answered.push_back((connection, request));
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

    /// Copies a payload behind its envelope.
    fn append(&mut self, payload: &[u8]) {
        let len = self.envelope.len() + payload.len();
        self.messages += 1;
        let (frame, queued) = match self.framing {
            Framing::Single => {
                let bytes = cut(&mut self.spare, &self.envelope, payload);
                (own(&mut self.frames, bytes), len)
            }
            Framing::Packed => {
                let record = varint_len(len as u64) + len;
                let frame = shared(&mut self.frames, record, self.room);
                frame.bytes.put_varint(len as u64);
                self.envelope.copy_to(&mut frame.bytes);
                frame.bytes.put_all(payload);
                (frame, record)
            }
            Framing::Cobs => {
                let frame = shared(&mut self.frames, max_encoded_len(len), self.room);
                let start = frame.bytes.len();
                let mut writer = CobsWriter::new(&mut frame.bytes);
                self.envelope.copy_to(&mut writer);
                writer.put_all(payload);
                writer.finish();
                let encoded = frame.bytes.len() - start;
                (frame, encoded)
            }
        };
        self.envelope.clear();
        self.queued += queued;
        frame.messages += 1;
    }

    /// Makes a frame of a payload without copying it, where that can be.
    #[cold]
    fn push_large(&mut self, encoded: &mut Encoded) {
        let mut head = Vec::new();
        if self.framing == Framing::Packed {
            head.put_varint((self.envelope.len() + encoded.len()) as u64);
        }
        self.envelope.copy_to(&mut head);
        let has_room = self.framing != Framing::Cobs && head.len() <= Encoded::ROOM;
        if !has_room {
            return self.append(encoded);
        }
        let bytes = encoded.take_behind(&head);
        self.envelope.clear();
        self.queued += bytes.len();
        self.messages += 1;
        own(&mut self.frames, bytes).messages += 1;
    }

    /// Takes out the next frame.
    pub(super) fn pop(&mut self) -> Option<Departure> {
        let Some(frame) = self.frames.pop_front() else {
            // A burst is not paid for until the end of the link.
            self.frames.shrink_to(KEPT_FRAMES);
            return None;
        };
        self.left += 1;
        self.room = frame.bytes.len().clamp(FRAME_ROOM, MAX_FRAME_ROOM);
        self.left_messages += frame.messages as u64;
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

/// A frame for a single message.
fn own(frames: &mut VecDeque<Frame>, bytes: BytesMut) -> &mut Frame {
    frames.push_back_mut(Frame {
        bytes,
        sealed: true,
        ..Frame::default()
    })
}

/// The last frame, if it has room for `len` more bytes, or else a new one that begins with `room`.
fn shared(frames: &mut VecDeque<Frame>, len: usize, room: usize) -> &mut Frame {
    let fits = |frame: &Frame| !frame.sealed && frame.bytes.len() + len <= PACKED_FRAME;
    if !frames.back().is_some_and(fits) {
        frames.push_back(Frame {
            bytes: BytesMut::with_capacity(len.max(room)),
            ..Frame::default()
        });
    }
    let frame = frames.back_mut().expect("there is one at least");
    frame.bytes.reserve(len);
    frame
}

/// A frame of a single message. Short ones are cut from `spare`.
fn cut(spare: &mut BytesMut, envelope: &Envelope, payload: &[u8]) -> BytesMut {
    let len = envelope.len() + payload.len();
    if len > SPARE {
        let mut bytes = BytesMut::with_capacity(len);
        envelope.copy_to(&mut bytes);
        bytes.put_all(payload);
        return bytes;
    }
    if spare.capacity() < len {
        *spare = BytesMut::with_capacity(SPARE);
    }
    envelope.copy_to(spare);
    spare.put_all(payload);
    spare.split()
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::super::ids::{ChannelId, MethodId};
    use super::super::message::put_data_head;
    use super::super::metadata::Metadata;
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

    fn encoded(len: usize) -> Encoded {
        filled(Encoded::new(), len)
    }

    fn filled(encoded: Encoded, len: usize) -> Encoded {
        let append = |mut bytes: Vec<u8>| {
            bytes.extend(std::iter::repeat_n(7, len));
            Ok::<_, std::convert::Infallible>(bytes)
        };
        encoded.append_with(append).unwrap()
    }

    fn push_data(outbox: &mut Outbox, payload: Payload<'_>) {
        put_data_head(
            outbox.begin(),
            ConnectionId::ROOT,
            ChannelId(1),
            payload.len(),
        );
        outbox.push_payload(payload);
    }

    #[test]
    fn a_payload_that_is_given_goes_out_like_one_that_is_lent() {
        for framing in [Framing::Single, Framing::Packed, Framing::Cobs] {
            for len in [0, 1, 10_000, 20_000, 100_000] {
                let mut encoded = encoded(len);
                let [mut lent, mut given] = [Outbox::new(framing), Outbox::new(framing)];
                push_data(&mut lent, Payload::Lent(&encoded));
                push_data(&mut given, Payload::Given(&mut encoded));
                assert_eq!(given.cost(), lent.cost());
                assert_eq!(given.messages(), 1);
                assert_eq!(frames(&mut given), frames(&mut lent));
                assert_eq!(given.queued(), 0);
            }
        }
    }

    #[test]
    fn a_large_payload_that_is_given_is_not_copied() {
        for framing in [Framing::Single, Framing::Packed] {
            let mut outbox = Outbox::new(framing);
            let mut encoded = encoded(100_000);
            let place = encoded.as_ptr();
            push_data(&mut outbox, Payload::Given(&mut encoded));
            assert!(encoded.is_empty());
            let frame = outbox.pop().unwrap().bytes;
            assert_eq!(frame[frame.len() - 100_000..].as_ptr(), place);
        }
    }

    #[test]
    fn a_payload_behind_a_long_envelope_is_copied() {
        let mut outbox = Outbox::new(Framing::Packed);
        let mut metadata = Metadata::new();
        metadata.push("key", "a value that does not fit in front ".repeat(3));
        let mut encoded = encoded(100_000);
        let request = |payload| Message::Request {
            connection: ConnectionId::ROOT,
            request: RequestId(1),
            method: MethodId(1),
            metadata: Cow::Borrowed(&metadata),
            channels: Cow::Borrowed(&[]),
            payload,
        };
        let mut expected = Vec::new();
        request(&encoded).encode(&mut expected);
        request(&encoded).put_envelope(outbox.begin());
        outbox.push_payload(Payload::Given(&mut encoded));
        assert_eq!(encoded.len(), 100_000);
        assert!(frames(&mut outbox)[0].ends_with(&expected));
    }

    #[test]
    fn a_payload_is_copied_out_of_much_more_memory_than_it_needs() {
        let mut outbox = Outbox::new(Framing::Packed);
        let mut roomy = encoded(100_000);
        roomy.clear();
        let mut roomy = filled(roomy, 70_000);
        push_data(&mut outbox, Payload::Given(&mut roomy));
        assert_eq!(roomy.len(), 70_000);
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
            assert_eq!((outbox.messages(), outbox.left_messages()), (2, 1));
            frames(&mut outbox);
            assert_eq!((outbox.messages(), outbox.left_messages()), (0, 3));
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
        let answer = |outbox: &mut Outbox, connection, request| {
            data(&[]).put_envelope(outbox.begin());
            outbox.push_response(connection, request, Payload::Lent(&[]));
        };
        answer(&mut outbox, ConnectionId(3), RequestId(8));
        answer(&mut outbox, ConnectionId(0), RequestId(9));
        outbox.seal();
        answer(&mut outbox, ConnectionId(3), RequestId(1));
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
