//! Halves that a peer passes on to another peer.

use std::task::Poll;

use roam_core::{Config, ConnectionHandle, Context, NoDispatcher, Rx, Tx, channel};

use super::super::harness::{link_with, poll_now, until_idle};
use super::{Relay, RelayClient, RelayDispatcher, count, count_without_end, relay, sum, sum_to};

runs! {
    halves_can_be_passed_on_to_another_peer
    receiver_two_links_away_stops_the_sender
    end_two_links_away_is_noticed
}

/// Passes each call on to another peer.
struct PassesOn(RelayClient);

impl Relay for PassesOn {
    async fn sum(&self, _: &Context, numbers: Rx<u32>) -> Option<u64> {
        self.0.sum(numbers).await.unwrap()
    }

    async fn count(&self, _: &Context, to: u32, output: Tx<u32>) {
        self.0.count(to, output).await.unwrap();
    }

    async fn loop_back(&self, _: &Context, tx: Tx<u32>, rx: Rx<u32>) -> Vec<u32> {
        self.0.loop_back(tx, rx).await.unwrap()
    }

    async fn is_gone(&self, _: &Context, tx: Tx<u32>) {
        self.0.is_gone(tx).await.unwrap();
    }

    async fn first(&self, _: &Context, rx: Rx<u32>) -> Option<u32> {
        self.0.first(rx).await.unwrap()
    }

    async fn stall(&self, _: &Context, rx: Rx<u32>) {
        self.0.stall(rx).await.unwrap();
    }
}

/// Returns a client of a server that is itself a client of another server.
fn two_links() -> (RelayClient, [ConnectionHandle; 2]) {
    let config = Config::default().with_initial_channel_credit(1_000);
    let (near, far) = relay();
    let middle = RelayDispatcher::new(PassesOn(near));
    let (client, _) = link_with(NoDispatcher, &config, middle, &config);
    (RelayClient::new(client.clone()), [client, far])
}

async fn halves_can_be_passed_on_to_another_peer() {
    let (relay, links) = two_links();
    let (tx, rx) = channel();
    let (sum_there, ()) =
        futures::future::join(relay.sum(rx).into_future(), count(10_000, tx)).await;
    assert_eq!(sum_there.unwrap(), Some(sum_to(10_000)));

    let (tx, rx) = channel();
    let (done, received) =
        futures::future::join(relay.count(10_000, tx).into_future(), sum(rx)).await;
    done.unwrap();
    assert_eq!(received, Some(sum_to(10_000)));

    let (tx, rx) = channel();
    let received = relay.loop_back(tx, rx).await.unwrap();
    assert!(received.into_iter().eq(0..1_000));
    for link in &links {
        until_idle(link).await;
    }
}

async fn receiver_two_links_away_stops_the_sender() {
    let (relay, links) = two_links();
    links[0].ready().await.unwrap();
    let (tx, rx) = channel();
    let mut call = relay.stall(rx).into_future();
    assert!(poll_now(&mut call).is_pending());
    let mut sent = 0;
    // Until nothing more can be sent, although every peer had time to pass elements on.
    loop {
        let before = sent;
        while let Poll::Ready(result) = poll_now(tx.send(sent)) {
            result.unwrap();
            sent += 1;
        }
        for _ in 0..10 {
            let (_, nothing) = channel();
            relay.sum(nothing).await.unwrap();
        }
        if sent == before {
            break;
        }
    }
    // Two windows of 1,000 bytes, and what the peer in the middle holds.
    assert!((500..2_500).contains(&sent), "{sent} elements");
}

async fn end_two_links_away_is_noticed() {
    let (relay, links) = two_links();
    let (tx, rx) = channel();
    let mut call = relay.is_gone(tx).into_future();
    assert!(poll_now(&mut call).is_pending());
    drop(rx);
    call.await.unwrap();

    let (tx, rx) = channel();
    tx.send(7).await.unwrap();
    assert_eq!(relay.first(rx).await.unwrap(), Some(7));
    tx.closed().await;
    drop(tx);

    let (tx, rx) = channel();
    count_without_end(&tx, 10).await;
    tx.reset();
    assert_eq!(relay.sum(rx).await.unwrap(), None);
    for link in &links {
        until_idle(link).await;
    }
}
