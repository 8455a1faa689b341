//! The state of one channel, as far as one end of it knows.

use bytes::Bytes;

use super::budget::Charge;
use super::credit::{ReceiveWindow, SendCredit};
use super::ids::RequestId;
use super::queue::ElementQueue;
use super::violation::{Rule, Violation};

/// Which way a channel's elements go, seen from here.
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
    /// The sender said that this was all.
    Closed,
    /// One of the two ends cut it.
    Reset,
    /// The call in whose arguments it travelled was answered with an error, or cancelled.
    CallOver,
    /// Its connection ended.
    ConnectionOver,
}

/// Why an element could not be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendRefused {
    /// There is not enough credit, or too much waits to be sent already. A
    /// [`ChannelReady`](super::Event::ChannelReady) follows when it is worth another try.
    #[error("no credit")]
    Blocked,
    /// The element is longer than the link allows.
    #[error("an element of {len} bytes, {max} allowed")]
    TooLarge {
        /// The element's length in bytes.
        len: usize,
        /// The longest allowed.
        max: usize,
    },
    /// The channel is over.
    #[error("the channel is over")]
    Over(ChannelEnd),
}

/// A channel: which end of it is here, and how that end fares.
#[derive(Debug)]
pub(super) enum Channel {
    /// It does not show yet which end is here: opened by the peer, until the values around it are
    /// decoded; relayed, until a peer shows whether it sends.
    Unbound(Unbound),
    Sending(SendHalf),
    Receiving(ReceiveHalf),
}

#[derive(Debug)]
pub(super) struct Unbound {
    pub(super) receive: ReceiveHalf,
    pub(super) send: SendHalf,
    pub(super) charge: Charge,
    /// The call in whose arguments it travels; `None` for one in a result.
    pub(super) call: Option<RequestId>,
    /// A relay holds it, and is to be woken by whatever happens to it.
    pub(super) relayed: bool,
}

#[derive(Debug)]
pub(super) struct SendHalf {
    pub(super) credit: SendCredit,
    /// Elements sent before the channel had a connection; they go first.
    pub(super) pending: ElementQueue,
    /// The sender is done; Close goes out behind what is pending.
    pub(super) finishing: bool,
    pub(super) end: Option<ChannelEnd>,
    /// The user waits until so many bytes of credit are there.
    pub(super) waiting_for: Option<usize>,
    /// The link knows that it is to be tried again when there is room.
    pub(super) blocked: bool,
    sent: u64,
}

#[derive(Debug)]
pub(super) struct ReceiveHalf {
    pub(super) window: ReceiveWindow,
    pub(super) queue: ElementQueue,
    pub(super) end: Option<ChannelEnd>,
    pub(super) waiting: bool,
}

/// Whether a user waits for what has just happened.
pub(super) type Wake = bool;

impl Channel {
    pub(super) fn unbound(credit: u32, charge: Charge, call: Option<RequestId>) -> Self {
        Self::Unbound(Unbound {
            receive: ReceiveHalf::new(credit),
            send: SendHalf::new(credit),
            charge,
            call,
            relayed: false,
        })
    }

    /// One that a relay holds from its opening on.
    pub(super) fn relayed(credit: u32, charge: Charge, call: Option<RequestId>) -> Self {
        let mut channel = Self::unbound(credit, charge, call);
        channel.relay();
        channel
    }

    /// A relay takes it.
    pub(super) fn relay(&mut self) {
        if let Self::Unbound(unbound) = self {
            unbound.relayed = true;
        }
    }

    /// Whether no user has it.
    pub(super) fn is_unheld(&self) -> bool {
        matches!(self, Self::Unbound(unbound) if !unbound.relayed)
    }

    pub(super) fn new(direction: Direction, credit: u32) -> Self {
        match direction {
            Direction::Send => Self::Sending(SendHalf::new(credit)),
            Direction::Receive => Self::Receiving(ReceiveHalf::new(credit)),
        }
    }

    /// What it takes of the link's budget.
    pub(super) fn charge(&self) -> Charge {
        match self {
            Self::Unbound(unbound) => unbound.charge,
            Self::Sending(_) => Charge::Slot,
            Self::Receiving(_) => Charge::Window,
        }
    }

    /// How much we let the peer send before we consume, if we surely receive.
    pub(super) fn window(&self) -> Option<u32> {
        match self {
            Self::Receiving(half) => Some(half.window.size()),
            Self::Sending(_) | Self::Unbound(_) => None,
        }
    }

    /// How it ended, if it did.
    pub(super) fn ended(&self) -> Option<ChannelEnd> {
        match self {
            Self::Sending(half) => half.end,
            Self::Receiving(half) => half.end,
            Self::Unbound(unbound) => unbound.receive.end,
        }
    }

    /// What may be sent on it now, in bytes.
    pub(super) fn credit(&self) -> u64 {
        match self {
            Self::Sending(half) => half.sendable() as u64,
            _ => 0,
        }
    }

    /// What was received on it and has not been consumed, in bytes.
    pub(super) fn unconsumed(&self) -> u64 {
        match self {
            Self::Receiving(half) => half.window.held().into(),
            Self::Unbound(unbound) => unbound.receive.window.held().into(),
            Self::Sending(_) => 0,
        }
    }

    pub(super) fn sender(&mut self) -> Option<&mut SendHalf> {
        match self {
            Self::Sending(half) => Some(half),
            _ => None,
        }
    }

    pub(super) fn receiver(&mut self) -> Option<&mut ReceiveHalf> {
        match self {
            Self::Receiving(half) => Some(half),
            _ => None,
        }
    }

    #[inline]
    pub(super) fn handle_data(&mut self, frame: &Bytes, element: &[u8]) -> Result<Wake, Violation> {
        match self {
            Self::Receiving(half) => half.handle_data(frame, element),
            Self::Unbound(unbound) => unbound.receive.handle_data(frame, element),
            Self::Sending(half) => half.refuse_from_receiver("Data").map(|()| false),
        }
    }

    pub(super) fn handle_close(&mut self) -> Result<Wake, Violation> {
        match self {
            Self::Receiving(half) => half.handle_close(),
            Self::Unbound(unbound) => unbound.receive.handle_close(),
            Self::Sending(half) => half.refuse_from_receiver("Close").map(|()| false),
        }
    }

    pub(super) fn handle_credit(&mut self, bytes: u32) -> Result<Wake, Violation> {
        match self {
            Self::Sending(half) => half.handle_credit(bytes),
            Self::Unbound(unbound) => {
                unbound.send.handle_credit(bytes)?;
                Ok(std::mem::take(&mut unbound.receive.waiting))
            }
            Self::Receiving(half) if half.end.is_some() => Ok(false),
            Self::Receiving(_) => Err(Rule::ChannelDirection.because("Credit from a sending end")),
        }
    }

    /// Ends the channel, unless it is over already.
    pub(super) fn end(&mut self, end: ChannelEnd) -> Wake {
        match self {
            Self::Sending(half) => half.end(end),
            Self::Receiving(half) => half.end(end),
            Self::Unbound(unbound) => {
                unbound.send.end(end);
                unbound.receive.end(end)
            }
        }
    }
}

impl Unbound {
    /// Settles which end is here. What the peer has already sent must fit that.
    pub(super) fn bind(self, direction: Direction) -> Result<Channel, Violation> {
        match direction {
            Direction::Send if self.receive.used() => {
                Err(Rule::ChannelDirection.because("Data or Close from a receiving end"))
            }
            Direction::Send => Ok(Channel::Sending(self.send)),
            Direction::Receive if self.send.credit.granted() > 0 => {
                Err(Rule::ChannelDirection.because("Credit from a sending end"))
            }
            Direction::Receive => Ok(Channel::Receiving(self.receive)),
        }
    }
}

impl SendHalf {
    fn new(credit: u32) -> Self {
        Self {
            credit: SendCredit::new(credit),
            pending: ElementQueue::new(),
            finishing: false,
            end: None,
            waiting_for: None,
            blocked: false,
            sent: 0,
        }
    }

    /// Spends credit for an element; refused elements make a user who waits be woken later.
    #[inline]
    pub(super) fn spend(&mut self, len: usize) -> Result<(), SendRefused> {
        if let Some(end) = self.end.or(self.finishing.then_some(ChannelEnd::Closed)) {
            return Err(SendRefused::Over(end));
        }
        if !self.pending.is_empty() || !self.credit.spend(len) {
            self.wait(len);
            return Err(SendRefused::Blocked);
        }
        self.sent += len as u64;
        Ok(())
    }

    /// Spends credit for the next pending element.
    pub(super) fn spend_pending(&mut self) -> bool {
        let Some(len) = self.pending.front_len() else {
            return false;
        };
        let spent = self.credit.spend(len);
        if spent {
            self.sent += len as u64;
        }
        spent
    }

    /// What the reader has surely consumed: it grants only what it has room for.
    pub(super) fn consumed(&self) -> u64 {
        self.credit.returned().min(self.sent)
    }

    /// What can be sent at once, as far as the channel is concerned.
    pub(super) fn sendable(&self) -> usize {
        match self.end {
            None if self.pending.is_empty() => self.credit.available() as usize,
            _ => 0,
        }
    }

    /// A user waits until so much can be sent. When several do, the first to be woken is the one
    /// that needs least; the others wait again.
    pub(super) fn wait(&mut self, len: usize) {
        self.waiting_for = Some(self.waiting_for.map_or(len, |least| least.min(len)));
    }

    /// The user sends no more, and waits for nothing.
    pub(super) fn finish(&mut self) {
        self.finishing = true;
        self.waiting_for = None;
    }

    /// Whether the user waits, and need not any more.
    pub(super) fn take_wake(&mut self) -> Wake {
        let enough = |&mut len: &mut usize| self.credit.available() as usize >= len;
        self.pending.is_empty() && self.waiting_for.take_if(enough).is_some()
    }

    fn handle_credit(&mut self, bytes: u32) -> Result<Wake, Violation> {
        if self.end.is_some() {
            return Ok(false);
        }
        self.credit.grant(bytes).map_err(|_| {
            Rule::CreditOverflow.because(format!("{} + {bytes}", self.credit.available()))
        })?;
        Ok(self.take_wake())
    }

    fn end(&mut self, end: ChannelEnd) -> Wake {
        if self.end.is_none() {
            self.end = Some(end);
            self.pending = ElementQueue::new();
        }
        self.waiting_for.take().is_some()
    }

    fn refuse_from_receiver(&self, what: &'static str) -> Result<(), Violation> {
        match self.end {
            Some(_) => Ok(()),
            None => Err(Rule::ChannelDirection.because(format!("{what} from a receiving end"))),
        }
    }
}

impl ReceiveHalf {
    fn new(credit: u32) -> Self {
        Self {
            window: ReceiveWindow::new(credit),
            queue: ElementQueue::new(),
            end: None,
            waiting: false,
        }
    }

    /// Whether the peer has behaved as a sender.
    pub(super) fn used(&self) -> bool {
        self.end == Some(ChannelEnd::Closed) || !self.queue.is_empty()
    }

    #[inline]
    fn handle_data(&mut self, frame: &Bytes, element: &[u8]) -> Result<Wake, Violation> {
        match self.end {
            None => {}
            Some(ChannelEnd::Closed) => return Err(Rule::DataAfterClose.because("Data")),
            Some(_) => return Ok(false),
        }
        self.window.receive(element.len()).map_err(|overrun| {
            Rule::CreditOverrun.because(format!(
                "{} bytes, {} allowed",
                element.len(),
                overrun.allowed
            ))
        })?;
        self.queue.push_part(frame, element);
        Ok(std::mem::take(&mut self.waiting))
    }

    fn handle_close(&mut self) -> Result<Wake, Violation> {
        match self.end {
            None => Ok(self.end(ChannelEnd::Closed)),
            Some(ChannelEnd::Closed) => Err(Rule::DataAfterClose.because("Close")),
            Some(_) => Ok(false),
        }
    }

    fn end(&mut self, end: ChannelEnd) -> Wake {
        if self.end.is_none() {
            self.end = Some(end);
            // What arrived before the connection ended can still be read; a cut drops it.
            if matches!(end, ChannelEnd::Reset | ChannelEnd::CallOver) {
                self.queue = ElementQueue::new();
            }
        }
        std::mem::take(&mut self.waiting)
    }
}
