//! The two halves of a channel.

use alloc::format;
use bytes::Bytes;

use super::{ChannelEnd, SendError, Wake};
use crate::config::Agreed;
use crate::credit::pool::Granted;
use crate::credit::room::Room;
use crate::credit::sender_pool::SenderPool;
use crate::credit::{ReceiveWindow, SendCredit};
use crate::ids::ConnectionId;
use crate::queue::ElementQueue;
use crate::turns::Turn;
use crate::violation::{Rule, Violation};

#[derive(Debug)]
pub(crate) struct SendHalf {
    pub(crate) credit: SendCredit,
    /// Elements that were sent before the channel had a connection. They go first.
    pub(crate) pending: ElementQueue,
    /// The user has closed the channel. A Close follows the pending elements.
    pub(crate) closing: bool,
    pub(crate) end: Option<ChannelEnd>,
    /// The user waits for this many bytes of credit.
    pub(crate) waiting_for: Option<usize>,
    /// The link retries this channel when it has capacity.
    pub(crate) blocked: bool,
    /// Its share of the send capacity, while channels wait for some.
    pub(crate) turn: Turn,
    /// The link retries this channel when others have given back to the pool.
    pub(crate) in_line: bool,
    sent: u64,
}

#[derive(Debug)]
pub(crate) struct ReceiveHalf {
    pub(crate) window: ReceiveWindow,
    pub(crate) queue: ElementQueue,
    pub(crate) end: Option<ChannelEnd>,
    /// The user waits for elements or the end.
    pub(crate) waiting: bool,
}

impl SendHalf {
    pub(super) fn new(agreed: &Agreed, connection: ConnectionId) -> Self {
        Self {
            credit: SendCredit::new(agreed, connection),
            pending: ElementQueue::new(),
            closing: false,
            end: None,
            waiting_for: None,
            blocked: false,
            turn: Turn::default(),
            in_line: false,
            sent: 0,
        }
    }

    /// Spends credit for an element. When that fails for lack of credit, the user is woken once
    /// there is enough.
    #[inline]
    pub(crate) fn spend(&mut self, len: usize, pool: &mut SenderPool) -> Result<(), SendError> {
        if let Some(end) = self.end.or(self.closing.then_some(ChannelEnd::Closed)) {
            return Err(SendError::Ended(end));
        }
        if !self.pending.is_empty() || !self.credit.spend(len, pool) {
            self.wait(len);
            return Err(SendError::Blocked);
        }
        self.sent += len as u64;
        Ok(())
    }

    /// Spends credit for the next pending element. Returns `false` when it does not suffice.
    pub(crate) fn spend_pending(&mut self, pool: &mut SenderPool) -> bool {
        let Some(len) = self.pending.front_len() else {
            return false;
        };
        let spent = self.credit.spend(len, pool);
        if spent {
            self.sent += len as u64;
        }
        spent
    }

    /// Returns how many bytes the peer's reader has certainly consumed: it grants credit only for
    /// memory that it has freed.
    pub(crate) fn consumed(&self) -> u64 {
        self.credit.consumed().min(self.sent)
    }

    /// Returns how many bytes the channel's credit allows now.
    pub(crate) fn sendable(&self, pool: &SenderPool) -> usize {
        match self.end {
            None if self.pending.is_empty() => self.credit.sendable(pool) as usize,
            _ => 0,
        }
    }

    /// Returns whether the channel's credit allows an element of `len` bytes now.
    pub(crate) fn fits(&self, len: usize, pool: &SenderPool) -> bool {
        self.end.is_none() && self.pending.is_empty() && self.credit.fits(len, pool)
    }

    /// Wakes a user once `len` bytes can be sent. Of several users the one that needs least is
    /// woken first; the others wait again.
    pub(crate) fn wait(&mut self, len: usize) {
        self.waiting_for = Some(self.waiting_for.map_or(len, |least| least.min(len)));
    }

    /// Closes the half for its user, who then waits for nothing.
    pub(crate) fn finish(&mut self) {
        self.closing = true;
        self.waiting_for = None;
    }

    /// Returns whether a user waited for credit that has arrived.
    pub(crate) fn take_wake(&mut self, pool: &SenderPool) -> Wake {
        let enough = |&mut len: &mut usize| self.credit.fits(len, pool);
        self.pending.is_empty() && self.waiting_for.take_if(enough).is_some()
    }

    pub(super) fn handle_credit(
        &mut self,
        granted: Granted,
        most: u32,
        pool: &mut SenderPool,
    ) -> Result<Wake, Violation> {
        if matches!(self.end, Some(ChannelEnd::Reset | ChannelEnd::CallEnded)) {
            return Ok(false);
        }
        (self.credit.grant(granted, most, pool)).map_err(|_| {
            Rule::CreditOverflow.because(format!(
                "{} consumed, {} granted",
                granted.consumed, granted.credit
            ))
        })?;
        Ok(self.take_wake(pool))
    }

    pub(super) fn end(&mut self, end: ChannelEnd, pool: &mut SenderPool) -> Wake {
        if self.end.is_none() {
            self.end = Some(end);
            self.pending = ElementQueue::new();
            if end.drops_elements() {
                self.credit.release(pool);
            }
        }
        self.waiting_for.take().is_some()
    }

    pub(crate) fn refuse_from_receiver(&self, what: &'static str) -> Result<(), Violation> {
        match self.end {
            Some(_) => Ok(()),
            None => Err(Rule::ChannelDirection.because(format!("{what} from a receiving end"))),
        }
    }
}

impl ReceiveHalf {
    pub(super) fn new(agreed: &Agreed) -> Self {
        Self {
            window: ReceiveWindow::new(agreed),
            queue: ElementQueue::new(),
            end: None,
            waiting: false,
        }
    }

    /// Returns whether the peer has behaved as a sender.
    pub(crate) fn was_used(&self) -> bool {
        self.end == Some(ChannelEnd::Closed) || !self.queue.is_empty() || self.window.was_asked()
    }

    #[inline]
    pub(super) fn handle_data(
        &mut self,
        frame: &Bytes,
        element: &[u8],
        room: &mut Room,
    ) -> Result<Wake, Violation> {
        match self.end {
            None => {}
            Some(ChannelEnd::Closed) => return Err(Rule::DataAfterClose.because("Data")),
            Some(_) => return Ok(false),
        }
        self.window
            .receive(element.len(), room)
            .map_err(|overrun| {
                Rule::CreditOverrun.because(format!(
                    "{} bytes, {} allowed",
                    element.len(),
                    overrun.allowed
                ))
            })?;
        self.queue.push_part(frame, element);
        Ok(core::mem::take(&mut self.waiting))
    }

    pub(super) fn handle_close(&mut self) -> Result<Wake, Violation> {
        match self.end {
            None => {
                self.end = Some(ChannelEnd::Closed);
                Ok(core::mem::take(&mut self.waiting))
            }
            Some(ChannelEnd::Closed) => Err(Rule::DataAfterClose.because("Close")),
            Some(_) => Ok(false),
        }
    }

    pub(super) fn end(&mut self, end: ChannelEnd, room: &mut Room) -> Wake {
        if self.end.is_none() {
            self.end = Some(end);
            // What arrived before the connection ended can still be read; a reset drops it.
            if end.drops_elements() {
                self.queue = ElementQueue::new();
                if let ReceiveWindow::Pooled(window) = &mut self.window {
                    window.settle(room);
                }
            }
        }
        core::mem::take(&mut self.waiting)
    }
}
