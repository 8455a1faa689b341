//! What each end of a link tells the other of its limits.

use alloc::vec::Vec;

use crate::coding::{Reader, WireError, WriteBytes};
use crate::config::Config;
use crate::credit::room::RoomSizes;

/// The limits that an end has told. Whatever was not told is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ToldLimits {
    /// The size of its replay buffer, in bytes.
    pub(crate) replay: u64,
    /// Calls without channels that it handles at once on a connection.
    pub(crate) calls: u64,
    /// Bytes of calls that it holds at once.
    pub(crate) call_payloads: u64,
    /// What all channels to it may have outstanding beyond what it grants, in bytes.
    pub(crate) pool: u64,
    /// What a channel to it may have outstanding with the help of the pool, in bytes.
    pub(crate) window: u64,
}

impl ToldLimits {
    /// How many there are. Their keys on the wire are their places.
    const COUNT: usize = 5;

    pub(crate) fn of(config: &Config) -> Self {
        let limits = &config.limits;
        Self {
            replay: limits.replay as u64,
            calls: limits.calls as u64,
            call_payloads: limits.call_payloads as u64,
            pool: RoomSizes::new(limits.receive_budget, config.hello()).pool as u64,
            window: limits.channel_window.into(),
        }
    }

    pub(super) fn encode(self, frame: &mut Vec<u8>) {
        frame.write_varint(Self::COUNT as u64);
        for (key, value) in self.values().into_iter().enumerate() {
            frame.write_varint(key as u64);
            frame.write_varint(value);
        }
    }

    /// Reads the limits in any order. Unknown ones are ignored.
    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut told = Self::default();
        for _ in 0..reader.count(2)? {
            let (key, value) = (reader.varint()?, reader.varint()?);
            match key {
                0 => told.replay = value,
                1 => told.calls = value,
                2 => told.call_payloads = value,
                3 => told.pool = value,
                4 => told.window = value,
                _ => {}
            }
        }
        Ok(told)
    }

    fn values(self) -> [u64; Self::COUNT] {
        [
            self.replay,
            self.calls,
            self.call_payloads,
            self.pool,
            self.window,
        ]
    }
}
