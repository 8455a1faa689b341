//! Values to bytes and back: postcard, read strictly. Within the scope of a
//! [`binder`](super::binder), values may hold channel ends.

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::proto::{Encoded, WireError};

use super::decoder::{Decoder, Fault, MAX_DEPTH, MAX_EMPTY};

/// A value that cannot be encoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// A channel end in it has been sent already.
    #[error("a channel end that has been sent already")]
    ChannelMoved,
    /// Postcard cannot write it.
    #[error("cannot be encoded: {0}")]
    Postcard(#[from] postcard::Error),
}

/// Bytes that are not the encoding of the value that they should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// They are of another form.
    #[error("cannot be decoded, at byte {at}: {what}")]
    Malformed {
        /// How many bytes had been read.
        at: usize,
        /// What is wrong there.
        what: Malformed,
    },
    /// An answer that is neither a value nor an error.
    #[error("an answer that is neither a value nor an error")]
    NoOutcome,
    /// The number of channel ends differs from that which came beside the bytes.
    #[error("{found} channel ends in the value, {beside} beside it")]
    ChannelCount {
        /// Ends in the value.
        found: usize,
        /// Ends beside it.
        beside: usize,
    },
}

/// What is wrong with bytes that do not decode.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Bytes are missing or follow, or one of postcard's primitives is not well formed.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// A byte that should be 0 or 1.
    #[error("{0:#04x} is neither 0 nor 1")]
    Flag(u8),
    /// A string that should be one character.
    #[error("not one character")]
    NotOneChar,
    /// Values nested too deep.
    #[error("nested deeper than {MAX_DEPTH}")]
    TooDeep,
    /// Too many elements that take no bytes.
    #[error("more than {MAX_EMPTY} elements that take no bytes")]
    TooManyEmpty,
    /// The type did not take all elements of a list.
    #[error("{0} elements too many")]
    LeftOver(u64),
    /// A type that is read by what the bytes say of themselves, such as an untagged enum. Those of
    /// postcard say nothing.
    #[error("the type needs a format that describes itself")]
    SelfDescribing,
    /// The type itself refuses the value, for this reason.
    #[error("{0}")]
    Refused(Arc<str>),
}

impl<W> From<W> for Fault
where
    Malformed: From<W>,
{
    #[cold]
    fn from(what: W) -> Self {
        Self(Box::new(what.into()))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Fault {}

impl serde::de::Error for Fault {
    #[cold]
    fn custom<T: fmt::Display>(reason: T) -> Self {
        Malformed::Refused(reason.to_string().into()).into()
    }
}

thread_local! {
    static BUFFER: Cell<Encoded> = const { Cell::new(Encoded::new()) };
}

/// Larger buffers are not kept.
const MAX_KEPT: usize = 64 * 1024;

/// A buffer to encode to. When it was [given back](give_back) it costs no memory the next time.
pub(super) fn buffer() -> Encoded {
    BUFFER.take()
}

/// What was encoded is not needed any more.
pub(super) fn give_back(mut buffer: Encoded) {
    if buffer.capacity() <= MAX_KEPT {
        buffer.clear();
        BUFFER.set(buffer);
    }
}

/// Appends `prefix` and the encoding of `value`.
pub(super) fn encode_into<T: Serialize + ?Sized>(
    value: &T,
    prefix: &[u8],
    out: Encoded,
) -> Result<Encoded, EncodeError> {
    let encoded = out.append_with(|mut bytes| {
        bytes.extend_from_slice(prefix);
        postcard::to_extend(value, bytes)
    });
    Ok(encoded?)
}

/// Decodes a value that all of `bytes` is the encoding of.
pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    let mut decoder = Decoder::new(bytes);
    let value = T::deserialize(&mut decoder).and_then(|value| decoder.finish().map(|()| value));
    value.map_err(|Fault(what)| DecodeError::Malformed {
        at: bytes.len() - decoder.remaining(),
        what: *what,
    })
}
