//! The state of one channel at one end of a link.

mod halves;

pub(crate) use halves::{ReceiveHalf, SendHalf};

use bytes::Bytes;

use crate::budget::{Budget, Reservation};
use crate::config::Agreed;
use crate::credit::pool::Granted;
use crate::credit::room::Room;
use crate::credit::sender_pool::SenderPool;
use crate::ids::{ConnectionId, RequestId};
use crate::violation::{Rule, Violation};

/// The direction of a channel, as seen from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// We send.
    Send,
    /// We receive.
    Receive,
}

/// How a channel ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelEnd {
    /// The sender closed it: all elements were sent.
    Closed,
    /// Either half reset it.
    Reset,
    /// The call whose arguments brought it failed or was cancelled.
    CallEnded,
    /// Its connection ended.
    ConnectionEnded,
}

impl ChannelEnd {
    /// Returns whether both ends drop the elements that were not read.
    fn drops_elements(self) -> bool {
        matches!(self, Self::Reset | Self::CallEnded)
    }
}

/// Why an element was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Credit or send capacity is missing. An [`Event::ChannelReady`](crate::Event::ChannelReady)
    /// follows when it is worth another try.
    #[error("no credit")]
    Blocked,
    /// The element is longer than the link allows.
    #[error("an element of {len} bytes exceeds the link's limit of {max}")]
    TooLarge {
        /// The element's length in bytes.
        len: usize,
        /// The longest allowed; see [`Agreed::largest_element`](crate::Agreed::largest_element).
        max: usize,
    },
    /// The channel has ended.
    #[error("the channel has ended")]
    Ended(ChannelEnd),
}

/// One end's state of a channel.
#[derive(Debug)]
pub(crate) enum Channel {
    /// The direction is unknown: the peer opened the channel and nobody has decoded the values
    /// around it yet, or a relay holds it and neither peer has sent anything.
    Unbound(Unbound),
    Sending(SendHalf),
    Receiving(ReceiveHalf),
}

#[derive(Debug)]
pub(crate) struct Unbound {
    pub(crate) receive: ReceiveHalf,
    pub(crate) send: SendHalf,
    pub(crate) reservation: Reservation,
    /// The call whose arguments brought the channel; `None` for one in a result.
    pub(crate) call: Option<RequestId>,
    /// A relay holds the channel and must be woken by anything that happens to it.
    relayed: bool,
}

/// Whether to wake a user who waits for what has just happened.
pub(crate) type Wake = bool;

impl Channel {
    pub(crate) fn new(direction: Direction, agreed: &Agreed, connection: ConnectionId) -> Self {
        match direction {
            Direction::Send => Self::Sending(SendHalf::new(agreed, connection)),
            Direction::Receive => Self::Receiving(ReceiveHalf::new(agreed)),
        }
    }

    pub(crate) fn unbound(
        agreed: &Agreed,
        reservation: Reservation,
        (connection, call): (ConnectionId, Option<RequestId>),
    ) -> Self {
        Self::Unbound(Unbound {
            receive: ReceiveHalf::new(agreed),
            send: SendHalf::new(agreed, connection),
            reservation,
            call,
            relayed: false,
        })
    }

    /// Creates a channel that a relay holds from the start.
    pub(crate) fn relayed(
        agreed: &Agreed,
        reservation: Reservation,
        (connection, call): (ConnectionId, Option<RequestId>),
    ) -> Self {
        let mut channel = Self::unbound(agreed, reservation, (connection, call));
        channel.leave_to_relay();
        channel
    }

    /// Marks an unbound channel as held by a relay.
    pub(crate) fn leave_to_relay(&mut self) {
        if let Self::Unbound(unbound) = self {
            unbound.relayed = true;
        }
    }

    /// Returns whether no user and no relay holds the channel.
    pub(crate) fn is_unclaimed(&self) -> bool {
        matches!(self, Self::Unbound(unbound) if !unbound.relayed)
    }

    /// Returns what the channel takes from the link's budget.
    pub(crate) fn reservation(&self) -> Reservation {
        match self {
            Self::Unbound(unbound) => unbound.reservation,
            Self::Sending(_) => Reservation::Slot,
            Self::Receiving(_) => Reservation::Window,
        }
    }

    /// Returns how the channel ended, or `None` while it is open.
    pub(crate) fn ended(&self) -> Option<ChannelEnd> {
        match self {
            Self::Sending(half) => half.end,
            Self::Receiving(half) => half.end,
            Self::Unbound(unbound) => unbound.receive.end,
        }
    }

    /// Returns how many bytes may be sent now.
    pub(crate) fn credit(&self, pool: &SenderPool) -> u64 {
        match self {
            Self::Sending(half) => half.sendable(pool) as u64,
            _ => 0,
        }
    }

    /// Returns how many received bytes have not been consumed.
    pub(crate) fn unconsumed(&self) -> u64 {
        match self {
            Self::Receiving(half) => half.window.held().into(),
            Self::Unbound(unbound) => unbound.receive.window.held().into(),
            Self::Sending(_) => 0,
        }
    }

    /// A peer that sends, or wants to, makes us the receiver, even before the user has bound the channel.
    /// Returns `false` when the budget cannot hold that.
    #[inline]
    pub(crate) fn expect_elements(&mut self, budget: &mut Budget) -> bool {
        match self {
            Self::Unbound(unbound) if unbound.receive.end.is_none() => {
                budget.change(&mut unbound.reservation, Reservation::Window)
            }
            _ => true,
        }
    }

    #[inline]
    pub(crate) fn sender(&mut self) -> Option<&mut SendHalf> {
        match self {
            Self::Sending(half) => Some(half),
            _ => None,
        }
    }

    #[inline]
    pub(crate) fn receiver(&mut self) -> Option<&mut ReceiveHalf> {
        match self {
            Self::Receiving(half) => Some(half),
            _ => None,
        }
    }

    #[inline]
    pub(crate) fn handle_data(
        &mut self,
        frame: &Bytes,
        element: &[u8],
        room: &mut Room,
    ) -> Result<Wake, Violation> {
        match self {
            Self::Receiving(half) => half.handle_data(frame, element, room),
            Self::Unbound(unbound) => unbound.receive.handle_data(frame, element, room),
            Self::Sending(half) => half.refuse_from_receiver("Data").map(|()| false),
        }
    }

    pub(crate) fn handle_close(&mut self) -> Result<Wake, Violation> {
        match self {
            Self::Receiving(half) => half.handle_close(),
            Self::Unbound(unbound) => unbound.receive.handle_close(),
            Self::Sending(half) => half.refuse_from_receiver("Close").map(|()| false),
        }
    }

    pub(crate) fn handle_credit(
        &mut self,
        granted: Granted,
        most: u32,
        pool: &mut SenderPool,
    ) -> Result<Wake, Violation> {
        match self {
            Self::Sending(half) => half.handle_credit(granted, most, pool),
            Self::Unbound(unbound) => {
                unbound.send.handle_credit(granted, most, pool)?;
                Ok(core::mem::take(&mut unbound.receive.waiting))
            }
            Self::Receiving(half) if half.end.is_some() => Ok(false),
            Self::Receiving(_) => Err(Rule::ChannelDirection.because("Credit from a sending end")),
        }
    }

    /// Ends the channel, unless it has already ended. When both ends drop what is not consumed, neither
    /// counts it any more.
    pub(crate) fn end(&mut self, end: ChannelEnd, pool: &mut SenderPool, room: &mut Room) -> Wake {
        match self {
            Self::Sending(half) => half.end(end, pool),
            Self::Receiving(half) => half.end(end, room),
            Self::Unbound(unbound) => {
                unbound.send.end(end, pool);
                unbound.receive.end(end, room)
            }
        }
    }
}

impl Unbound {
    /// Sets the direction. What the peer has sent so far must agree with it.
    pub(crate) fn bind(self, direction: Direction) -> Result<Channel, Violation> {
        match direction {
            Direction::Send if self.receive.was_used() => {
                Err(Rule::ChannelDirection.because("Data or Close from a receiving end"))
            }
            Direction::Send => Ok(Channel::Sending(self.send)),
            Direction::Receive if self.send.credit.was_granted() => {
                Err(Rule::ChannelDirection.because("Credit from a sending end"))
            }
            Direction::Receive => Ok(Channel::Receiving(self.receive)),
        }
    }
}
