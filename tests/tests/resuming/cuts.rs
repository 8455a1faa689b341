//! Sockets that are cut while everything is in use.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use roam_core::tunnel::{Tunnel, tunnel_pair};
use roam_core::{Metadata, NoDispatcher};
use roam_faults::{Cut, Direction, Fault};

use crate::world::{MeterClient, Net, NumbersBothWays, World, over_each};

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
async fn cuts(net: Net, cuts: u64, numbers: u64, calls: u64) {
    let world = World::new(net).await;
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
        if let Ok(link) = world.try_to_connect().await {
            break link;
        }
    };
    let client = MeterClient::new(link.clone());
    let virtual_connection = link.connect(Metadata::new(), NoDispatcher).await;
    let connection = virtual_connection.expect("the server accepts it");
    let streams = [client.clone(), MeterClient::new(connection)]
        .map(|client| NumbersBothWays::start(&client, numbers));
    let (ours, theirs) = tunnel_pair();
    let echo = tokio::spawn(client.echo(theirs).into_future());
    let tunnel = tokio::spawn(echo_through(ours, numbers / 100));
    for call in 1..=calls {
        assert_eq!(client.count().await.unwrap(), call);
    }
    for stream in streams {
        stream.arrive().await;
    }
    tunnel.await.unwrap();
    echo.await.unwrap().unwrap();
    // What is left of the cuts.
    while (world.proxy.accepted() as u64) <= cuts {
        world.cut();
        client.count().await.unwrap();
    }
    assert!(world.handler.counted.load(Ordering::Relaxed) >= calls);
    assert!(link.close_reason().is_none());
}

/// Sends so many pieces through a tunnel and expects them back.
async fn echo_through(tunnel: Tunnel, pieces: u64) {
    let Tunnel { tx, mut rx, .. } = tunnel;
    let sending = tokio::spawn(async move {
        for piece in 0..pieces {
            tx.send(Bytes::from(piece.to_le_bytes().to_vec()))
                .await
                .expect("the peer reads");
        }
    });
    let mut received = Vec::new();
    while let Some(bytes) = rx.recv().await.expect("a clean end") {
        received.extend(bytes);
    }
    sending.await.unwrap();
    let expected: Vec<u8> = (0..pieces).flat_map(u64::to_le_bytes).collect();
    assert!(received == expected, "the bytes of a tunnel go on in order");
}

#[test]
fn streams_calls_and_tunnels_go_on_exactly_once() {
    over_each(|net| cuts(net, 30, 50_000, 200));
}

/// Takes minutes.
#[test]
#[ignore = "runs in `cargo xtask test full`"]
fn a_thousand_cuts_lose_nothing() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for net in [Net::WebSocket, Net::Tcp] {
        runtime.block_on(cuts(net, 1_000, 1_000_000, 10_000));
    }
}

/// An element of a megabyte arrives although no socket carries more than 200 kB: what has arrived of it counts.
#[test]
fn a_long_message_arrives_over_short_lived_sockets() {
    over_each(async |net| {
        let world = World::new(net).await;
        for _ in 0..12 {
            world
                .proxy
                .next(Fault::CutAt(Direction::Up, 200_000, Cut::Reset));
        }
        let client = MeterClient::new(world.connect().await);
        let (ours, theirs) = tunnel_pair();
        let echo = tokio::spawn(client.echo(theirs).into_future());
        let Tunnel { tx, mut rx, .. } = ours;
        let piece = Bytes::from(vec![7; 1_000_000]);
        tx.send(piece.clone()).await.unwrap();
        assert_eq!(rx.recv().await.unwrap(), Some(piece));
        tx.close();
        assert_eq!(rx.recv().await.unwrap(), None);
        echo.await.unwrap().unwrap();
        assert!(world.proxy.accepted() > 5);
    });
}
