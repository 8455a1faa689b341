//! The sending half of a channel.

use core::cell::Cell;

use js_sys::Promise;
use wasm_bindgen::prelude::*;

use super::channel::Channel;
use super::failure::Failure;
use super::records;

/// The sender of a channel to the peer. Dropping it resets the channel, unless it was closed.
#[wasm_bindgen]
pub struct Sender {
    channel: Channel,
    consumed: Cell<u64>,
    closed: Cell<bool>,
}

impl Sender {
    pub(super) fn new(channel: Channel) -> Self {
        Self {
            channel,
            consumed: Cell::new(0),
            closed: Cell::new(false),
        }
    }
}

#[wasm_bindgen]
impl Sender {
    /// Returns how many bytes of elements may be sent now, of which the first has `first`; 0 if the channel has
    /// ended. A single element may be larger than several together.
    pub fn credit(&self, first: usize) -> usize {
        self.channel.sendable(first)
    }

    /// Sends records (a length as a little-endian `u32`, then the element), whose elements together
    /// fit the [`credit`](Self::credit).
    pub fn send(&self, elements: &[u8]) -> Result<(), Failure> {
        match records::read(elements) {
            Some(elements) => self.channel.queue(&elements),
            None => Err(Failure::protocol("incomplete record")),
        }
    }

    /// Resolves when an element of `bytes` may be sent; rejects with a [`Failure`] when the channel
    /// has ended.
    pub fn ready(&self, bytes: usize) -> Promise {
        self.channel.wait(Some(bytes))
    }

    /// Returns how many bytes of elements the peer is known to have consumed.
    #[allow(
        clippy::cast_precision_loss,
        reason = "JavaScript's numbers count to 2^53"
    )]
    pub fn consumed(&self) -> f64 {
        // The machine drops the count when the channel ends.
        if let Some(consumed) = self.channel.consumed_by_peer() {
            self.consumed.set(consumed);
        }
        self.consumed.get() as f64
    }

    /// Closes the channel.
    ///
    /// # Errors
    /// The channel has already ended.
    pub fn close(&self) -> Result<(), Failure> {
        self.closed.set(true);
        self.channel.close()
    }

    /// Resets the channel.
    pub fn reset(&self) {
        self.channel.reset();
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        if !self.closed.get() {
            self.reset();
        }
    }
}
