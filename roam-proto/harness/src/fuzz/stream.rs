//! The `stream` target: a byte stream holds the same frames however it arrives.

use bytes::{BufMut, BytesMut};
use roam_proto::{
    Framing, MAX_HELLO_FRAME, PREFACE, StreamError, StreamReader, encode_frame_length,
};

use super::source::Source;

/// The longest frame of the target.
const MAX: usize = 5_000;

/// Checks that what a reader finds in a byte stream is what a second, simple parser finds, however the stream
/// is split, and that the frames encode to the same bytes.
pub fn stream(bytes: &[u8]) {
    let mut source = Source::new(bytes);
    let is_acceptor = source.flag();
    let most = [1, 2, 7, 64, 1_000, MAX][source.below(6)];
    // Frames that are held keep their memory from being used again.
    let holds = source.flag();
    let stream = long(source.rest());
    let mut reader = if is_acceptor {
        StreamReader::acceptor(MAX)
    } else {
        StreamReader::initiator(MAX)
    };
    let (found, end) = read(&mut reader, &stream, most, holds);
    if is_acceptor {
        let Some(frames) = stream.strip_prefix(&PREFACE) else {
            let begins = PREFACE.starts_with(&stream);
            assert_eq!(reader.framing() == Framing::Numbered, begins);
            let pieces = if begins { Vec::new() } else { stream };
            assert_eq!((found.concat(), end), (pieces, End::Open));
            return;
        };
        assert_eq!((found, end), parse(frames, MAX_HELLO_FRAME));
    } else if matches!(stream.first(), Some(1 | 2)) {
        assert_eq!((found, end), (Vec::new(), End::OnlyVersion2));
    } else {
        assert_eq!((found, end), parse(&stream, MAX));
    }
}

/// Why there are no more frames.
#[derive(Debug, PartialEq)]
enum End {
    /// More bytes may follow.
    Open,
    Violation,
    OnlyVersion2,
}

/// Makes each byte from 0xf0 on a run of 300, so that short inputs reach long frames.
fn long(bytes: &[u8]) -> Vec<u8> {
    let run = |byte: &u8| vec![*byte; if *byte >= 0xf0 { 300 } else { 1 }];
    bytes.iter().flat_map(run).collect()
}

fn read(
    reader: &mut StreamReader,
    mut rest: &[u8],
    most: usize,
    holds: bool,
) -> (Vec<Vec<u8>>, End) {
    let (mut found, mut held) = (Vec::new(), Vec::new());
    loop {
        match reader.next_frame() {
            Ok(Some(frame)) => {
                found.push(frame.to_vec());
                held.extend(holds.then_some(frame));
            }
            Ok(None) if rest.is_empty() => {
                let same = held.iter().zip(&found).all(|(held, found)| held == found);
                assert!(same, "a frame has changed");
                return (found, End::Open);
            }
            Ok(None) => {
                let mut room = reader.room();
                let len = room.chunk_mut().len().min(most).min(rest.len());
                assert!(len > 0, "there is always room");
                let (now, later) = rest.split_at(len);
                room.put_slice(now);
                rest = later;
            }
            Err(StreamError::OnlyVersion2) => return (found, End::OnlyVersion2),
            Err(_) => return (found, End::Violation),
        }
    }
}

/// Splits a stream into frames, of which the first has at most `first` bytes.
fn parse(mut stream: &[u8], first: usize) -> (Vec<Vec<u8>>, End) {
    let mut frames: Vec<Vec<u8>> = Vec::new();
    loop {
        let Some(last) = stream.iter().position(|byte| *byte < 0x80) else {
            let end = if stream.len() < 10 {
                End::Open
            } else {
                End::Violation
            };
            return (frames, end);
        };
        let (head, rest) = stream.split_at(last + 1);
        let digits = head.iter().rev();
        let len = digits.fold(0u128, |len, byte| (len << 7) | u128::from(byte & 0x7f));
        let max = if frames.is_empty() { first } else { MAX };
        let is_valid = (1..=max as u128).contains(&len) && (last == 0 || head[last] != 0);
        if head.len() > 10 || !is_valid {
            return (frames, End::Violation);
        }
        let len = usize::try_from(len).expect("it is at most the longest frame");
        assert_eq!(encode_frame_length(len, &mut BytesMut::new()), head);
        let Some((frame, later)) = rest.split_at_checked(len) else {
            return (frames, End::Open);
        };
        frames.push(frame.to_vec());
        stream = later;
    }
}
