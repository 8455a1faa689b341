//! A window for each channel: the credit of version 2.
//!
//! The sender spends what it was granted and waits when that is not enough; the receiver grants more as
//! its user consumes.
//!
//! A window doubles while its reader keeps up, so that the initial credit does not cap throughput
//! on a long round trip. Without a clock, a sender with little to say looks like one that is far
//! away; the link's budget bounds the cost of that.

use super::{Bytes, CreditOverflow, CreditOverrun};

/// The sender's half: how much may still be sent.
#[derive(Debug)]
pub(crate) struct WindowCredit {
    available: Bytes,
    /// Granted in addition to the initial credit.
    granted: u64,
    /// How much the peer's window has grown.
    grown: u64,
    /// The size of the peer's window.
    window: u64,
}

impl WindowCredit {
    pub(crate) fn new(initial: Bytes) -> Self {
        Self {
            available: initial,
            granted: 0,
            grown: 0,
            window: initial.into(),
        }
    }

    pub(crate) fn available(&self) -> Bytes {
        self.available
    }

    /// Returns how much was granted in addition to the initial credit.
    pub(crate) fn granted(&self) -> u64 {
        self.granted
    }

    /// Returns how much was granted for consumed elements, which excludes growth of the window.
    pub(crate) fn returned(&self) -> u64 {
        self.granted.saturating_sub(self.grown)
    }

    /// Spends `len` bytes if that many are available. Returns whether they were.
    #[must_use]
    pub(crate) fn spend(&mut self, len: usize) -> bool {
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

    pub(crate) fn grant(&mut self, bytes: Bytes) -> Result<(), CreditOverflow> {
        self.available = self.available.checked_add(bytes).ok_or(CreditOverflow)?;
        self.granted += u64::from(bytes);
        // A grant refills the window, so a grant larger than the window means that it was doubled.
        while u64::from(bytes) > self.window {
            let more = self.window.max(1);
            self.window += more;
            self.grown += more;
        }
        Ok(())
    }
}

/// The receiver's half: how much the sender may still send, and how much is unconsumed.
///
/// Invariant: `open + held <= size`.
#[derive(Debug)]
pub(crate) struct Window {
    size: Bytes,
    /// Granted and not yet received.
    open: Bytes,
    /// Received and not yet consumed.
    held: Bytes,
    /// Consumed since the window last grew.
    consumed: Bytes,
    /// Whether the reader has consumed everything at some moment since the last grant. If so, the
    /// sender is not waiting for the reader.
    caught_up: bool,
}

impl Window {
    pub(crate) fn new(size: Bytes) -> Self {
        Self {
            size,
            open: size,
            held: 0,
            consumed: 0,
            caught_up: false,
        }
    }

    pub(crate) fn size(&self) -> Bytes {
        self.size
    }

    /// Returns how much the sender may still send.
    pub(crate) fn open(&self) -> Bytes {
        self.open
    }

    /// Returns how much was received and not yet consumed.
    pub(crate) fn held(&self) -> Bytes {
        self.held
    }

    /// Counts an element of `len` bytes as received.
    pub(crate) fn receive(&mut self, len: usize) -> Result<(), CreditOverrun> {
        let allowed = self.open;
        let len = Bytes::try_from(len).map_err(|_| CreditOverrun { allowed })?;
        self.open = allowed.checked_sub(len).ok_or(CreditOverrun { allowed })?;
        self.held += len;
        self.assert_invariant();
        Ok(())
    }

    /// Counts `bytes` as consumed and returns how much to grant: nothing while half of the window
    /// or more remains, otherwise as much as refills it.
    ///
    /// The window is doubled first if it was used up since it last grew, the reader keeps up, and
    /// `may_grow` agrees to the old and the new size.
    pub(crate) fn consume(
        &mut self,
        bytes: Bytes,
        may_grow: impl FnOnce(Bytes, Bytes) -> bool,
    ) -> Option<Bytes> {
        let bytes = bytes.min(self.held);
        self.held -= bytes;
        self.consumed = self.consumed.saturating_add(bytes);
        self.caught_up |= self.held == 0;
        if self.threshold() > 0 {
            return None;
        }
        if core::mem::take(&mut self.caught_up)
            && self.consumed >= self.size
            && let Some(double) = self.size.checked_mul(2)
            && may_grow(self.size, double)
        {
            self.size = double;
            self.consumed = 0;
        }
        let grant = self.size - self.remaining();
        self.open += grant;
        self.assert_invariant();
        (grant > 0).then_some(grant)
    }

    /// Counts `bytes` as passed on by a relay and returns how much to grant.
    ///
    /// The sender may be ahead by what fits the window and can be sent `onward`. Credit that
    /// `onward` limits is granted at once; credit that only the window limits is granted once less
    /// than half of the window remains.
    pub(crate) fn pass_on(&mut self, bytes: Bytes, onward: Bytes) -> Option<Bytes> {
        self.held = self.held.saturating_sub(bytes);
        if onward >= self.size && self.threshold() > 0 {
            return None;
        }
        let grant = self.size.min(onward).saturating_sub(self.remaining());
        self.open += grant;
        self.assert_invariant();
        (grant > 0).then_some(grant)
    }

    /// Returns how many more bytes must be consumed before [`consume`](Self::consume) grants some.
    /// Between calls this is never 0, except for a window of 0 bytes, which grants nothing.
    pub(crate) fn threshold(&self) -> Bytes {
        let enough = self.size.div_ceil(2);
        (self.remaining() + 1)
            .saturating_sub(enough)
            .min(self.remaining())
    }

    /// Returns how much of the window is not used up by consumed elements.
    fn remaining(&self) -> Bytes {
        self.open + self.held
    }

    fn assert_invariant(&self) {
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

    /// Receives and consumes `len` bytes at once, like a reader that keeps up.
    fn read_at_once(window: &mut Window, len: usize) -> Option<Bytes> {
        window.receive(len).unwrap();
        window.consume(Bytes::try_from(len).unwrap(), |_, _| true)
    }

    #[test]
    fn spends_only_available_credit() {
        let mut credit = WindowCredit::new(10);
        assert!(credit.spend(10) && !credit.spend(1) && credit.spend(0));
        credit.grant(4).unwrap();
        assert!(!credit.spend(5) && credit.spend(4));
        assert_eq!(credit.granted(), 4);
    }

    #[test]
    fn credit_beyond_u32_overflows() {
        let mut credit = WindowCredit::new(1);
        assert_eq!(credit.grant(u32::MAX), Err(CreditOverflow));
        assert_eq!(credit.grant(u32::MAX - 1), Ok(()));
        assert_eq!(credit.available(), u32::MAX);
    }

    #[test]
    fn grants_when_less_than_half_remains() {
        let mut window = Window::new(100);
        window.receive(100).unwrap();
        assert_eq!(window.receive(1), Err(CreditOverrun { allowed: 0 }));
        assert_eq!(window.threshold(), 51);
        assert_eq!(window.consume(50, never), None);
        assert_eq!(window.threshold(), 1);
        assert_eq!(window.consume(1, never), Some(51));
        window.receive(51).unwrap();
    }

    #[test]
    fn empty_window_grants_nothing() {
        let mut window = Window::new(0);
        window.receive(0).unwrap();
        assert_eq!(window.receive(1), Err(CreditOverrun { allowed: 0 }));
        assert_eq!(window.consume(0, never), None);
    }

    #[test]
    fn window_doubles_when_used_up_by_a_fast_reader() {
        let mut window = Window::new(100);
        assert_eq!(read_at_once(&mut window, 60), Some(60), "not used up yet");
        assert_eq!(read_at_once(&mut window, 60), Some(160));
        assert_eq!(window.size(), 200);
        assert_eq!(read_at_once(&mut window, 150), Some(150));
        assert_eq!(read_at_once(&mut window, 150), Some(350));
        assert_eq!(window.size(), 400);
    }

    #[test]
    fn window_does_not_grow_for_a_slow_reader() {
        let mut window = Window::new(100);
        window.receive(100).unwrap();
        for _ in 0..10 {
            assert_eq!(window.consume(60, |_, _| true), Some(60));
            window.receive(60).unwrap();
        }
        window.consume(40, never);
        assert_eq!((window.size(), window.held), (100, 60));
    }

    #[test]
    fn window_grows_after_the_reader_has_caught_up() {
        let mut window = Window::new(100);
        window.receive(100).unwrap();
        assert_eq!(window.consume(51, |_, _| true), Some(51));
        assert_eq!(window.consume(49, |_, _| true), None);
        window.receive(51).unwrap();
        assert_eq!(window.consume(2, |_, _| true), Some(151));
    }

    #[test]
    fn window_grows_only_when_allowed_and_within_u32() {
        let mut window = Window::new(100);
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

        let (max, third) = (1 << 31, 715_827_883);
        let mut window = Window::new(max);
        for _ in 0..6 {
            read_at_once(&mut window, third);
        }
        assert_eq!(window.size(), max);
    }

    #[test]
    fn window_growth_does_not_count_as_consumed() {
        let mut credit = WindowCredit::new(100);
        credit.grant(100).unwrap();
        assert_eq!(credit.returned(), 100);
        assert!(credit.spend(200));
        credit.grant(151).unwrap();
        assert_eq!((credit.granted(), credit.returned()), (251, 151));
        credit.grant(200).unwrap();
        assert_eq!(credit.returned(), 351);
    }

    proptest! {
        /// Both halves agree on the credit and the window's size at every step, and once everything
        /// is consumed, any legal element (half of the initial window) can be sent.
        #[test]
        fn both_halves_agree(
            size in 1u32..5_000,
            max in 0u32..80_000,
            steps in prop::collection::vec((any::<bool>(), 0u32..3_000), 0..300),
        ) {
            let (mut sender, mut receiver) = (WindowCredit::new(size), Window::new(size));
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
                    let grant = receiver.consume(len, |_, to| to <= max);
                    prop_assert_eq!(grant.is_some(), len >= threshold);
                    if let Some(grant) = grant {
                        sender.grant(grant).unwrap();
                        prop_assert_eq!(sender.returned(), consumed);
                    }
                }
                prop_assert_eq!(sender.available(), receiver.open);
                prop_assert_eq!(sender.window, u64::from(receiver.size()));
                prop_assert!(sender.available() + unread <= receiver.size());
                prop_assert!(receiver.size() <= max.max(size));
                if unread == 0 {
                    prop_assert!(sender.available() >= receiver.size() / 2);
                }
            }
        }
    }
}
