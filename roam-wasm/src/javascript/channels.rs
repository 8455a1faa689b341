//! The channels in a payload.

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::RefCell;

use roam_proto::{ChannelEnd, ChannelId, ConnectionId, Direction, NewChannel};
use wasm_bindgen::prelude::*;

use super::channel::Channel;
use super::failure::Failure;
use super::receiver::Receiver;
use super::sender::Sender;
use super::session::Session;

/// Our halves of the channels in a payload. Each can be taken once; dropping this resets the channels
/// of the halves that were not taken.
#[wasm_bindgen]
pub struct Channels {
    session: Rc<Session>,
    connection: ConnectionId,
    halves: RefCell<Vec<Option<Half>>>,
}

struct Half {
    channel: ChannelId,
    /// Which half it is; `None` for a received one, until JavaScript decodes the payload.
    direction: Option<Direction>,
}

impl Channels {
    /// Returns our halves of `channels`; `None` if there are none. `placed` has each if we opened
    /// them, and is empty if the peer did.
    pub(super) fn new(
        session: &Rc<Session>,
        connection: ConnectionId,
        channels: &[ChannelId],
        placed: &[NewChannel],
    ) -> Option<Self> {
        let mut directions = placed.iter().map(|channel| channel.kept);
        let half = |&channel| {
            let direction = directions.next();
            Some(Half { channel, direction })
        };
        (!channels.is_empty()).then(|| Self {
            session: Rc::clone(session),
            connection,
            halves: RefCell::new(channels.iter().map(half).collect()),
        })
    }

    fn take(&self, index: usize, wanted: Direction) -> Result<Channel, Failure> {
        let mut halves = self.halves.borrow_mut();
        let half = halves.get_mut(index).and_then(|half| {
            half.take_if(|half| half.direction.is_none_or(|direction| direction == wanted))
        });
        drop(halves);
        let Some(Half { channel, direction }) = half else {
            return Err(Failure::protocol(
                "no such channel half, or it was already taken",
            ));
        };
        let (session, connection) = (Rc::clone(&self.session), self.connection);
        if direction.is_none()
            && !session.act(|link| link.channel(connection, channel).bind(wanted))
        {
            return Err(session.end_failure(ChannelEnd::ConnectionEnded));
        }
        Ok(Channel {
            session,
            connection,
            id: channel,
        })
    }
}

#[wasm_bindgen]
impl Channels {
    /// The number of halves, taken or not.
    #[wasm_bindgen(getter)]
    pub fn length(&self) -> usize {
        self.halves.borrow().len()
    }

    /// Takes a half as a sender.
    pub fn sender(&self, index: usize) -> Result<Sender, Failure> {
        self.take(index, Direction::Send).map(Sender::new)
    }

    /// Takes a half as a receiver.
    pub fn receiver(&self, index: usize) -> Result<Receiver, Failure> {
        self.take(index, Direction::Receive).map(Receiver::new)
    }
}

impl Drop for Channels {
    fn drop(&mut self) {
        for Half { channel, .. } in self.halves.take().into_iter().flatten() {
            let channel = Channel {
                session: Rc::clone(&self.session),
                connection: self.connection,
                id: channel,
            };
            channel.reset();
        }
    }
}

/// Decodes the channels in `body`, two numbers each: the half that JavaScript keeps, 0 for the sender
/// or 1 for the receiver; and the index of the byte that the id replaces. `prefix` bytes will precede
/// the body.
pub(super) fn placed(
    channels: Option<&[u32]>,
    prefix: usize,
    body: &[u8],
) -> Result<Vec<NewChannel>, Failure> {
    let (pairs, []) = channels.unwrap_or_default().as_chunks::<2>() else {
        return Err(Failure::protocol("expected two numbers for each channel"));
    };
    let mut next = 0;
    let channel = |&[kind, place]: &[u32; 2]| {
        let kept = match kind {
            0 => Direction::Send,
            1 => Direction::Receive,
            _ => return Err(Failure::protocol("expected a sender (0) or a receiver (1)")),
        };
        let place = place as usize;
        if !(next..body.len()).contains(&place) {
            return Err(Failure::protocol(
                "expected ascending places in the payload",
            ));
        }
        next = place + 1;
        let place = Some(prefix + place);
        Ok(NewChannel { kept, place })
    };
    pairs.iter().map(channel).collect()
}
