//! Received payloads and payloads to send.

use alloc::vec::Vec;
use core::fmt;
use core::ops::Deref;

use bytes::{Buf, Bytes, BytesMut};

use crate::coding::{MAX_VARINT, WriteBytes};

/// The payload of a received Request or Response.
///
/// It dereferences to a slice. A short payload is stored inline. A long one shares the memory of
/// its frame, unless it would keep a much larger frame alive.
///
/// ```
/// use roam_proto::ReceivedPayload;
///
/// let payload = ReceivedPayload::from(&[0, 7][..]);
/// assert_eq!(payload[..], [0, 7]);
/// ```
#[derive(Clone)]
pub struct ReceivedPayload(Repr);

#[derive(Clone)]
enum Repr {
    Inline { len: u8, bytes: [u8; INLINE] },
    Shared(Bytes),
}

/// The longest payload that is stored inline, in bytes. It keeps an [`Event`](crate::Event) within
/// 128 bytes; larger events take much longer to move.
const INLINE: usize = 54;

impl ReceivedPayload {
    /// Keeps a part of a frame, by copying or by sharing it.
    pub(crate) fn keep(frame: &Bytes, part: &[u8]) -> Self {
        if part.len() > INLINE && part.len() >= frame.len() / 2 {
            Self(Repr::Shared(frame.slice_ref(part)))
        } else {
            Self::from(part)
        }
    }
}

impl From<&[u8]> for ReceivedPayload {
    fn from(payload: &[u8]) -> Self {
        let mut bytes = [0; INLINE];
        let repr = match bytes.get_mut(..payload.len()) {
            Some(slot) => {
                slot.copy_from_slice(payload);
                let len = u8::try_from(payload.len()).unwrap_or_default();
                Repr::Inline { len, bytes }
            }
            None => Repr::Shared(Bytes::copy_from_slice(payload)),
        };
        Self(repr)
    }
}

impl From<ReceivedPayload> for Bytes {
    /// Converts without copying a long payload.
    fn from(payload: ReceivedPayload) -> Self {
        match payload.0 {
            Repr::Inline { .. } => Self::copy_from_slice(&payload),
            Repr::Shared(bytes) => bytes,
        }
    }
}

impl Default for ReceivedPayload {
    /// Creates an empty payload.
    fn default() -> Self {
        Self(Repr::Shared(Bytes::new()))
    }
}

impl Deref for ReceivedPayload {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match &self.0 {
            Repr::Inline { len, bytes } => &bytes[..usize::from(*len)],
            Repr::Shared(bytes) => bytes,
        }
    }
}

impl AsRef<[u8]> for ReceivedPayload {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl<B: AsRef<[u8]>> PartialEq<B> for ReceivedPayload {
    fn eq(&self, other: &B) -> bool {
        **self == *other.as_ref()
    }
}

impl fmt::Debug for ReceivedPayload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Inline { .. } => Bytes::copy_from_slice(self).fmt(f),
            Repr::Shared(bytes) => bytes.fmt(f),
        }
    }
}

/// The payload of a message to send.
#[derive(Debug)]
pub enum Payload<'a> {
    /// Bytes that are copied into a frame.
    Borrowed(&'a [u8]),
    /// A value whose buffer becomes the frame if it is large. It is left empty then, and unchanged
    /// otherwise.
    Taken(&'a mut Encoded),
}

impl Deref for Payload<'_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Self::Borrowed(bytes) => bytes,
            Self::Taken(encoded) => encoded,
        }
    }
}

impl<'a, B: AsRef<[u8]> + ?Sized> From<&'a B> for Payload<'a> {
    fn from(bytes: &'a B) -> Self {
        Self::Borrowed(bytes.as_ref())
    }
}

impl<'a> From<&'a mut Encoded> for Payload<'a> {
    fn from(encoded: &'a mut Encoded) -> Self {
        Self::Taken(encoded)
    }
}

/// An encoded value, with headroom for a message header, so that a large value becomes a frame
/// without being copied.
///
/// ```
/// use roam_proto::Encoded;
///
/// let encoded = Encoded::new().append_with(|bytes| postcard::to_extend(&(1, 2), bytes))?;
/// assert_eq!(encoded[..], [2, 4]);
/// # Ok::<_, postcard::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Encoded {
    /// The headroom and the value. Empty before the first write, and after the value was taken.
    bytes: Vec<u8>,
}

/// The initial capacity for a value, in bytes, so that a small one is allocated only once.
const INITIAL_CAPACITY: usize = 64;
/// From this length on, an encoded value becomes its own frame instead of being copied.
const OWN_FRAME: usize = 16 * 1024;

impl Encoded {
    /// The space in front of the value, in bytes. It fits the header of an element, and that of a
    /// call or an answer with little metadata, such as a deadline.
    pub(crate) const HEADROOM: usize = 96;

    /// Creates an empty value without allocating.
    pub const fn new() -> Self {
        Self { bytes: Vec::new() }
    }

    /// Copies `payload` with up to `count` ids, each in place of the byte at an index. The indexes
    /// ascend.
    #[cold]
    pub(crate) fn with_ids(
        payload: &[u8],
        count: usize,
        ids: impl Iterator<Item = (usize, u64)>,
    ) -> Self {
        let capacity = Self::HEADROOM + payload.len() + count * (MAX_VARINT - 1);
        let mut bytes = Vec::with_capacity(capacity);
        bytes.extend_from_slice(&[0; Self::HEADROOM]);
        let mut rest = 0;
        for (place, id) in ids {
            bytes.write_slice(&payload[rest..place]);
            bytes.write_varint(id);
            rest = place + 1;
        }
        bytes.write_slice(&payload[rest..]);
        Self { bytes }
    }

    /// Empties the value and keeps its memory for reuse.
    pub fn clear(&mut self) {
        self.bytes.truncate(Self::HEADROOM);
    }

    /// Passes the buffer to `write`, which must only append to it. An error drops the buffer.
    #[inline]
    pub fn append_with<E>(
        mut self,
        write: impl FnOnce(Vec<u8>) -> Result<Vec<u8>, E>,
    ) -> Result<Self, E> {
        if self.bytes.is_empty() {
            self.bytes.reserve(Self::HEADROOM + INITIAL_CAPACITY);
            self.bytes.extend_from_slice(&[0; Self::HEADROOM]);
        }
        self.bytes = write(self.bytes)?;
        Ok(self)
    }

    /// Frees excess memory.
    pub fn shrink(&mut self) {
        self.bytes.shrink_to_fit();
    }

    /// Returns how much memory the value holds, in bytes.
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Returns whether the value is large and has little excess memory.
    #[inline]
    pub(crate) fn is_worth_taking(&self) -> bool {
        let len = self.len();
        len >= OWN_FRAME && self.capacity() - len <= len / 4
    }

    /// Takes the value with `header` in front of it, which must fit [`HEADROOM`](Self::HEADROOM).
    pub(crate) fn take_with_header(&mut self, header: &[u8]) -> BytesMut {
        let start = Self::HEADROOM - header.len();
        self.bytes[start..Self::HEADROOM].copy_from_slice(header);
        let mut taken = Bytes::from(core::mem::take(&mut self.bytes));
        taken.advance(start);
        BytesMut::from(taken)
    }
}

impl From<&[u8]> for Encoded {
    /// Copies bytes that are encoded already.
    fn from(bytes: &[u8]) -> Self {
        let mut encoded = alloc::vec![0; Self::HEADROOM];
        encoded.extend_from_slice(bytes);
        Self { bytes: encoded }
    }
}

impl Deref for Encoded {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.bytes.get(Self::HEADROOM..).unwrap_or_default()
    }
}

impl<B: AsRef<[u8]>> PartialEq<B> for Encoded {
    fn eq(&self, other: &B) -> bool {
        **self == *other.as_ref()
    }
}

impl fmt::Debug for Encoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Encoded").field(&&**self).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;

    #[test]
    fn payloads_equal_what_was_received() {
        for len in [0, 1, INLINE, INLINE + 1, 10_000] {
            let frame = Bytes::from(vec![7; len]);
            let copied = ReceivedPayload::from(&frame[..]);
            let kept = ReceivedPayload::keep(&frame, &frame);
            assert_eq!((&copied[..], &kept[..]), (&frame[..], &frame[..]));
            assert_eq!(Bytes::from(kept), frame);
        }
        assert!(ReceivedPayload::default().is_empty());
    }

    #[test]
    fn events_are_small() {
        assert!(size_of::<Event>() <= 128);
    }

    #[test]
    fn ids_replace_single_bytes() {
        let ids = [(0, 5), (2, 300), (3, u64::MAX)];
        let numbered = Encoded::with_ids(&[0, 7, 0, 0, 8], 3, ids.into_iter());
        let mut expected = vec![5, 7, 0xac, 2];
        expected.extend([0xff; 9]);
        expected.extend([1, 8]);
        assert_eq!(numbered, expected);
    }

    #[test]
    fn only_a_large_part_keeps_its_frame_alive() {
        let frame = Bytes::from(vec![7; 10_000]);
        let parts = [10, INLINE, INLINE + 1, 4_999];
        let _copied = parts.map(|len| ReceivedPayload::keep(&frame, &frame[..len]));
        assert!(frame.is_unique());
        let _slice = ReceivedPayload::keep(&frame, &frame[5_000..]);
        assert!(!frame.is_unique());
    }

    #[test]
    fn a_short_payload_does_not_keep_its_own_frame_alive() {
        let frame = Bytes::from(vec![7; INLINE]);
        let _payload = ReceivedPayload::keep(&frame, &frame);
        assert!(frame.is_unique());
    }
}
