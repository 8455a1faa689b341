//! How messages stand in a transport's frames.

use super::violation::{Rule, Violation};
use super::wire::Reader;

/// How messages stand in what a transport carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// A frame is one message.
    Single,
    /// A frame is one or more messages, each behind its length (`roam.v2.packed`).
    Packed,
    /// A byte stream in which each message is COBS-encoded and ended by a zero. A frame is any
    /// piece of the stream.
    Cobs,
}

/// A frame of several messages is closed at this length, unless one message alone is longer.
pub const PACKED_FRAME: usize = 64 * 1024;

/// The messages of a frame of a message transport.
pub(super) struct Messages<'a> {
    frame: &'a [u8],
    packed: bool,
    /// Where the next one begins.
    pub(super) read: usize,
}

impl<'a> Messages<'a> {
    /// Those that begin at the byte `from`, or later.
    pub(super) fn new(frame: &'a [u8], packed: bool, from: usize) -> Result<Self, Violation> {
        if frame.is_empty() {
            return Err(Rule::DecodeError.because("empty frame"));
        }
        Ok(Self {
            frame,
            packed,
            read: from,
        })
    }

    #[inline]
    pub(super) fn next(&mut self) -> Result<Option<&'a [u8]>, Violation> {
        let rest = &self.frame[self.read..];
        if rest.is_empty() {
            return Ok(None);
        }
        if !self.packed {
            self.read = self.frame.len();
            return Ok(Some(rest));
        }
        let mut reader = Reader::new(rest);
        let record = reader.bytes()?;
        if record.is_empty() {
            return Err(Rule::DecodeError.because("empty record"));
        }
        self.read = self.frame.len() - reader.remaining();
        Ok(Some(record))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(frame: &[u8], packed: bool) -> Result<Vec<&[u8]>, Violation> {
        let mut messages = Messages::new(frame, packed, 0)?;
        let mut found = Vec::new();
        while let Some(message) = messages.next()? {
            found.push(message);
        }
        Ok(found)
    }

    #[test]
    fn a_single_frame_is_one_message() {
        assert_eq!(split(&[2, 1, 1], false), Ok(vec![&[2, 1, 1][..]]));
    }

    #[test]
    fn a_packed_frame_is_several() {
        assert_eq!(split(&[2, 1, 1, 1, 9], true), Ok(vec![&[1, 1][..], &[9]]));
    }

    #[test]
    fn bad_packing_is_a_decode_error() {
        for frame in [
            &[][..],
            &[0],
            &[1, 7, 0],
            &[2, 1],
            &[0x80, 0x00],
            &[0xff, 0xff, 0x7f, 1],
        ] {
            let violation = split(frame, true).unwrap_err();
            assert_eq!(violation.rule, Rule::DecodeError, "{frame:?}");
        }
        assert_eq!(split(&[], false).unwrap_err().rule, Rule::DecodeError);
    }
}
