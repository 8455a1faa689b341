//! COBS, which marks the ends of messages in a byte stream: a message is written without zeros,
//! in blocks that each begin with the distance to the next zero, and a zero ends it.

use bytes::{Bytes, BytesMut};

use super::violation::{Rule, Violation};
use super::wire::Put;

/// What ends a message.
const DELIMITER: u8 = 0;
/// The code of a block of as many bytes as a block can hold, which no zero follows.
const FULL: u8 = 255;

/// Buffers for small messages are taken in pieces of this size.
const PIECE: usize = 4 * 1024;

/// Appends a message to a buffer, encoded while it is written.
pub(super) struct CobsWriter<'a> {
    out: &'a mut BytesMut,
    /// Where the code of the block stands that is being written.
    code: usize,
}

/// Finds the messages in a byte stream that comes in pieces.
#[derive(Debug, Default)]
pub(super) struct CobsDecoder {
    message: BytesMut,
    block: Block,
}

/// Where in a message the stream is.
#[derive(Debug, Default)]
enum Block {
    /// Before its first byte.
    #[default]
    None,
    /// Within a block, of which so many bytes are still to come; behind it stands a zero, unless
    /// it is the last.
    Open { left: u8, zero: bool },
}

/// The longest that a message of `len` bytes can become.
pub(super) const fn max_encoded_len(len: usize) -> usize {
    len + len / (FULL as usize - 1) + 2
}

impl<'a> CobsWriter<'a> {
    pub(super) fn new(out: &'a mut BytesMut) -> Self {
        let code = out.len();
        out.put_byte(0);
        Self { out, code }
    }

    /// Ends the message.
    pub(super) fn finish(mut self) {
        self.close_block();
        self.out.put_byte(DELIMITER);
    }

    /// How many bytes the block has room for. A full one is closed when something follows.
    fn room(&mut self) -> usize {
        if self.block_len() == FULL {
            self.next_block();
        }
        usize::from(FULL - self.block_len())
    }

    /// The length of the block with its code, which is the code.
    fn block_len(&self) -> u8 {
        u8::try_from(self.out.len() - self.code).expect("a block is closed when it is full")
    }

    fn close_block(&mut self) {
        self.out[self.code] = self.block_len();
    }

    fn next_block(&mut self) {
        self.close_block();
        self.code = self.out.len();
        self.out.put_byte(0);
    }
}

impl Put for CobsWriter<'_> {
    #[inline]
    fn put_byte(&mut self, byte: u8) {
        self.room();
        if byte == 0 {
            self.next_block();
        } else {
            self.out.put_byte(byte);
        }
    }

    fn put_all(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let piece = &bytes[..bytes.len().min(self.room())];
            // Most pieces hold no zero, and to find that out is much faster than to find one.
            if piece.contains(&0) {
                let nonzero = piece.iter().take_while(|&&byte| byte != 0).count();
                self.out.put_all(&piece[..nonzero]);
                self.next_block();
                bytes = &bytes[nonzero + 1..];
            } else {
                self.out.put_all(piece);
                bytes = &bytes[piece.len()..];
            }
        }
    }
}

impl CobsDecoder {
    /// Takes the rest of a message from the front of `input`; `None` when its end is not there.
    /// A message that is longer than `max` is refused before it is buffered.
    pub(super) fn next(
        &mut self,
        input: &mut &[u8],
        max: usize,
    ) -> Result<Option<Bytes>, Violation> {
        while let Some(&first) = input.first() {
            match self.block {
                Block::Open { left, zero } if left > 0 => {
                    let (now, later) = input.split_at(input.len().min(left.into()));
                    if now.contains(&DELIMITER) {
                        return Err(Rule::DecodeError.because("a zero within a block"));
                    }
                    self.append(now, max)?;
                    *input = later;
                    // At most `left`, as that is how many were taken.
                    let taken = u8::try_from(now.len()).unwrap_or(left);
                    self.block = Block::Open {
                        left: left - taken,
                        zero,
                    };
                }
                Block::Open { .. } if first == DELIMITER => {
                    *input = &input[1..];
                    self.block = Block::None;
                    return Ok(Some(self.take()));
                }
                Block::None if first == DELIMITER => {
                    return Err(Rule::DecodeError.because("empty message"));
                }
                ref block => {
                    if matches!(block, Block::Open { zero: true, .. }) {
                        self.append(&[0], max)?;
                    }
                    *input = &input[1..];
                    self.block = Block::Open {
                        left: first - 1,
                        zero: first != FULL,
                    };
                }
            }
        }
        Ok(None)
    }

    fn append(&mut self, bytes: &[u8], max: usize) -> Result<(), Violation> {
        if self.message.len() + bytes.len() > max {
            return Err(Rule::TooLarge.because(format!("a frame of more than {max} bytes")));
        }
        if self.message.capacity() < self.message.len() + bytes.len() {
            self.message.reserve(bytes.len().max(PIECE));
        }
        self.message.extend_from_slice(bytes);
        Ok(())
    }

    /// Small messages are cut from one buffer; that of a large one goes with it.
    fn take(&mut self) -> Bytes {
        if self.message.len() < PIECE {
            self.message.split().freeze()
        } else {
            std::mem::take(&mut self.message).freeze()
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encode(message: &[u8]) -> Vec<u8> {
        let mut out = BytesMut::new();
        let mut writer = CobsWriter::new(&mut out);
        writer.put_all(message);
        writer.finish();
        out.to_vec()
    }

    fn decode(mut stream: &[u8], max: usize) -> Result<Vec<Bytes>, Violation> {
        let (mut decoder, mut messages) = (CobsDecoder::default(), Vec::new());
        while let Some(message) = decoder.next(&mut stream, max)? {
            messages.push(message);
        }
        Ok(messages)
    }

    fn count_up(from: u8, to: u8) -> Vec<u8> {
        (from..=to).collect()
    }

    #[test]
    fn hello_stands_as_the_protocol_says() {
        let hello = [0x00, 0x01, 0x80, 0x80, 0x40, 0x80, 0x80, 0x04];
        let framed = [0x01, 0x08, 0x01, 0x80, 0x80, 0x40, 0x80, 0x80, 0x04, 0x00];
        assert_eq!(encode(&hello), framed);
        assert_eq!(decode(&framed, 8), Ok(vec![Bytes::copy_from_slice(&hello)]));
    }

    #[test]
    fn blocks_end_at_zeros_and_when_they_are_full() {
        let mut full = vec![0xff];
        full.extend(count_up(1, 254));
        let with = |message: &[u8], ends: &[&[u8]]| {
            assert_eq!(encode(message), ends.concat());
            assert_eq!(
                decode(&ends.concat(), 1_000),
                Ok(vec![Bytes::copy_from_slice(message)])
            );
        };
        with(&[0], &[&[1, 1, 0]]);
        with(&[0, 0], &[&[1, 1, 1, 0]]);
        with(&[0x11, 0x22, 0, 0x33], &[&[3, 0x11, 0x22, 2, 0x33, 0]]);
        with(&count_up(1, 254), &[&full, &[0]]);
        with(&count_up(0, 254), &[&[1], &full, &[0]]);
        with(&count_up(1, 255), &[&full, &[2, 255, 0]]);
        with(&[count_up(1, 254), vec![0]].concat(), &[&full, &[1, 1, 0]]);
        with(
            &[count_up(1, 254), vec![0, 9]].concat(),
            &[&full, &[1, 2, 9, 0]],
        );
    }

    #[test]
    fn an_empty_block_behind_a_full_one_is_as_good_as_none() {
        let message = count_up(1, 254);
        let stream = [&[255], &message[..], &[1, 0]].concat();
        assert_eq!(decode(&stream, 254), Ok(vec![Bytes::from(message)]));
    }

    #[test]
    fn a_stream_that_is_not_cobs_is_a_decode_error() {
        for stream in [
            &[0][..],
            &[3, 7, 0],
            &[2, 0],
            &[1, 1, 0, 0],
            &[5, 1, 2, 0, 3, 0],
        ] {
            let violation = decode(stream, 100).unwrap_err();
            assert_eq!(violation.rule, Rule::DecodeError, "{stream:?}");
        }
    }

    #[test]
    fn a_message_over_the_bound_is_refused_before_it_is_buffered() {
        assert_eq!(decode(&encode(&[7; 600]), 600).unwrap().len(), 1);
        assert_eq!(
            decode(&encode(&[7; 601]), 600).unwrap_err().rule,
            Rule::TooLarge
        );
        assert_eq!(decode(&[1; 602], 600).unwrap_err().rule, Rule::TooLarge);
        let mut decoder = CobsDecoder::default();
        let mut stream = &encode(&vec![7; 1_000_000])[..];
        decoder.next(&mut stream, 600).unwrap_err();
        assert!(decoder.message.capacity() <= 2 * PIECE);
    }

    #[test]
    fn a_large_message_leaves_no_buffer_behind() {
        let mut decoder = CobsDecoder::default();
        let mut stream = &encode(&vec![7; 100_000])[..];
        assert_eq!(
            decoder.next(&mut stream, 100_000).unwrap().unwrap().len(),
            100_000
        );
        assert_eq!(decoder.message.capacity(), 0);
    }

    fn message() -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![3 => Just(7u8), 1 => Just(0u8), 1 => any::<u8>()];
        prop_oneof![
            prop::collection::vec(byte, 1..600),
            (1usize..1_200, any::<u8>()).prop_map(|(len, byte)| vec![byte; len]),
        ]
    }

    proptest! {
        #[test]
        fn messages_come_out_as_they_went_in_however_the_stream_is_cut(
            messages in prop::collection::vec(message(), 1..6),
            cuts in prop::collection::vec(1usize..400, 1..20),
        ) {
            let encoded: Vec<_> = messages.iter().map(|message| encode(message)).collect();
            for (message, encoded) in messages.iter().zip(&encoded) {
                prop_assert!(encoded.len() <= max_encoded_len(message.len()));
                prop_assert_eq!(encoded.iter().position(|&byte| byte == 0), Some(encoded.len() - 1));
            }
            let (stream, mut cuts) = (encoded.concat(), cuts.into_iter().cycle());
            let (mut rest, mut decoder, mut found) = (&stream[..], CobsDecoder::default(), vec![]);
            while !rest.is_empty() {
                let (mut piece, later) = rest.split_at(cuts.next().unwrap_or(1).min(rest.len()));
                while let Some(message) = decoder.next(&mut piece, 1_200).unwrap() {
                    found.push(message.to_vec());
                }
                prop_assert!(piece.is_empty());
                rest = later;
            }
            prop_assert_eq!(found, messages);
        }

        #[test]
        fn a_message_written_in_pieces_is_the_same(message in message(), at in any::<prop::sample::Index>()) {
            let mut out = BytesMut::new();
            let mut writer = CobsWriter::new(&mut out);
            let (first, second) = message.split_at(at.index(message.len()));
            writer.put_all(first);
            for &byte in second {
                writer.put_byte(byte);
            }
            writer.finish();
            prop_assert_eq!(&out[..], encode(&message));
        }

        #[test]
        fn random_bytes_neither_panic_nor_are_held_beyond_the_bound(stream in prop::collection::vec(any::<u8>(), 0..2_000)) {
            let (mut decoder, mut rest) = (CobsDecoder::default(), &stream[..]);
            while let Ok(Some(message)) = decoder.next(&mut rest, 100) {
                prop_assert!(message.len() <= 100);
            }
            prop_assert!(decoder.message.len() <= 100);
        }
    }
}
