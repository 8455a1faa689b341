//! The postcard primitives that message headers consist of.
//!
//! Headers are decoded by hand and strictly: no overlong varints, no trailing bytes, and no
//! allocation sized by a length that a peer claims.

use alloc::vec::Vec;

use bytes::{BufMut, BytesMut};

/// Why bytes do not decode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// The bytes end within a value.
    #[error("bytes are missing")]
    Truncated,
    /// A varint is longer than necessary, or than its type allows.
    #[error("overlong varint")]
    OverlongVarint,
    /// A varint's value does not fit its type.
    #[error("number out of range")]
    OutOfRange,
    /// A string is not UTF-8.
    #[error("invalid UTF-8")]
    InvalidUtf8,
    /// Bytes follow the value.
    #[error("trailing bytes")]
    TrailingBytes,
}

/// A reader that consumes a slice from the front.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Creates a reader of all of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Returns how many bytes are left.
    pub fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// Checks that no bytes are left.
    pub fn finish(self) -> Result<(), WireError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(WireError::TrailingBytes)
        }
    }

    /// Reads one byte.
    #[inline]
    pub fn byte(&mut self) -> Result<u8, WireError> {
        let (&first, rest) = self.rest.split_first().ok_or(WireError::Truncated)?;
        self.rest = rest;
        Ok(first)
    }

    /// Reads a `u64` in its shortest LEB128 form.
    #[inline]
    pub fn varint(&mut self) -> Result<u64, WireError> {
        let first = self.byte()?;
        if first < 0x80 {
            return Ok(u64::from(first));
        }
        let (value, rest) = long_varint(u64::from(first & 0x7f), self.rest)?;
        self.rest = rest;
        Ok(value)
    }

    /// Reads a `u32` in its shortest LEB128 form.
    pub fn varint_u32(&mut self) -> Result<u32, WireError> {
        u32::try_from(self.varint()?).map_err(|_| WireError::OutOfRange)
    }

    /// Reads the length of a list whose items take at least `min_len` bytes each.
    #[inline]
    pub fn count(&mut self, min_len: usize) -> Result<usize, WireError> {
        let count = usize::try_from(self.varint()?).map_err(|_| WireError::Truncated)?;
        match count.checked_mul(min_len) {
            Some(bytes) if bytes <= self.rest.len() => Ok(count),
            _ => Err(WireError::Truncated),
        }
    }

    /// Reads a length and that many bytes.
    #[inline]
    pub fn bytes(&mut self) -> Result<&'a [u8], WireError> {
        let len = self.varint()?;
        self.take(len)
    }

    /// Reads `len` bytes.
    #[inline]
    pub fn take(&mut self, len: u64) -> Result<&'a [u8], WireError> {
        let len = usize::try_from(len).map_err(|_| WireError::Truncated)?;
        let (bytes, rest) = self
            .rest
            .split_at_checked(len)
            .ok_or(WireError::Truncated)?;
        self.rest = rest;
        Ok(bytes)
    }

    /// Reads a length and a string of that many bytes.
    pub fn str(&mut self) -> Result<&'a str, WireError> {
        core::str::from_utf8(self.bytes()?).map_err(|_| WireError::InvalidUtf8)
    }
}

/// Reads the rest of a varint, given its first seven bits. Returns the bytes that follow as well.
fn long_varint(mut value: u64, rest: &[u8]) -> Result<(u64, &[u8]), WireError> {
    let mut shift = 7;
    for (at, &byte) in rest.iter().enumerate().take(9) {
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            // Only one bit of the tenth byte fits into a `u64`.
            let overlong = byte == 0 || (shift == 63 && byte > 1);
            return if overlong {
                Err(WireError::OverlongVarint)
            } else {
                Ok((value, &rest[at + 1..]))
            };
        }
        shift += 7;
    }
    Err(if rest.len() < 9 {
        WireError::Truncated
    } else {
        WireError::OverlongVarint
    })
}

/// The longest varint, in bytes.
pub(crate) const MAX_VARINT: usize = 10;

/// A destination for encoded bytes.
pub(crate) trait WriteBytes {
    /// Appends one byte.
    fn write_byte(&mut self, byte: u8);

    /// Appends all of `bytes`.
    fn write_slice(&mut self, bytes: &[u8]);

    /// Appends `value` in LEB128.
    #[inline]
    fn write_varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.write_byte(low_seven_bits(value) | 0x80);
            value >>= 7;
        }
        self.write_byte(low_seven_bits(value));
    }

    /// Appends the length of `bytes`, then `bytes`.
    #[inline]
    fn write_prefixed(&mut self, bytes: &[u8]) {
        self.write_varint(bytes.len() as u64);
        self.write_slice(bytes);
    }
}

impl WriteBytes for Vec<u8> {
    #[inline]
    fn write_byte(&mut self, byte: u8) {
        self.push(byte);
    }

    #[inline]
    fn write_slice(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

impl WriteBytes for BytesMut {
    #[inline]
    fn write_byte(&mut self, byte: u8) {
        self.put_u8(byte);
    }

    #[inline]
    fn write_slice(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

fn low_seven_bits(value: u64) -> u8 {
    (value & 0x7f) as u8
}

/// Returns how many bytes [`write_varint`](WriteBytes::write_varint) appends.
#[inline]
pub(crate) fn varint_len(value: u64) -> usize {
    let bits = 64 - (value | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn varint(bytes: &[u8]) -> Result<u64, WireError> {
        Reader::new(bytes).varint()
    }

    #[test]
    fn varints_round_trip_in_their_shortest_form() {
        for value in [
            0,
            1,
            127,
            128,
            300,
            16_383,
            16_384,
            u64::from(u32::MAX),
            u64::MAX - 1,
            u64::MAX,
        ] {
            let mut out = Vec::new();
            out.write_varint(value);
            assert_eq!(out.len(), varint_len(value));
            assert_eq!(varint(&out), Ok(value));
        }
    }

    /// Reads a varint byte by byte, as the protocol defines it.
    fn read_reference(bytes: &[u8]) -> Result<(u64, usize), WireError> {
        let mut value = 0_u128;
        for (place, &byte) in bytes.iter().enumerate().take(10) {
            value |= u128::from(byte & 0x7f) << (7 * place);
            if byte < 0x80 {
                let is_shortest = byte > 0 || place == 0;
                let value = u64::try_from(value).ok().filter(|_| is_shortest);
                return Ok((value.ok_or(WireError::OverlongVarint)?, place + 1));
            }
        }
        Err(if bytes.len() < 10 {
            WireError::Truncated
        } else {
            WireError::OverlongVarint
        })
    }

    proptest! {
        #[test]
        fn matches_the_reference_reader(
            mut bytes in prop::collection::vec(
                prop_oneof![Just(0), Just(1), any::<u8>(), 0x80..=0xff_u8], 0..14,
            ),
            continued in 0_usize..12,
        ) {
            bytes.iter_mut().take(continued).for_each(|byte| *byte |= 0x80);
            let mut reader = Reader::new(&bytes);
            let read = reader.varint().map(|value| (value, bytes.len() - reader.remaining()));
            prop_assert_eq!(read, read_reference(&bytes));
        }

        #[test]
        fn numbers_round_trip(value in any::<u64>(), bits in 0_u32..64) {
            let value = value >> bits;
            let mut out = Vec::new();
            out.write_varint(value);
            prop_assert_eq!(read_reference(&out), Ok((value, varint_len(value))));
            prop_assert_eq!(varint(&out), Ok(value));
        }
    }

    #[test]
    fn rejects_overlong_and_truncated_varints() {
        assert_eq!(varint(&[0x80, 0x00]), Err(WireError::OverlongVarint));
        assert_eq!(varint(&[0xff, 0x80, 0x00]), Err(WireError::OverlongVarint));
        assert_eq!(varint(&[0xff; 11]), Err(WireError::OverlongVarint));
        let mut over = [0xff; 10];
        over[9] = 0x02;
        assert_eq!(varint(&over), Err(WireError::OverlongVarint));
        assert_eq!(varint(&[]), Err(WireError::Truncated));
        assert_eq!(varint(&[0x80]), Err(WireError::Truncated));
    }

    #[test]
    fn rejects_lengths_beyond_the_input() {
        let mut claim = Vec::new();
        claim.write_varint(1 << 40);
        assert_eq!(Reader::new(&claim).bytes(), Err(WireError::Truncated));
        assert_eq!(Reader::new(&claim).count(8), Err(WireError::Truncated));
        let mut max = Vec::new();
        max.write_varint(u64::MAX);
        assert_eq!(
            Reader::new(&max).count(usize::MAX),
            Err(WireError::Truncated)
        );
    }

    #[test]
    fn strings_must_be_utf8() {
        assert_eq!(
            Reader::new(&[2, 0xc3, 0x28]).str(),
            Err(WireError::InvalidUtf8)
        );
        assert_eq!(Reader::new(&[2, b'o', b'k']).str(), Ok("ok"));
    }
}
