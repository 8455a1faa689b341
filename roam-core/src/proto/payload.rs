//! Payloads: what came in, and what is to be sent.

use std::fmt;
use std::ops::Deref;

use bytes::{Buf, Bytes, BytesMut};

/// A payload that came in: what a Request, or a Response, carries.
///
/// It is read as a slice. A short one is held in place and takes no memory of its own; a long one is
/// a slice of the frame that it came in, unless it would keep much more alive than itself.
///
/// ```
/// use roam_core::proto::ReceivedPayload;
///
/// let payload = ReceivedPayload::from(&[0, 7][..]);
/// assert_eq!(payload[..], [0, 7]);
/// ```
#[derive(Clone)]
pub struct ReceivedPayload(Held);

#[derive(Clone)]
enum Held {
    InPlace { len: u8, bytes: [u8; IN_PLACE] },
    Shared(Bytes),
}

/// The longest payload that is held in place, in bytes. With it an [`Event`](super::Event) has no
/// more than 128, and larger ones take a good deal longer to be moved.
const IN_PLACE: usize = 54;

impl ReceivedPayload {
    /// Keeps a part of a frame.
    pub(super) fn keep(frame: &Bytes, part: &[u8]) -> Self {
        if part.len() > IN_PLACE && part.len() >= frame.len() / 2 {
            Self(Held::Shared(frame.slice_ref(part)))
        } else {
            Self::from(part)
        }
    }
}

impl From<&[u8]> for ReceivedPayload {
    fn from(payload: &[u8]) -> Self {
        let mut bytes = [0; IN_PLACE];
        let held = match bytes.get_mut(..payload.len()) {
            Some(place) => {
                place.copy_from_slice(payload);
                let len = u8::try_from(payload.len()).unwrap_or_default();
                Held::InPlace { len, bytes }
            }
            None => Held::Shared(Bytes::copy_from_slice(payload)),
        };
        Self(held)
    }
}

impl From<ReceivedPayload> for Bytes {
    /// A long one is not copied.
    fn from(payload: ReceivedPayload) -> Self {
        match payload.0 {
            Held::InPlace { .. } => Self::copy_from_slice(&payload),
            Held::Shared(bytes) => bytes,
        }
    }
}

impl Default for ReceivedPayload {
    /// An empty one.
    fn default() -> Self {
        Self(Held::Shared(Bytes::new()))
    }
}

impl Deref for ReceivedPayload {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match &self.0 {
            Held::InPlace { len, bytes } => &bytes[..usize::from(*len)],
            Held::Shared(bytes) => bytes,
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
            Held::InPlace { .. } => Bytes::copy_from_slice(self).fmt(f),
            Held::Shared(bytes) => bytes.fmt(f),
        }
    }
}

/// The payload of what is to be sent.
#[derive(Debug)]
pub enum Payload<'a> {
    /// It is copied.
    Lent(&'a [u8]),
    /// If it is sent, and large, it is taken.
    Given(&'a mut Encoded),
}

impl Deref for Payload<'_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Self::Lent(bytes) => bytes,
            Self::Given(encoded) => encoded,
        }
    }
}

impl<'a, B: AsRef<[u8]> + ?Sized> From<&'a B> for Payload<'a> {
    fn from(bytes: &'a B) -> Self {
        Self::Lent(bytes.as_ref())
    }
}

impl<'a> From<&'a mut Encoded> for Payload<'a> {
    fn from(encoded: &'a mut Encoded) -> Self {
        Self::Given(encoded)
    }
}

/// An encoded value. There is room in front of it for what stands before a payload on the wire, so
/// that a large one becomes a frame without being copied.
///
/// ```
/// use roam_core::proto::Encoded;
///
/// let encoded = Encoded::new().append_with(|bytes| postcard::to_extend(&(1, 2), bytes))?;
/// assert_eq!(encoded[..], [2, 4]);
/// # Ok::<_, postcard::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Encoded {
    /// The room and the value; empty before there is any, and when it was taken.
    bytes: Vec<u8>,
}

/// Room for the encoding of a small value, in bytes, so that it is taken once.
const SMALL: usize = 64;
/// From this length on, an encoded value is a frame of its own rather than copied to a shared one.
const OWN_FRAME: usize = 16 * 1024;

impl Encoded {
    /// The room in front of the value, in bytes: enough for the envelope of an element, and for
    /// that of calls and answers with little metadata, such as a deadline.
    pub(super) const ROOM: usize = 96;

    /// Holds nothing, and no memory.
    pub const fn new() -> Self {
        Self { bytes: Vec::new() }
    }

    /// Makes it empty. Its memory is used again.
    pub fn clear(&mut self) {
        self.bytes.truncate(Self::ROOM);
    }

    /// Appends what `write` appends to the bytes that it is given. When that fails, all is lost.
    #[inline]
    pub fn append_with<E>(
        mut self,
        write: impl FnOnce(Vec<u8>) -> Result<Vec<u8>, E>,
    ) -> Result<Self, E> {
        if self.bytes.is_empty() {
            self.bytes.reserve(Self::ROOM + SMALL);
            self.bytes.extend_from_slice(&[0; Self::ROOM]);
        }
        self.bytes = write(self.bytes)?;
        Ok(self)
    }

    /// Gives back the memory that it does not need.
    pub fn shrink(&mut self) {
        self.bytes.shrink_to_fit();
    }

    /// The memory that it holds, in bytes.
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Whether it is large, and holds not much more memory than that.
    #[inline]
    pub(super) fn is_worth_taking(&self) -> bool {
        let len = self.len();
        len >= OWN_FRAME && self.capacity() - len <= len / 4
    }

    /// Takes it with `head` in front of it, which is no longer than the [room](Self::ROOM).
    pub(super) fn take_behind(&mut self, head: &[u8]) -> BytesMut {
        let start = Self::ROOM - head.len();
        self.bytes[start..Self::ROOM].copy_from_slice(head);
        let mut taken = Bytes::from(std::mem::take(&mut self.bytes));
        taken.advance(start);
        BytesMut::from(taken)
    }
}

impl Deref for Encoded {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.bytes.get(Self::ROOM..).unwrap_or_default()
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
    use super::super::event::Event;
    use super::*;

    #[test]
    fn it_reads_as_what_came_in() {
        for len in [0, 1, IN_PLACE, IN_PLACE + 1, 10_000] {
            let frame = Bytes::from(vec![7; len]);
            let copied = ReceivedPayload::from(&frame[..]);
            let kept = ReceivedPayload::keep(&frame, &frame);
            assert_eq!((&copied[..], &kept[..]), (&frame[..], &frame[..]));
            assert_eq!(Bytes::from(kept), frame);
        }
        assert!(ReceivedPayload::default().is_empty());
    }

    #[test]
    fn an_event_is_quick_to_move() {
        assert!(size_of::<Event>() <= 128);
    }

    #[test]
    fn only_what_is_most_of_a_frame_keeps_it_alive() {
        let frame = Bytes::from(vec![7; 10_000]);
        let parts = [10, IN_PLACE, IN_PLACE + 1, 4_999];
        let _copied = parts.map(|len| ReceivedPayload::keep(&frame, &frame[..len]));
        assert!(frame.is_unique());
        let _slice = ReceivedPayload::keep(&frame, &frame[5_000..]);
        assert!(!frame.is_unique());
    }

    #[test]
    fn a_short_one_does_not_keep_a_frame_of_its_own_alive() {
        let frame = Bytes::from(vec![7; IN_PLACE]);
        let _payload = ReceivedPayload::keep(&frame, &frame);
        assert!(frame.is_unique());
    }
}
