//! Where a message is put together, but for its payload.

use super::wire::Put;

/// The beginning of a message that is about to be queued: all but its payload.
///
/// Most are short. They are written to a place of fixed length, in which a varint needs one look
/// whether there is room; the rest of longer ones goes to memory of its own.
#[derive(Debug)]
pub(super) struct Envelope {
    short: [u8; SHORT],
    /// How much of `short` is written. Full as soon as anything is in `rest`.
    len: usize,
    rest: Vec<u8>,
}

/// What calls and answers without metadata and channels need, and some more.
const SHORT: usize = 64;
/// The longest varint.
const VARINT: usize = 10;
/// So much memory is kept for the rest of the next long one.
const KEPT: usize = 4 * 1024;

impl Envelope {
    pub(super) fn new() -> Self {
        Self {
            short: [0; SHORT],
            len: 0,
            rest: Vec::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Its length in bytes.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len + self.rest.len()
    }

    /// Writes it to `out`.
    #[inline]
    pub(super) fn copy_to(&self, out: &mut impl Put) {
        out.put_all(&self.short[..self.len]);
        if !self.rest.is_empty() {
            out.put_all(&self.rest);
        }
    }

    /// Begins anew.
    #[inline]
    pub(super) fn clear(&mut self) {
        self.len = 0;
        if !self.rest.is_empty() {
            self.rest.clear();
            self.rest.shrink_to(KEPT);
        }
    }

    /// What it holds, in bytes of memory of its own.
    #[cfg(test)]
    pub(super) fn kept(&self) -> usize {
        self.rest.capacity()
    }

    #[cold]
    fn put_slowly(&mut self, bytes: &[u8]) {
        let room = bytes.len().min(SHORT - self.len);
        let (short, rest) = bytes.split_at(room);
        self.short[self.len..self.len + room].copy_from_slice(short);
        self.len += room;
        self.rest.extend_from_slice(rest);
    }

    fn put_long_varint(&mut self, value: u64) {
        if let Some(place) = self.place() {
            self.len += put_varint_at(place, value);
        } else {
            let mut place = [0; VARINT];
            let len = put_varint_at(&mut place, value);
            self.put_slowly(&place[..len]);
        }
    }

    /// Where a varint goes, if there is room for the longest.
    #[inline]
    fn place(&mut self) -> Option<&mut [u8; VARINT]> {
        self.short.get_mut(self.len..)?.first_chunk_mut()
    }
}

impl Put for Envelope {
    #[inline]
    fn put_byte(&mut self, byte: u8) {
        match self.short.get_mut(self.len) {
            Some(place) => {
                *place = byte;
                self.len += 1;
            }
            None => self.rest.push(byte),
        }
    }

    #[inline]
    fn put_all(&mut self, bytes: &[u8]) {
        match self.short.get_mut(self.len..self.len + bytes.len()) {
            Some(place) => {
                place.copy_from_slice(bytes);
                self.len += bytes.len();
            }
            None => self.put_slowly(bytes),
        }
    }

    #[inline]
    fn put_varint(&mut self, value: u64) {
        if value < 0x80 {
            self.put_byte(low_byte(value));
        } else {
            self.put_long_varint(value);
        }
    }
}

/// Writes a varint, and returns its length.
#[inline]
fn put_varint_at(place: &mut [u8; VARINT], mut value: u64) -> usize {
    let mut len = 0;
    for byte in place {
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

    /// What is put.
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

    fn put(pieces: &[Piece], out: &mut impl Put) {
        for piece in pieces {
            match piece {
                Piece::Varint(value) => out.put_varint(*value),
                Piece::Bytes(bytes) => out.put_bytes(bytes),
            }
        }
    }

    proptest! {
        #[test]
        fn it_holds_what_was_put_however_long_that_is(
            pieces in prop::collection::vec(piece(), 0..20),
        ) {
            let mut envelope = Envelope::new();
            envelope.put_bytes(b"before");
            envelope.clear();
            put(&pieces, &mut envelope);
            let mut expected = Vec::new();
            put(&pieces, &mut expected);
            let mut written = Vec::new();
            envelope.copy_to(&mut written);
            prop_assert_eq!(envelope.len(), expected.len());
            prop_assert_eq!(written, expected);
        }
    }

    #[test]
    fn the_memory_of_a_long_one_is_given_back() {
        let mut envelope = Envelope::new();
        envelope.put_all(&vec![7; 10 * KEPT]);
        envelope.clear();
        assert!(envelope.kept() <= KEPT && envelope.is_empty());
    }
}
