//! Backpressure: senders wait for credit, which is counted in bytes.

mod crowded;
mod dropped;

use std::sync::Arc;
use std::task::Poll;

use futures::future::{join, join_all};
use futures::{FutureExt, StreamExt};
use roam_core::proto::{Direction, Event, ReadOutcome};
use roam_core::{
    Config, ConnectionHandle, ConnectionId, Context, Limits, Metadata, NoDispatcher, Rx, SendError,
    Tx, channel, service,
};

use super::harness::{
    Events, Seen, events, link_with, poll_now, settle, start, until_idle, yield_now,
};
use super::raw_peer::RawPeer;

runs! {
    sender_stops_after_exactly_the_window
    waiting_sender_continues_with_every_element_read
    window_grows_while_the_receiver_keeps_up
    caller_waits_for_the_callee
    elements_may_be_as_large_as_a_payload
    concurrent_senders_all_make_progress
    million_elements_arrive_in_order_each_way
    large_elements_arrive_in_order_each_way
    empty_elements_use_no_credit
    without_a_window_elements_pass_one_at_a_time
    sender_knows_what_was_consumed
}

/// 100 bytes when encoded.
fn element() -> Vec<u8> {
    vec![7; 99]
}

/// A window of ten elements that does not grow when they are read fast.
fn small() -> Config {
    let limits = Limits::default().with_channel_window(1_000);
    Config::default()
        .with_initial_channel_credit(1_000)
        .with_limits(limits)
}

#[service]
trait Source {
    /// Sends until the channel ends and reports the number sent when it has to wait.
    async fn flood(&self, output: Tx<Vec<u8>>);
    /// Reads one element per permission.
    async fn read(&self, elements: Rx<Vec<u8>>, permissions: Rx<()>);
    async fn count(&self, to: u32, output: Tx<u32>);
    async fn check(&self, numbers: Rx<u32>) -> u32;
    async fn collect(&self, numbers: Rx<u32>) -> Vec<u32>;
    async fn chunks(&self, sizes: Vec<u32>, output: Tx<Vec<u8>>);
    async fn sizes(&self, chunks: Rx<Vec<u8>>) -> Vec<u32>;
    async fn empty(&self, count: u32, output: Tx<()>);
}

struct Handler {
    waits: Events<usize>,
}

/// Sends until the channel ends and reports the number sent whenever it has to wait.
async fn flood(tx: &Tx<Vec<u8>>, waits: &Events<usize>) {
    let element = element();
    for sent in 0.. {
        let mut send = Box::pin(tx.send(&element));
        let mut polled = poll_now(&mut send);
        if polled.is_pending() {
            // A task that has done much must rest; only after that it waits for credit.
            yield_now().await;
            polled = poll_now(&mut send);
        }
        let result = match polled {
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

/// Checks that the numbers arrive in order from 0 and returns their count.
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
        if tx.send(number).await.is_err() {
            return;
        }
    }
}

async fn send_chunks(sizes: Vec<u32>, tx: Tx<Vec<u8>>) {
    for size in sizes {
        tx.send(vec![size.to_le_bytes()[0]; size as usize])
            .await
            .unwrap();
    }
}

async fn sizes(mut chunks: Rx<Vec<u8>>) -> Vec<u32> {
    let mut sizes = Vec::new();
    while let Some(chunk) = chunks.recv().await.unwrap() {
        let size = u32::try_from(chunk.len()).unwrap();
        assert!(chunk.iter().all(|byte| *byte == size.to_le_bytes()[0]));
        sizes.push(size);
    }
    sizes
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

    async fn collect(&self, _: &Context, numbers: Rx<u32>) -> Vec<u32> {
        numbers.map(Result::unwrap).collect().await
    }

    async fn chunks(&self, _: &Context, sizes: Vec<u32>, output: Tx<Vec<u8>>) {
        send_chunks(sizes, output).await;
    }

    async fn sizes(&self, _: &Context, chunks: Rx<Vec<u8>>) -> Vec<u32> {
        sizes(chunks).await
    }

    async fn empty(&self, _: &Context, count: u32, output: Tx<()>) {
        for _ in 0..count {
            output.send(()).await.unwrap();
        }
    }
}

fn handler() -> (SourceDispatcher<Handler>, Seen<usize>) {
    let (waits, seen) = events();
    (SourceDispatcher::new(Handler { waits }), seen)
}

async fn source(config: &Config) -> (SourceClient, Seen<usize>, ConnectionHandle) {
    let (handler, seen) = handler();
    let (client, _) = link_with(NoDispatcher, config, handler, config);
    client.ready().await.unwrap();
    (SourceClient::new(client.clone()), seen, client)
}

async fn sender_stops_after_exactly_the_window() {
    let (handler, mut seen) = handler();
    let (mut peer, _server) = RawPeer::client_with(handler, &small());
    peer.shake_hands().await;
    let (flood, root) = (source_service().methods[0].id, ConnectionId::ROOT);
    let none = Metadata::new();
    let called = peer
        .link
        .calls(root)
        .request(flood, &none, &[Direction::Receive], &[0]);
    let (_, channels) = called.unwrap();
    peer.flush().await;
    seen.expect(10).await;
    let mut received = 0;
    while received < 10 {
        match peer.link.receiver(root, channels[0]).read() {
            ReadOutcome::Elements { mut queue, .. } => {
                while queue
                    .pop(|element| assert_eq!(element.len(), 100))
                    .is_some()
                {
                    received += 1;
                }
            }
            ReadOutcome::Empty => {
                let ready = |event| matches!(event, Event::ChannelReady { .. }).then_some(());
                peer.until(ready).await;
            }
            ReadOutcome::Ended(end) => panic!("{end:?}"),
        }
    }
    assert_eq!(received, 10);
    assert!(matches!(
        peer.link.receiver(root, channels[0]).read(),
        ReadOutcome::Empty
    ));
    seen.expect_nothing();
}

async fn waiting_sender_continues_with_every_element_read() {
    let (source, mut seen, client) = source(&small()).await;
    let (tx, mut rx) = channel();
    let mut call = source.flood(tx).into_future();
    assert!(poll_now(&mut call).is_pending());
    seen.expect(10).await;
    settle(&client).await;
    for sent in 11..60 {
        assert_eq!(rx.recv().await.unwrap(), Some(element()));
        seen.expect(sent).await;
        settle(&client).await;
    }
    drop(rx);
    call.await.unwrap();
    until_idle(&client).await;
}

async fn window_grows_while_the_receiver_keeps_up() {
    let config = small().with_limits(Limits::default());
    let (source, mut seen, client) = source(&config).await;
    let (tx, mut rx) = channel();
    let mut call = source.flood(tx).into_future();
    assert!(poll_now(&mut call).is_pending());
    let mut read = 0;
    loop {
        // Nothing is read now, so the sender uses up its credit.
        let sent = seen.next().await;
        if sent > read + 1_000 {
            break;
        }
        while read < sent {
            assert_eq!(rx.recv().await.unwrap(), Some(element()));
            read += 1;
        }
        // All consumption is reported only once the receiver asks for more, as a task that has not done much yet.
        yield_now().await;
        if let Some(more) = rx.recv().now_or_never() {
            assert_eq!(more.unwrap(), Some(element()));
            read += 1;
        }
    }
    drop(rx);
    call.await.unwrap();
    until_idle(&client).await;
}

async fn caller_waits_for_the_callee() {
    let (source, _, client) = source(&small()).await;
    let (waits, mut seen) = events();
    let ((tx, rx), (permit, permissions)) = (channel(), channel());
    let mut call = source.read(rx, permissions).into_future();
    assert!(poll_now(&mut call).is_pending());
    let flooding = start(async move { flood(&tx, &waits).await });
    seen.expect(10).await;
    settle(&client).await;
    seen.expect_nothing();
    for sent in 11..20 {
        permit.send(()).await.unwrap();
        seen.expect(sent).await;
        settle(&client).await;
    }
    drop(permit);
    call.await.unwrap();
    flooding.await;
    until_idle(&client).await;
}

async fn elements_may_be_as_large_as_a_payload() {
    // Far larger than the window, which is 1,000 bytes.
    let config = small().with_max_payload_size(200_000);
    let (source, ..) = source(&config).await;
    let (tx, rx) = channel::<Vec<u8>>();
    let mut call = source.sizes(rx).into_future();
    assert!(poll_now(&mut call).is_pending());
    // Each has a length prefix of three bytes.
    let largest = 199_997_u32.to_le_bytes()[0];
    tx.send(vec![largest; 199_997]).await.unwrap();
    let error = tx.send(vec![largest; 199_998]).await.unwrap_err();
    assert!(
        matches!(
            error,
            SendError::TooLarge {
                len: 200_001,
                max: 200_000
            }
        ),
        "{error:?}"
    );
    assert_eq!(
        error.to_string(),
        "an element of 200001 bytes exceeds the limit of 200000 bytes: the smaller \
         `Config::max_payload_size` of both peers and, with a peer that only knows version 2, half of \
         `Config::initial_channel_credit`"
    );
    for _ in 0..20 {
        tx.send(vec![42; 298]).await.unwrap();
    }
    drop(tx);
    let sizes = call.await.unwrap();
    assert_eq!((sizes.len(), sizes[0], sizes[1]), (21, 199_997, 298));
}

async fn concurrent_senders_all_make_progress() {
    let (source, ..) = source(&small()).await;
    let (tx, rx) = channel();
    let collect = start(async move { source.collect(rx).await.unwrap() });
    let tx = Arc::new(tx);
    let sends = |sender: u32| {
        let tx = Arc::clone(&tx);
        start(async move {
            for number in 0..500 {
                tx.send(sender * 1_000 + number).await.unwrap();
            }
        })
    };
    let senders: Vec<_> = (0..20).map(sends).collect();
    drop(tx);
    let mut next = [0; 20];
    for number in collect.await {
        let next = &mut next[number as usize / 1_000];
        assert_eq!(number % 1_000, *next, "each sender's elements are in order");
        *next += 1;
    }
    assert_eq!(next, [500; 20]);
    join_all(senders).await;
}

async fn million_elements_arrive_in_order_each_way() {
    let (source, _, client) = source(&Config::default()).await;
    let (to_us, from_them) = channel();
    let (to_them, from_us) = channel();
    let (there, here) = (
        source.check(from_us).into_future(),
        source.count(1_000_000, to_us).into_future(),
    );
    let sending = start(count(1_000_000, to_them));
    let checking = start(check(from_them));
    let (there, here) = join(there, here).await;
    here.unwrap();
    assert_eq!((there.unwrap(), checking.await), (1_000_000, 1_000_000));
    sending.await;
    until_idle(&client).await;
}

async fn large_elements_arrive_in_order_each_way() {
    let (source, _, client) = source(&Config::default()).await;
    // With its length prefix, the longest is a payload.
    let chunks: Vec<_> = [0, 1, 4_095, 4_096, 60_000, 1_048_573].repeat(10);
    let (to_us, from_them) = channel();
    let (to_them, from_us) = channel();
    let (there, here) = (
        source.sizes(from_us).into_future(),
        source.chunks(chunks.clone(), to_us).into_future(),
    );
    let sending = start(send_chunks(chunks.clone(), to_them));
    let receiving = start(sizes(from_them));
    let (there, here) = join(there, here).await;
    here.unwrap();
    assert_eq!(there.unwrap(), chunks);
    assert_eq!(receiving.await, chunks);
    sending.await;
    until_idle(&client).await;
}

async fn empty_elements_use_no_credit() {
    let config = Config::default().with_initial_channel_credit(0);
    let (source, ..) = source(&config).await;
    let (tx, mut rx) = channel();
    source.empty(100_000, tx).await.unwrap();
    for _ in 0..100_000 {
        assert_eq!(rx.recv().await.unwrap(), Some(()));
    }
    assert_eq!(rx.recv().await.unwrap(), None);
}

async fn without_a_window_elements_pass_one_at_a_time() {
    let config = Config::default().with_initial_channel_credit(0);
    let (source, ..) = source(&config).await;
    let (tx, rx) = channel();
    let check = start(source.check(rx));
    count(100, tx).await;
    assert_eq!(check.await.unwrap(), 100);
}

async fn sender_knows_what_was_consumed() {
    let (source, _, client) = source(&small()).await;
    let ((tx, rx), (permit, permissions)) = (channel(), channel());
    assert_eq!(tx.consumed(), None);
    let mut call = source.read(rx, permissions).into_future();
    assert!(poll_now(&mut call).is_pending());
    for _ in 0..10 {
        tx.send(element()).await.unwrap();
    }
    settle(&client).await;
    assert_eq!(tx.consumed(), Some(0));
    // Credit for each of these elements arrives only once another was read.
    for read in 1..=6 {
        let element = element();
        let mut send = Box::pin(tx.send(&element));
        assert!(poll_now(&mut send).is_pending());
        settle(&client).await;
        permit.send(()).await.unwrap();
        send.await.unwrap();
        assert_eq!(tx.consumed(), Some(100 * read));
    }
    drop(permit);
    call.await.unwrap();
    tx.closed().await;
    drop(tx);
    until_idle(&client).await;
}
