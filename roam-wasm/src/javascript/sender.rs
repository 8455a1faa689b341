//! Sending ends.

use std::cell::Cell;

use js_sys::Promise;
use wasm_bindgen::prelude::*;

use super::channels::Channel;
use super::failure::Failure;
use super::records;

/// The sending end of a channel to the peer. Dropping it closes the channel.
#[wasm_bindgen]
pub struct Sender {
    channel: Channel,
    consumed: Cell<u64>,
}

impl Sender {
    pub(super) fn new(channel: Channel) -> Self {
        Self {
            channel,
            consumed: Cell::new(0),
        }
    }
}

#[wasm_bindgen]
impl Sender {
    /// How many bytes of elements may be sent now; 0 when the channel is over.
    pub fn credit(&self) -> usize {
        self.channel.sendable()
    }

    /// Sends records (a length as a little-endian `u32`, then the element), of which the elements
    /// are together no longer than [`credit`](Self::credit).
    pub fn send(&self, elements: &[u8]) -> Result<(), Failure> {
        match records::read(elements) {
            Some(elements) => self.channel.queue(&elements),
            None => Err(Failure::protocol("not whole records")),
        }
    }

    /// Resolves when the credit is at least `bytes`; rejects with a [`Failure`] when the channel is
    /// over.
    pub fn ready(&self, bytes: usize) -> Promise {
        self.channel.wait(Some(bytes))
    }

    /// How many bytes of elements the peer has surely consumed.
    #[allow(
        clippy::cast_precision_loss,
        reason = "JavaScript's numbers count to 2^53"
    )]
    pub fn consumed(&self) -> f64 {
        // A channel that is over counts no more.
        if let Some(consumed) = self.channel.consumed_by_peer() {
            self.consumed.set(consumed);
        }
        self.consumed.get() as f64
    }

    /// Ends the channel cleanly.
    pub fn close(&self) {
        self.channel.finish();
    }

    /// Cuts the channel.
    pub fn reset(&self) {
        self.channel.reset();
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.close();
    }
}
