//! Receiving ends.

use std::cell::RefCell;

use js_sys::Promise;
use roam_core::proto::{ChannelEnd, ConnectionId, ElementQueue, Received};
use wasm_bindgen::prelude::*;

use super::channels::Channel;
use super::failure::Failure;
use super::records;

/// The receiving end of a channel to the peer. Dropping it cuts the channel.
#[wasm_bindgen]
pub struct Receiver {
    channel: Channel,
    /// What has arrived and was not handed out yet. An end stays here.
    arrived: RefCell<Option<Arrived>>,
}

type Arrived = Result<ElementQueue, ChannelEnd>;

/// What is handed out at once, in bytes, is no longer than this and one element. Elements of no
/// length cost no credit, so that any number of them may have arrived.
const MAX_BATCH: usize = 256 * 1024;

impl Receiver {
    pub(super) fn new(channel: Channel) -> Self {
        Self {
            channel,
            arrived: RefCell::default(),
        }
    }

    /// What has arrived.
    fn arrive(&self) -> std::cell::RefMut<'_, Option<Arrived>> {
        let mut arrived = self.arrived.borrow_mut();
        if arrived.is_none() {
            let mut link = self.channel.session.link.borrow_mut();
            *arrived = match link.receive(ConnectionId::ROOT, self.channel.id) {
                Received::Elements { queue, .. } => Some(Ok(queue)),
                Received::Nothing => None,
                Received::End(end) => Some(Err(end)),
            };
        }
        arrived
    }
}

#[wasm_bindgen]
impl Receiver {
    /// What has arrived, as records (a length as a little-endian `u32`, then the element). Empty
    /// when there is nothing now; `undefined` is the clean end.
    ///
    /// # Errors
    /// When the channel was cut, after all that had arrived before a lost link.
    pub fn take(&self) -> Result<Option<Vec<u8>>, Failure> {
        let mut arrived = self.arrive();
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
            Some(Err(end)) => Err(self.channel.session.cut(*end)),
        }
    }

    /// Resolves when [`take`](Self::take) has something to say.
    pub fn ready(&self) -> Promise {
        if self.arrive().is_some() {
            return Promise::resolve(&JsValue::UNDEFINED);
        }
        self.channel.wait(None)
    }

    /// The application has consumed so many bytes of elements.
    pub fn consumed(&self, bytes: u32) {
        let Channel { session, id } = &self.channel;
        session.act(|link| link.consume(ConnectionId::ROOT, *id, bytes));
    }

    /// Cuts the channel, and drops what has arrived.
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
