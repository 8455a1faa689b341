//! Credit passes through a relay, which grants none of its own.

use proptest::prelude::*;

use super::super::harness::*;
use super::proxy::{Proxy, credit_bytes, data_bytes, window};

/// Sends elements of ten bytes from downstream until `credit` is used up. Returns how many bytes
/// reached the reader and how many the sender was granted.
fn flood(proxy: &mut Proxy, mut credit: u32) -> (u32, u32) {
    let (mut arrived, mut granted) = (0, 0);
    while credit >= 10 {
        proxy.feed_downstream(&data(ROOT, 1, &[0; 10]));
        credit -= 10;
        let more = credit_bytes(&proxy.down.sent());
        (credit, granted) = (credit + more, granted + more);
        arrived += data_bytes(&proxy.up.sent());
    }
    (arrived, granted)
}

#[test]
fn grants_of_the_reader_reach_the_sender() {
    let mut proxy = Proxy::new();
    proxy.one_channel();
    assert_eq!(flood(&mut proxy, 100), (100, 0));
    proxy.feed_upstream(&credit(ROOT, 1, 51));
    proxy.down.assert_sent(&[credit(ROOT, 1, 51)]);
    assert_eq!(flood(&mut proxy, 51), (50, 0));
    proxy.feed_upstream(&credit(ROOT, 1, 9));
    proxy.down.assert_sent(&[credit(ROOT, 1, 9)]);
    proxy.assert_silent();
}

#[test]
fn larger_window_of_the_reader_is_granted_as_elements_pass() {
    let mut proxy = Proxy::with(&window(60), &window(100));
    proxy.one_channel();
    assert_eq!(flood(&mut proxy, 60), (100, 40));
    proxy.feed_upstream(&credit(ROOT, 1, 51));
    proxy.down.assert_sent(&[credit(ROOT, 1, 51)]);
}

#[test]
fn larger_window_of_the_sender_holds_back_the_first_grants() {
    let mut proxy = Proxy::with(&small(), &window(60));
    proxy.one_channel();
    assert_eq!(flood(&mut proxy, 100), (60, 0), "40 bytes are held");
    proxy.feed_upstream(&credit(ROOT, 1, 31));
    assert_eq!(data_bytes(&proxy.up.sent()), 30);
    proxy.feed_upstream(&credit(ROOT, 1, 31));
    assert_eq!(data_bytes(&proxy.up.sent()), 10, "nothing is held now");
    proxy.down.assert_sent(&[credit(ROOT, 1, 22)]);
}

#[test]
fn credit_reveals_the_reader() {
    let mut proxy = Proxy::new();
    proxy.call(1, &[1, 3]);
    proxy.feed_upstream(&credit(ROOT, 1, 20));
    proxy.feed_downstream(&credit(ROOT, 3, 20));
    proxy.assert_silent();
    assert_eq!(flood(&mut proxy, 100), (120, 20));
    proxy.feed_upstream(&data(ROOT, 3, &[1; 50]));
    proxy.down.assert_sent(&[data(ROOT, 3, &[1; 50])]);
}

#[test]
fn grown_window_of_the_reader_is_used() {
    let mut proxy = Proxy::new();
    proxy.one_channel();
    assert_eq!(flood(&mut proxy, 100), (100, 0));
    proxy.feed_upstream(&credit(ROOT, 1, 400));
    let granted = credit_bytes(&proxy.down.sent());
    assert_eq!(granted, 100, "the relay holds at most one window");
    assert_eq!(flood(&mut proxy, granted), (400, 300));
}

#[test]
fn full_link_upstream_holds_at_most_one_window() {
    let mut up = limited(|limits| limits.send_buffer = 50);
    up.initial_channel_credit = 1_000;
    let mut proxy = Proxy::with(&small(), &up);
    proxy.one_channel();
    let (mut sent, mut credit) = (0, 100);
    while credit >= 10 {
        proxy.feed_downstream(&data(ROOT, 1, &[0; 10]));
        (sent, credit) = (sent + 10, credit - 10);
        credit += credit_bytes(&proxy.down.sent());
    }
    let queued = u32::try_from(proxy.up.peer.link.stats().queued_bytes).unwrap();
    assert!(sent <= 100 + queued, "{sent} received, {queued} queued");
    // Held elements pass once the send buffer has space again.
    let mut arrived = 0;
    loop {
        let data = data_bytes(&proxy.up.sent());
        proxy.settle();
        if data == 0 {
            break;
        }
        arrived += data;
    }
    assert_eq!(arrived, sent);
    assert!(credit_bytes(&proxy.down.sent()) >= 50);
}

#[test]
fn only_empty_elements_pass_without_credit_upstream() {
    let mut proxy = Proxy::with(&small(), &window(0));
    proxy.one_channel();
    for _ in 0..1_000 {
        proxy.feed_downstream(&data(ROOT, 1, &[]));
    }
    assert_eq!(proxy.up.sent().len(), 1_000);
    proxy.feed_downstream(&data(ROOT, 1, &[1]));
    proxy.up.assert_sent(&[reset(ROOT, 1)]);
    proxy.down.assert_sent(&[reset(ROOT, 1)]);
}

/// A reader that grants as roam's do: when less than half of its window is left.
struct Reader {
    size: u32,
    open: u32,
    unread: u32,
}

impl Reader {
    fn receive(&mut self, bytes: u32) {
        self.open = self.open.checked_sub(bytes).expect("no more than granted");
        self.unread += bytes;
    }

    fn read(&mut self, bytes: u32) -> u32 {
        self.unread -= bytes.min(self.unread);
        if self.open + self.unread >= self.size.div_ceil(2) {
            return 0;
        }
        let grant = self.size - self.open - self.unread;
        self.open += grant;
        grant
    }
}

/// A sender, two proxies and a reader, joined by three links.
struct Chain {
    proxies: [Proxy; 2],
    credit: u32,
    sent: u32,
    arrived: u32,
    read: u32,
    reader: Reader,
}

impl Chain {
    fn new(windows: [u32; 3]) -> Self {
        let config = |credit| window(credit).with_max_payload_size(1 << 20);
        let [first, second, third] = windows.map(config);
        let mut proxies = [Proxy::with(&first, &second), Proxy::with(&second, &third)];
        for proxy in &mut proxies {
            proxy.one_channel();
        }
        Self {
            proxies,
            credit: windows[0],
            sent: 0,
            arrived: 0,
            read: 0,
            reader: Reader {
                size: windows[2],
                open: windows[2],
                unread: 0,
            },
        }
    }

    fn carry(&mut self) {
        let [first, second] = &mut self.proxies;
        loop {
            let (back, on) = (first.down.sent(), first.up.sent());
            let (between, end) = (second.down.sent(), second.up.sent());
            if [&back, &on, &between, &end]
                .iter()
                .all(|sent| sent.is_empty())
            {
                return;
            }
            self.credit += credit_bytes(&back);
            for message in &on {
                second.down.feed_bytes(message);
            }
            for message in &between {
                first.up.feed_bytes(message);
            }
            self.arrived += data_bytes(&end);
            self.reader.receive(data_bytes(&end));
            first.settle();
            second.settle();
        }
    }

    fn send(&mut self, len: u32) -> bool {
        let sent = len <= self.credit;
        if sent {
            self.credit -= len;
            self.sent += len;
            let element = vec![0; len as usize];
            self.proxies[0].feed_downstream(&data(ROOT, 1, &element));
            self.carry();
        }
        sent
    }

    fn read(&mut self, bytes: u32) {
        let bytes = bytes.min(self.reader.unread);
        self.read += bytes;
        let grant = self.reader.read(bytes);
        if grant > 0 {
            self.proxies[1].feed_upstream(&credit(ROOT, 1, grant));
            self.carry();
        }
    }
}

proptest! {
    /// For any windows of the three links, the sender is never ahead of the reader by more than the
    /// largest window, and once everything is read, the largest element can be sent.
    #[test]
    fn chain_holds_at_most_its_largest_window_and_never_stalls(
        windows in prop::array::uniform3(1u32..400),
        steps in prop::collection::vec((any::<bool>(), 0u32..200), 0..200),
    ) {
        let mut chain = Chain::new(windows);
        let most = windows.into_iter().max().unwrap_or_default();
        let largest = windows.into_iter().min().unwrap_or_default() / 2;
        for (send, bytes) in steps {
            if send {
                chain.send(bytes.min(largest));
            } else {
                chain.read(bytes);
            }
            prop_assert!(chain.sent - chain.read <= most, "{} - {}", chain.sent, chain.read);
        }
        while chain.reader.unread > 0 {
            chain.read(u32::MAX);
        }
        prop_assert_eq!(chain.sent, chain.read, "everything sent arrives");
        prop_assert!(chain.send(largest), "{} of {largest}", chain.credit);
    }
}
