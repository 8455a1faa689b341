//! The pool: credit that all channels of a link share.
//!
//! Windows for thousands of channels would cost gigabytes, though few are in use at a time. So each channel
//! has a little credit of its own, and takes from the pool what it sends beyond that, until its reader has
//! consumed it. A channel leaves three quarters of what it finds, so that readers who stop cannot use
//! up the pool for the rest. A sender that finds too little tells how much it needs, and its reader,
//! once it waits for elements, has credit [granted](super::room) to the channel alone.

use super::sender_pool::SenderPool;
use super::{Bytes, CreditOverflow};
use crate::ids::ConnectionId;

/// The credit that a channel begins with, in bytes: enough for a short element on each of thousands.
pub(crate) const PRIVATE: Bytes = 256;
/// A channel may hold one part in this many of what it finds in the pool.
pub(super) const SHARE: u64 = 4;
/// A sender with less than this outstanding asks for credit when it must wait. With more, the reader's
/// consumption brings some.
const ASK_BELOW: u64 = 128 * 1024;

/// What all channels of a link may have outstanding beyond what was granted to them.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    size: u64,
    used: u64,
    /// Something was given back since this was last asked.
    was_freed: bool,
}

impl Pool {
    pub(crate) fn new(size: u64) -> Self {
        Self {
            size,
            used: 0,
            was_freed: false,
        }
    }

    #[inline]
    pub(crate) fn free(&self) -> u64 {
        self.size.saturating_sub(self.used)
    }

    pub(crate) fn used(&self) -> u64 {
        self.used
    }

    /// Takes `bytes`, if that many are left.
    #[must_use]
    #[inline]
    pub(super) fn take(&mut self, bytes: u64) -> bool {
        let enough = bytes <= self.free();
        if enough {
            self.used += bytes;
        }
        enough
    }

    pub(super) fn give_back(&mut self, bytes: u64) {
        self.used = self.used.saturating_sub(bytes);
        self.was_freed |= bytes > 0;
    }

    /// Returns whether something was given back since the last [`take_freed`](Self::take_freed).
    pub(crate) fn was_freed(&self) -> bool {
        self.was_freed
    }

    pub(crate) fn take_freed(&mut self) -> bool {
        core::mem::take(&mut self.was_freed)
    }
}

/// What the receiver tells a sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Granted {
    /// Bytes that the reader has consumed.
    pub(crate) consumed: Bytes,
    /// Bytes that may be sent in addition, without the pool.
    pub(crate) credit: Bytes,
}

/// The sender's half.
///
/// Invariant: `available` or `overdrawn` is 0.
#[derive(Debug)]
pub(crate) struct PooledCredit {
    /// The connection of the channel.
    connection: ConnectionId,
    /// Granted and not yet sent.
    available: Bytes,
    /// Sent beyond what was granted: taken from the pool.
    overdrawn: Bytes,
    /// Sent and not yet consumed.
    outstanding: u64,
    /// Consumed.
    consumed: u64,
    /// How much may be outstanding with the help of the pool.
    allowance: Bytes,
    /// Consumed since the allowance last grew.
    consumed_since: Bytes,
    /// The peer has granted something.
    heard: bool,
    /// Credit was asked for, and none has come since.
    asked: bool,
}

impl PooledCredit {
    pub(crate) fn new(initial: Bytes, connection: ConnectionId) -> Self {
        Self {
            connection,
            available: initial.min(PRIVATE),
            overdrawn: 0,
            outstanding: 0,
            consumed: 0,
            allowance: initial,
            consumed_since: 0,
            heard: false,
            asked: false,
        }
    }

    pub(crate) fn was_granted(&self) -> bool {
        self.heard
    }

    pub(crate) fn consumed(&self) -> u64 {
        self.consumed
    }

    pub(crate) fn overdrawn(&self) -> Bytes {
        self.overdrawn
    }

    /// Returns whether the reader has not consumed everything that was sent.
    pub(crate) fn is_outstanding(&self) -> bool {
        self.outstanding > 0
    }

    /// Returns how many bytes may be sent at once, in any number of elements.
    pub(crate) fn sendable(&self, pool: &SenderPool) -> Bytes {
        let with_pool =
            u64::from(self.available) + pool.share(self.connection, self.overdrawn.into());
        let allowed = u64::from(self.allowance).saturating_sub(self.outstanding);
        let sendable = with_pool.min(allowed).max(self.available.into());
        Bytes::try_from(sendable).unwrap_or(Bytes::MAX)
    }

    /// Returns whether an element of `len` bytes may be sent.
    #[inline]
    pub(crate) fn fits(&self, len: usize, pool: &SenderPool) -> bool {
        let more = (len as u64).saturating_sub(self.available.into());
        more == 0
            || (self.is_allowed(len) && more <= pool.share(self.connection, self.overdrawn.into()))
    }

    /// Spends `len` bytes, if that many may be sent. Returns whether they may.
    #[must_use]
    #[inline]
    pub(crate) fn spend(&mut self, len: usize, pool: &mut SenderPool) -> bool {
        let Ok(bytes) = Bytes::try_from(len) else {
            return false;
        };
        if let Some(rest) = self.available.checked_sub(bytes) {
            self.available = rest;
        } else {
            if !self.fits(len, pool) {
                return false;
            }
            // A share is never more than what is free.
            let more = bytes - self.available;
            pool.take(self.connection, more.into());
            self.available = 0;
            self.overdrawn += more;
        }
        self.outstanding += u64::from(bytes);
        // The receiver forgets what was asked when an element comes.
        self.asked = false;
        true
    }

    /// Returns whether `len` bytes may be outstanding in addition. An element of any length may, when nothing
    /// else is.
    #[inline]
    pub(crate) fn is_allowed(&self, len: usize) -> bool {
        self.outstanding == 0
            || self.outstanding.saturating_add(len as u64) <= self.allowance.into()
    }

    /// Takes in what the receiver tells. The allowance doubles, up to `most`, whenever half of it was
    /// consumed.
    pub(crate) fn grant(
        &mut self,
        granted: Granted,
        most: Bytes,
        pool: &mut SenderPool,
    ) -> Result<(), CreditOverflow> {
        let Granted { consumed, credit } = granted;
        self.outstanding = (self.outstanding)
            .checked_sub(consumed.into())
            .ok_or(CreditOverflow)?;
        let repaid = self.overdrawn.min(credit);
        self.available = (self.available)
            .checked_add(credit - repaid)
            .ok_or(CreditOverflow)?;
        self.overdrawn -= repaid;
        pool.give_back(self.connection, repaid.into());
        self.consumed += u64::from(consumed);
        self.consumed_since = self.consumed_since.saturating_add(consumed);
        if self.consumed_since >= self.allowance / 2 && self.allowance < most {
            self.allowance = self.allowance.saturating_mul(2).min(most);
            self.consumed_since = 0;
        }
        self.heard = true;
        self.asked = false;
        Ok(())
    }

    /// Returns whether to ask for credit now, at most once until some comes.
    pub(crate) fn ask(&mut self) -> bool {
        self.outstanding < ASK_BELOW && !core::mem::replace(&mut self.asked, true)
    }

    /// Gives back what was taken from the pool: the peer drops what it has received.
    pub(crate) fn release(&mut self, pool: &mut SenderPool) {
        let overdrawn = core::mem::take(&mut self.overdrawn);
        pool.give_back(self.connection, overdrawn.into());
    }
}
