//! Backpressure through proxies: what is in flight through all of them is what the sender's link allows.

use std::task::Poll;

use roam_core::{Config, ConnectionHandle, Context, NoDispatcher, Rx, Tx, channel, service};

use super::super::harness::{
    Events, Seen, events, link_with, poll_now, settle, start, until_idle, yield_now,
};
use super::behind_two_proxies;

runs! {
    stalled_reader_stops_a_server_behind_two_proxies
    stalled_reader_stops_a_client_behind_two_proxies
    links_can_have_different_windows
    unread_channel_does_not_delay_others
}

/// 100 bytes when encoded.
fn element() -> Vec<u8> {
    vec![7; 99]
}

fn window(elements: u32) -> Config {
    Config::default().with_initial_channel_credit(100 * elements)
}

#[service]
trait Source {
    /// Sends until the channel ends and reports the number sent whenever it has to wait.
    async fn flood(&self, output: Tx<Vec<u8>>);
    /// Reads one element per permission.
    async fn read(&self, elements: Rx<Vec<u8>>, permissions: Rx<()>);
    async fn count(&self, to: u32, output: Tx<u32>);
    async fn check(&self, numbers: Rx<u32>) -> u32;
}

struct Handler {
    waits: Events<u32>,
}

async fn flood(tx: &Tx<Vec<u8>>, waits: &Events<u32>) {
    let element = element();
    for sent in 0.. {
        let mut send = Box::pin(tx.send(&element));
        let result = match poll_now(&mut send) {
            Poll::Ready(result) => result,
            Poll::Pending => {
                waits.tell(sent);
                send.await
            }
        };
        if result.is_err() {
            return;
        }
    }
}

async fn check(mut numbers: Rx<u32>) -> u32 {
    let mut next = 0;
    while let Some(number) = numbers.recv().await.unwrap() {
        assert_eq!(number, next);
        next += 1;
    }
    next
}

async fn count(to: u32, tx: Tx<u32>) {
    for number in 0..to {
        tx.send(number).await.unwrap();
    }
}

impl Source for Handler {
    async fn flood(&self, _: &Context, output: Tx<Vec<u8>>) {
        flood(&output, &self.waits).await;
    }

    async fn read(&self, _: &Context, mut elements: Rx<Vec<u8>>, mut permissions: Rx<()>) {
        while let Some(()) = permissions.recv().await.unwrap() {
            assert_eq!(elements.recv().await.unwrap(), Some(element()));
        }
    }

    async fn count(&self, _: &Context, to: u32, output: Tx<u32>) {
        count(to, output).await;
    }

    async fn check(&self, _: &Context, numbers: Rx<u32>) -> u32 {
        check(numbers).await
    }
}

/// The windows of the three links in elements, starting at the client's.
const WINDOWS: [[u32; 3]; 7] = [
    [10, 10, 10],
    [10, 20, 30],
    [30, 20, 10],
    [10, 30, 10],
    [30, 10, 30],
    [4, 50, 4],
    [50, 4, 50],
];

async fn chain(windows: [u32; 3]) -> (SourceClient, Seen<u32>, [ConnectionHandle; 3]) {
    let (waits, seen) = events();
    let server = SourceDispatcher::new(Handler { waits });
    let links = behind_two_proxies(server, &windows.map(window));
    for link in &links {
        link.ready().await.unwrap();
    }
    (SourceClient::new(links[0].clone()), seen, links)
}

/// Expects the sender to stop after `sent` elements, the window of its own link.
async fn expect_stop(seen: &mut Seen<u32>, sent: u32, links: &[ConnectionHandle; 3]) {
    loop {
        let waits = seen.next().await;
        assert!(waits <= sent, "{waits} elements, {sent} expected");
        if waits == sent {
            break;
        }
    }
    // Nothing more happens after round trips over all links, and no link has anything queued.
    for _ in 0..3 {
        settle(&links[0]).await;
    }
    while links.iter().any(|link| link.stats().queued_bytes > 0) {
        yield_now().await;
    }
    seen.expect_nothing();
}

async fn stalled_reader_stops_a_server_behind_two_proxies() {
    for windows in WINDOWS {
        let (source, mut seen, links) = chain(windows).await;
        let [_, _, window] = windows;
        let (tx, mut rx) = channel();
        let mut call = Box::pin(source.flood(tx).into_future());
        assert!(poll_now(&mut call).is_pending());
        expect_stop(&mut seen, window, &links).await;
        // The reader gets the waiting elements, and reading them lets the sender continue.
        for _ in 0..10 * window {
            assert_eq!(rx.recv().await.unwrap(), Some(element()));
        }
        while seen.next().await <= 10 * window {}
        drop(rx);
        call.await.unwrap();
        for link in &links {
            until_idle(link).await;
        }
    }
}

async fn stalled_reader_stops_a_client_behind_two_proxies() {
    for windows in WINDOWS {
        let (source, _, links) = chain(windows).await;
        let (waits, mut seen) = events();
        let [window, _, _] = windows;
        let ((tx, rx), (permit, permissions)) = (channel(), channel());
        let mut call = Box::pin(source.read(rx, permissions).into_future());
        assert!(poll_now(&mut call).is_pending());
        let flooding = start(async move { flood(&tx, &waits).await });
        expect_stop(&mut seen, window, &links).await;
        for _ in 0..10 * window {
            permit.send(()).await.unwrap();
        }
        while seen.next().await <= 10 * window {}
        drop(permit);
        call.await.unwrap();
        flooding.await;
        for link in &links {
            until_idle(link).await;
        }
    }
}

async fn links_can_have_different_windows() {
    const MANY: u32 = 20_000;
    for windows in WINDOWS {
        let (source, _, links) = chain(windows).await;
        let ((tx, rx), (to_us, from_them)) = (channel(), channel());
        let sending = start(count(MANY, tx));
        let checking = start(check(from_them));
        let counting = start(source.count(MANY, to_us));
        assert_eq!(source.check(rx).await.unwrap(), MANY);
        counting.await.unwrap();
        sending.await;
        assert_eq!(checking.await, MANY);
        for link in &links {
            until_idle(link).await;
        }
    }
}

async fn unread_channel_does_not_delay_others() {
    let (waits, mut seen) = events();
    let server = SourceDispatcher::new(Handler { waits });
    let config = Config::default();
    let (up, _) = link_with(NoDispatcher, &config, server, &config);
    let forwarder = roam_core::proxy::ForwardingDispatcher::new(up);
    let (client, _) = link_with(NoDispatcher, &config, forwarder, &config);
    client.ready().await.unwrap();
    let source = SourceClient::new(client);
    let (tx, _unread) = channel();
    let mut flooding = Box::pin(source.flood(tx).into_future());
    assert!(poll_now(&mut flooding).is_pending());
    seen.next().await;
    let (tx, rx) = channel();
    let counting = start(source.count(100_000, tx));
    assert_eq!(check(rx).await, 100_000);
    counting.await.unwrap();
}
