//! Frames by which the two ends talk of their link, beside its messages.

use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;

use super::{DRAIN, TOKEN, duration_of, millis};
use crate::coding::{Reader, WriteBytes};
use crate::metadata::Metadata;
use crate::violation::{Rule, Violation};

const ASKED: u8 = 0;
const GIVEN: u8 = 1;

const SAME_LINK: u8 = 0;
const ANOTHER_LINK: u8 = 1;

/// A question for a new token, or the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::carrier) enum Token {
    /// The acceptor waits so long for an answer, from when it first asked.
    Asked(Duration),
    /// What the initiator would say of itself in an [`Attach`].
    Given(Metadata),
}

impl Token {
    pub(in crate::carrier) fn decode(reader: &mut Reader<'_>) -> Result<Self, Violation> {
        match reader.byte()? {
            ASKED => Ok(Self::Asked(duration_of(reader)?)),
            GIVEN => Ok(Self::Given(Metadata::decode(reader)?)),
            _ => Err(Rule::DecodeError.because("unknown kind of Token")),
        }
    }

    pub(in crate::carrier) fn encode(&self) -> Bytes {
        let mut frame = Vec::new();
        frame.write_byte(TOKEN);
        match self {
            Self::Asked(within) => {
                frame.write_byte(ASKED);
                frame.write_varint(millis(*within));
            }
            Self::Given(metadata) => {
                frame.write_byte(GIVEN);
                metadata.encode(&mut frame);
            }
        }
        frame.into()
    }
}

/// An acceptor's advice to go elsewhere. It is spread over a time, so that not all whom it advises come at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drain {
    /// Whether to open another link, since the acceptor's process goes; if not, the same link goes on with another
    /// transport.
    pub another_link: bool,
    /// When to do so at the earliest.
    pub min: Duration,
    /// When to do so at the latest.
    pub max: Duration,
}

impl Drain {
    /// Returns when to follow the advice: the fraction of its time that `random` is of all `u32`.
    pub fn after(&self, random: u32) -> Duration {
        let spread = self.max.saturating_sub(self.min).as_nanos() * u128::from(random);
        self.min + Duration::from_nanos_u128(spread >> u32::BITS)
    }

    pub(in crate::carrier) fn decode(reader: &mut Reader<'_>) -> Result<Self, Violation> {
        let another_link = match reader.byte()? {
            SAME_LINK => false,
            ANOTHER_LINK => true,
            _ => return Err(Rule::DecodeError.because("unknown kind of Drain")),
        };
        let (min, max) = (duration_of(reader)?, duration_of(reader)?);
        Ok(Self {
            another_link,
            min,
            max,
        })
    }

    pub(in crate::carrier) fn encode(&self) -> Bytes {
        let mut frame = Vec::new();
        frame.write_byte(DRAIN);
        frame.write_byte(self.another_link.into());
        frame.write_varint(millis(self.min));
        frame.write_varint(millis(self.max));
        frame.into()
    }
}
