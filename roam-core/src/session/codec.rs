//! Values to bytes and back: postcard, strictly, and within a [`binder`](super::binder)'s scope
//! where values may hold channel ends.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A value that cannot be encoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot be encoded: {0}")]
pub struct EncodeError(#[from] postcard::Error);

/// Bytes that are not the encoding of the value that they should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// They are of another form.
    #[error("cannot be decoded: {0}")]
    Malformed(#[from] postcard::Error),
    /// Something follows the value.
    #[error("{0} bytes follow the value")]
    TrailingBytes(usize),
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

/// Appends the encoding of `value`.
pub(super) fn encode_into<T: Serialize + ?Sized>(value: &T, out: Vec<u8>) -> Result<Vec<u8>, EncodeError> {
    Ok(postcard::to_extend(value, out)?)
}

/// Decodes a value that all of `bytes` is the encoding of.
pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    let (value, rest) = postcard::take_from_bytes(bytes)?;
    if rest.is_empty() { Ok(value) } else { Err(DecodeError::TrailingBytes(rest.len())) }
}
