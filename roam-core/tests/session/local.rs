//! Local channels, and what happens when one of their halves moves to a peer.

mod encoding;
mod two_links;

use std::future::pending;
use std::task::Poll;

use futures::{SinkExt, StreamExt};
use roam_core::{
    Call, CallError, Config, ConnectionHandle, Context, DecodeError, EncodeError, NoDispatcher,
    RecvError, Rx, SendError, Tx, channel, rt, service,
};
use serde::{Deserialize, Deserializer, Serialize};

use super::harness::{link_with, poll_now, start, until_idle, yield_now};

runs! {
    local_channel_carries_elements
    full_channel_makes_its_sender_wait
    each_half_notices_the_end_of_the_other
    elements_sent_before_the_receiver_moved_arrive
    elements_sent_before_the_sender_moved_arrive
    channel_that_ended_before_it_moved_stays_ended
    element_too_large_for_the_link_is_no_clean_end
    moved_half_fails_locally
    half_cannot_be_serialized_outside_a_call
    both_halves_can_move_in_one_call
    both_halves_can_move_in_two_calls
    sender_is_a_sink_and_receiver_a_stream
    dropped_sink_has_sent_everything
    malformed_element_ends_the_channel
}

#[service]
trait Relay {
    async fn sum(&self, numbers: Rx<u32>) -> Option<u64>;
    async fn count(&self, to: u32, output: Tx<u32>);
    async fn loop_back(&self, tx: Tx<u32>, rx: Rx<u32>) -> Vec<u32>;
    async fn is_gone(&self, tx: Tx<u32>);
    async fn first(&self, rx: Rx<u32>) -> Option<u32>;
    async fn stall(&self, rx: Rx<u32>);
}

struct Handler;

/// Returns the sum of all elements, or `None` if the channel did not end cleanly.
async fn sum(mut numbers: Rx<u32>) -> Option<u64> {
    let mut sum = 0;
    loop {
        match numbers.recv().await {
            Ok(Some(number)) => sum += u64::from(number),
            Ok(None) => return Some(sum),
            Err(_) => return None,
        }
    }
}

async fn count(to: u32, tx: Tx<u32>) {
    for number in 0..to {
        tx.send(number).await.unwrap();
    }
}

impl Relay for Handler {
    async fn sum(&self, _: &Context, numbers: Rx<u32>) -> Option<u64> {
        sum(numbers).await
    }

    async fn count(&self, _: &Context, to: u32, output: Tx<u32>) {
        count(to, output).await;
    }

    async fn loop_back(&self, _: &Context, tx: Tx<u32>, rx: Rx<u32>) -> Vec<u32> {
        rt::spawn(count(1_000, tx));
        rx.map(Result::unwrap).collect().await
    }

    async fn is_gone(&self, _: &Context, tx: Tx<u32>) {
        tx.closed().await;
    }

    async fn first(&self, _: &Context, mut rx: Rx<u32>) -> Option<u32> {
        rx.recv().await.unwrap()
    }

    async fn stall(&self, _: &Context, _rx: Rx<u32>) {
        pending::<()>().await;
    }
}

fn relay() -> (RelayClient, ConnectionHandle) {
    // A small window, so that senders have to wait.
    let config = Config::default().with_initial_channel_credit(1_000);
    let (client, _) = link_with(
        NoDispatcher,
        &config,
        RelayDispatcher::new(Handler),
        &config,
    );
    (RelayClient::new(client.clone()), client)
}

/// Returns the sum of `0..to`.
fn sum_to(to: u32) -> u64 {
    (0..u64::from(to)).sum()
}

async fn local_channel_carries_elements() {
    let (tx, rx) = channel();
    let (sum, ()) = futures::future::join(sum(rx), count(100_000, tx)).await;
    assert_eq!(sum, Some(sum_to(100_000)));
}

async fn full_channel_makes_its_sender_wait() {
    let (tx, mut rx) = channel::<Vec<u8>>();
    let element = vec![0; 1021];
    let mut sent = 0;
    while let Poll::Ready(result) = poll_now(tx.send(&element)) {
        result.unwrap();
        sent += 1;
        // A task that has done much must rest.
        yield_now().await;
    }
    assert_eq!(sent, 256, "256 KiB in elements of 1 KiB");
    let waiting = start(async move { tx.send(vec![1]).await });
    for _ in 0..sent {
        assert_eq!(rx.recv().await.unwrap(), Some(element.clone()));
    }
    assert_eq!(rx.recv().await.unwrap(), Some(vec![1]));
    waiting.await.unwrap();
    assert_eq!(rx.recv().await.unwrap(), None);

    let (tx, _rx) = channel::<Vec<u8>>();
    let error = tx.send(vec![0; 128 * 1024]).await.unwrap_err();
    let (len, max) = (128 * 1024 + 3, 128 * 1024);
    assert!(matches!(error, SendError::TooLarge { len: l, max: m } if (l, m) == (len, max)));
    tx.send(vec![0; 1_000]).await.unwrap();
}

async fn each_half_notices_the_end_of_the_other() {
    let (tx, rx) = channel::<u32>();
    tx.send(1).await.unwrap();
    assert!(poll_now(tx.closed()).is_pending());
    let closed = start(async move {
        tx.closed().await;
        tx
    });
    drop(rx);
    let tx = closed.await;
    assert!(matches!(tx.send(2).await, Err(SendError::Reset)));

    let (tx, mut rx) = channel::<u32>();
    tx.send(1).await.unwrap();
    tx.reset();
    assert_eq!(rx.recv().await.unwrap(), Some(1));
    assert!(matches!(rx.recv().await, Err(RecvError::Reset)));
    assert!(
        matches!(rx.recv().await, Err(RecvError::Reset)),
        "the channel stays reset"
    );
}

async fn elements_sent_before_the_receiver_moved_arrive() {
    let (relay, client) = relay();
    let (tx, mut rx) = channel();
    for number in 0..1_000 {
        tx.send(number).await.unwrap();
    }
    assert_eq!(
        rx.recv().await.unwrap(),
        Some(0),
        "the receiver already holds a batch"
    );
    let sender = start(async move {
        for number in 1_000..2_000 {
            tx.send(number).await.unwrap();
        }
    });
    assert_eq!(relay.sum(rx).await.unwrap(), Some(sum_to(2_000)));
    sender.await;
    until_idle(&client).await;
}

async fn elements_sent_before_the_sender_moved_arrive() {
    let (relay, client) = relay();
    let (tx, rx) = channel();
    count_without_end(&tx, 1_000).await;
    let call = relay.count(1_000, tx).into_future();
    let (result, sum) = futures::future::join(call, sum(rx)).await;
    result.unwrap();
    assert_eq!(sum, Some(2 * sum_to(1_000)));
    until_idle(&client).await;
}

async fn count_without_end(tx: &Tx<u32>, to: u32) {
    for number in 0..to {
        tx.send(number).await.unwrap();
    }
}

async fn channel_that_ended_before_it_moved_stays_ended() {
    let (relay, client) = relay();
    let (tx, rx) = channel();
    count(5_000, tx).await;
    assert_eq!(relay.sum(rx).await.unwrap(), Some(sum_to(5_000)));

    let (tx, rx) = channel();
    count_without_end(&tx, 10).await;
    tx.reset();
    assert_eq!(relay.sum(rx).await.unwrap(), None);

    let (tx, rx) = channel();
    drop(rx);
    relay.is_gone(tx).await.unwrap();
    until_idle(&client).await;
}

async fn element_too_large_for_the_link_is_no_clean_end() {
    let config = Config::default().with_max_payload_size(4);
    let (client, _) = link_with(
        NoDispatcher,
        &config,
        RelayDispatcher::new(Handler),
        &config,
    );
    let (tx, rx) = channel::<u32>();
    // 5 bytes, where at most 4 are allowed.
    tx.send(u32::MAX).await.unwrap();
    drop(tx);
    assert_eq!(RelayClient::new(client).sum(rx).await.unwrap(), None);
}

async fn moved_half_fails_locally() {
    let (_, client) = relay();
    let method = |name: &str| {
        relay_service()
            .methods
            .iter()
            .find(|method| method.name == name)
            .unwrap()
    };
    let (tx, mut rx) = channel::<u32>();
    let count =
        || Call::<_, _, ()>::new(client.clone(), method("count"), (3_u32, &tx)).into_future();
    count().await.unwrap();
    assert_eq!(
        rx.recv().await.unwrap(),
        Some(0),
        "the other half is still local"
    );
    let error = count().await.unwrap_err();
    assert!(
        matches!(error, CallError::Encode(EncodeError::ChannelMoved)),
        "{error:?}"
    );
    assert!(matches!(tx.send(1).await, Err(SendError::Moved)));

    let (tx, mut rx) = channel::<u32>();
    drop(tx);
    let sum =
        || Call::<_, _, Option<u64>>::new(client.clone(), method("sum"), (&rx,)).into_future();
    assert_eq!(sum().await.unwrap(), Some(0));
    let error = sum().await.unwrap_err();
    assert!(
        matches!(error, CallError::Encode(EncodeError::ChannelMoved)),
        "{error:?}"
    );
    assert!(matches!(rx.recv().await, Err(RecvError::Moved)));
}

async fn half_cannot_be_serialized_outside_a_call() {
    let (tx, mut rx) = channel::<u32>();
    assert!(postcard::to_allocvec(&tx).is_err());
    assert!(postcard::to_allocvec(&rx).is_err());
    assert!(postcard::from_bytes::<Tx<u32>>(&[0]).is_err());
    assert!(postcard::from_bytes::<Rx<u32>>(&[0]).is_err());
    tx.send(5).await.unwrap();
    assert_eq!(rx.recv().await.unwrap(), Some(5));
}

async fn both_halves_can_move_in_one_call() {
    let (relay, client) = relay();
    let (tx, rx) = channel();
    count_without_end(&tx, 10).await;
    let looped = relay.loop_back(tx, rx).await.unwrap();
    assert!(looped.into_iter().eq((0..10).chain(0..1_000)));
    until_idle(&client).await;
}

async fn both_halves_can_move_in_two_calls() {
    for sender_first in [true, false] {
        let (relay, client) = relay();
        let (tx, rx) = channel();
        count_without_end(&tx, 10).await;
        let (mut sum, mut count) = (
            relay.sum(rx).into_future(),
            relay.count(1_000, tx).into_future(),
        );
        if sender_first {
            assert!(poll_now(&mut count).is_pending());
        } else {
            assert!(poll_now(&mut sum).is_pending());
        }
        let (sum, counted) = futures::future::join(sum, count).await;
        counted.unwrap();
        assert_eq!(sum.unwrap(), Some(sum_to(10) + sum_to(1_000)));
        until_idle(&client).await;
    }
}

async fn sender_is_a_sink_and_receiver_a_stream() {
    let (relay, _client) = relay();
    let (mut tx, rx) = channel::<u32>();
    let sums = start({
        let relay = relay.clone();
        async move { relay.sum(rx).await.unwrap() }
    });
    let mut numbers = futures::stream::iter((0..10_000).map(Ok));
    tx.send_all(&mut numbers).await.unwrap();
    SinkExt::<u32>::close(&mut tx).await.unwrap();
    assert_eq!(sums.await, Some(sum_to(10_000)));
    assert!(matches!(
        SinkExt::send(&mut tx, 1).await,
        Err(SendError::Moved)
    ));

    let (tx, rx) = channel::<u32>();
    let numbers = rx.map(Result::unwrap).collect::<Vec<_>>();
    let (counted, numbers) =
        futures::future::join(relay.count(1_000, tx).into_future(), numbers).await;
    counted.unwrap();
    assert!(numbers.into_iter().eq(0..1_000));

    let (tx, mut rx) = channel::<u32>();
    tx.reset();
    assert!(matches!(rx.next().await, Some(Err(RecvError::Reset))));
    assert!(rx.next().await.is_none());
}

async fn dropped_sink_has_sent_everything() {
    let (mut tx, mut rx) = channel::<Vec<u8>>();
    let element = vec![0; 1021];
    for _ in 0..256 {
        tx.send(&element).await.unwrap();
    }
    tx.feed(vec![9]).await.unwrap();
    drop(tx);
    for _ in 0..256 {
        assert_eq!(rx.recv().await.unwrap(), Some(element.clone()));
    }
    assert_eq!(rx.recv().await.unwrap(), Some(vec![9]));
    assert_eq!(rx.recv().await.unwrap(), None);

    // The same when the receiver is across a link and its window is full.
    let (relay, _client) = relay();
    let (mut tx, rx) = channel::<u32>();
    let mut sum = relay.sum(rx).into_future();
    assert!(poll_now(&mut sum).is_pending());
    let mut sent = 0;
    while let Poll::Ready(result) = poll_now(tx.send(1)) {
        result.unwrap();
        sent += 1;
    }
    tx.feed(1).await.unwrap();
    drop(tx);
    assert_eq!(sum.await.unwrap(), Some(sent + 1));
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
struct Even(u32);

impl<'de> Deserialize<'de> for Even {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = u32::deserialize(deserializer)?;
        if number % 2 == 0 {
            Ok(Self(number))
        } else {
            Err(serde::de::Error::custom("odd"))
        }
    }
}

async fn malformed_element_ends_the_channel() {
    let (tx, mut rx) = channel::<Even>();
    for number in [2, 3, 4] {
        tx.send(Even(number)).await.unwrap();
    }
    assert_eq!(rx.recv().await.unwrap(), Some(Even(2)));
    let error = rx.recv().await.unwrap_err();
    assert!(
        matches!(error, RecvError::Decode(DecodeError::Malformed { .. })),
        "{error:?}"
    );
    assert!(matches!(rx.recv().await, Err(RecvError::Reset)));
    tx.closed().await;
    assert!(matches!(tx.send(Even(2)).await, Err(SendError::Reset)));
}
