//! Channel ends beside a payload.

use std::cell::RefCell;
use std::iter;
use std::rc::Rc;

use roam_core::proto::{ChannelEnd, ChannelId, ConnectionId, Direction};
use wasm_bindgen::prelude::*;

use super::channels::Channel;
use super::failure::Failure;
use super::receiver::Receiver;
use super::sender::Sender;
use super::session::Session;

/// The channel ends beside a payload, each to be taken once. Dropping it drops those that were not
/// taken.
#[wasm_bindgen]
pub struct Ends {
    session: Rc<Session>,
    ends: RefCell<Vec<Option<End>>>,
}

struct End {
    channel: ChannelId,
    /// Which half it is; `None` for one that came with a payload: only who decodes that knows.
    direction: Option<Direction>,
}

impl Ends {
    /// The halves that stay here of channels that went out; `None` when there are none.
    pub(super) fn kept(
        session: &Rc<Session>,
        keep: Vec<Direction>,
        channels: Vec<ChannelId>,
    ) -> Option<Self> {
        let directions = keep.into_iter().map(Some);
        Self::new(session, iter::zip(channels, directions))
    }

    /// The ends that came with a payload; `None` when there are none.
    pub(super) fn came(session: &Rc<Session>, channels: Vec<ChannelId>) -> Option<Self> {
        Self::new(session, iter::zip(channels, iter::repeat(None)))
    }

    fn new(
        session: &Rc<Session>,
        ends: impl Iterator<Item = (ChannelId, Option<Direction>)>,
    ) -> Option<Self> {
        let ends: Vec<_> = ends
            .map(|(channel, direction)| Some(End { channel, direction }))
            .collect();
        (!ends.is_empty()).then(|| Self {
            session: Rc::clone(session),
            ends: RefCell::new(ends),
        })
    }

    fn take(&self, index: usize, wanted: Direction) -> Result<Channel, Failure> {
        let mut ends = self.ends.borrow_mut();
        let end = ends.get_mut(index).and_then(|end| {
            end.take_if(|end| end.direction.is_none_or(|direction| direction == wanted))
        });
        drop(ends);
        let Some(End { channel, direction }) = end else {
            return Err(Failure::protocol(
                "no such channel end, or it was taken before",
            ));
        };
        let session = Rc::clone(&self.session);
        if direction.is_none()
            && !session.act(|link| link.bind(ConnectionId::ROOT, channel, wanted))
        {
            return Err(session.cut(ChannelEnd::ConnectionOver));
        }
        Ok(Channel {
            session,
            id: channel,
        })
    }
}

#[wasm_bindgen]
impl Ends {
    /// How many there are, taken or not.
    #[wasm_bindgen(getter)]
    pub fn length(&self) -> usize {
        self.ends.borrow().len()
    }

    /// Takes an end as a sending one.
    pub fn sender(&self, index: usize) -> Result<Sender, Failure> {
        self.take(index, Direction::Send).map(Sender::new)
    }

    /// Takes an end as a receiving one.
    pub fn receiver(&self, index: usize) -> Result<Receiver, Failure> {
        self.take(index, Direction::Receive).map(Receiver::new)
    }
}

impl Drop for Ends {
    fn drop(&mut self) {
        for End { channel, direction } in self.ends.take().into_iter().flatten() {
            let channel = Channel {
                session: Rc::clone(&self.session),
                id: channel,
            };
            match direction {
                Some(Direction::Send) => channel.finish(),
                _ => channel.reset(),
            }
        }
    }
}

/// Which halves JavaScript keeps, a byte each: 0 for the sending one, 1 for the receiving one.
pub(super) fn directions(keep: &[u8]) -> Result<Vec<Direction>, Failure> {
    let direction = |kind: &u8| match kind {
        0 => Ok(Direction::Send),
        1 => Ok(Direction::Receive),
        _ => Err(Failure::protocol(
            "an end is a sender (0) or a receiver (1)",
        )),
    };
    keep.iter().map(direction).collect()
}
