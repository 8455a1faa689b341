//! Reading and writing the postcard primitives of which the envelope is made.
//!
//! The envelope is decoded by hand and strictly: no overlong varints, no trailing bytes, and no
//! allocation by a length that a peer claims.

use bytes::{BufMut, BytesMut};

/// Why bytes are not what they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The bytes end within a value.
    #[error("bytes are missing")]
    Truncated,
    /// A varint longer than it need be, or than its type can be.
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

/// Reads from the front of a slice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn remaining(&self) -> usize {
        self.rest.len()
    }

    pub(crate) fn finish(self) -> Result<(), WireError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(WireError::TrailingBytes)
        }
    }

    #[inline]
    pub(crate) fn byte(&mut self) -> Result<u8, WireError> {
        let (&first, rest) = self.rest.split_first().ok_or(WireError::Truncated)?;
        self.rest = rest;
        Ok(first)
    }

    /// A `u64` in LEB128, in the shortest form.
    #[inline]
    pub(crate) fn varint(&mut self) -> Result<u64, WireError> {
        let first = self.byte()?;
        if first < 0x80 {
            return Ok(u64::from(first));
        }
        let (value, rest) = long_varint(u64::from(first & 0x7f), self.rest)?;
        self.rest = rest;
        Ok(value)
    }

    pub(crate) fn varint_u32(&mut self) -> Result<u32, WireError> {
        u32::try_from(self.varint()?).map_err(|_| WireError::OutOfRange)
    }

    /// The count of a list whose elements take at least `least` bytes each.
    #[inline]
    pub(crate) fn count(&mut self, least: usize) -> Result<usize, WireError> {
        let count = usize::try_from(self.varint()?).map_err(|_| WireError::Truncated)?;
        match count.checked_mul(least) {
            Some(bytes) if bytes <= self.rest.len() => Ok(count),
            _ => Err(WireError::Truncated),
        }
    }

    /// A length and that many bytes.
    #[inline]
    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], WireError> {
        let len = self.varint()?;
        self.take(len)
    }

    /// So many bytes.
    #[inline]
    pub(crate) fn take(&mut self, len: u64) -> Result<&'a [u8], WireError> {
        let len = usize::try_from(len).map_err(|_| WireError::Truncated)?;
        let (bytes, rest) = self
            .rest
            .split_at_checked(len)
            .ok_or(WireError::Truncated)?;
        self.rest = rest;
        Ok(bytes)
    }

    pub(crate) fn str(&mut self) -> Result<&'a str, WireError> {
        std::str::from_utf8(self.bytes()?).map_err(|_| WireError::InvalidUtf8)
    }
}

/// The rest of a varint, of which the first seven bits are there; and what follows it.
fn long_varint(mut value: u64, rest: &[u8]) -> Result<(u64, &[u8]), WireError> {
    let mut shift = 7;
    for (at, &byte) in rest.iter().enumerate().take(9) {
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            // Of the tenth byte, one bit is left.
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

/// What the envelope is written to.
pub(super) trait Put {
    fn put_byte(&mut self, byte: u8);

    fn put_all(&mut self, bytes: &[u8]);

    /// Appends `value` in LEB128.
    #[inline]
    fn put_varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.put_byte(low_seven_bits(value) | 0x80);
            value >>= 7;
        }
        self.put_byte(low_seven_bits(value));
    }

    /// Appends a length and the bytes.
    #[inline]
    fn put_bytes(&mut self, bytes: &[u8]) {
        self.put_varint(bytes.len() as u64);
        self.put_all(bytes);
    }
}

impl Put for Vec<u8> {
    #[inline]
    fn put_byte(&mut self, byte: u8) {
        self.push(byte);
    }

    #[inline]
    fn put_all(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

impl Put for BytesMut {
    #[inline]
    fn put_byte(&mut self, byte: u8) {
        self.put_u8(byte);
    }

    #[inline]
    fn put_all(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

fn low_seven_bits(value: u64) -> u8 {
    (value & 0x7f) as u8
}

/// How many bytes [`put_varint`](Put::put_varint) appends.
#[inline]
pub(super) fn varint_len(value: u64) -> usize {
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
            out.put_varint(value);
            assert_eq!(out.len(), varint_len(value));
            assert_eq!(varint(&out), Ok(value));
        }
    }

    /// Byte by byte, as the rule says it.
    fn read_slowly(bytes: &[u8]) -> Result<(u64, usize), WireError> {
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
        fn varints_are_read_as_byte_by_byte(
            mut bytes in prop::collection::vec(
                prop_oneof![Just(0), Just(1), any::<u8>(), 0x80..=0xff_u8], 0..14,
            ),
            continued in 0_usize..12,
        ) {
            bytes.iter_mut().take(continued).for_each(|byte| *byte |= 0x80);
            let mut reader = Reader::new(&bytes);
            let read = reader.varint().map(|value| (value, bytes.len() - reader.remaining()));
            prop_assert_eq!(read, read_slowly(&bytes));
        }

        #[test]
        fn any_number_round_trips(value in any::<u64>(), bits in 0_u32..64) {
            let value = value >> bits;
            let mut out = Vec::new();
            out.put_varint(value);
            prop_assert_eq!(read_slowly(&out), Ok((value, varint_len(value))));
            prop_assert_eq!(varint(&out), Ok(value));
        }
    }

    #[test]
    fn overlong_and_truncated_varints_are_refused() {
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
    fn a_claimed_length_beyond_the_bytes_is_refused_before_anything_is_allocated() {
        let mut claim = Vec::new();
        claim.put_varint(1 << 40);
        assert_eq!(Reader::new(&claim).bytes(), Err(WireError::Truncated));
        assert_eq!(Reader::new(&claim).count(8), Err(WireError::Truncated));
        let mut most = Vec::new();
        most.put_varint(u64::MAX);
        assert_eq!(
            Reader::new(&most).count(usize::MAX),
            Err(WireError::Truncated)
        );
    }

    #[test]
    fn strings_are_utf8() {
        assert_eq!(
            Reader::new(&[2, 0xc3, 0x28]).str(),
            Err(WireError::InvalidUtf8)
        );
        assert_eq!(Reader::new(&[2, b'o', b'k']).str(), Ok("ok"));
    }
}
