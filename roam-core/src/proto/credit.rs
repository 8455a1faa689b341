//! Credit: how many bytes of Data a channel's sender may still send.
//!
//! Both ends keep count. The sender spends what it was granted and waits when that is not enough;
//! the receiver knows what it granted and grants more as the application consumes.
//!
//! A window grows by doubling while its reader keeps up, so that the initial credit does not cap a
//! stream on a long round trip. There is no clock here, so a sender that has little to say looks
//! like one that is far away; what that costs is bounded by the link's budget.

/// Credit is in bytes of Data payload.
pub(super) type Bytes = u32;

/// The sender's side: what may still be sent.
#[derive(Debug)]
pub(super) struct SendCredit {
    available: Bytes,
    granted: u64,
    /// How much the peer's window has grown.
    grown: u64,
    /// The peer's window.
    window: u64,
}

/// The sum of the credit does not fit a `u32`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CreditOverflow;

impl SendCredit {
    pub(super) fn new(initial: Bytes) -> Self {
        Self {
            available: initial,
            granted: 0,
            grown: 0,
            window: initial.into(),
        }
    }

    pub(super) fn available(&self) -> Bytes {
        self.available
    }

    /// What has been granted on top of the initial credit.
    pub(super) fn granted(&self) -> u64 {
        self.granted
    }

    /// What has been granted for consumed elements: all that did not go into a larger window.
    pub(super) fn returned(&self) -> u64 {
        self.granted.saturating_sub(self.grown)
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
        // A grant fills the window up, so one of more than the window tells that it was doubled.
        while u64::from(bytes) > self.window {
            let more = self.window.max(1);
            self.window += more;
            self.grown += more;
        }
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
    /// Consumed since the window last grew.
    passed: Bytes,
    /// Whether, since the last grant, nothing was held at some moment: it is not the reader that
    /// the sender waits for.
    caught_up: bool,
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
            passed: 0,
            caught_up: false,
        }
    }

    pub(super) fn size(&self) -> Bytes {
        self.size
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
    /// more remains, and else as much as fills it up. A window that has been used up since it last
    /// grew, by a reader that keeps up, is doubled before, if it `may_grow` from its size to that.
    pub(super) fn consume(
        &mut self,
        bytes: Bytes,
        may_grow: impl FnOnce(Bytes, Bytes) -> bool,
    ) -> Option<Bytes> {
        let bytes = bytes.min(self.held);
        self.held -= bytes;
        self.passed = self.passed.saturating_add(bytes);
        self.caught_up |= self.held == 0;
        if self.threshold() > 0 {
            return None;
        }
        if std::mem::take(&mut self.caught_up)
            && self.passed >= self.size
            && let Some(double) = self.size.checked_mul(2)
            && may_grow(self.size, double)
        {
            self.size = double;
            self.passed = 0;
        }
        let grant = self.size - self.remaining();
        self.open += grant;
        self.check();
        (grant > 0).then_some(grant)
    }

    /// Counts `bytes` as passed on by a relay, and tells what to grant. The sender may be ahead by
    /// what fits the window and can be sent `onward`: what the reader there grants goes through at
    /// once; what only the window keeps back follows when less than half of it remains.
    pub(super) fn pass_on(&mut self, bytes: Bytes, onward: Bytes) -> Option<Bytes> {
        self.held = self.held.saturating_sub(bytes);
        if onward >= self.size && self.threshold() > 0 {
            return None;
        }
        let grant = self.size.min(onward).saturating_sub(self.remaining());
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

    fn never(_: Bytes, _: Bytes) -> bool {
        false
    }

    /// Receives and consumes `len` bytes at once, as a reader does that keeps up.
    fn pass(window: &mut ReceiveWindow, len: usize) -> Option<Bytes> {
        window.receive(len).unwrap();
        window.consume(Bytes::try_from(len).unwrap(), |_, _| true)
    }

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
        assert_eq!(window.consume(50, never), None);
        assert_eq!(window.threshold(), 1);
        assert_eq!(window.consume(1, never), Some(51));
        window.receive(51).unwrap();
    }

    #[test]
    fn a_window_of_nothing_grants_nothing() {
        let mut window = ReceiveWindow::new(0);
        window.receive(0).unwrap();
        assert_eq!(window.receive(1), Err(CreditOverrun { allowed: 0 }));
        assert_eq!(window.consume(0, never), None);
    }

    #[test]
    fn a_window_is_doubled_each_time_it_has_been_used_up_by_a_reader_that_keeps_up() {
        let mut window = ReceiveWindow::new(100);
        assert_eq!(pass(&mut window, 60), Some(60), "not used up yet");
        assert_eq!(pass(&mut window, 60), Some(160));
        assert_eq!(window.size(), 200);
        assert_eq!(pass(&mut window, 150), Some(150));
        assert_eq!(pass(&mut window, 150), Some(350));
        assert_eq!(window.size(), 400);
    }

    #[test]
    fn a_window_does_not_grow_for_a_reader_that_lags() {
        let mut window = ReceiveWindow::new(100);
        window.receive(100).unwrap();
        for _ in 0..10 {
            assert_eq!(window.consume(60, |_, _| true), Some(60));
            window.receive(60).unwrap();
        }
        window.consume(40, never);
        assert_eq!((window.size(), window.held), (100, 60));
    }

    #[test]
    fn a_reader_that_takes_much_at_once_keeps_up_when_it_is_done_before_more_comes() {
        let mut window = ReceiveWindow::new(100);
        window.receive(100).unwrap();
        assert_eq!(window.consume(51, |_, _| true), Some(51));
        assert_eq!(window.consume(49, |_, _| true), None);
        window.receive(51).unwrap();
        assert_eq!(window.consume(2, |_, _| true), Some(151));
    }

    #[test]
    fn a_window_grows_only_as_it_may_and_never_beyond_u32() {
        let mut window = ReceiveWindow::new(100);
        let mut asked = Vec::new();
        for _ in 0..3 {
            window.receive(60).unwrap();
            let may_grow = |from, to| {
                asked.push((from, to));
                false
            };
            assert_eq!(window.consume(60, may_grow), Some(60));
        }
        assert_eq!(asked, [(100, 200), (100, 200)]);

        let (most, third) = (1 << 31, 715_827_883);
        let mut window = ReceiveWindow::new(most);
        for _ in 0..6 {
            pass(&mut window, third);
        }
        assert_eq!(window.size(), most);
    }

    #[test]
    fn what_went_into_a_larger_window_was_not_consumed() {
        let mut credit = SendCredit::new(100);
        credit.grant(100).unwrap();
        assert_eq!(credit.returned(), 100);
        assert!(credit.spend(200));
        credit.grant(151).unwrap();
        assert_eq!((credit.granted(), credit.returned()), (251, 151));
        credit.grant(200).unwrap();
        assert_eq!(credit.returned(), 351);
    }

    proptest! {
        /// Sender and receiver agree at every step, also on how large the window is, and when all
        /// is consumed any legal element (half of the initial window) can be sent.
        #[test]
        fn both_sides_agree(
            size in 1u32..5_000,
            most in 0u32..80_000,
            steps in prop::collection::vec((any::<bool>(), 0u32..3_000), 0..300),
        ) {
            let (mut sender, mut receiver) = (SendCredit::new(size), ReceiveWindow::new(size));
            let (mut unread, mut consumed): (u32, u64) = (0, 0);
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
                    consumed += u64::from(len);
                    let threshold = receiver.threshold();
                    let grant = receiver.consume(len, |_, to| to <= most);
                    prop_assert_eq!(grant.is_some(), len >= threshold);
                    if let Some(grant) = grant {
                        sender.grant(grant).unwrap();
                        prop_assert_eq!(sender.returned(), consumed);
                    }
                }
                prop_assert_eq!(sender.available(), receiver.open);
                prop_assert_eq!(sender.window, u64::from(receiver.size()));
                prop_assert!(sender.available() + unread <= receiver.size());
                prop_assert!(receiver.size() <= most.max(size));
                if unread == 0 {
                    prop_assert!(sender.available() >= receiver.size() / 2);
                }
            }
        }
    }
}
