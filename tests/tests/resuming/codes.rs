//! Links that end with a code.

use std::pin::pin;

use futures::future::{Either, select};
use roam_core::proto::{Close, Framing, PeerClose};
use roam_core::server::{Accepted, Acceptor};
use roam_core::transport::{MemoryTransport, memory_pair};
use roam_core::{CloseReason, Config, NoDispatcher, connect};

use crate::world::{MeterClient, World, over_each};

fn moved() -> Close {
    Close::new(4_001, "moved").unwrap()
}

#[test]
fn a_server_tells_a_code_and_a_reason() {
    over_each(async |net| {
        let mut world = World::new(net).await;
        let link = world.connect().await;
        let (held, server) = world.hold(&link).await;
        server.close_with(moved());
        let reason = link.closed().await;
        assert_eq!(reason.peer_close(), Some(PeerClose::from(&moved())));
        assert!(matches!(reason, CloseReason::ClosedByPeer(_)), "{reason}");
        assert!(held.await.unwrap().is_err());
    });
}

#[test]
fn a_client_tells_a_code_while_the_link_is_cut() {
    over_each(async |net| {
        let mut world = World::new(net).await;
        let link = world.connect().await;
        let (_held, server) = world.hold(&link).await;
        world.cut_off().await;
        link.close_with(moved());
        world.proxy.admit(roam_faults::Admission::Accept);
        let reason = server.closed().await;
        assert_eq!(reason.peer_close(), Some(PeerClose::from(&moved())));
        world.stopped().await;
    });
}

#[test]
fn a_code_of_a_virtual_connection_ends_the_link() {
    over_each(async |net| {
        let world = World::new(net).await;
        let link = world.connect().await;
        let connection = link.connect(roam_core::Metadata::new(), NoDispatcher).await;
        connection.unwrap().close_with(moved());
        let reason = link.closed().await;
        assert!(
            matches!(&reason, CloseReason::ClosedHere(it) if *it == moved()),
            "{reason}"
        );
        assert!(MeterClient::new(link).count().await.is_err());
    });
}

/// Runs a transport at the acceptor. Returns the handle of a new link.
async fn accept(acceptor: &Acceptor<MemoryTransport>, theirs: MemoryTransport) -> Option<Kept> {
    match acceptor.receive(theirs).await.ok()?.accept() {
        Ok(Accepted::New(link)) => {
            let (handle, driver) = link.drive();
            Some((handle, tokio::spawn(driver)))
        }
        _ => None,
    }
}

/// A link at the acceptor, and its driver.
type Kept = (
    roam_core::ConnectionHandle,
    tokio::task::JoinHandle<CloseReason>,
);

/// Opens a link in memory, loses its transport, and ends it at the acceptor by `end`. Returns what the initiator
/// learns when it comes back after the acceptor's driver is gone.
async fn late(end: impl FnOnce(&roam_core::ConnectionHandle)) -> CloseReason {
    let acceptor = Acceptor::new(Config::default());
    let (ours, theirs) = memory_pair(Framing::Numbered);
    let (client, mut driver) = connect(ours).drive();
    let opening = async {
        let (server, running) = accept(&acceptor, theirs).await.expect("the link is new");
        client.ready().await.unwrap();
        // The acceptor must know that we have its secret.
        server.ready().await.unwrap();
        (server, running)
    };
    let (server, running) = match select(pin!(opening), pin!(driver.carry())).await {
        Either::Left((opened, _)) => opened,
        Either::Right((ended, _)) => panic!("{ended:?}"),
    };
    let (link, transport) = driver.detach();
    drop(transport);
    end(&server);
    running.await.unwrap();
    let (ours, theirs) = memory_pair(Framing::Numbered);
    let driver = link.attach(ours).expect("the framing is the same");
    let (none, reason) = tokio::join!(accept(&acceptor, theirs), driver);
    assert!(none.is_none());
    reason
}

#[tokio::test(start_paused = true)]
async fn an_initiator_that_comes_late_learns_how_its_link_ended() {
    let told = late(|server| server.close_with(moved())).await;
    assert_eq!(told.peer_close(), Some(PeerClose::from(&moved())));
    let told = late(|server| server.close("done")).await.peer_close();
    let told = told.unwrap();
    assert_eq!((told.code, &*told.reason), (Close::ENDED, "done"));
}
