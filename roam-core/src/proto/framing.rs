//! How messages stand in a transport's frames.

use bytes::Bytes;

use super::violation::{Rule, Violation};
use super::wire::Reader;

/// How messages stand in a transport's frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// A frame is one message.
    Single,
    /// A frame is one or more messages, each behind its length (`roam.v2.packed`).
    Packed,
}

/// A packed frame is closed at this length, unless one message alone is longer.
pub const PACKED_FRAME: usize = 64 * 1024;

/// The messages of one frame.
pub(super) struct Messages {
    frame: Bytes,
    framing: Framing,
    read: usize,
}

impl Messages {
    pub(super) fn new(frame: Bytes, framing: Framing) -> Result<Self, Violation> {
        if frame.is_empty() {
            return Err(Rule::DecodeError.because("empty frame"));
        }
        Ok(Self { frame, framing, read: 0 })
    }

    pub(super) fn frame(&self) -> &Bytes {
        &self.frame
    }

    /// Where the next message stands in the frame.
    #[inline]
    pub(super) fn next(&mut self) -> Result<Option<std::ops::Range<usize>>, Violation> {
        if self.read == self.frame.len() {
            return Ok(None);
        }
        let start = match self.framing {
            Framing::Single => 0,
            Framing::Packed => return self.next_record().map(Some),
        };
        self.read = self.frame.len();
        Ok(Some(start..self.read))
    }

    #[inline]
    fn next_record(&mut self) -> Result<std::ops::Range<usize>, Violation> {
        let mut reader = Reader::new(&self.frame[self.read..]);
        let record = reader.bytes()?;
        if record.is_empty() {
            return Err(Rule::DecodeError.because("empty record"));
        }
        let end = self.frame.len() - reader.remaining();
        self.read = end;
        Ok(end - record.len()..end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(frame: &'static [u8], framing: Framing) -> Result<Vec<&'static [u8]>, Violation> {
        let mut messages = Messages::new(Bytes::from_static(frame), framing)?;
        let mut found = Vec::new();
        while let Some(range) = messages.next()? {
            found.push(&frame[range]);
        }
        Ok(found)
    }

    #[test]
    fn a_single_frame_is_one_message() {
        assert_eq!(split(&[2, 1, 1], Framing::Single), Ok(vec![&[2, 1, 1][..]]));
    }

    #[test]
    fn a_packed_frame_is_several() {
        assert_eq!(split(&[2, 1, 1, 1, 9], Framing::Packed), Ok(vec![&[1, 1][..], &[9]]));
    }

    #[test]
    fn bad_packing_is_a_decode_error() {
        for frame in [&[][..], &[0], &[1, 7, 0], &[2, 1], &[0x80, 0x00], &[0xff, 0xff, 0x7f, 1]] {
            let violation = split(frame, Framing::Packed).unwrap_err();
            assert_eq!(violation.rule, Rule::DecodeError, "{frame:?}");
        }
        assert_eq!(split(&[], Framing::Single).unwrap_err().rule, Rule::DecodeError);
    }
}
