//! Tests of frames in byte streams.

use proptest::prelude::*;

use super::*;

const MAX: usize = 300_000;

/// Returns what an initiator sends: the preface and these frames.
fn stream(frames: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = BytesMut::from(&PREFACE[..]);
    for frame in frames {
        bytes.extend_from_slice(&encode_frame_length(frame.len(), &mut BytesMut::new()));
        bytes.extend_from_slice(frame);
    }
    bytes.to_vec()
}

/// Puts as much of `bytes` into `reader` as it has room for, and at most `most`.
fn feed(reader: &mut StreamReader, bytes: &mut &[u8], most: usize) {
    let mut room = reader.room();
    let len = room.chunk_mut().len().min(most).min(bytes.len());
    assert!(len > 0, "there is always room");
    let (now, later) = bytes.split_at(len);
    room.put_slice(now);
    *bytes = later;
}

/// Returns all frames, and why there are no more, if the end of `bytes` is not the reason.
fn read(
    reader: &mut StreamReader,
    mut bytes: &[u8],
    most: usize,
) -> (Vec<Bytes>, Option<StreamError>) {
    let mut frames = Vec::new();
    loop {
        match reader.next_frame() {
            Ok(Some(frame)) => frames.push(frame),
            Ok(None) if bytes.is_empty() => return (frames, None),
            Ok(None) => feed(reader, &mut bytes, most),
            Err(error) => return (frames, Some(error)),
        }
    }
}

fn rule(error: Option<StreamError>) -> Rule {
    match error {
        Some(StreamError::Violation(violation)) => violation.rule,
        other => panic!("{other:?}"),
    }
}

#[test]
fn version_2_takes_the_preface_for_a_hello_of_another_version() {
    let mut decoder = crate::cobs::CobsDecoder::default();
    let message = decoder.next(&mut &PREFACE[..], 100).unwrap().unwrap();
    let error = crate::message::Message::decode(&message).unwrap_err();
    assert_eq!(error.violation.rule, Rule::HelloUnknownVersion);
}

#[test]
fn an_acceptor_learns_from_the_first_bytes_what_its_peer_speaks() {
    let mut reader = StreamReader::acceptor(MAX);
    assert_eq!(reader.next_frame(), Ok(None));
    for byte in PREFACE {
        assert_eq!(reader.framing(), Framing::Numbered);
        feed(&mut reader, &mut &[byte][..], 1);
        assert_eq!(reader.next_frame(), Ok(None));
    }
    feed(&mut reader, &mut &[1, 9][..], 2);
    assert_eq!(reader.next_frame().unwrap().unwrap(), [9].as_slice());

    let hello = [1, 8, 1, 0x80, 0x80, 0x40];
    for most in [1, 2, 6] {
        let mut reader = StreamReader::acceptor(MAX);
        let (pieces, error) = read(&mut reader, &hello, most);
        assert_eq!((pieces.concat(), error), (hello.to_vec(), None));
        assert_eq!(reader.framing(), Framing::Cobs);
    }
}

#[test]
fn every_byte_that_differs_from_the_preface_begins_version_2() {
    for at in 0..PREFACE.len() {
        let mut bytes = PREFACE;
        bytes[at] ^= 0x20;
        let mut reader = StreamReader::acceptor(MAX);
        let (pieces, error) = read(&mut reader, &bytes, 1);
        assert_eq!((pieces.concat(), error), (bytes.to_vec(), None));
    }
}

#[test]
fn an_initiator_tells_version_2_by_its_first_byte() {
    for first in 0..=255 {
        let mut reader = StreamReader::initiator(MAX);
        let (_, error) = read(&mut reader, &[first], 1);
        let is_version_2 = matches!(error, Some(StreamError::OnlyVersion2));
        assert_eq!(is_version_2, first == 1 || first == 2, "{first}");
    }
    // Later, frames may be that short.
    let (frames, error) = read(&mut StreamReader::initiator(MAX), &[3, 5, 5, 5, 1, 7], 1);
    assert_eq!((frames.len(), error), (2, None));
}

#[test]
fn frames_over_the_limit_are_violations_before_they_are_read() {
    let reading = |first: usize, second: usize| {
        let frames = [vec![7; first], vec![7; second]];
        let (found, error) = read(&mut StreamReader::acceptor(MAX), &stream(&frames), MAX);
        (found.len(), error.map(|error| rule(Some(error))))
    };
    assert_eq!(reading(MAX_HELLO_FRAME, MAX), (2, None));
    assert_eq!(reading(MAX_HELLO_FRAME + 1, 1), (0, Some(Rule::TooLarge)));
    assert_eq!(reading(1, MAX + 1), (1, Some(Rule::TooLarge)));
    let length = [&[0xff; 9][..], &[1]].concat();
    let (_, error) = read(&mut StreamReader::initiator(MAX), &length, 3);
    assert_eq!(rule(error), Rule::TooLarge);
}

#[test]
fn empty_frames_and_overlong_lengths_are_violations() {
    for length in [&[0][..], &[0x80, 0], &[0xff; 11]] {
        let (_, error) = read(&mut StreamReader::initiator(MAX), length, 1);
        assert_eq!(rule(error), Rule::DecodeError, "{length:?}");
    }
}

#[test]
fn memory_grows_with_what_has_arrived() {
    let mut reader = StreamReader::initiator(1 << 30);
    let mut bytes = encode_frame_length(1 << 30, &mut BytesMut::new()).to_vec();
    bytes.extend_from_slice(&vec![7; 100_000]);
    let (frames, error) = read(&mut reader, &bytes, 1 << 20);
    assert_eq!((frames.len(), error), (0, None));
    reader.room();
    assert!(reader.buffer.capacity() <= 512 * 1024);
}

#[test]
fn lengths_share_memory() {
    let mut memory = BytesMut::new();
    let first = encode_frame_length(300, &mut memory);
    assert_eq!(first, [0xac, 2].as_slice());
    let start = first.as_ptr();
    for at in 1..100 {
        let next = encode_frame_length(300, &mut memory);
        assert_eq!(next.as_ptr() as usize - start as usize, 2 * at);
    }
}

#[test]
fn a_large_frame_takes_its_memory_along() {
    let frames = [vec![7; 10], vec![8; 200_000], vec![9; 10]];
    let bytes = stream(&frames);
    let mut reader = StreamReader::acceptor(MAX);
    let (found, error) = read(&mut reader, &bytes, MAX);
    assert_eq!((&found[..], error), (&frames.map(Bytes::from)[..], None));
    assert!(reader.buffer.capacity() <= 2 * CHUNK);
}

#[test]
fn a_quiet_stream_holds_little_memory() {
    let mut reader = StreamReader::version_2();
    let (pieces, _) = read(&mut reader, &vec![7; 200_000], MAX);
    assert!(pieces.iter().any(|piece| piece.len() >= BUSY_PIECE));
    reader.on_quiet();
    reader.room();
    assert!(reader.buffer.capacity() <= 2 * CHUNK);
}

proptest! {
    #[test]
    fn frames_are_found_however_the_stream_is_split(
        lens in prop::collection::vec(
            prop_oneof![4 => 1..200_usize, 1 => 4_000..4_200_usize, 1 => 60_000..140_000_usize], 0..12,
        ),
        most in prop_oneof![1..20_usize, 1_000..100_000_usize],
        hold in any::<bool>(),
    ) {
        let frames: Vec<Vec<u8>> = (lens.iter().zip(1_u8..))
            .map(|(len, byte)| vec![byte; *len])
            .collect();
        let bytes = stream(&[vec![vec![0]], frames.clone()].concat());
        let mut reader = StreamReader::acceptor(MAX);
        let (mut rest, mut next, mut held) = (&bytes[..], 0, Vec::new());
        while next <= frames.len() {
            match reader.next_frame().unwrap() {
                Some(frame) if next == 0 => prop_assert_eq!(&frame[..], &[0]),
                Some(frame) => {
                    prop_assert_eq!(&frame[..], &frames[next - 1][..]);
                    held.push(frame.clone());
                    if !hold {
                        held.clear();
                    }
                }
                None => {
                    feed(&mut reader, &mut rest, most);
                    continue;
                }
            }
            next += 1;
        }
        prop_assert!(rest.is_empty());
    }

    #[test]
    fn no_bytes_are_lost_or_made_up(bytes in prop::collection::vec(any::<u8>(), 0..300), most in 1..20_usize) {
        let (pieces, error) = read(&mut StreamReader::version_2(), &bytes, most);
        prop_assert_eq!((pieces.concat(), error), (bytes, None));
    }
}
