//! Many streams that need more than their link has room for: everything arrives, in turns.

use futures::future::join_all;
use roam_core::proxy::ForwardingDispatcher;
use roam_core::{
    Config, ConnectionHandle, Context, Limits, NoDispatcher, Rx, Tx, channel, service,
};

use super::super::harness::{link_with, start, until_idle, yield_now};

runs! {
    crowded_streams_all_arrive
    crowded_streams_all_arrive_through_a_proxy
}

const STREAMS: u64 = 150;
const ELEMENTS: u64 = 12;

#[service]
trait Crowd {
    async fn take(&self, seed: u64, input: Rx<Vec<u8>>) -> u64;
    async fn give(&self, seed: u64, output: Tx<Vec<u8>>);
}

struct Handler;

impl Crowd for Handler {
    async fn take(&self, _: &Context, seed: u64, input: Rx<Vec<u8>>) -> u64 {
        take(seed, input).await
    }

    async fn give(&self, _: &Context, seed: u64, output: Tx<Vec<u8>>) {
        give(seed, output).await;
    }
}

/// The lengths of a stream's elements: some tiny, some as large as the room for all of them.
fn lengths(seed: u64) -> impl Iterator<Item = usize> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..ELEMENTS).map(move |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let most = [10, 300, 5_000, 60_000][(state >> 20) as usize % 4];
        (state >> 30) as usize % most
    })
}

async fn give(seed: u64, output: Tx<Vec<u8>>) {
    for len in lengths(seed) {
        output.send(vec![len.to_le_bytes()[0]; len]).await.unwrap();
    }
    output.close();
}

/// Reads everything, now and then slowly. Returns how many bytes came.
async fn take(seed: u64, mut input: Rx<Vec<u8>>) -> u64 {
    let mut bytes = 0;
    for len in lengths(seed) {
        for _ in 0..len % 7 {
            yield_now().await;
        }
        let element = input.recv().await.unwrap().expect("another element");
        assert_eq!(element, vec![len.to_le_bytes()[0]; len]);
        bytes += len as u64;
    }
    assert_eq!(input.recv().await.unwrap(), None);
    bytes
}

/// Room for two or three of the largest elements.
fn tight() -> Config {
    Config::default()
        .with_max_payload_size(64 * 1024)
        .with_initial_channel_credit(20_000)
        .with_limits(Limits::default().with_receive_budget(1 << 20))
}

async fn crowd(client: &ConnectionHandle) {
    let crowd = CrowdClient::new(client.clone());
    let streams = (0..STREAMS).map(|seed| {
        let ((tx, rx), (to_us, from_them)) = (channel(), channel());
        let up = start(crowd.take(seed, rx));
        let giving = start(give(seed, tx));
        let down = start(crowd.give(seed, to_us));
        let taking = start(take(seed, from_them));
        async move {
            let sum = lengths(seed).map(|len| len as u64).sum::<u64>();
            assert_eq!(up.await.unwrap(), sum);
            giving.await;
            down.await.unwrap();
            assert_eq!(taking.await, sum);
        }
    });
    join_all(streams).await;
}

async fn crowded_streams_all_arrive() {
    let (client, server) = link_with(
        NoDispatcher,
        &tight(),
        CrowdDispatcher::new(Handler),
        &tight(),
    );
    client.ready().await.unwrap();
    crowd(&client).await;
    until_idle(&client).await;
    until_idle(&server).await;
}

async fn crowded_streams_all_arrive_through_a_proxy() {
    let (up, _server) = link_with(
        NoDispatcher,
        &tight(),
        CrowdDispatcher::new(Handler),
        &tight(),
    );
    let forwarder = ForwardingDispatcher::new(up.clone());
    let (client, _proxy) = link_with(NoDispatcher, &tight(), forwarder, &tight());
    client.ready().await.unwrap();
    crowd(&client).await;
    until_idle(&client).await;
    until_idle(&up).await;
}
