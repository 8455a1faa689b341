//! Framing: how a transport's frames contain messages.

use crate::coding::Reader;
use crate::violation::{Rule, Violation};

/// How a transport's frames contain messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// A frame is one message.
    Single,
    /// A frame is one or more messages, each preceded by its length (`roam.v2.packed`).
    Packed,
    /// A frame is numbered and holds one or more messages, each preceded by its length
    /// (`roam.v2.link`, and byte streams that begin with [`PREFACE`](crate::PREFACE)). The link survives its
    /// transport.
    Numbered,
    /// A byte stream of COBS-encoded messages, each ended by a zero. A frame is any piece of the
    /// stream.
    #[cfg(feature = "byte-streams")]
    Cobs,
}

impl Framing {
    /// Returns whether a frame is any piece of a stream.
    pub(crate) fn is_byte_stream(self) -> bool {
        match self {
            Self::Single | Self::Packed | Self::Numbered => false,
            #[cfg(feature = "byte-streams")]
            Self::Cobs => true,
        }
    }
}

/// The longest frame of several messages, in bytes. Only a frame of one message may be longer.
pub const PACKED_FRAME: usize = 64 * 1024;

/// The messages of a frame with [`Framing::Single`] or [`Framing::Packed`].
pub(crate) struct Messages<'a> {
    frame: &'a [u8],
    packed: bool,
    /// The offset of the next message.
    pub(crate) offset: usize,
}

impl<'a> Messages<'a> {
    /// Splits the messages from byte offset `from` on.
    pub(crate) fn new(frame: &'a [u8], packed: bool, from: usize) -> Result<Self, Violation> {
        if frame.is_empty() {
            return Err(Rule::DecodeError.because("empty frame"));
        }
        Ok(Self {
            frame,
            packed,
            offset: from,
        })
    }

    /// Returns the next message, or `None` at the end of the frame.
    #[inline]
    pub(crate) fn next(&mut self) -> Result<Option<&'a [u8]>, Violation> {
        let rest = &self.frame[self.offset..];
        if rest.is_empty() {
            return Ok(None);
        }
        if !self.packed {
            self.offset = self.frame.len();
            return Ok(Some(rest));
        }
        let mut reader = Reader::new(rest);
        let record = reader.bytes()?;
        if record.is_empty() {
            return Err(Rule::DecodeError.because("empty record"));
        }
        self.offset = self.frame.len() - reader.remaining();
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
    fn single_frame_is_one_message() {
        assert_eq!(split(&[2, 1, 1], false), Ok(vec![&[2, 1, 1][..]]));
    }

    #[test]
    fn packed_frame_is_several_messages() {
        assert_eq!(split(&[2, 1, 1, 1, 9], true), Ok(vec![&[1, 1][..], &[9]]));
    }

    #[test]
    fn rejects_malformed_packing() {
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
