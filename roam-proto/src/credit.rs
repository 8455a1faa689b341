//! Credit: how many bytes of Data a channel's sender may still send.
//!
//! Both halves keep count. Between two ends that number their frames, all channels share a [pool]; with a
//! peer that only knows version 2, each channel has a [window] of its own.

pub(crate) mod pool;
pub(crate) mod room;
pub(crate) mod sender_pool;
pub(crate) mod window;

use crate::config::Agreed;
use crate::ids::ConnectionId;

use pool::{Granted, PooledCredit};
use room::{PooledWindow, Room};
use sender_pool::SenderPool;
use window::{Window, WindowCredit};

/// A number of bytes of Data payload.
pub(crate) type Bytes = u32;

/// An error: more credit than a `u32` holds, or for more than was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CreditOverflow;

/// An error: more was received than had been granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CreditOverrun {
    /// How much could still be received.
    pub(crate) allowed: Bytes,
}

/// The sender's half.
#[derive(Debug)]
pub(crate) enum SendCredit {
    Window(WindowCredit),
    Pooled(PooledCredit),
}

impl SendCredit {
    pub(crate) fn new(agreed: &Agreed, connection: ConnectionId) -> Self {
        let initial = agreed.initial_channel_credit;
        if agreed.is_pooled() {
            Self::Pooled(PooledCredit::new(initial, connection))
        } else {
            Self::Window(WindowCredit::new(initial))
        }
    }

    /// Returns whether an element of `len` bytes may be sent.
    #[inline]
    pub(crate) fn fits(&self, len: usize, pool: &SenderPool) -> bool {
        match self {
            Self::Window(credit) => credit.available() as usize >= len,
            Self::Pooled(credit) => credit.fits(len, pool),
        }
    }

    /// Returns how many bytes may be sent at once, in any number of elements.
    pub(crate) fn sendable(&self, pool: &SenderPool) -> Bytes {
        match self {
            Self::Window(credit) => credit.available(),
            Self::Pooled(credit) => credit.sendable(pool),
        }
    }

    /// Returns whether the peer has granted anything, which only a receiver does.
    pub(crate) fn was_granted(&self) -> bool {
        match self {
            Self::Window(credit) => credit.granted() > 0,
            Self::Pooled(credit) => credit.was_granted(),
        }
    }

    /// Returns how many bytes the reader has certainly consumed.
    pub(crate) fn consumed(&self) -> u64 {
        match self {
            Self::Window(credit) => credit.returned(),
            Self::Pooled(credit) => credit.consumed(),
        }
    }

    /// Spends `len` bytes, if that many may be sent. Returns whether they may.
    #[must_use]
    #[inline]
    pub(crate) fn spend(&mut self, len: usize, pool: &mut SenderPool) -> bool {
        match self {
            Self::Window(credit) => credit.spend(len),
            Self::Pooled(credit) => credit.spend(len, pool),
        }
    }

    /// Takes in what the receiver tells; version 2 tells only `credit`. `most` bounds how much a channel may
    /// have outstanding.
    pub(crate) fn grant(
        &mut self,
        granted: Granted,
        most: Bytes,
        pool: &mut SenderPool,
    ) -> Result<(), CreditOverflow> {
        match self {
            Self::Window(credit) => credit.grant(granted.credit),
            Self::Pooled(credit) => credit.grant(granted, most, pool),
        }
    }

    /// Gives back what was taken from the pool: the peer drops what it has received.
    pub(crate) fn release(&mut self, pool: &mut SenderPool) {
        if let Self::Pooled(credit) = self {
            credit.release(pool);
        }
    }
}

/// The receiver's half.
#[derive(Debug)]
pub(crate) enum ReceiveWindow {
    Window(Window),
    Pooled(PooledWindow),
}

impl ReceiveWindow {
    pub(crate) fn new(agreed: &Agreed) -> Self {
        let initial = agreed.initial_channel_credit;
        if agreed.is_pooled() {
            Self::Pooled(PooledWindow::new(initial))
        } else {
            Self::Window(Window::new(initial))
        }
    }

    /// Returns how much the sender may still send, without the pool.
    pub(crate) fn open(&self) -> Bytes {
        match self {
            Self::Window(window) => window.open(),
            Self::Pooled(window) => window.open(),
        }
    }

    /// Returns how much was received and not yet consumed.
    pub(crate) fn held(&self) -> Bytes {
        match self {
            Self::Window(window) => window.held(),
            Self::Pooled(window) => window.held(),
        }
    }

    /// Returns after how many more consumed bytes the sender is told.
    pub(crate) fn threshold(&self) -> Bytes {
        match self {
            Self::Window(window) => window.threshold(),
            Self::Pooled(window) => window.threshold(),
        }
    }

    /// Returns whether the peer has asked for credit, which only a sender does.
    pub(crate) fn was_asked(&self) -> bool {
        matches!(self, Self::Pooled(window) if window.was_asked())
    }

    /// Returns the length of the element that the sender waits with.
    pub(crate) fn asked(&self) -> Option<Bytes> {
        match self {
            Self::Window(_) => None,
            Self::Pooled(window) => window.asked(),
        }
    }

    /// Looks again at what was refused.
    pub(crate) fn forget_refusal(&mut self) {
        if let Self::Pooled(window) = self {
            window.is_refused = false;
        }
    }

    /// Counts an element of `len` bytes as received.
    #[inline]
    pub(crate) fn receive(&mut self, len: usize, room: &mut Room) -> Result<(), CreditOverrun> {
        match self {
            Self::Window(window) => window.receive(len),
            Self::Pooled(window) => window.receive(len, room),
        }
    }
}
