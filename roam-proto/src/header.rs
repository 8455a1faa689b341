//! The buffer that message headers are written to.

use alloc::vec::Vec;

use crate::coding::{MAX_VARINT, WriteBytes};

/// The header of a message that is being queued.
///
/// Most headers fit into an inline array, where one bounds check suffices for a varint. The rest of
/// a longer header goes to the heap.
#[derive(Debug)]
pub(crate) struct HeaderBuf {
    inline: [u8; INLINE_LEN],
    /// How much of `inline` is written: all of it if `rest` is in use.
    len: usize,
    rest: Vec<u8>,
}

/// More than calls and answers without metadata and channels need.
const INLINE_LEN: usize = 64;
/// How much heap memory is kept for the next long header.
const KEPT_CAPACITY: usize = 4 * 1024;

impl HeaderBuf {
    pub(crate) fn new() -> Self {
        Self {
            inline: [0; INLINE_LEN],
            len: 0,
            rest: Vec::new(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns the header's length in bytes.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len + self.rest.len()
    }

    /// Writes the header to `out`.
    #[inline]
    pub(crate) fn copy_to(&self, out: &mut impl WriteBytes) {
        out.write_slice(&self.inline[..self.len]);
        if !self.rest.is_empty() {
            out.write_slice(&self.rest);
        }
    }

    /// Empties the buffer.
    #[inline]
    pub(crate) fn clear(&mut self) {
        self.len = 0;
        if !self.rest.is_empty() {
            self.rest.clear();
            self.rest.shrink_to(KEPT_CAPACITY);
        }
    }

    /// Returns how much heap memory the buffer holds, in bytes.
    #[cfg(test)]
    fn heap_capacity(&self) -> usize {
        self.rest.capacity()
    }

    #[cold]
    fn write_slow(&mut self, bytes: &[u8]) {
        let fitting = bytes.len().min(INLINE_LEN - self.len);
        let (inline, rest) = bytes.split_at(fitting);
        self.inline[self.len..self.len + fitting].copy_from_slice(inline);
        self.len += fitting;
        self.rest.extend_from_slice(rest);
    }

    fn write_long_varint(&mut self, value: u64) {
        if let Some(slot) = self.varint_slot() {
            self.len += encode_varint(slot, value);
        } else {
            let mut varint = [0; MAX_VARINT];
            let len = encode_varint(&mut varint, value);
            self.write_slow(&varint[..len]);
        }
    }

    /// Returns where to write a varint in `inline`, if even the longest fits.
    #[inline]
    fn varint_slot(&mut self) -> Option<&mut [u8; MAX_VARINT]> {
        self.inline.get_mut(self.len..)?.first_chunk_mut()
    }
}

impl WriteBytes for HeaderBuf {
    #[inline]
    fn write_byte(&mut self, byte: u8) {
        match self.inline.get_mut(self.len) {
            Some(slot) => {
                *slot = byte;
                self.len += 1;
            }
            None => self.rest.push(byte),
        }
    }

    #[inline]
    fn write_slice(&mut self, bytes: &[u8]) {
        match self.inline.get_mut(self.len..self.len + bytes.len()) {
            Some(slot) => {
                slot.copy_from_slice(bytes);
                self.len += bytes.len();
            }
            None => self.write_slow(bytes),
        }
    }

    #[inline]
    fn write_varint(&mut self, value: u64) {
        if value < 0x80 {
            self.write_byte(low_byte(value));
        } else {
            self.write_long_varint(value);
        }
    }
}

/// Writes a varint to the start of `slot`. Returns its length.
#[inline]
fn encode_varint(slot: &mut [u8; MAX_VARINT], mut value: u64) -> usize {
    let mut len = 0;
    for byte in slot {
        len += 1;
        if value < 0x80 {
            *byte = low_byte(value);
            break;
        }
        *byte = low_byte(value) | 0x80;
        value >>= 7;
    }
    len
}

fn low_byte(value: u64) -> u8 {
    value.to_le_bytes()[0]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Something to write.
    #[derive(Clone, Debug)]
    enum Piece {
        Varint(u64),
        Bytes(Vec<u8>),
    }

    fn piece() -> impl Strategy<Value = Piece> {
        let varint =
            (any::<u64>(), 0_u32..64).prop_map(|(value, bits)| Piece::Varint(value >> bits));
        let bytes = prop::collection::vec(any::<u8>(), 0..100).prop_map(Piece::Bytes);
        prop_oneof![3 => varint, 1 => bytes]
    }

    fn write_pieces(pieces: &[Piece], out: &mut impl WriteBytes) {
        for piece in pieces {
            match piece {
                Piece::Varint(value) => out.write_varint(*value),
                Piece::Bytes(bytes) => out.write_prefixed(bytes),
            }
        }
    }

    proptest! {
        #[test]
        fn round_trips_headers_of_any_length(
            pieces in prop::collection::vec(piece(), 0..20),
        ) {
            let mut header = HeaderBuf::new();
            header.write_prefixed(b"before");
            header.clear();
            write_pieces(&pieces, &mut header);
            let mut expected = Vec::new();
            write_pieces(&pieces, &mut expected);
            let mut written = Vec::new();
            header.copy_to(&mut written);
            prop_assert_eq!(header.len(), expected.len());
            prop_assert_eq!(written, expected);
        }
    }

    #[test]
    fn clearing_frees_the_memory_of_a_long_header() {
        let mut header = HeaderBuf::new();
        header.write_slice(&vec![7; 10 * KEPT_CAPACITY]);
        header.clear();
        assert!(header.heap_capacity() <= KEPT_CAPACITY && header.is_empty());
    }
}
