//! Credit: how many bytes of Data a channel's sender may still send.
//!
//! Both ends keep count. The sender spends what it was granted and waits when that is not enough;
//! the receiver knows what it granted and grants more as the application consumes.

/// Credit is in bytes of Data payload.
pub(super) type Bytes = u32;

/// The sender's side: what may still be sent.
#[derive(Debug)]
pub(super) struct SendCredit {
    available: Bytes,
    granted: u64,
}

/// The sum of the credit does not fit a `u32`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CreditOverflow;

impl SendCredit {
    pub(super) fn new(initial: Bytes) -> Self {
        Self {
            available: initial,
            granted: 0,
        }
    }

    pub(super) fn available(&self) -> Bytes {
        self.available
    }

    /// What has been granted on top of the initial credit.
    pub(super) fn granted(&self) -> u64 {
        self.granted
    }

    /// Takes `len` bytes if that many are available.
    #[must_use]
    pub(super) fn spend(&mut self, len: usize) -> bool {
        match Bytes::try_from(len)
            .ok()
            .and_then(|len| self.available.checked_sub(len))
        {
            Some(rest) => {
                self.available = rest;
                true
            }
            None => false,
        }
    }

    pub(super) fn grant(&mut self, bytes: Bytes) -> Result<(), CreditOverflow> {
        self.available = self.available.checked_add(bytes).ok_or(CreditOverflow)?;
        self.granted += u64::from(bytes);
        Ok(())
    }
}

/// The receiver's side: what the sender may still send, and what was received but not consumed.
///
/// Invariant: `open + held <= size`.
#[derive(Debug)]
pub(super) struct ReceiveWindow {
    size: Bytes,
    /// Granted and not yet received.
    open: Bytes,
    /// Received and not yet consumed.
    held: Bytes,
}

/// More was received than had been granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CreditOverrun {
    /// What was still granted.
    pub(super) allowed: Bytes,
}

impl ReceiveWindow {
    pub(super) fn new(size: Bytes) -> Self {
        Self {
            size,
            open: size,
            held: 0,
        }
    }

    /// What the sender may still send.
    pub(super) fn open(&self) -> Bytes {
        self.open
    }

    /// What was received and not yet consumed.
    pub(super) fn held(&self) -> Bytes {
        self.held
    }

    pub(super) fn receive(&mut self, len: usize) -> Result<(), CreditOverrun> {
        let allowed = self.open;
        let len = Bytes::try_from(len).map_err(|_| CreditOverrun { allowed })?;
        self.open = allowed.checked_sub(len).ok_or(CreditOverrun { allowed })?;
        self.held += len;
        self.check();
        Ok(())
    }

    /// Counts `bytes` as consumed and tells what to grant: nothing while half of the window or
    /// more remains, and else as much as fills it up.
    pub(super) fn consume(&mut self, bytes: Bytes) -> Option<Bytes> {
        self.held = self.held.saturating_sub(bytes);
        if self.threshold() > 0 {
            return None;
        }
        let grant = self.size - self.remaining();
        self.open += grant;
        self.check();
        (grant > 0).then_some(grant)
    }

    /// How many bytes must yet be consumed for [`consume`](Self::consume) to grant something;
    /// always more than 0 between calls, unless the window is one of 0 bytes, which grants nothing.
    pub(super) fn threshold(&self) -> Bytes {
        let enough = self.size.div_ceil(2);
        (self.remaining() + 1)
            .saturating_sub(enough)
            .min(self.remaining())
    }

    /// What of the window is not used up by consumed elements.
    fn remaining(&self) -> Bytes {
        self.open + self.held
    }

    fn check(&self) {
        debug_assert!(u64::from(self.open) + u64::from(self.held) <= u64::from(self.size));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_sender_spends_what_it_has_and_no_more() {
        let mut credit = SendCredit::new(10);
        assert!(credit.spend(10) && !credit.spend(1) && credit.spend(0));
        credit.grant(4).unwrap();
        assert!(!credit.spend(5) && credit.spend(4));
        assert_eq!(credit.granted(), 4);
    }

    #[test]
    fn credit_beyond_u32_overflows() {
        let mut credit = SendCredit::new(1);
        assert_eq!(credit.grant(u32::MAX), Err(CreditOverflow));
        assert_eq!(credit.grant(u32::MAX - 1), Ok(()));
        assert_eq!(credit.available(), u32::MAX);
    }

    #[test]
    fn a_receiver_grants_when_less_than_half_remains() {
        let mut window = ReceiveWindow::new(100);
        window.receive(100).unwrap();
        assert_eq!(window.receive(1), Err(CreditOverrun { allowed: 0 }));
        assert_eq!(window.threshold(), 51);
        assert_eq!(window.consume(50), None);
        assert_eq!(window.threshold(), 1);
        assert_eq!(window.consume(1), Some(51));
        window.receive(51).unwrap();
    }

    #[test]
    fn a_window_of_nothing_grants_nothing() {
        let mut window = ReceiveWindow::new(0);
        window.receive(0).unwrap();
        assert_eq!(window.receive(1), Err(CreditOverrun { allowed: 0 }));
        assert_eq!(window.consume(0), None);
    }

    proptest! {
        /// Sender and receiver agree at every step, and when all is consumed any legal element
        /// (half of the window) can be sent.
        #[test]
        fn both_sides_agree(size in 1u32..5_000, steps in prop::collection::vec((any::<bool>(), 0u32..3_000), 0..300)) {
            let (mut sender, mut receiver) = (SendCredit::new(size), ReceiveWindow::new(size));
            let mut unread: u32 = 0;
            for (send, len) in steps {
                if send {
                    let len = len.min(size / 2);
                    if sender.spend(len as usize) {
                        receiver.receive(len as usize).unwrap();
                        unread += len;
                    }
                } else {
                    let len = len.min(unread);
                    unread -= len;
                    let threshold = receiver.threshold();
                    let grant = receiver.consume(len);
                    prop_assert_eq!(grant.is_some(), len >= threshold);
                    if let Some(grant) = grant {
                        sender.grant(grant).unwrap();
                    }
                }
                prop_assert_eq!(sender.available(), receiver.open);
                prop_assert!(sender.available() + unread <= size);
                if unread == 0 {
                    prop_assert!(sender.available() >= size / 2);
                }
            }
        }
    }
}
