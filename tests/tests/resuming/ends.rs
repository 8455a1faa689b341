//! What a cut does not end, and what ends while a link is cut.

use std::time::Duration;

use roam_core::proto::{Close, Refusal};
use roam_core::{
    CallError, CloseReason, Config, ConnectionHandle, Identity, Metadata, NoDispatcher,
};
use roam_faults::{Cut, Direction, Fault};
use roam_tests::watched;
use roam_ws_server::{Admission, Server};

use crate::world::{MeterClient, Net, World, over_each, serve, serve_tcp};

#[test]
fn a_cut_is_not_a_cancel() {
    over_each(async |net| {
        let mut world = World::new(net).await;
        let link = world.connect().await;
        let (held, server) = world.hold(&link).await;
        world.cut();
        world.proxy.connection(2).await;
        assert_eq!(MeterClient::new(link).count().await.unwrap(), 1);
        assert!(server.close_reason().is_none() && !held.is_finished());
        assert!(world.told.try_recv().is_err(), "the handler runs");
    });
}

#[test]
fn a_call_that_is_cancelled_while_the_link_is_cut_ends() {
    over_each(async |net| {
        let mut world = World::new(net).await;
        let link = world.connect().await;
        let (held, _server) = world.hold(&link).await;
        world.cut_off().await;
        held.abort();
        let _ = held.await;
        world.proxy.admit(roam_faults::Admission::Accept);
        world.stopped().await;
    });
}

#[test]
fn a_link_that_is_closed_while_it_is_cut_ends_at_the_peer() {
    over_each(async |net| {
        let mut world = World::new(net).await;
        let link = world.connect().await;
        let (_held, server) = world.hold(&link).await;
        world.cut_off().await;
        link.close("leaving");
        world.proxy.admit(roam_faults::Admission::Accept);
        let reason = server.closed().await;
        assert_eq!(reason.to_string(), "closed by the peer: leaving");
        world.stopped().await;
    });
}

#[test]
fn a_server_that_was_restarted_ends_its_old_links_at_once() {
    over_each(async |net| {
        let mut world = World::new(net).await;
        let link = world.connect().await;
        let (held, _server) = world.hold(&link).await;
        let restarted = match net {
            Net::WebSocket => serve(&Server::new(NoDispatcher)).await,
            Net::Tcp => serve_tcp(Config::default(), NoDispatcher).await,
        };
        world.proxy.set_upstream(restarted);
        world.cut();
        let reason = link.closed().await;
        assert!(
            matches!(&reason, CloseReason::Refused(it) if it.code == Close::UNKNOWN_LINK),
            "{reason}"
        );
        assert!(matches!(
            held.await.unwrap(),
            Err(CallError::Lost { sent: true, .. })
        ));
    });
}

#[test]
fn a_link_is_kept_for_the_time_that_the_server_says() {
    over_each(async |net| {
        let keep = Duration::from_millis(300);
        let mut world = World::with_config(net, Config::default().with_keep(keep)).await;
        let link = world.connect().await;
        let (held, server) = world.hold(&link).await;
        world.proxy.admit(roam_faults::Admission::Refuse);
        world.cut();
        assert!(matches!(server.closed().await, CloseReason::Lost(_)));
        assert!(matches!(link.closed().await, CloseReason::Lost(_)));
        assert!(held.await.unwrap().is_err());
        world.stopped().await;
    });
}

#[test]
fn a_link_returns_to_a_full_server() {
    watched(async {
        let world = World::with(|server| server.with_max_links(1)).await;
        let link = world.connect().await;
        world.cut();
        world.proxy.connection(2).await;
        assert_eq!(MeterClient::new(link.clone()).count().await.unwrap(), 1);
        let other = roam_core::net::websocket::connect(&world.url()).await;
        let refused = other.unwrap_err().to_string();
        assert_eq!(refused, "refused with code 4429: too many links");
        assert!(link.close_reason().is_none());
    });
}

#[test]
fn a_server_keeps_as_many_links_as_it_was_told() {
    watched(async {
        let config = Config::default();
        let few = |server: Server| server.with_max_detached(1).with_config(config);
        let mut world = World::with(few).await;
        let (first, second) = (world.connect().await, world.connect().await);
        let (_held, first_server) = world.hold(&first).await;
        let (_held, second_server) = world.hold(&second).await;
        world.proxy.admit(roam_faults::Admission::Refuse);
        world.cut();
        // Which one lost its socket first is not known.
        let (ended, kept, kept_server) = tokio::select! {
            _ = first_server.closed() => (first, second, second_server),
            _ = second_server.closed() => (second, first, first_server),
        };
        assert!(kept_server.close_reason().is_none());
        world.proxy.admit(roam_faults::Admission::Accept);
        assert_eq!(MeterClient::new(kept).count().await.unwrap(), 1);
        let reason = ended.closed().await;
        assert!(
            matches!(&reason, CloseReason::Refused(it) if it.code == Close::UNKNOWN_LINK),
            "{reason}"
        );
    });
}

#[test]
fn the_newest_socket_counts_while_the_old_one_looks_alive() {
    over_each(async |net| {
        let dead_after = Duration::from_millis(800);
        let config = Config::default()
            .with_heartbeat(dead_after / 2)
            .with_dead_after(dead_after);
        let mut world = World::with_config(net, config).await;
        let link = world.connect().await;
        let (_held, server) = world.hold(&link).await;
        // The client hears nothing; the server hears every ping of nobody.
        let first = world.proxy.connection(1).await;
        first.inject(Fault::Dark(
            Direction::Down.into(),
            roam_faults::Dark::Swallow,
        ));
        world.proxy.connection(2).await;
        assert_eq!(MeterClient::new(link).count().await.unwrap(), 1);
        assert!(server.close_reason().is_none());
        first.inject(Fault::Cut(Cut::Fin));
    });
}

#[test]
fn an_identity_that_the_application_sets_does_not_keep_a_link_from_returning() {
    watched(async {
        let name = |link: ConnectionHandle| link.set_identity(Identity::new("ann"));
        let world = World::with(|server| server.with_greeting(name)).await;
        let link = world.connect().await;
        world.cut();
        assert_eq!(MeterClient::new(link).count().await.unwrap(), 1);
        assert!(world.proxy.accepted() >= 2);
    });
}

#[test]
fn only_the_peer_that_opened_a_link_returns_to_it() {
    watched(async {
        let admit = async |peer: Admission| match peer.metadata.get_str("token") {
            Some("a") if peer.link.is_none() => Ok(Some(Identity::new("ann"))),
            Some("a") => Ok(Some(Identity::new("bob"))),
            _ => Err(Refusal::new(Close::TOKEN, "who are you?")),
        };
        let world = World::with(|server| server.with_admission(admit)).await;
        let refused = roam_core::net::websocket::connect(&world.url()).await;
        let text = refused.unwrap_err().to_string();
        assert_eq!(text, "refused with code 4401: who are you?");
        let link = roam_core::net::websocket::connect(&world.url())
            .metadata(Metadata::new().with("token", "a"))
            .await
            .unwrap();
        world.cut();
        let reason = link.closed().await;
        assert!(
            matches!(&reason, CloseReason::Refused(it) if it.code == Close::OTHER_PRINCIPAL),
            "{reason}"
        );
    });
}
