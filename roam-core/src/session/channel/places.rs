//! Where the channel halves of a value stand in its encoding.
//!
//! A half is encoded before its channel has an id: as a byte that the id replaces when the message is
//! queued. `Serialize` does not tell a half where it stands, so the half writes a mark, which the
//! output of the encoder recognizes.

use postcard::ser_flavors::Flavor;
use serde::Serialize;

use super::context;
use crate::proto::Encoded;
use crate::session::codec::EncodeError;

/// No other bytes have the address of a mark: it is inside of this array, and not at its start,
/// where other bytes may end.
static MARK: [u8; 2] = [0; 2];

/// What a half serializes, as bytes: their length, 0, is the byte that the id replaces.
pub(super) fn mark() -> &'static [u8] {
    &MARK[1..1]
}

/// Appends `prefix` and the encoding of `value` to the empty `out`, and notes where halves stand.
#[inline]
pub(super) fn encode_into<T: Serialize + ?Sized>(
    value: &T,
    prefix: &[u8],
    out: Encoded,
) -> Result<Encoded, EncodeError> {
    let encoded = out.append_with(|mut bytes| {
        let start = bytes.len();
        bytes.extend_from_slice(prefix);
        postcard::serialize_with_flavor(value, Output { bytes, start })
    });
    Ok(encoded?)
}

/// Appends to a payload that starts at `start`.
struct Output {
    bytes: Vec<u8>,
    start: usize,
}

impl Flavor for Output {
    type Output = Vec<u8>;

    #[inline]
    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.bytes.push(byte);
        Ok(())
    }

    #[inline]
    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        if bytes.is_empty() && std::ptr::eq(bytes.as_ptr(), mark().as_ptr()) {
            context::note_place(self.bytes.len() - self.start - 1);
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<Vec<u8>> {
        Ok(self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Rx, Tx, channel, encode};
    use super::*;

    #[derive(Serialize)]
    struct Nested {
        before: &'static str,
        rx: Rx<u8>,
        empty: &'static str,
        several: Vec<Option<Tx<u8>>>,
    }

    #[test]
    fn halves_are_found_wherever_they_stand() {
        let [(a, _a), (b, _b)] = [channel(), channel()];
        let (_c, rx) = channel();
        let value = Nested {
            before: "x",
            rx,
            empty: "",
            several: vec![None, Some(a), Some(b)],
        };
        let (payload, channels) = encode(&value, &[9]).unwrap();
        assert_eq!(payload, [9, 1, b'x', 0, 0, 3, 0, 1, 0, 1, 0]);
        let places = channels.placed().into_iter().map(|channel| channel.place);
        assert_eq!(places.collect::<Vec<_>>(), [Some(3), Some(8), Some(10)]);
    }

    /// Encodes its half as bytes.
    struct Wrapped(Tx<u8>);

    impl Serialize for Wrapped {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let bytes = postcard::to_allocvec(&self.0).map_err(serde::ser::Error::custom)?;
            serializer.serialize_bytes(&bytes)
        }
    }

    #[test]
    fn a_half_in_an_encoding_of_its_own_has_no_place() {
        let [(a, _a), (b, _b)] = [channel(), channel()];
        let (payload, channels) = encode(&(Wrapped(a), "", b), &[]).unwrap();
        assert_eq!(payload, [1, 0, 0, 0]);
        let places = channels.placed().into_iter().map(|channel| channel.place);
        assert_eq!(places.collect::<Vec<_>>(), [None, Some(3)]);
    }
}
