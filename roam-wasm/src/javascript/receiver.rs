//! The receiving half of a channel.

use alloc::vec::Vec;
use core::cell::RefCell;

use js_sys::Promise;
use roam_proto::{ChannelEnd, ElementQueue, ReadOutcome};
use wasm_bindgen::prelude::*;

use super::channel::Channel;
use super::failure::Failure;
use super::records;

/// The receiver of a channel from the peer. Dropping it resets the channel.
#[wasm_bindgen]
pub struct Receiver {
    channel: Channel,
    /// The elements that have arrived and were not taken yet, or how the channel ended; an end
    /// stays here.
    arrived: RefCell<Option<Arrived>>,
}

type Arrived = Result<ElementQueue, ChannelEnd>;

/// The most bytes in a batch, before its last element. Credit does not bound a batch: empty
/// elements cost none, so any number of them may have arrived.
const MAX_BATCH: usize = 256 * 1024;

impl Receiver {
    pub(super) fn new(channel: Channel) -> Self {
        Self {
            channel,
            arrived: RefCell::default(),
        }
    }

    /// Returns the elements that have arrived, fetching them from the machine if necessary.
    fn arrived(&self) -> core::cell::RefMut<'_, Option<Arrived>> {
        let mut arrived = self.arrived.borrow_mut();
        if arrived.is_none() {
            let Channel {
                session,
                connection,
                id,
            } = &self.channel;
            // A reader that waits may have credit to grant.
            let read = session.act(|link| link.receiver(*connection, *id).read());
            *arrived = match read {
                ReadOutcome::Elements { queue, .. } => Some(Ok(queue)),
                ReadOutcome::Empty => None,
                ReadOutcome::Ended(end) => Some(Err(end)),
            };
        }
        arrived
    }
}

#[wasm_bindgen]
impl Receiver {
    /// Returns the elements that have arrived, as records (a length as a little-endian `u32`, then
    /// the element): none if nothing has arrived, `undefined` if the channel was closed.
    ///
    /// # Errors
    /// The channel was reset, or the link has ended and everything that had arrived was taken.
    pub fn take(&self) -> Result<Option<Vec<u8>>, Failure> {
        let mut arrived = self.arrived();
        match &mut *arrived {
            None => Ok(Some(Vec::new())),
            Some(Ok(queue)) => {
                let records = records::write(queue, MAX_BATCH);
                if queue.is_empty() {
                    *arrived = None;
                }
                Ok(Some(records))
            }
            Some(Err(ChannelEnd::Closed)) => Ok(None),
            Some(Err(end)) => Err(self.channel.session.end_failure(*end)),
        }
    }

    /// Resolves when [`take`](Self::take) has elements or the channel has ended.
    pub fn ready(&self) -> Promise {
        if self.arrived().is_some() {
            return Promise::resolve(&JsValue::UNDEFINED);
        }
        self.channel.wait(None)
    }

    /// Reports that the application has consumed `bytes` of elements.
    pub fn consumed(&self, bytes: u32) {
        let Channel {
            session,
            connection,
            id,
        } = &self.channel;
        session.act(|link| link.receiver(*connection, *id).consume(bytes));
    }

    /// Resets the channel and drops the elements that have arrived.
    pub fn reset(&self) {
        let mut arrived = self.arrived.borrow_mut();
        if !matches!(*arrived, Some(Err(_))) {
            *arrived = Some(Err(ChannelEnd::Reset));
        }
        drop(arrived);
        self.channel.reset();
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.reset();
    }
}
