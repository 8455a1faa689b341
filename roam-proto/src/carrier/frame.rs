//! The frames of [`Framing::Numbered`](crate::Framing::Numbered).

mod aside;

pub use aside::Drain;
pub(super) use aside::Token;

use alloc::borrow::ToOwned;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use bytes::{Buf, Bytes, BytesMut};

use super::settings::ToldLimits;
use crate::close::{Close, PeerClose};
use crate::coding::{MAX_VARINT, Reader, WireError, WriteBytes};
use crate::message::clamp_reason;
use crate::metadata::Metadata;
use crate::violation::{Rule, Violation};

/// What stands in front of the messages of a frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct DataHeader {
    /// The frame's number, counted from 1 in each direction.
    pub(super) seq: u64,
    /// The peer has received all frames up to this one.
    pub(super) ack: u64,
    /// The offset of the first message.
    pub(super) messages: usize,
}

/// What we acknowledge.
#[derive(Clone, Copy, Debug)]
pub(super) struct Acknowledged {
    /// All frames up to this one were received.
    pub(super) number: u64,
    /// Most of what is acknowledged now was prompt: everything before it had been read when it came.
    pub(super) is_prompt: bool,
}

impl Acknowledged {
    /// Returns the kind of a frame with this acknowledgement.
    #[inline]
    fn marks(self, kind: u8) -> u8 {
        kind | if self.is_prompt { PROMPT } else { 0 }
    }
}

/// The space that a frame of messages needs for its header, in bytes.
pub(crate) const HEADROOM: usize = 1 + 2 * MAX_VARINT;

// The kinds of frames. Others are reserved: a peer sends them only once both know them.
pub(super) const DATA: u8 = 0;
pub(super) const ACK: u8 = 1;
pub(super) const PING: u8 = 2;
pub(super) const PONG: u8 = 3;
pub(super) const ATTACH: u8 = 4;
pub(super) const ATTACHED: u8 = 5;
pub(super) const REFUSED: u8 = 6;
pub(super) const TOKEN: u8 = 7;
pub(super) const DRAIN: u8 = 8;
/// Added to the kind of a Data or an Ack: most of what it acknowledges was prompt.
pub(super) const PROMPT: u8 = 0x10;

const NEW: u8 = 0;
const RESUMED: u8 = 1;
/// The version of these frames.
const VERSION: u64 = 1;

impl DataHeader {
    /// Reads the rest of a header, whose kind was read.
    #[inline]
    pub(super) fn decode(frame: &[u8], mut reader: Reader<'_>) -> Result<Self, WireError> {
        Ok(Self {
            seq: reader.varint()?,
            ack: reader.varint()?,
            messages: frame.len() - reader.remaining(),
        })
    }
}

/// Writes the header of a frame of messages into the headroom in front of them.
#[inline]
pub(super) fn number(mut frame: BytesMut, seq: u64, ack: Acknowledged) -> BytesMut {
    let mut header = Header::default();
    header.write_byte(ack.marks(DATA));
    header.write_varint(seq);
    header.write_varint(ack.number);
    let start = HEADROOM - header.len;
    frame[start..HEADROOM].copy_from_slice(&header.bytes[..header.len]);
    frame.advance(start);
    frame
}

/// A header on the stack.
#[derive(Default)]
struct Header {
    bytes: [u8; HEADROOM],
    len: usize,
}

impl WriteBytes for Header {
    #[inline]
    fn write_byte(&mut self, byte: u8) {
        self.bytes[self.len] = byte;
        self.len += 1;
    }

    fn write_slice(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_byte(*byte);
        }
    }
}

/// Encodes a frame that holds numbers only.
fn numbers(kind: u8, numbers: &[u64]) -> Bytes {
    let mut header = Vec::with_capacity(1 + numbers.len() * MAX_VARINT);
    header.write_byte(kind);
    for number in numbers {
        header.write_varint(*number);
    }
    header.into()
}

pub(super) fn ack(ack: Acknowledged) -> Bytes {
    numbers(ack.marks(ACK), &[ack.number])
}

pub(super) fn ping(ack: u64, token: u64) -> Bytes {
    numbers(PING, &[ack, token])
}

pub(super) fn pong(ack: u64, token: u64) -> Bytes {
    numbers(PONG, &[ack, token])
}

/// Names a link for as long as it lives. The acceptor chooses it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct LinkId(Bytes);

impl LinkId {
    /// The longest id, in bytes.
    pub const MAX: usize = 64;

    /// Creates an id, or returns `None` if `bytes` is empty or longer than [`MAX`](Self::MAX).
    pub fn new(bytes: impl Into<Bytes>) -> Option<Self> {
        let bytes = bytes.into();
        (1..=Self::MAX)
            .contains(&bytes.len())
            .then_some(Self(bytes))
    }

    /// Returns the bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let bytes = Bytes::copy_from_slice(reader.bytes()?);
        Self::new(bytes).ok_or(WireError::OutOfRange)
    }
}

/// Formats the id in hexadecimal.
impl fmt::Display for LinkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for LinkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LinkId({self})")
    }
}

/// What an initiator must know to attach another transport to a link. It changes with each.
#[derive(Clone, Copy)]
pub struct Secret([u8; Self::LEN]);

impl Secret {
    /// The length, in bytes.
    pub const LEN: usize = 16;

    /// Creates a secret from random bytes.
    pub fn new(random: [u8; Self::LEN]) -> Self {
        Self(random)
    }

    /// Compares without telling by the time it takes how many bytes are right.
    pub(super) fn is(&self, other: &Self) -> bool {
        let differing = self
            .0
            .iter()
            .zip(&other.0)
            .fold(0, |all, (a, b)| all | (a ^ b));
        core::hint::black_box(differing) == 0
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let bytes = reader.take(Self::LEN as u64)?;
        Ok(Self(bytes.try_into().unwrap_or_default()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// The first frame of an initiator on each transport.
#[derive(Clone, Debug)]
pub struct Attach {
    /// The link that goes on, or `None` for a new one.
    pub resume: Option<Resume>,
    /// What the initiator says of itself, such as a token.
    pub metadata: Metadata,
    /// The initiator's limits.
    pub(super) limits: ToldLimits,
}

/// The link that an initiator wants to go on with.
#[derive(Clone, Debug)]
pub struct Resume {
    /// The link.
    pub link: LinkId,
    pub(super) secret: Secret,
    /// Counts the initiator's attempts, so that a late one displaces nothing.
    pub(super) attempt: u64,
    /// The number of the last frame that the initiator received.
    pub(super) received: u64,
}

impl Attach {
    /// Decodes the first frame of a transport that was accepted.
    ///
    /// # Errors
    /// The frame is not a valid Attach.
    pub fn decode(frame: &[u8]) -> Result<Self, Violation> {
        let mut reader = Reader::new(frame);
        if reader.byte()? != ATTACH {
            return Err(Rule::HelloOrdering.because("the first frame is not Attach"));
        }
        if reader.varint()? != VERSION {
            return Err(Rule::HelloUnknownVersion.because("of Attach"));
        }
        let resume = match reader.byte()? {
            NEW => None,
            RESUMED => Some(Resume {
                link: LinkId::decode(&mut reader)?,
                secret: Secret::decode(&mut reader)?,
                attempt: reader.varint()?,
                received: reader.varint()?,
            }),
            _ => return Err(Rule::DecodeError.because("unknown kind of Attach")),
        };
        let limits = ToldLimits::decode(&mut reader)?;
        let metadata = Metadata::decode(&mut reader)?;
        reader.finish()?;
        Ok(Self {
            resume,
            metadata,
            limits,
        })
    }

    pub(super) fn encode(&self) -> Bytes {
        let mut frame = Vec::new();
        frame.write_byte(ATTACH);
        frame.write_varint(VERSION);
        match &self.resume {
            None => frame.write_byte(NEW),
            Some(resume) => {
                frame.write_byte(RESUMED);
                frame.write_prefixed(resume.link.as_bytes());
                frame.write_slice(&resume.secret.0);
                frame.write_varint(resume.attempt);
                frame.write_varint(resume.received);
            }
        }
        self.limits.encode(&mut frame);
        self.metadata.encode(&mut frame);
        frame.into()
    }
}

/// An acceptor's answer to [`Attach`].
#[derive(Clone, Debug)]
pub(super) struct Attached {
    pub(super) link: LinkId,
    /// For the next transport.
    pub(super) secret: Secret,
    /// The attempt that is answered; 0 on a new link.
    pub(super) attempt: u64,
    /// The number of the last frame that the acceptor received.
    pub(super) received: u64,
    /// The acceptor pings a peer that is silent for this long.
    pub(super) heartbeat: Duration,
    /// Either side gives up a transport on which it received nothing for this long.
    pub(super) dead_after: Duration,
    /// The acceptor keeps a link without a transport for this long.
    pub(super) keep: Duration,
    /// The acceptor's limits.
    pub(super) limits: ToldLimits,
}

impl Attached {
    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self {
            link: LinkId::decode(reader)?,
            secret: Secret::decode(reader)?,
            attempt: reader.varint()?,
            received: reader.varint()?,
            heartbeat: duration_of(reader)?,
            dead_after: duration_of(reader)?,
            keep: duration_of(reader)?,
            limits: ToldLimits::decode(reader)?,
        })
    }

    pub(super) fn encode(&self) -> Bytes {
        let mut frame = Vec::new();
        frame.write_byte(ATTACHED);
        frame.write_prefixed(self.link.as_bytes());
        frame.write_slice(&self.secret.0);
        frame.write_varint(self.attempt);
        frame.write_varint(self.received);
        for duration in [self.heartbeat, self.dead_after, self.keep] {
            frame.write_varint(millis(duration));
        }
        self.limits.encode(&mut frame);
        frame.into()
    }
}

/// An acceptor refused a transport: there is no such link, or it may not be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("refused with code {code}: {reason}")]
#[non_exhaustive]
pub struct Refusal {
    /// The code with which the transport is closed too; see [`Close`](crate::Close).
    pub code: u16,
    /// Why, for people.
    pub reason: Arc<str>,
    /// When it makes sense to try again, if ever.
    pub retry_after: Option<Duration>,
}

impl Refusal {
    /// Creates a refusal. Of the reason, at most [`MAX_REASON`](crate::MAX_REASON) bytes are kept.
    pub fn new(code: u16, reason: &str) -> Self {
        Self {
            code,
            reason: clamp_reason(reason).into(),
            retry_after: None,
        }
    }

    /// The link has ended.
    pub fn ended() -> Self {
        Self::new(Close::ENDED, "the link has ended")
    }

    /// There is no such link, or not any more, or the secret is wrong.
    pub fn unknown_link() -> Self {
        Self::new(Close::UNKNOWN_LINK, "no such link")
    }

    /// The link belongs to another principal.
    pub fn other_principal() -> Self {
        let reason = "the link belongs to another principal";
        Self::new(Close::OTHER_PRINCIPAL, reason)
    }

    /// Says when it makes sense to try again.
    #[must_use]
    pub fn with_retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    /// Encodes the frame that answers an [`Attach`].
    pub fn encode(&self) -> Bytes {
        let mut frame = Vec::new();
        frame.write_byte(REFUSED);
        frame.write_varint(self.code.into());
        frame.write_prefixed(self.reason.as_bytes());
        let after = self
            .retry_after
            .map_or(0, |after| millis(after).saturating_add(1));
        frame.write_varint(after);
        frame.into()
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let code = u16::try_from(reader.varint()?).map_err(|_| WireError::OutOfRange)?;
        let reason = clamp_reason(reader.str()?).into();
        let after = reader.varint()?.checked_sub(1);
        Ok(Self {
            code,
            reason,
            retry_after: after.map(Duration::from_millis),
        })
    }
}

impl From<&Refusal> for PeerClose {
    fn from(refusal: &Refusal) -> Self {
        Self {
            code: refusal.code,
            reason: refusal.reason.as_ref().to_owned(),
        }
    }
}

fn duration_of(reader: &mut Reader<'_>) -> Result<Duration, WireError> {
    reader.varint().map(Duration::from_millis)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
