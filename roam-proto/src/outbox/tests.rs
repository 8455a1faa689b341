use alloc::borrow::Cow;
use alloc::vec::Vec;

use super::lane::FRAME_COST;
use super::*;
use crate::carrier::HEADROOM;
use crate::framing::PACKED_FRAME;
use crate::ids::{ChannelId, MethodId};
use crate::message::encode_data_header;
use crate::metadata::Metadata;
use crate::payload::Encoded;

fn data(payload: &[u8]) -> Message<'_> {
    Message::Data {
        connection: ConnectionId::ROOT,
        channel: ChannelId(1),
        payload,
    }
}

fn frames(outbox: &mut Outbox) -> Vec<BytesMut> {
    core::iter::from_fn(|| outbox.pop(true).map(|frame| frame.bytes)).collect()
}

#[test]
fn single_frames_hold_one_message_each() {
    let mut outbox = Outbox::new(Framing::Single);
    outbox.push(Priority::Bulk, &data(&[1]));
    outbox.push(Priority::Bulk, &data(&[2; 9_000]));
    assert_eq!(outbox.queued(), 5 + 9_005);
    assert_eq!(outbox.cost(), 5 + 9_005 + 2 * FRAME_COST);
    let frames = frames(&mut outbox);
    assert_eq!(&frames[0][..], [8, 0, 1, 1, 1]);
    assert_eq!(frames[1].len(), 9_005);
    assert_eq!(outbox.queued(), 0);
}

#[test]
fn packed_frames_are_filled_up_to_their_limit() {
    let mut outbox = Outbox::new(Framing::Packed);
    for _ in 0..70 {
        outbox.push(Priority::Bulk, &data(&[0; 1_000]));
    }
    outbox.push(Priority::Bulk, &data(&vec![0; 100_000]));
    outbox.push(Priority::Bulk, &data(&[0]));
    let lens: Vec<_> = frames(&mut outbox).iter().map(BytesMut::len).collect();
    assert_eq!(lens.len(), 4);
    assert!(lens[0] <= PACKED_FRAME && lens[0] > PACKED_FRAME - 1_100);
    assert!(lens[2] > PACKED_FRAME, "a longer message has its own frame");
}

#[test]
fn byte_streams_are_split_like_packed_frames() {
    let mut outbox = Outbox::new(Framing::Cobs);
    for _ in 0..70 {
        outbox.push(Priority::Bulk, &data(&[0; 1_000]));
    }
    outbox.push(Priority::Bulk, &data(&vec![9; 100_000]));
    let queued = outbox.queued();
    let frames = frames(&mut outbox);
    assert_eq!(frames.len(), 3);
    assert_eq!(frames.iter().map(BytesMut::len).sum::<usize>(), queued);
    assert!(frames.iter().all(|frame| frame.last() == Some(&0)));
}

fn encoded(len: usize) -> Encoded {
    filled(Encoded::new(), len)
}

fn filled(encoded: Encoded, len: usize) -> Encoded {
    let append = |mut bytes: Vec<u8>| {
        bytes.extend(core::iter::repeat_n(7, len));
        Ok::<_, core::convert::Infallible>(bytes)
    };
    encoded.append_with(append).unwrap()
}

fn push_data(outbox: &mut Outbox, payload: Payload<'_>) {
    encode_data_header(
        outbox.begin(),
        ConnectionId::ROOT,
        ChannelId(1),
        payload.len(),
    );
    outbox.push_payload(Priority::Bulk, payload);
}

#[test]
fn taken_and_borrowed_payloads_encode_the_same() {
    for framing in [Framing::Single, Framing::Packed, Framing::Cobs] {
        for len in [0, 1, 10_000, 20_000, 100_000] {
            let mut encoded = encoded(len);
            let [mut borrowed, mut taken] = [Outbox::new(framing), Outbox::new(framing)];
            push_data(&mut borrowed, Payload::Borrowed(&encoded));
            push_data(&mut taken, Payload::Taken(&mut encoded));
            assert_eq!(taken.cost(), borrowed.cost());
            assert_eq!(taken.messages(), 1);
            assert_eq!(frames(&mut taken), frames(&mut borrowed));
            assert_eq!(taken.queued(), 0);
        }
    }
}

#[test]
fn large_taken_payloads_are_not_copied() {
    for framing in [Framing::Single, Framing::Packed] {
        let mut outbox = Outbox::new(framing);
        let mut encoded = encoded(100_000);
        let address = encoded.as_ptr();
        push_data(&mut outbox, Payload::Taken(&mut encoded));
        assert!(encoded.is_empty());
        let frame = outbox.pop(true).unwrap().bytes;
        assert_eq!(frame[frame.len() - 100_000..].as_ptr(), address);
    }
}

#[test]
fn payloads_with_long_headers_are_copied() {
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
    request(&encoded).encode_header(outbox.begin());
    outbox.push_payload(Priority::Bulk, Payload::Taken(&mut encoded));
    assert_eq!(encoded.len(), 100_000);
    assert!(frames(&mut outbox)[0].ends_with(&expected));
}

#[test]
fn payloads_in_oversized_buffers_are_copied() {
    let mut outbox = Outbox::new(Framing::Packed);
    let mut oversized = encoded(100_000);
    oversized.clear();
    let mut oversized = filled(oversized, 70_000);
    push_data(&mut outbox, Payload::Taken(&mut oversized));
    assert_eq!(oversized.len(), 70_000);
}

#[test]
fn counts_messages_until_they_are_sent() {
    for framing in [Framing::Single, Framing::Packed, Framing::Cobs] {
        let mut outbox = Outbox::new(framing);
        outbox.push(Priority::Bulk, &data(&[1]));
        outbox.seal();
        outbox.push(Priority::Bulk, &data(&[2]));
        outbox.push(Priority::Bulk, &data(&[3]));
        assert_eq!(outbox.messages(), 3);
        outbox.pop(true);
        assert_eq!((outbox.messages(), outbox.sent_messages()), (2, 1));
        frames(&mut outbox);
        assert_eq!((outbox.messages(), outbox.sent_messages()), (0, 3));
    }
}

#[test]
fn sealed_frames_are_not_shared() {
    let mut outbox = Outbox::new(Framing::Packed);
    outbox.push(Priority::Bulk, &data(&[1]));
    outbox.seal();
    outbox.push(Priority::Bulk, &data(&[2]));
    assert_eq!(frames(&mut outbox).len(), 2);
}

#[test]
fn counts_control_replies_until_they_are_sent() {
    for framing in [Framing::Single, Framing::Packed, Framing::Cobs] {
        let mut outbox = Outbox::new(framing);
        outbox.push(Priority::Bulk, &data(&[1]));
        let bytes = outbox.queued();
        outbox.push_control(Priority::Bulk, &data(&[2]));
        let own_frame = if framing == Framing::Single {
            FRAME_COST
        } else {
            0
        };
        assert_eq!(outbox.control_cost(), bytes + own_frame);
        frames(&mut outbox);
        assert_eq!(outbox.control_cost(), 0);
    }
}

#[test]
fn messages_are_sent_with_their_frame() {
    for framing in [Framing::Single, Framing::Packed, Framing::Cobs] {
        let mut outbox = Outbox::new(framing);
        outbox.push(Priority::Bulk, &data(&[1]));
        outbox.seal();
        let first = outbox.last_place(Priority::Bulk);
        outbox.push(Priority::Bulk, &data(&[2]));
        let second = outbox.last_place(Priority::Bulk);
        assert_eq!([first, second].map(|it| outbox.was_sent(it)), [false; 2]);
        outbox.pop(true);
        assert!(outbox.was_sent(first) && !outbox.was_sent(second));
        outbox.pop(true);
        assert!(outbox.was_sent(second));
        outbox.push(Priority::Bulk, &data(&[3]));
        assert!(!outbox.was_sent(outbox.last_place(Priority::Bulk)));
    }
}

#[test]
fn names_the_answered_calls_of_sent_frames() {
    let mut outbox = Outbox::new(Framing::Packed);
    let answer = |outbox: &mut Outbox, connection, request| {
        data(&[]).encode_header(outbox.begin());
        outbox.push_response(
            Priority::Urgent,
            (connection, request),
            Payload::Borrowed(&[]),
        );
    };
    answer(&mut outbox, ConnectionId(3), RequestId(8));
    answer(&mut outbox, ConnectionId(0), RequestId(9));
    outbox.seal();
    answer(&mut outbox, ConnectionId(3), RequestId(1));
    let answered = |outbox: &mut Outbox| {
        let frame = outbox.pop(true).unwrap();
        let next = |_| outbox.next_answered(Priority::Urgent).unwrap();
        (0..frame.responses).map(next).collect::<Vec<_>>()
    };
    assert_eq!(
        answered(&mut outbox),
        [
            (ConnectionId(3), RequestId(8)),
            (ConnectionId(0), RequestId(9))
        ]
    );
    assert_eq!(answered(&mut outbox), [(ConnectionId(3), RequestId(1))]);
}

#[test]
fn numbered_frames_hold_long_messages_in_parts() {
    let mut outbox = Outbox::new(Framing::Numbered);
    let payload: Vec<u8> = (0..200_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    outbox.push(Priority::Bulk, &data(&[1]));
    outbox.push(Priority::Bulk, &data(&payload));
    outbox.push(Priority::Bulk, &data(&[2]));
    let mut frames = frames(&mut outbox);
    let records: Vec<_> = frames
        .iter_mut()
        .map(|frame| frame.split_off(HEADROOM))
        .collect();
    assert_eq!(&records[0][..], [5, 8, 0, 1, 1, 1]);
    assert_eq!(&records[5][..], [5, 8, 0, 1, 1, 2]);
    let mut whole = Vec::new();
    for (n, record) in records[1..5].iter().enumerate() {
        assert!(record.len() <= 64 * 1024 + 8);
        let mut reader = crate::coding::Reader::new(record);
        let part = Message::decode(reader.bytes().unwrap()).unwrap();
        let Message::Part { is_last, bytes } = part else {
            panic!("{part:?}");
        };
        assert_eq!(is_last, n == 3);
        whole.extend_from_slice(bytes);
    }
    assert_eq!(Message::decode(&whole).unwrap(), data(&payload));
    assert_eq!(
        (outbox.queued(), outbox.messages(), outbox.cost()),
        (0, 0, 0)
    );
}

#[test]
fn message_in_parts_was_sent_after_its_last() {
    let mut outbox = Outbox::new(Framing::Numbered);
    outbox.push(Priority::Bulk, &data(&vec![0; 150_000]));
    let frame = outbox.last_place(Priority::Bulk);
    for last in [false, false, true] {
        assert!(!outbox.was_sent(frame) && outbox.messages() == 1);
        outbox.pop(true).unwrap();
        assert_eq!(outbox.was_sent(frame), last);
    }
    assert_eq!(outbox.sent_messages(), 1);
}
