//! Payloads that came in.

use std::fmt;
use std::ops::Deref;

use bytes::Bytes;

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
