//! Sockets that are cut while everything is in use.

use std::sync::atomic::Ordering;

use roam_core::channel;
use roam_faults::{Cut, Direction, Fault};
use roam_tests::watched;

use crate::world::{MeterClient, World, expect_numbers, send_numbers};

/// Numbers that look random, the same in each run.
struct Lottery(u64);

impl Lottery {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// Cuts the sockets of a link at random places, while numbers stream both ways and calls are made one after
/// another. Nothing may be lost, come twice or come in another order.
async fn cuts(cuts: u64, numbers: u64, calls: u64) {
    let world = World::new().await;
    let mut lottery = Lottery(7);
    for _ in 0..cuts {
        let direction = if lottery.below(2) == 0 {
            Direction::Up
        } else {
            Direction::Down
        };
        let cut = if lottery.below(2) == 0 {
            Cut::Reset
        } else {
            Cut::Fin
        };
        // The first bytes are those of the handshakes.
        let most = [700, 5_000, 100_000][usize::try_from(lottery.below(3)).unwrap()];
        (world.proxy).next(Fault::CutAt(direction, 1 + lottery.below(most), cut));
    }
    // The first socket is whole until the link is open.
    let link = loop {
        if let Ok(link) = roam_core::net::websocket::connect(&world.url()).await {
            break link;
        }
    };
    let client = MeterClient::new(link.clone());
    let (output, input) = channel();
    let up = tokio::spawn(client.check(input).into_future());
    let sending = tokio::spawn(send_numbers(numbers, output));
    let (output, input) = channel();
    let down = tokio::spawn(client.numbers(numbers, output).into_future());
    let reading = tokio::spawn(expect_numbers(input));
    for call in 1..=calls {
        assert_eq!(client.count().await.unwrap(), call);
    }
    assert_eq!(up.await.unwrap().unwrap(), numbers);
    sending.await.unwrap();
    down.await.unwrap().unwrap();
    assert_eq!(reading.await.unwrap(), numbers);
    // What is left of the cuts.
    while (world.proxy.accepted() as u64) <= cuts {
        world.cut();
        client.count().await.unwrap();
    }
    assert!(world.handler.counted.load(Ordering::Relaxed) >= calls);
    assert!(link.close_reason().is_none());
}

#[test]
fn streams_and_calls_go_on_exactly_once() {
    watched(cuts(30, 100_000, 200));
}
