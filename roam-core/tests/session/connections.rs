//! Virtual connections.

mod closing;

use std::future::pending;

use futures::FutureExt;
use roam_core::proto::{Event, Framing, RequestId};
use roam_core::transport::memory_pair;
use roam_core::{
    CallError, Config, ConnectionHandle, ConnectionId, Context, Metadata, MethodId, NoDispatcher,
    RoamError, Rx, SendError, Tx, accept, channel, rt,
    server::{IncomingConnections, RejectError},
    service,
};

use super::harness::{Events, Seen, events, link, link_with, poll_now, start};
use super::raw_peer::RawPeer;

runs! {
    connect_opens_a_connection
    each_connection_has_its_own_dispatcher
    calls_in_one_frame_reach_their_connections
    connect_is_rejected
    connect_is_rejected_when_nobody_listens
    listener_made_before_the_driver_runs_misses_nothing
    both_peers_can_connect
    number_of_connections_is_limited
    dropped_connect_leaves_no_connection
}

#[service]
trait Named {
    async fn name(&self) -> String;
    async fn connection(&self) -> u64;
    async fn stay(&self);
    async fn flood(&self, tx: Tx<u32>);
    async fn stall(&self, rx: Rx<u32>);
}

#[derive(Debug, PartialEq)]
enum Saw {
    Began,
    Stopped,
}

struct Handler(String, Events<Saw>);

impl Handler {
    async fn stay(&self) {
        let _stopped = self.1.on_drop(Saw::Stopped);
        self.1.tell(Saw::Began);
        pending::<()>().await;
    }
}

impl Named for Handler {
    async fn name(&self, _: &Context) -> String {
        self.0.clone()
    }

    async fn connection(&self, cx: &Context) -> u64 {
        cx.connection_id().0
    }

    async fn stay(&self, _: &Context) {
        self.stay().await;
    }

    async fn flood(&self, _: &Context, tx: Tx<u32>) {
        let error = loop {
            if let Err(error) = tx.send(0).await {
                break error;
            }
        };
        // The handler may see the connection's end before it is aborted.
        if matches!(error, SendError::Reset) {
            self.stay().await;
        }
    }

    async fn stall(&self, _: &Context, _rx: Rx<u32>) {
        self.stay().await;
    }
}

fn named(name: &str) -> (NamedDispatcher<Handler>, Seen<Saw>) {
    let (saw, seen) = events();
    (NamedDispatcher::new(Handler(name.into(), saw)), seen)
}

/// Opens a connection and returns its two handles and the events at the acceptor.
async fn connect(
    from: &ConnectionHandle,
    to: &mut IncomingConnections,
    (ours, theirs): (&str, &str),
) -> (ConnectionHandle, ConnectionHandle, Seen<Saw>) {
    let ours = named(ours).0;
    let (theirs, seen) = named(theirs);
    let granting = async {
        to.next()
            .await
            .unwrap()
            .accept(&Metadata::new(), theirs)
            .unwrap()
    };
    let asking = from.connect(Metadata::new(), ours);
    let (asked, granted) = futures::future::join(asking, granting).await;
    (asked.unwrap(), granted, seen)
}

async fn name(connection: &ConnectionHandle) -> String {
    NamedClient::new(connection.clone()).name().await.unwrap()
}

async fn connect_opens_a_connection() {
    let (client, server) = link(NoDispatcher, named("root").0);
    let mut incoming = server.listen();
    let asked = start({
        let client = client.clone();
        async move {
            client
                .connect(Metadata::new().with("who", "me"), NoDispatcher)
                .await
        }
    });
    let asking = incoming.next().await.unwrap();
    assert_eq!(asking.metadata().get_str("who"), Some("me"));
    let granted = asking.accept(&Metadata::new(), named("virtual").0).unwrap();
    let connection = asked.await.unwrap();
    assert_eq!(connection.id(), granted.id());
    assert_ne!(connection.id(), client.id());
    assert_eq!(name(&connection).await, "virtual");
    assert_eq!(name(&client).await, "root");
    let there = NamedClient::new(connection.clone())
        .connection()
        .await
        .unwrap();
    assert_eq!(there, connection.id().0);
    assert_eq!(client.stats().connections, 2);
}

async fn listener_made_before_the_driver_runs_misses_nothing() {
    let (ours, theirs) = memory_pair(Framing::Packed);
    let (server, driver) = accept(theirs).drive();
    rt::spawn(async { drop(driver.await) });
    // The server asks in the first frame after its Hello.
    let asked = start(async move { server.connect(Metadata::new(), named("server").0).await });
    let (client, driver) = roam_core::connect(ours).drive();
    let mut incoming = client.listen();
    rt::spawn(async { drop(driver.await) });
    let asking = incoming.next().await.unwrap();
    let granted = asking.accept(&Metadata::new(), named("client").0).unwrap();
    assert_eq!(name(&asked.await.unwrap()).await, "client");
    assert_eq!(name(&granted).await, "server");
}

async fn each_connection_has_its_own_dispatcher() {
    let (client, server) = link(named("client").0, named("server").0);
    let mut incoming = server.listen();
    let mut all = Vec::new();
    for (ours, theirs) in [("a", "A"), ("b", "B"), ("c", "C")] {
        all.push((
            connect(&client, &mut incoming, (ours, theirs)).await,
            ours,
            theirs,
        ));
    }
    for ((asked, granted, _), ours, theirs) in &all {
        assert_eq!(name(asked).await, *theirs);
        assert_eq!(name(granted).await, *ours);
    }
    assert_eq!(name(&client).await, "server");
    assert_eq!(name(&server).await, "client");
    // Each connection has its own ids for calls and channels.
    let (tx, rx) = channel();
    let mut flood = NamedClient::new(all[0].0.0.clone()).flood(tx).into_future();
    assert!(poll_now(&mut flood).is_pending());
    let (_kept, stalled) = channel();
    let mut stall = NamedClient::new(all[1].0.0.clone())
        .stall(stalled)
        .into_future();
    assert!(poll_now(&mut stall).is_pending());
    all[1].0.2.expect(Saw::Began).await;
    drop(rx);
    all[0].0.2.expect(Saw::Began).await;
}

async fn calls_in_one_frame_reach_their_connections() {
    let (mut peer, server) = RawPeer::client(named("root").0);
    peer.shake_hands().await;
    let mut incoming = server.listen();
    let none = Metadata::new();
    peer.link.open_connection(&none).unwrap();
    let asking = peer.until(|event| match event {
        Event::ConnectAnswer { result, .. } => Some(result.unwrap()),
        _ => None,
    });
    let granting = async { incoming.next().await.unwrap() };
    let granting = granting.map(|asked| asked.accept(&none, named("other").0).unwrap());
    let (other, _granted) = futures::future::join(asking, granting).await;

    let (root, name) = (ConnectionId::ROOT, named_service().methods[0].id);
    let mut call = |on| {
        peer.link
            .calls(on)
            .request(name, &none, &[], &[])
            .unwrap()
            .0
    };
    let calls = [(root, "root"), (other, "other"), (root, "root")];
    let given_up = call(root);
    let called = calls.map(|(on, _)| call(on));
    peer.link.calls(root).cancel(given_up);
    // The next call on `other` is cancelled in its own frame.
    let given_up = peer
        .link
        .calls(other)
        .request(name, &none, &[], &[])
        .unwrap()
        .0;
    peer.link.calls(other).cancel(given_up);
    let last = peer
        .link
        .calls(other)
        .request(name, &none, &[], &[])
        .unwrap()
        .0;
    let mut expected: Vec<_> = called.into_iter().zip(calls).collect();
    expected.push((last, (other, "other")));
    while !expected.is_empty() {
        let (on, answered, payload) = peer
            .until(|event| match event {
                Event::Response(answer) => {
                    Some((answer.connection, answer.request, answer.payload))
                }
                _ => None,
            })
            .await;
        let is_it = |(request, (connection, _)): &(RequestId, (ConnectionId, &str))| {
            (*connection, *request) == (on, answered)
        };
        let at = expected
            .iter()
            .position(is_it)
            .expect("a response to one of these calls");
        let (_, (_, text)) = expected.swap_remove(at);
        assert_eq!(payload[2..], *text.as_bytes());
    }
}

async fn connect_is_rejected() {
    let (client, server) = link(NoDispatcher, NoDispatcher);
    let mut incoming = server.listen();
    let asked = || {
        let client = client.clone();
        start(async move { client.connect(Metadata::new(), NoDispatcher).await })
    };
    let first = asked();
    let metadata = Metadata::new().with("hint", "sign in");
    incoming
        .next()
        .await
        .unwrap()
        .reject("unauthorized", &metadata)
        .unwrap();
    match first.await.unwrap_err() {
        RejectError::Rejected { reason, metadata } => {
            assert_eq!(&*reason, "unauthorized");
            assert_eq!(metadata.get_str("hint"), Some("sign in"));
        }
        other => panic!("{other:?}"),
    }
    let dropped = asked();
    drop(incoming.next().await.unwrap());
    assert_eq!(
        dropped.await.unwrap_err().to_string(),
        "rejected: not listening"
    );
    let failed = asked();
    let too_much = Metadata::new().with("key", "x".repeat(20_000));
    incoming
        .next()
        .await
        .unwrap()
        .accept(&too_much, NoDispatcher)
        .unwrap_err();
    assert!(matches!(
        failed.await.unwrap_err(),
        RejectError::Rejected { .. }
    ));
    let too_much = client.connect(too_much, NoDispatcher).await.unwrap_err();
    assert!(matches!(too_much, RejectError::Metadata(_)), "{too_much:?}");
    assert_eq!(client.stats().connections, 1);
}

async fn connect_is_rejected_when_nobody_listens() {
    let (client, _) = link(NoDispatcher, NoDispatcher);
    let refused = |error: RejectError| error.to_string() == "rejected: not listening";
    let error = client
        .connect(Metadata::new(), NoDispatcher)
        .await
        .unwrap_err();
    assert!(refused(error));
    // The same when the listener is dropped before it takes the queued request.
    let (mut peer, server) = RawPeer::client(NoDispatcher);
    peer.shake_hands().await;
    let incoming = server.listen();
    peer.link.open_connection(&Metadata::new()).unwrap();
    let (root, none) = (ConnectionId::ROOT, Metadata::new());
    peer.link
        .calls(root)
        .request(MethodId(0), &none, &[], &[])
        .unwrap();
    peer.until(|event| matches!(event, Event::Response(_)).then_some(()))
        .await;
    drop(incoming);
    let answer = peer.until(|event| match event {
        Event::ConnectAnswer { result, .. } => Some(result),
        _ => None,
    });
    assert_eq!(answer.await.unwrap_err(), "not listening".into());
}

async fn both_peers_can_connect() {
    let (client, server) = link(named("client").0, named("server").0);
    let (mut to_client, mut to_server) = (client.listen(), server.listen());
    let there = connect(&client, &mut to_server, ("a", "A"));
    let back = connect(&server, &mut to_client, ("b", "B"));
    let ((there, ..), (back, ..)) = futures::future::join(there, back).await;
    assert_ne!(there.id(), back.id());
    assert_eq!(
        (name(&there).await, name(&back).await),
        ("A".into(), "B".into())
    );
}

async fn number_of_connections_is_limited() {
    let mut config = Config::default();
    config.limits.connections = 3;
    let (client, server) = link_with(NoDispatcher, &config, NoDispatcher, &config);
    let mut incoming = server.listen();
    let mut open = Vec::new();
    for _ in 0..3 {
        open.push(connect(&client, &mut incoming, ("a", "A")).await.0);
    }
    let error = client
        .connect(Metadata::new(), NoDispatcher)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("too many"), "{error}");
    open.pop().unwrap().close("");
    open.push(connect(&client, &mut incoming, ("a", "A")).await.0);
    assert_eq!(name(&open[2]).await, "A");
}

async fn dropped_connect_leaves_no_connection() {
    let (client, server) = link(NoDispatcher, NoDispatcher);
    let mut incoming = server.listen();
    client.ready().await.unwrap();
    let mut asking = Box::pin(client.connect(Metadata::new(), NoDispatcher));
    assert!(poll_now(&mut asking).is_pending());
    let asked = incoming.next().await.unwrap();
    drop(asking);
    let granted = asked.accept(&Metadata::new(), NoDispatcher).unwrap();
    let reason = granted.closed().await;
    assert!(reason.to_string().contains("nobody waits"), "{reason}");
    // The same when the answer has already arrived.
    let mut asking = Box::pin(client.connect(Metadata::new(), NoDispatcher));
    assert!(poll_now(&mut asking).is_pending());
    let asked = incoming.next().await.unwrap();
    let granted = asked.accept(&Metadata::new(), NoDispatcher).unwrap();
    let error = NamedClient::new(granted.clone()).name().await.unwrap_err();
    assert!(
        matches!(error, CallError::Answered(RoamError::UnknownMethod)),
        "{error:?}"
    );
    drop(asking);
    assert!(granted.closed().await.to_string().contains("nobody waits"));
    assert_eq!(client.stats().connections, 1);
}
