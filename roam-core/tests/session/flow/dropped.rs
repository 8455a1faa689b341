//! Dropped futures and halves leave no waker behind.

use std::future::Future;
use std::sync::Arc;
use std::task::{Context as TaskContext, Wake, Waker};

use roam_core::{Metadata, NoDispatcher, Tx, channel};

use super::super::harness::{poll_now, yield_now};
use super::super::raw_peer::RawPeer;
use super::{SourceClient, small, source};

runs! {
    dropped_futures_leave_no_waker
    dropped_receiver_leaves_no_waker
}

async fn dropped_receiver_leaves_no_waker() {
    let (source, ..) = source(&small()).await;
    let held = Arc::new(Held);
    let waker = Waker::from(Arc::clone(&held));
    let (tx, mut rx) = channel::<u32>();
    assert!(
        rx.poll_recv(&mut TaskContext::from_waker(&waker))
            .is_pending()
    );
    drop(rx);
    assert_eq!(Arc::strong_count(&held), 2);
    drop(tx);
    let (tx, mut rx) = channel();
    let mut call = source.count(u32::MAX, tx).into_future();
    assert!(poll_now(&mut call).is_pending());
    // Read what has arrived, so that the receiver waits.
    while rx
        .poll_recv(&mut TaskContext::from_waker(&waker))
        .is_ready()
    {}
    drop(rx);
    assert_eq!(Arc::strong_count(&held), 2);
}

/// Sends until there is no room. A task that does much at once must rest in between.
async fn fill(tx: &Tx<Vec<u8>>) {
    while poll_now(tx.send(vec![0; 1_000])).is_ready() {
        yield_now().await;
    }
}

/// A waker whose reference count shows whether anything still holds it.
struct Held;

impl Wake for Held {
    fn wake(self: Arc<Self>) {}
}

/// Polls a future that has to wait, drops it and checks that nothing holds its waker any more.
fn expect_no_waker_left(what: &str, future: impl IntoFuture) {
    let held = Arc::new(Held);
    let waker = Waker::from(Arc::clone(&held));
    let mut future = Box::pin(future.into_future());
    let polled = future.as_mut().poll(&mut TaskContext::from_waker(&waker));
    assert!(polled.is_pending(), "{what} has to wait");
    assert!(
        Arc::strong_count(&held) > 2,
        "{what} does not hold its waker"
    );
    drop(future);
    assert_eq!(Arc::strong_count(&held), 2, "{what} left its waker behind");
}

async fn dropped_futures_leave_no_waker() {
    let (tx, _rx) = channel::<Vec<u8>>();
    expect_no_waker_left("waiting for the end of a local channel", tx.closed());
    fill(&tx).await;
    expect_no_waker_left("sending on a local channel", tx.send(vec![0; 1_000]));

    let (mut peer, client) = RawPeer::server(NoDispatcher);
    let source = SourceClient::new(client.clone());
    expect_no_waker_left("the handshake", client.ready());
    expect_no_waker_left("a call before the handshake", source.empty(0, channel().0));
    expect_no_waker_left(
        "a connection before the handshake",
        client.connect(Metadata::new(), NoDispatcher),
    );
    peer.shake_hands().await;
    client.ready().await.unwrap();

    let ((to_us, _rx), (tx, from_us)) = (channel(), channel());
    let (mut there, mut here) = (
        source.sizes(from_us).into_future(),
        source.flood(to_us).into_future(),
    );
    assert!(poll_now(&mut there).is_pending() && poll_now(&mut here).is_pending());
    expect_no_waker_left("waiting for the end of a channel", tx.closed());
    fill(&tx).await;
    expect_no_waker_left("sending", tx.send(vec![0; 1_000]));
    expect_no_waker_left("a call", source.empty(0, channel().0));
    expect_no_waker_left("the end of the link", client.closed());
    expect_no_waker_left("incoming connections", client.listen().next());
    expect_no_waker_left(
        "a connection",
        client.connect(Metadata::new(), NoDispatcher),
    );
}
