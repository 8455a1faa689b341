//! Peers that go dark.

use std::time::{Duration, Instant};

use roam_core::net::websocket::{self, Subprotocols};
use roam_core::transport::TransportError;
use roam_core::{CloseReason, Config, ConnectionHandle};
use roam_faults::{Dark, Direction, Fault, Ways};
use roam_tests::watched;

use crate::world::{MeterClient, Net, World, over_each};

/// Long enough for a busy machine to answer a ping.
const DEAD_AFTER: Duration = Duration::from_secs(2);

fn config() -> Config {
    Config::default()
        .with_heartbeat(DEAD_AFTER / 2)
        .with_dead_after(DEAD_AFTER)
}

#[test]
fn a_dark_network_is_noticed_on_both_sides_while_a_call_is_open() {
    over_each(async |net| {
        let config = config().with_keep(Duration::from_millis(1));
        let mut world = World::with_config(net, config).await;
        let link = world.connect().await;
        let (held, server) = world.hold(&link).await;
        let dark = Instant::now();
        world.proxy.admit(roam_faults::Admission::Ignore);
        world.proxy.inject(Fault::Dark(Ways::Both, Dark::Swallow));
        server.closed().await;
        link.closed().await;
        assert!(held.await.unwrap().is_err());
        world.stopped().await;
        assert!(dark.elapsed() >= DEAD_AFTER / 2);
    });
}

#[test]
fn a_link_goes_on_over_another_socket_when_the_first_goes_dark() {
    over_each(async |net| {
        let mut world = World::with_config(net, config()).await;
        let link = world.connect().await;
        let (_held, server) = world.hold(&link).await;
        world
            .proxy
            .connection(1)
            .await
            .inject(Fault::Dark(Ways::Both, Dark::Swallow));
        assert_eq!(MeterClient::new(link).count().await.unwrap(), 1);
        assert!(world.proxy.accepted() >= 2);
        assert!(server.close_reason().is_none());
    });
}

/// Links end with their sockets there, and WebSocket itself has the heartbeat.
#[test]
fn a_dark_network_ends_links_of_version_2_on_both_sides() {
    watched(async {
        let mut world = World::with_config(Net::WebSocket, config()).await;
        let link = version_2(&world).await;
        let (held, server) = world.hold(&link).await;
        world.proxy.inject(Fault::Dark(Ways::Both, Dark::Swallow));
        for reason in [server.closed().await, link.closed().await] {
            let CloseReason::Lost(error) = &reason else {
                panic!("{reason}")
            };
            let silent = matches!(error.downcast_ref(), Some(TransportError::Silent));
            assert!(silent, "{reason}");
        }
        assert!(held.await.unwrap().is_err());
        world.stopped().await;
    });
}

#[test]
fn pings_keep_a_quiet_link_of_version_2() {
    watched(async {
        let world = World::with_config(Net::WebSocket, config()).await;
        let link = version_2(&world).await;
        let socket = world.proxy.connection(1).await;
        // Each side sends pings and pongs, of 2 bytes from the server and of 6 from the client.
        for (direction, len) in [(Direction::Down, 2), (Direction::Up, 6)] {
            let quiet = socket.traffic(direction).forwarded;
            let pings = quiet + 14 * len;
            socket.forwarded(direction, pings).await.unwrap();
        }
        assert_eq!(MeterClient::new(link).count().await.unwrap(), 1);
        assert_eq!(world.proxy.accepted(), 1);
    });
}

async fn version_2(world: &World) -> ConnectionHandle {
    websocket::connect(&world.url())
        .subprotocols(Subprotocols::OfferNone)
        .config(config())
        .await
        .unwrap()
}

#[test]
fn heartbeats_keep_a_quiet_link() {
    over_each(async |net| {
        let world = World::with_config(net, config()).await;
        let link = world.connect().await;
        let socket = world.proxy.connection(1).await;
        let quiet = socket.traffic(Direction::Down).forwarded;
        // Three pings, in three times the time after which a silent peer is dead.
        let header = if net == Net::WebSocket { 2 } else { 1 };
        let pings = quiet + 3 * (header + 3);
        socket.forwarded(Direction::Down, pings).await.unwrap();
        assert_eq!(MeterClient::new(link).count().await.unwrap(), 1);
        assert_eq!(world.proxy.accepted(), 1);
    });
}
