//! Byte streams: where the frames of a link begin and end.
//!
//! Version 2 of the protocol speaks COBS from the first byte on, which the machine decodes itself
//! ([`Framing::Cobs`]). A link that survives its streams begins each of them with [`PREFACE`], sent by the
//! initiator; then each frame follows its length, a varint, in both directions ([`Framing::Numbered`]).

use alloc::format;

use bytes::buf::Limit;
use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::coding::{MAX_VARINT, Reader, WireError, WriteBytes};
use crate::config::MAX_HELLO_FRAME;
use crate::framing::{Framing, PACKED_FRAME};
use crate::violation::{Rule, Violation};

/// What an initiator sends first on a byte stream whose frames are numbered.
///
/// To version 2 of the protocol it is a Hello of version 127, which it answers with Goodbye.
pub const PREFACE: [u8; 8] = *b"\x01\x06\x7froam\0";

/// Finds the frames in what is read from a byte stream.
///
/// Of a frame, at most what came first is copied, when the rest needs other memory. One of at most 4 KiB shares
/// 4 KiB with others; a longer one has memory of its own, which grows as its bytes arrive.
///
/// ```
/// use bytes::BufMut;
/// use roam_proto::{Framing, PREFACE, StreamReader};
///
/// let mut reader = StreamReader::acceptor(1 << 20);
/// reader.room().put_slice(&PREFACE);
/// reader.room().put_slice(&[2, 1, 7]);
/// assert_eq!(reader.next_frame().unwrap().unwrap(), [1, 7].as_slice());
/// assert_eq!(reader.next_frame(), Ok(None));
/// assert_eq!(reader.framing(), Framing::Numbered);
/// ```
#[derive(Debug)]
pub struct StreamReader {
    /// What was read and not yet returned.
    buffer: BytesMut,
    state: State,
    /// How much of a stream without frames is read at once.
    piece: usize,
    /// The longest next frame, and the longest after that.
    max_next: usize,
    max: usize,
}

#[derive(Debug)]
enum State {
    /// Version 2: bytes are passed on as they come.
    Pieces,
    /// An acceptor that does not know yet what its peer speaks.
    Opening,
    /// An initiator that has sent the preface and read nothing.
    Unanswered,
    /// Before the length of a frame.
    Length,
    /// Within a frame of this length.
    Frame(usize),
}

/// Why there is no further frame in a byte stream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StreamError {
    /// The peer broke a rule.
    #[error(transparent)]
    Violation(#[from] Violation),
    /// The peer does not know [`PREFACE`].
    #[error("the peer only knows version 2 of the protocol")]
    OnlyVersion2,
}

/// How much is read at once from a quiet stream, the memory of an idle link; also the longest frame that
/// shares its memory with others.
const CHUNK: usize = 4 * 1024;
/// How much is read at once from a stream without frames, while reads fill [`CHUNK`].
const BUSY_PIECE: usize = 64 * 1024;
/// How much memory for lengths is allocated at once, in bytes.
const LENGTHS: usize = 256;
/// With what the answer of version 2 to the preface begins, since COBS writes a Hello as 1 and a Goodbye as 2.
/// No frame that answers an Attach is as short.
const VERSION_2: core::ops::RangeInclusive<u8> = 1..=2;

impl StreamReader {
    /// Creates the reader of a stream on which both peers speak version 2 of the protocol. What it returns are
    /// pieces of the stream, for [`Framing::Cobs`].
    pub fn version_2() -> Self {
        Self::new(State::Pieces, 0)
    }

    /// Creates the reader of an initiator that sends [`PREFACE`] first. Frames have at most `max` bytes.
    pub fn initiator(max: usize) -> Self {
        Self::new(State::Unanswered, max)
    }

    /// Creates the reader of an acceptor, which learns from the first bytes whether frames follow or version 2 of
    /// the protocol. Frames have at most `max` bytes, the first at most [`MAX_HELLO_FRAME`].
    pub fn acceptor(max: usize) -> Self {
        Self {
            max_next: MAX_HELLO_FRAME.min(max),
            ..Self::new(State::Opening, max)
        }
    }

    fn new(state: State, max: usize) -> Self {
        Self {
            buffer: BytesMut::new(),
            state,
            piece: CHUNK,
            max_next: max,
            max,
        }
    }

    /// Returns how the stream holds messages, as far as it is known: an acceptor learns with the first frame
    /// whether its peer speaks version 2.
    pub fn framing(&self) -> Framing {
        match self.state {
            State::Pieces => Framing::Cobs,
            _ => Framing::Numbered,
        }
    }

    /// Returns where to put the bytes that are read next, once [`next_frame`](Self::next_frame) has returned
    /// `None`. There is always room for some.
    pub fn room(&mut self) -> Limit<&mut BytesMut> {
        let len = self.buffer.len();
        let (room, limit) = match self.state {
            State::Pieces => (self.piece, usize::MAX),
            // Nothing but this frame, so that it owns its memory. That grows with what has arrived: the peer
            // may have announced more than it sends.
            State::Frame(frame) if frame > CHUNK => {
                let rest = frame - len;
                (rest.min(len.max(PACKED_FRAME)), rest)
            }
            _ => (CHUNK.saturating_sub(len).max(1), usize::MAX),
        };
        // Reuses the memory if nobody holds frames that were read into it.
        self.buffer.reserve(room);
        (&mut self.buffer).limit(limit)
    }

    /// Frees memory, since the stream has nothing to read for now.
    pub fn on_quiet(&mut self) {
        if self.piece > CHUNK {
            self.piece = CHUNK;
            self.buffer = BytesMut::new();
        }
    }

    /// Returns the next frame, or `None` if it has not arrived as a whole.
    ///
    /// # Errors
    /// There is no next frame, ever.
    pub fn next_frame(&mut self) -> Result<Option<Bytes>, StreamError> {
        loop {
            match self.state {
                State::Pieces => return Ok(self.take_piece()),
                State::Opening => {
                    let known = self.buffer.len().min(PREFACE.len());
                    if self.buffer[..known] != PREFACE[..known] {
                        self.state = State::Pieces;
                    } else if known < PREFACE.len() {
                        return Ok(None);
                    } else {
                        self.buffer.advance(known);
                        self.state = State::Length;
                    }
                }
                State::Unanswered => match self.buffer.first() {
                    None => return Ok(None),
                    Some(first) if VERSION_2.contains(first) => {
                        return Err(StreamError::OnlyVersion2);
                    }
                    Some(_) => self.state = State::Length,
                },
                State::Length => match self.read_length()? {
                    None => return Ok(None),
                    Some(len) => self.state = State::Frame(len),
                },
                State::Frame(len) if self.buffer.len() < len => return Ok(None),
                State::Frame(len) => {
                    self.state = State::Length;
                    self.max_next = self.max;
                    return Ok(Some(self.take_frame(len)));
                }
            }
        }
    }

    fn take_piece(&mut self) -> Option<Bytes> {
        if self.buffer.is_empty() {
            return None;
        }
        if self.buffer.len() >= self.piece {
            self.piece = BUSY_PIECE;
        }
        Some(self.buffer.split().freeze())
    }

    fn read_length(&mut self) -> Result<Option<usize>, Violation> {
        let mut reader = Reader::new(&self.buffer);
        let len = match reader.varint() {
            Err(WireError::Truncated) => return Ok(None),
            len => len?,
        };
        let max = self.max_next;
        let len = match usize::try_from(len) {
            Ok(0) => return Err(Rule::DecodeError.because("empty frame")),
            Ok(len) if len <= max => len,
            _ => {
                let context = format!("a frame of {len} bytes, {max} allowed");
                return Err(Rule::TooLarge.because(context));
            }
        };
        let read = self.buffer.len() - reader.remaining();
        self.buffer.advance(read);
        Ok(Some(len))
    }

    fn take_frame(&mut self, len: usize) -> Bytes {
        let frame = if self.buffer.len() == len && len > CHUNK {
            core::mem::take(&mut self.buffer)
        } else {
            self.buffer.split_to(len)
        };
        frame.freeze()
    }
}

/// Encodes what stands before a frame of `len` bytes, in memory that is split from `memory`.
pub fn encode_frame_length(len: usize, memory: &mut BytesMut) -> Bytes {
    if memory.capacity() < MAX_VARINT {
        memory.reserve(LENGTHS);
    }
    memory.write_varint(len as u64);
    memory.split().freeze()
}

#[cfg(test)]
mod tests;
