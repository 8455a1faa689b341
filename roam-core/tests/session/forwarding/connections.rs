//! Whole connections through a gateway, each with its own virtual connection upstream.

use futures::future::{RemoteHandle, join, join_all};
use roam_core::proto::{Event, Framing};
use roam_core::transport::memory_pair;
use roam_core::{
    CallError, CloseReason, ConnectionHandle, Failure, FailureKind, Metadata, NoDispatcher, accept,
    channel, connect,
    proxy::{LateBoundForwarder, forward_connections},
    server::{IncomingConnection, IncomingConnections, RejectError},
};

use super::super::harness::{link, poll_now, start, until_idle};
use super::super::raw_peer::RawPeer;
use super::{Peer, Saw, Seen, SiteClient, SiteDispatcher, peer};

runs! {
    connect_is_forwarded_with_its_metadata
    accept_is_forwarded_with_its_metadata
    rejection_is_forwarded
    calls_go_both_ways_on_a_forwarded_connection
    each_connection_has_its_own_upstream
    goodbye_downstream_closes_the_connection_upstream
    goodbye_upstream_closes_the_connection_downstream
    closing_a_client_closes_its_connections_upstream
    lost_server_is_not_a_clean_end
    violation_by_a_client_affects_no_other
    whole_link_is_forwarded
    link_is_closed_when_it_gets_no_connection
    link_closed_while_waiting_leaves_nothing
}

/// A gateway with one link to a server, and the connections requested of the server.
struct Gateway {
    up: ConnectionHandle,
    server: ConnectionHandle,
    asked: IncomingConnections,
}

impl Gateway {
    fn new() -> Self {
        let (up, server) = link(NoDispatcher, NoDispatcher);
        let asked = server.listen();
        Self { up, server, asked }
    }

    /// Returns a client whose virtual connections are forwarded.
    fn client(&self) -> ConnectionHandle {
        let (client, down) = link(NoDispatcher, NoDispatcher);
        self.forward(down);
        client
    }

    fn forward(&self, down: ConnectionHandle) {
        let up = self.up.clone();
        // Listen before the client connects.
        let mut forwarding = Box::pin(async move { forward_connections(&down, &up).await });
        assert!(poll_now(&mut forwarding).is_pending());
        start(forwarding).forget();
    }

    /// Accepts the next connection at the server.
    async fn grant(&mut self) -> (ConnectionHandle, Seen<Saw>) {
        let (dispatcher, seen) = peer("server");
        let incoming = self.next().await;
        (incoming.accept(&Metadata::new(), dispatcher).unwrap(), seen)
    }

    async fn next(&mut self) -> IncomingConnection {
        self.asked.next().await.expect("the link is open")
    }

    /// Opens a connection and returns the client's and the server's handle.
    async fn connection(
        &mut self,
        client: &ConnectionHandle,
    ) -> (ConnectionHandle, ConnectionHandle) {
        let asking = client.connect(Metadata::new(), named("client"));
        let (asked, (granted, _)) = join(asking, self.grant()).await;
        (asked.unwrap(), granted)
    }
}

fn named(name: &'static str) -> SiteDispatcher<Peer> {
    peer(name).0
}

fn site(handle: &ConnectionHandle) -> SiteClient {
    SiteClient::new(handle.clone())
}

/// Waits until a connection has ended and returns the reason as text.
async fn end(handle: &ConnectionHandle) -> String {
    handle.closed().await.to_string()
}

async fn connect_is_forwarded_with_its_metadata() {
    let mut gateway = Gateway::new();
    let (client, down) = link(NoDispatcher, NoDispatcher);
    let mut incoming = down.listen();
    let there = Metadata::new().with("authorization", "me").with("n", 1);
    let asking = client.connect(there.clone(), NoDispatcher);
    let forwarding = async {
        let incoming = incoming.next().await.unwrap();
        assert_eq!(incoming.metadata(), &there);
        incoming.forward(&gateway.up).await.unwrap()
    };
    let granting = async {
        let incoming = gateway.asked.next().await.unwrap();
        assert_eq!(incoming.metadata(), &there);
        incoming.accept(&Metadata::new(), named("server")).unwrap()
    };
    let using = async {
        let (connection, granted) = join(asking, granting).await;
        let connection = connection.unwrap();
        assert_eq!(site(&connection).name().await.unwrap(), "server");
        connection.close("done");
        assert_eq!(end(&granted).await, "closed by the peer: done");
    };
    let (reason, ()) = join(forwarding, using).await;
    assert!(matches!(reason, CloseReason::Goodbye(reason) if &*reason == "done"));
}

async fn accept_is_forwarded_with_its_metadata() {
    let mut gateway = Gateway::new();
    let (mut client, down) = RawPeer::client(NoDispatcher);
    client.shake_hands().await;
    gateway.forward(down);
    client.link.open_connection(&Metadata::new()).unwrap();
    let there = Metadata::new().with("session", "abc").with("session", 2);
    let granting = async {
        let incoming = gateway.next().await;
        incoming.accept(&there, named("server")).unwrap()
    };
    let answer = client.until(|event| match event {
        Event::ConnectAnswer {
            result, metadata, ..
        } => Some((result.is_ok(), metadata)),
        _ => None,
    });
    let (answer, granted) = join(answer, granting).await;
    assert_eq!(answer, (true, there.clone()));
    assert!(granted.close_reason().is_none());
}

async fn rejection_is_forwarded() {
    let mut gateway = Gateway::new();
    let client = gateway.client();
    let metadata = Metadata::new().with("session", "abc");
    let asking = client.connect(Metadata::new(), NoDispatcher);
    let rejecting = async { gateway.next().await.reject("unauthorized", &metadata) };
    let (asked, rejected) = join(asking, rejecting).await;
    rejected.unwrap();
    match asked.unwrap_err() {
        RejectError::Rejected {
            reason,
            metadata: returned,
        } => assert_eq!((&*reason, returned), ("unauthorized", metadata)),
        other => panic!("{other:?}"),
    }
}

async fn calls_go_both_ways_on_a_forwarded_connection() {
    let mut gateway = Gateway::new();
    let client = gateway.client();
    let (ours, theirs) = gateway.connection(&client).await;
    assert_eq!(site(&ours).name().await.unwrap(), "server");
    assert_eq!(site(&theirs).name().await.unwrap(), "client");
    assert_eq!(site(&ours).name_of_caller().await.unwrap(), "client");
    let ((tx, rx), (back, mut received)) = (channel(), channel());
    let doubling = start(site(&ours).double(rx, back));
    for n in 0..1_000 {
        tx.send(n).await.unwrap();
        assert_eq!(received.recv().await.unwrap(), Some(2 * n));
    }
    drop(tx);
    assert_eq!(received.recv().await.unwrap(), None);
    doubling.await.unwrap();
    // The root connection is not forwarded.
    assert!(site(&client).name().await.is_err());
}

async fn each_connection_has_its_own_upstream() {
    let mut gateway = Gateway::new();
    let clients: Vec<_> = (0..5).map(|_| gateway.client()).collect();
    let mut pairs = Vec::new();
    for client in &clients {
        for _ in 0..3 {
            pairs.push(gateway.connection(client).await);
        }
    }
    let calls = pairs.iter().map(|(ours, _)| {
        let site = site(ours);
        async move { site.name_of_caller().await.unwrap() }
    });
    assert_eq!(join_all(calls).await, ["client"; 15]);
    pairs[4].0.close("one");
    assert_eq!(end(&pairs[4].1).await, "closed by the peer: one");
    for (n, (ours, _)) in pairs.iter().enumerate() {
        assert_eq!(site(ours).name().await.is_ok(), n != 4);
    }
}

async fn goodbye_downstream_closes_the_connection_upstream() {
    let mut gateway = Gateway::new();
    let client = gateway.client();
    let asking = client.connect(Metadata::new(), NoDispatcher);
    let (ours, (theirs, mut seen)) = join(asking, gateway.grant()).await;
    let ours = ours.unwrap();
    let ((tx, rx), (back, mut received)) = (channel(), channel());
    let call = start(site(&ours).hold(rx, back));
    seen.expect(Saw::Began).await;
    ours.close("enough");
    seen.expect(Saw::Stopped).await;
    assert_eq!(end(&theirs).await, "closed by the peer: enough");
    assert!(call.await.is_err() && received.recv().await.is_err());
    drop((tx, received));
    until_idle(&gateway.server).await;
    until_idle(&gateway.up).await;
}

async fn goodbye_upstream_closes_the_connection_downstream() {
    let mut gateway = Gateway::new();
    let client = gateway.client();
    for reason in ["", "moved"] {
        let asking = client.connect(Metadata::new(), NoDispatcher);
        let (ours, (theirs, mut seen)) = join(asking, gateway.grant()).await;
        let ours = ours.unwrap();
        let ((tx, rx), (back, mut received)) = (channel(), channel());
        let call = start(site(&ours).hold(rx, back));
        seen.expect(Saw::Began).await;
        theirs.close(reason);
        match ours.closed().await {
            CloseReason::Goodbye(heard) => assert_eq!(&*heard, reason),
            other => panic!("{other:?}"),
        }
        let error = call.await.unwrap_err();
        assert!(
            matches!(
                error,
                CallError::Lost { .. }
                    | CallError::Failed(Failure {
                        kind: FailureKind::Unavailable,
                        ..
                    })
            ),
            "{error:?}"
        );
        assert!(received.recv().await.is_err() && tx.send(1).await.is_err());
    }
}

async fn closing_a_client_closes_its_connections_upstream() {
    let mut gateway = Gateway::new();
    let (client, other) = (gateway.client(), gateway.client());
    let (_ours, theirs) = gateway.connection(&client).await;
    let (kept, _) = gateway.connection(&other).await;
    client.close("bye");
    assert_eq!(end(&theirs).await, "closed by the peer: bye");
    assert_eq!(site(&kept).name().await.unwrap(), "server");
}

/// Opens a link to a server. Dropping the last value, the server's driver, loses the link.
fn link_to_lose() -> (ConnectionHandle, ConnectionHandle, RemoteHandle<()>) {
    let (near, far) = memory_pair(Framing::Packed);
    let (server, driver) = accept(far).drive();
    let running = start(async { drop(driver.await) });
    let (up, driver) = connect(near).drive();
    start(async { drop(driver.await) }).forget();
    (up, server, running)
}

async fn lost_server_is_not_a_clean_end() {
    let (up, server, running) = link_to_lose();
    let asked = server.listen();
    let mut gateway = Gateway { up, server, asked };
    let client = gateway.client();
    let (ours, _) = gateway.connection(&client).await;
    drop(running);
    match ours.closed().await {
        CloseReason::Goodbye(reason) => assert_ne!(&*reason, "", "{reason}"),
        other => panic!("{other:?}"),
    }
    let refused = client.connect(Metadata::new(), NoDispatcher).await;
    assert!(matches!(refused, Err(RejectError::Rejected { .. })));
}

async fn violation_by_a_client_affects_no_other() {
    let mut gateway = Gateway::new();
    let good = gateway.client();
    let (kept, _) = gateway.connection(&good).await;
    let (mut bad, down) = RawPeer::client(NoDispatcher);
    bad.shake_hands().await;
    gateway.forward(down);
    bad.link.open_connection(&Metadata::new()).unwrap();
    let opened = bad.until(|event| match event {
        Event::ConnectAnswer { result, .. } => Some(result),
        _ => None,
    });
    let (opened, (theirs, _)) = join(opened, gateway.grant()).await;
    let id = opened.unwrap();
    // It sends on a channel whose sender is at the server.
    let count = super::site_service().methods[6].id;
    let sends = [roam_core::proto::Direction::Send];
    let called = bad
        .link
        .calls(id)
        .request(count, &Metadata::new(), &sends, &[5, 0]);
    let (_, channels) = called.unwrap();
    bad.link.sender(id, channels[0]).send(&[1]).unwrap();
    let reason = bad.until(|event| match event {
        Event::ConnectionEnded { reason, .. } => Some(reason.to_string()),
        _ => None,
    });
    let reason = reason.await;
    assert!(reason.contains("channeling.direction"), "{reason}");
    theirs.closed().await;
    assert_eq!(site(&kept).name().await.unwrap(), "server");
}

/// Returns a client whose whole link is forwarded.
fn forwarded(
    gateway: &Gateway,
    metadata: Metadata,
) -> (
    ConnectionHandle,
    RemoteHandle<Result<CloseReason, RejectError>>,
) {
    let (forwarder, late) = LateBoundForwarder::new();
    let (client, down) = link(named("client"), forwarder);
    let up = gateway.up.clone();
    let forwarding = start(async move { late.forward(&down, &up, metadata).await });
    (client, forwarding)
}

async fn whole_link_is_forwarded() {
    let mut gateway = Gateway::new();
    let metadata = Metadata::new().with("cookie", "x");
    for client_ends in [true, false] {
        let (client, forwarding) = forwarded(&gateway, metadata.clone());
        // It calls before the connection upstream exists.
        let early = start(site(&client).name());
        let incoming = gateway.next().await;
        assert_eq!(incoming.metadata(), &metadata);
        let server = incoming.accept(&Metadata::new(), named("server")).unwrap();
        assert_eq!(early.await.unwrap(), "server");
        assert_eq!(site(&server).name_of_caller().await.unwrap(), "server");
        let (first, second) = if client_ends {
            (client, server)
        } else {
            (server, client)
        };
        first.close("that was all");
        assert_eq!(end(&second).await, "closed by the peer: that was all");
        let reason = forwarding.await.unwrap();
        assert_eq!(reason.to_string(), "closed by the peer: that was all");
    }
}

async fn link_is_closed_when_it_gets_no_connection() {
    let mut gateway = Gateway::new();
    let (client, forwarding) = forwarded(&gateway, Metadata::new());
    let early = start(site(&client).name());
    gateway
        .next()
        .await
        .reject("full", &Metadata::new())
        .unwrap();
    assert_eq!(end(&client).await, "closed by the peer: full");
    assert!(early.await.is_err());
    let error = forwarding.await.unwrap_err();
    assert_eq!(error.to_string(), "rejected: full");
    gateway.server.close("");
    gateway.up.closed().await;
    let (client, forwarding) = forwarded(&gateway, Metadata::new());
    assert!(matches!(forwarding.await, Err(RejectError::Lost(_))));
    client.closed().await;
}

async fn link_closed_while_waiting_leaves_nothing() {
    let mut gateway = Gateway::new();
    let (client, forwarding) = forwarded(&gateway, Metadata::new());
    let incoming = gateway.next().await;
    client.close("never mind");
    let reason = forwarding.await.unwrap();
    assert_eq!(reason.to_string(), "closed by the peer: never mind");
    // A connection that is accepted anyway ends at once.
    let granted = incoming.accept(&Metadata::new(), NoDispatcher).unwrap();
    granted.closed().await;
    until_idle(&gateway.up).await;
}
