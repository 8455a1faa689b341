//! Encoding and decoding values: postcard, decoded strictly.
//!
//! Values may hold channel halves where the [channel layer](super::channel) encodes or decodes them.

mod decoder;
#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::proto::{Encoded, WireError};

use decoder::{Decoder, Fault, MAX_DEPTH, MAX_EMPTY};

/// Why a value cannot be encoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// A channel half in it was sent before.
    #[error("a channel half was already sent or closed")]
    ChannelMoved,
    /// Postcard cannot encode it.
    #[error("the value cannot be encoded: {0}")]
    Postcard(#[from] postcard::Error),
}

/// Why bytes do not decode to a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The bytes are malformed for the type.
    #[error("cannot be decoded, at byte {at}: {what}")]
    Malformed {
        /// How many bytes were read.
        at: usize,
        /// What is wrong there.
        what: Malformed,
    },
    /// The payload of an answer is neither a value nor an error.
    #[error("an answer that is neither a value nor an error")]
    NoOutcome,
    /// The value holds more or fewer channel halves than its message carries channels.
    #[error("the value holds {halves} channel halves, its message carries {channels} channels")]
    ChannelCount {
        /// Halves in the value.
        halves: usize,
        /// Channels of the message.
        channels: usize,
    },
}

/// How bytes are malformed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// Bytes are missing or left over, or a primitive is malformed.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// A byte that must be 0 or 1 is neither.
    #[error("{0:#04x} is neither 0 nor 1")]
    Flag(u8),
    /// A string that must be one character is not.
    #[error("not one character")]
    NotOneChar,
    /// Values are nested too deeply.
    #[error("nested deeper than {MAX_DEPTH}")]
    TooDeep,
    /// Too many list elements take no bytes.
    #[error("more than {MAX_EMPTY} elements that take no bytes")]
    TooManyEmpty,
    /// The type left elements of a list unread.
    #[error("{0} elements too many")]
    LeftOver(u64),
    /// The type needs a self-describing format, as an untagged enum does. Postcard is not one.
    #[error("the type needs a format that describes itself")]
    SelfDescribing,
    /// The type rejects the value, for this reason.
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

/// Larger buffers are not reused.
const MAX_REUSED: usize = 64 * 1024;

/// Returns a buffer to encode to, reused if one was [recycled](recycle) on this thread.
pub(super) fn buffer() -> Encoded {
    BUFFER.take()
}

/// Keeps a buffer for the next value on this thread.
pub(super) fn recycle(mut buffer: Encoded) {
    if buffer.capacity() <= MAX_REUSED {
        buffer.clear();
        BUFFER.set(buffer);
    }
}

/// Appends the encoding of `value` to `out`.
pub(super) fn encode_into<T: Serialize + ?Sized>(
    value: &T,
    out: Encoded,
) -> Result<Encoded, EncodeError> {
    Ok(out.append_with(|bytes| postcard::to_extend(value, bytes))?)
}

/// Decodes a value from exactly these bytes.
pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    let mut decoder = Decoder::new(bytes);
    let value = T::deserialize(&mut decoder).and_then(|value| decoder.finish().map(|()| value));
    value.map_err(|Fault(what)| DecodeError::Malformed {
        at: bytes.len() - decoder.remaining(),
        what: *what,
    })
}
