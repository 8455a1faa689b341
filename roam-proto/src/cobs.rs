//! COBS: delimiting messages in a byte stream.
//!
//! A message is encoded without zeros, in blocks that each begin with the distance to the next
//! zero, and is ended by a zero.

use alloc::format;

use bytes::{Bytes, BytesMut};

use crate::coding::WriteBytes;
use crate::violation::{Rule, Violation};

/// Ends a message.
const DELIMITER: u8 = 0;
/// The code of a full block, which holds 254 bytes and is not followed by a zero.
const FULL: u8 = 255;

/// Small messages share buffers of this size.
const CHUNK: usize = 4 * 1024;

/// Encodes a message while appending it to a buffer.
pub(crate) struct CobsWriter<'a> {
    out: &'a mut BytesMut,
    /// The offset of the current block's code.
    code_at: usize,
}

/// Finds the messages in a byte stream that arrives in pieces.
#[derive(Debug, Default)]
pub(crate) struct CobsDecoder {
    message: BytesMut,
    block: Block,
}

/// The position of a stream within a message.
#[derive(Debug, Default)]
enum Block {
    /// Before the first byte.
    #[default]
    None,
    /// Within a block that has `remaining` more bytes. With `zero`, a zero follows the block unless
    /// it is the last one.
    Open { remaining: u8, zero: bool },
}

/// Returns the longest encoding of a message of `len` bytes.
pub(crate) const fn max_encoded_len(len: usize) -> usize {
    len + len / (FULL as usize - 1) + 2
}

impl<'a> CobsWriter<'a> {
    pub(crate) fn new(out: &'a mut BytesMut) -> Self {
        let code_at = out.len();
        out.write_byte(0);
        Self { out, code_at }
    }

    /// Ends the message.
    pub(crate) fn finish(mut self) {
        self.close_block();
        self.out.write_byte(DELIMITER);
    }

    /// Returns how many bytes fit into the block, after closing a full one.
    fn block_capacity(&mut self) -> usize {
        if self.block_len() == FULL {
            self.next_block();
        }
        usize::from(FULL - self.block_len())
    }

    /// Returns the length of the block including its code. This length is the code.
    fn block_len(&self) -> u8 {
        u8::try_from(self.out.len() - self.code_at).expect("full blocks are closed")
    }

    fn close_block(&mut self) {
        self.out[self.code_at] = self.block_len();
    }

    fn next_block(&mut self) {
        self.close_block();
        self.code_at = self.out.len();
        self.out.write_byte(0);
    }
}

impl WriteBytes for CobsWriter<'_> {
    #[inline]
    fn write_byte(&mut self, byte: u8) {
        self.block_capacity();
        if byte == 0 {
            self.next_block();
        } else {
            self.out.write_byte(byte);
        }
    }

    fn write_slice(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let piece = &bytes[..bytes.len().min(self.block_capacity())];
            // Most pieces hold no zero, and checking for one is much faster than locating it.
            if piece.contains(&0) {
                let nonzero = piece.iter().take_while(|&&byte| byte != 0).count();
                self.out.write_slice(&piece[..nonzero]);
                self.next_block();
                bytes = &bytes[nonzero + 1..];
            } else {
                self.out.write_slice(piece);
                bytes = &bytes[piece.len()..];
            }
        }
    }
}

impl CobsDecoder {
    /// Reads the rest of a message from the front of `input`. Returns `None` when the input ends
    /// first. Fails before buffering a message longer than `max`.
    pub(crate) fn next(
        &mut self,
        input: &mut &[u8],
        max: usize,
    ) -> Result<Option<Bytes>, Violation> {
        while let Some(&first) = input.first() {
            match self.block {
                Block::Open { remaining, zero } if remaining > 0 => {
                    let (now, later) = input.split_at(input.len().min(remaining.into()));
                    if now.contains(&DELIMITER) {
                        return Err(Rule::DecodeError.because("a zero within a block"));
                    }
                    self.append(now, max)?;
                    *input = later;
                    // At most `remaining` bytes were taken.
                    let taken = u8::try_from(now.len()).unwrap_or(remaining);
                    self.block = Block::Open {
                        remaining: remaining - taken,
                        zero,
                    };
                }
                Block::Open { .. } if first == DELIMITER => {
                    *input = &input[1..];
                    self.block = Block::None;
                    return Ok(Some(self.take_message()));
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
                        remaining: first - 1,
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
            self.message.reserve(bytes.len().max(CHUNK));
        }
        self.message.extend_from_slice(bytes);
        Ok(())
    }

    /// Takes the finished message. Small ones are split from a shared buffer; a large one takes its
    /// buffer along.
    fn take_message(&mut self) -> Bytes {
        if self.message.len() < CHUNK {
            self.message.split().freeze()
        } else {
            core::mem::take(&mut self.message).freeze()
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
        writer.write_slice(message);
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
    fn hello_encodes_as_specified() {
        let hello = [0x00, 0x01, 0x80, 0x80, 0x40, 0x80, 0x80, 0x04];
        let framed = [0x01, 0x08, 0x01, 0x80, 0x80, 0x40, 0x80, 0x80, 0x04, 0x00];
        assert_eq!(encode(&hello), framed);
        assert_eq!(decode(&framed, 8), Ok(vec![Bytes::copy_from_slice(&hello)]));
    }

    #[test]
    fn blocks_end_at_zeros_and_when_full() {
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
    fn accepts_an_empty_block_after_a_full_one() {
        let message = count_up(1, 254);
        let stream = [&[255], &message[..], &[1, 0]].concat();
        assert_eq!(decode(&stream, 254), Ok(vec![Bytes::from(message)]));
    }

    #[test]
    fn rejects_malformed_streams() {
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
    fn rejects_long_messages_before_buffering_them() {
        assert_eq!(decode(&encode(&[7; 600]), 600).unwrap().len(), 1);
        assert_eq!(
            decode(&encode(&[7; 601]), 600).unwrap_err().rule,
            Rule::TooLarge
        );
        assert_eq!(decode(&[1; 602], 600).unwrap_err().rule, Rule::TooLarge);
        let mut decoder = CobsDecoder::default();
        let mut stream = &encode(&vec![7; 1_000_000])[..];
        decoder.next(&mut stream, 600).unwrap_err();
        assert!(decoder.message.capacity() <= 2 * CHUNK);
    }

    #[test]
    fn large_messages_take_their_buffer_along() {
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
        fn round_trips_however_the_stream_is_split(
            messages in prop::collection::vec(message(), 1..6),
            splits in prop::collection::vec(1usize..400, 1..20),
        ) {
            let encoded: Vec<_> = messages.iter().map(|message| encode(message)).collect();
            for (message, encoded) in messages.iter().zip(&encoded) {
                prop_assert!(encoded.len() <= max_encoded_len(message.len()));
                let zero = encoded.iter().position(|&byte| byte == 0);
                prop_assert_eq!(zero, Some(encoded.len() - 1));
            }
            let (stream, mut splits) = (encoded.concat(), splits.into_iter().cycle());
            let (mut rest, mut decoder, mut found) = (&stream[..], CobsDecoder::default(), vec![]);
            while !rest.is_empty() {
                let (mut piece, later) = rest.split_at(splits.next().unwrap_or(1).min(rest.len()));
                while let Some(message) = decoder.next(&mut piece, 1_200).unwrap() {
                    found.push(message.to_vec());
                }
                prop_assert!(piece.is_empty());
                rest = later;
            }
            prop_assert_eq!(found, messages);
        }

        #[test]
        fn piecewise_writes_encode_the_same(
            message in message(),
            at in any::<prop::sample::Index>(),
        ) {
            let mut out = BytesMut::new();
            let mut writer = CobsWriter::new(&mut out);
            let (first, second) = message.split_at(at.index(message.len()));
            writer.write_slice(first);
            for &byte in second {
                writer.write_byte(byte);
            }
            writer.finish();
            prop_assert_eq!(&out[..], encode(&message));
        }

        #[test]
        fn buffers_at_most_the_bound_of_random_bytes(
            stream in prop::collection::vec(any::<u8>(), 0..2_000),
        ) {
            let (mut decoder, mut rest) = (CobsDecoder::default(), &stream[..]);
            while let Ok(Some(message)) = decoder.next(&mut rest, 100) {
                prop_assert!(message.len() <= 100);
            }
            prop_assert!(decoder.message.len() <= 100);
        }
    }
}
