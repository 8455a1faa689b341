//! Links that are advised to go on elsewhere.

use std::time::Duration;

use roam_core::client::{LinkState, ReconnectingClient, RetryPolicy};
use roam_core::net::websocket;
use roam_core::proto::Drain;
use roam_tests::watched;

use crate::world::{MeterClient, Net, NumbersBothWays, World, over_each};

fn advice(another_link: bool) -> Drain {
    Drain {
        another_link,
        min: Duration::ZERO,
        max: Duration::from_millis(1),
    }
}

#[test]
fn a_link_goes_on_with_another_socket_when_it_is_advised_to() {
    over_each(async |net| {
        let mut world = World::new(net).await;
        let link = world.connect().await;
        let (held, server) = world.hold(&link).await;
        let client = MeterClient::new(link.clone());
        let numbers = NumbersBothWays::start(&client, 50_000);
        for moves in 1..=10 {
            assert!(server.drain(advice(false)));
            world.proxy.connection(moves + 1).await;
            world.proxy.connection(moves).await.ended().await;
            client.count().await.unwrap();
        }
        assert_eq!(world.proxy.accepted(), 11, "once for each advice");
        numbers.arrive().await;
        assert!(link.close_reason().is_none() && server.close_reason().is_none());
        assert!(!held.is_finished() && !link.is_draining());
    });
}

#[test]
fn a_link_stays_on_its_socket_until_there_is_another() {
    watched(async {
        let mut world = World::new(Net::WebSocket).await;
        let link = world.connect().await;
        let (_held, server) = world.hold(&link).await;
        world.proxy.admit(roam_faults::Admission::Refuse);
        server.drain(advice(false));
        world.proxy.connection(2).await.ended().await;
        assert!(link.is_attached());
        MeterClient::new(link.clone()).count().await.unwrap();
        world.proxy.admit(roam_faults::Admission::Accept);
        world.proxy.connection(1).await.ended().await;
        MeterClient::new(link.clone()).count().await.unwrap();
        assert!(link.close_reason().is_none());
    });
}

#[test]
fn a_client_that_reconnects_sends_new_calls_on_another_link() {
    watched(async {
        let mut kept = None;
        let mut world = World::with(|server| kept.insert(server).clone()).await;
        let url = world.url();
        let dial = move || websocket::connect(&url);
        let client = ReconnectingClient::new(dial, RetryPolicy::default());
        let old = client.connection().await.unwrap();
        let (held, server) = world.hold(&old).await;
        assert!(!old.is_draining());
        kept.unwrap().drain(advice(true));
        old.draining().await;
        assert!(old.is_draining());
        let calls = MeterClient::new(client.clone());
        let old_id = old.link_id();
        let mut number = 0;
        while client.connection().await.unwrap().link_id() == old_id {
            calls.count().await.unwrap();
            number += 1;
            tokio::task::yield_now().await;
        }
        assert_eq!(calls.count().await.unwrap(), number + 1);
        assert_eq!(client.state(), LinkState::Connected);
        assert!(!client.connection().await.unwrap().is_draining());
        // What runs on the old link ends there, and the link with it.
        assert!(!held.is_finished() && server.close_reason().is_none());
        held.abort();
        drop(old);
        let reason = server.closed().await;
        assert_eq!(reason.to_string(), "closed by the peer");
        assert_eq!(calls.count().await.unwrap(), number + 2);
    });
}

#[test]
fn advice_waits_for_its_time_and_for_a_peer_that_understands_it() {
    watched(async {
        let mut world = World::new(Net::WebSocket).await;
        let link = world.connect().await;
        let (_held, server) = world.hold(&link).await;
        let late = Duration::from_hours(1);
        let advice = Drain {
            min: late,
            max: late,
            ..advice(true)
        };
        assert!(server.drain(advice) && !link.drain(advice));
        // The answer comes after the advice.
        MeterClient::new(link.clone()).count().await.unwrap();
        assert!(!link.is_draining());
        let old = websocket::connect(&world.url())
            .subprotocols(websocket::Subprotocols::OfferNone)
            .await
            .unwrap();
        let (_held, server) = world.hold(&old).await;
        assert!(!server.drain(advice));
    });
}
