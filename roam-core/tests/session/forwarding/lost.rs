//! The end of one of a proxy's links, as seen on the other.

use futures::future::RemoteHandle;
use roam_core::proto::{Event, Framing};
use roam_core::transport::memory_pair;
use roam_core::{
    CallError, Failure, FailureKind, NoDispatcher, Rx, Tx, accept, channel, connect,
    proxy::{ForwardingDispatcher, LateBoundForwarder},
};

use super::super::harness::{link, poll_now, start, until_idle};
use super::super::raw_peer::RawPeer;
use super::{Proxied, Saw, SiteClient, peer};

runs! {
    call_after_upstream_closed_is_unavailable
    call_is_unavailable_when_upstream_is_lost
    channels_fail_when_upstream_is_lost
    channels_that_outlived_their_call_fail_too
    handler_is_aborted_when_the_client_closes
    link_to_the_server_survives_the_client
    unused_link_upstream_is_closed
}

fn assert_unavailable<T: std::fmt::Debug>(result: Result<T, CallError>) {
    let error = result.unwrap_err();
    assert!(
        matches!(
            error,
            CallError::Failed(Failure {
                kind: FailureKind::Unavailable,
                ..
            })
        ),
        "{error:?}"
    );
}

async fn call_after_upstream_closed_is_unavailable() {
    let proxied = Proxied::new().await;
    proxied.server.close("enough");
    proxied.up.closed().await;
    assert_unavailable(proxied.site().name().await);
    let (_tx, rx) = channel();
    assert_unavailable(proxied.site().sum(rx).await);
}

async fn call_is_unavailable_when_upstream_is_lost() {
    let (mut server, up) = RawPeer::server(NoDispatcher);
    server.shake_hands().await;
    let (client, down) = link(NoDispatcher, ForwardingDispatcher::new(up.clone()));
    let site = SiteClient::new(client.clone());
    let ((tx, rx), (back, mut received)) = (channel(), channel());
    let call = start(site.hold(rx, back));
    let request = |event| matches!(event, Event::Request(_)).then_some(());
    server.until(request).await;
    server.vanish();
    assert_unavailable(call.await);
    assert!(tx.send(1).await.is_err());
    assert!(received.recv().await.is_err());
    drop((tx, received));
    for handle in [&client, &down, &up] {
        until_idle(handle).await;
    }
}

/// A server behind a proxy, which is lost when `server` is dropped.
struct Cuttable {
    site: SiteClient,
    server: RemoteHandle<()>,
    proxied: [roam_core::ConnectionHandle; 3],
    seen: super::Seen<Saw>,
}

fn cuttable() -> Cuttable {
    let (server, seen) = peer("server");
    let (near, far) = memory_pair(Framing::Packed);
    let (_, driver) = accept(far).dispatcher(server).drive();
    let server = start(async { drop(driver.await) });
    let (up, driver) = connect(near).drive();
    let driving = start(async { drop(driver.await) });
    driving.forget();
    let (client, down) = link(NoDispatcher, ForwardingDispatcher::new(up.clone()));
    Cuttable {
        site: SiteClient::new(client.clone()),
        server,
        proxied: [client, down, up],
        seen,
    }
}

async fn flowing() -> (Tx<u32>, Rx<u32>, Cuttable) {
    let cuttable = cuttable();
    let ((tx, rx), (back, mut received)) = (channel(), channel());
    let pairs = vec![(rx, Some(back))];
    cuttable.site.double_all(pairs).await.unwrap();
    tx.send(1).await.unwrap();
    assert_eq!(received.recv().await.unwrap(), Some(2));
    (tx, received, cuttable)
}

async fn channels_fail_when_upstream_is_lost() {
    let mut cuttable = cuttable();
    let ((tx, rx), (back, mut received)) = (channel(), channel());
    let call = start(cuttable.site.hold(rx, back));
    cuttable.seen.expect(Saw::Began).await;
    drop(cuttable.server);
    assert_unavailable(call.await);
    assert!(received.recv().await.is_err(), "the channel ended cleanly");
    tx.closed().await;
}

async fn channels_that_outlived_their_call_fail_too() {
    let (tx, mut received, cuttable) = flowing().await;
    drop(cuttable.server);
    assert!(received.recv().await.is_err(), "the channel ended cleanly");
    tx.closed().await;
    drop((tx, received));
    for handle in &cuttable.proxied {
        until_idle(handle).await;
    }
}

async fn handler_is_aborted_when_the_client_closes() {
    let mut proxied = Proxied::new().await;
    let site = proxied.site();
    let ((tx, rx), (back, mut received)) = (channel(), channel());
    let mut call = Box::pin(site.hold(rx, back).into_future());
    assert!(poll_now(&mut call).is_pending());
    proxied.seen.expect(Saw::Began).await;
    proxied.client.close("bye");
    proxied.seen.expect(Saw::Stopped).await;
    assert!(received.recv().await.is_err());
    drop(tx);
    until_idle(&proxied.up).await;
    until_idle(&proxied.server).await;
}

async fn link_to_the_server_survives_the_client() {
    // Calls to the client are still answered, and the link to the server stays open.
    let (forwarder, late) = LateBoundForwarder::new();
    let (up, server) = link(forwarder, peer("server").0);
    let (client, down) = link(peer("client").0, ForwardingDispatcher::new(up.clone()));
    late.bind(down.clone());
    let to_client = SiteClient::new(server);
    assert_eq!(to_client.name().await.unwrap(), "client");
    client.close("bye");
    down.closed().await;
    assert_unavailable(to_client.name().await);
    assert_eq!(SiteClient::new(up).name().await.unwrap(), "server");
}

async fn unused_link_upstream_is_closed() {
    // The proxy's two links keep each other open until one ends.
    let (forwarder, late) = LateBoundForwarder::new();
    let (up, server) = link(forwarder, NoDispatcher);
    let (client, down) = link(NoDispatcher, ForwardingDispatcher::new(up));
    late.bind(down);
    client.ready().await.unwrap();
    drop(client);
    assert_eq!(server.closed().await.to_string(), "closed by the peer");
}
