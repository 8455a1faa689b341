//! The end of a link reaches everything on it, with its reason.

use std::future::{Future, pending};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use futures::SinkExt;
use futures::future::RemoteHandle;
use roam_core::proto::{Close, Event, Framing};
use roam_core::rt::{self, BoxFuture};
use roam_core::transport::{Transport, TransportError, memory_pair};
use roam_core::{
    CallError, CloseReason, Config, ConnectionHandle, Context, Metadata, NoDispatcher, RecvError,
    Rule, Rx, SendError, Tx, accept, channel, connect, service,
};

use super::harness::{Events, Seen, events, poll_now, start, yield_now};
use super::raw_peer::RawPeer;

runs! {
    everything_fails_when_we_close
    everything_fails_when_the_peer_closes
    everything_fails_when_the_transport_is_lost
    everything_fails_when_the_driver_is_dropped
    received_elements_are_readable_after_closing
    goodbye_arrives_from_a_vanished_peer
    violation_is_the_close_reason
    handles_and_channels_keep_a_link_open
    idle_link_is_closed_after_its_timeout
    loss_before_the_handshake_fails_everything
}

runs_with_paused_clock! {
    stuck_peer_does_not_delay_closing
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Saw {
    Began,
    Stopped,
}

#[service]
trait Slow {
    async fn stay(&self);
    async fn flood(&self, tx: Tx<u32>);
    async fn stall(&self, rx: Rx<u32>);
    async fn count(&self, to: u32, tx: Tx<u32>);
}

struct Handler {
    saw: Events<Saw>,
}

impl Handler {
    async fn observed(&self, what: impl Future<Output = ()>) {
        let _stopped = self.saw.on_drop(Saw::Stopped);
        self.saw.tell(Saw::Began);
        what.await;
    }
}

impl Slow for Handler {
    async fn stay(&self, _: &Context) {
        self.observed(pending()).await;
    }

    async fn flood(&self, _: &Context, tx: Tx<u32>) {
        self.observed(async {
            while tx.send(1).await.is_ok() {}
            pending::<()>().await;
        })
        .await;
    }

    async fn stall(&self, _: &Context, _rx: Rx<u32>) {
        self.observed(pending()).await;
    }

    async fn count(&self, _: &Context, to: u32, tx: Tx<u32>) {
        for number in 0..to {
            tx.send(number).await.unwrap();
        }
    }
}

struct Peers {
    client: ConnectionHandle,
    server: ConnectionHandle,
    client_driver: RemoteHandle<CloseReason>,
    server_driver: RemoteHandle<CloseReason>,
    seen: Seen<Saw>,
}

fn peers() -> Peers {
    let (saw, seen) = events();
    let (ours, theirs) = memory_pair(Framing::Packed);
    let (client, client_driver) = connect(ours).drive();
    let dispatcher = SlowDispatcher::new(Handler { saw });
    let (server, server_driver) = accept(theirs).dispatcher(dispatcher).drive();
    let (client_driver, server_driver) = (start(client_driver), start(server_driver));
    Peers {
        client,
        server,
        client_driver,
        server_driver,
        seen,
    }
}

/// Starts calls and streams of all kinds and ends the link with `end`. All of them must fail with
/// that reason.
async fn expect_all_to_fail(
    mut peers: Peers,
    end: impl FnOnce(&mut Peers),
    is_reason: impl Fn(&CloseReason) -> bool,
) {
    peers.client.ready().await.unwrap();
    let slow = SlowClient::new(peers.client.clone());
    let ((flooding, mut flooded), (unread, _kept)) = (channel(), channel());
    let (mut stalling, stalled) = channel();
    let mut calls: [BoxFuture<'_, Result<(), CallError>>; 4] = [
        Box::pin(slow.stay().into_future()),
        Box::pin(slow.flood(flooding).into_future()),
        Box::pin(slow.flood(unread).into_future()),
        Box::pin(slow.stall(stalled).into_future()),
    ];
    for call in &mut calls {
        assert!(poll_now(call).is_pending());
        peers.seen.expect(Saw::Began).await;
    }
    assert_eq!(flooded.recv().await.unwrap(), Some(1));
    while poll_now(stalling.send(1)).is_ready() {}
    let blocked = start(async move {
        let error = loop {
            if let Err(error) = stalling.send(1).await {
                break error;
            }
        };
        stalling.closed().await;
        let closed = SinkExt::<u32>::close(&mut stalling).await;
        assert!(matches!(closed, Err(SendError::Lost(_))), "{closed:?}");
        error
    });
    let closed = start({
        let server = peers.server.clone();
        async move { server.closed().await }
    });
    end(&mut peers);

    for call in calls {
        match call.await.unwrap_err() {
            CallError::Lost { reason, sent: true } if is_reason(&reason) => {}
            other => panic!("{other:?}"),
        }
        peers.seen.expect(Saw::Stopped).await;
    }
    let error = loop {
        match flooded.recv().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the channel ended cleanly"),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, RecvError::Lost(reason) if is_reason(&reason)));
    assert!(matches!(blocked.await, SendError::Lost(reason) if is_reason(&reason)));
    assert!(is_reason(&peers.client.closed().await));
    assert!(is_reason(&peers.client.close_reason().unwrap()));
    closed.await;

    let after = slow.stay().await.unwrap_err();
    assert!(matches!(after, CallError::Lost { reason, sent: false } if is_reason(&reason)));
    assert!(peers.client.ready().await.is_err());
    assert!(peers.client.listen().next().await.is_none());
    assert!(
        peers
            .client
            .connect(Metadata::new(), NoDispatcher)
            .await
            .is_err()
    );
    let stats = peers.client.stats();
    assert_eq!((stats.outgoing_calls, stats.connections), (0, 0));
}

async fn everything_fails_when_we_close() {
    expect_all_to_fail(
        peers(),
        |peers| peers.client.close("enough"),
        |reason| matches!(reason, CloseReason::Local(reason) if &**reason == "enough"),
    )
    .await;
}

async fn everything_fails_when_the_peer_closes() {
    expect_all_to_fail(
        peers(),
        |peers| peers.server.close("enough"),
        |reason| matches!(reason, CloseReason::Goodbye(reason) if &**reason == "enough"),
    )
    .await;
}

async fn everything_fails_when_the_transport_is_lost() {
    // Dropping the peer's driver drops its transport.
    let lose = |peers: &mut Peers| {
        let server_driver = std::mem::replace(&mut peers.server_driver, start(pending()));
        drop(server_driver);
    };
    expect_all_to_fail(peers(), lose, |reason| {
        matches!(reason, CloseReason::Lost(_))
    })
    .await;
}

async fn everything_fails_when_the_driver_is_dropped() {
    let lose = |peers: &mut Peers| {
        let client_driver = std::mem::replace(&mut peers.client_driver, start(pending()));
        drop(client_driver);
    };
    expect_all_to_fail(peers(), lose, |reason| {
        matches!(reason, CloseReason::Lost(_))
    })
    .await;
}

async fn received_elements_are_readable_after_closing() {
    let peers = peers();
    let slow = SlowClient::new(peers.client.clone());
    let (tx, mut rx) = channel();
    slow.count(1_000, tx).await.unwrap();
    peers.client.close("");
    peers.client.closed().await;
    for number in 0..1_000 {
        assert_eq!(rx.recv().await.unwrap(), Some(number));
    }
    assert_eq!(rx.recv().await.unwrap(), None);
}

async fn goodbye_arrives_from_a_vanished_peer() {
    let (saw, _seen) = events();
    let (mut peer, server) = RawPeer::client(SlowDispatcher::new(Handler { saw }));
    peer.shake_hands().await;
    server.ready().await.unwrap();
    peer.link.close("I have to go");
    peer.flush().await;
    peer.vanish();
    // Holds whether or not something is queued.
    let _ = poll_now(SlowClient::new(server.clone()).stay());
    let reason = server.closed().await;
    assert!(matches!(reason, CloseReason::Goodbye(reason) if &*reason == "I have to go"));
}

async fn violation_is_the_close_reason() {
    let (saw, _seen) = events();
    let (mut peer, server) = RawPeer::client(SlowDispatcher::new(Handler { saw }));
    peer.shake_hands().await;
    // Data for a channel that never existed, in a packed frame.
    peer.send(&[4, 8, 0, 9, 0]).await;
    let reason = server.closed().await;
    let CloseReason::Violation(violation) = reason else {
        panic!("{reason:?}");
    };
    assert_eq!(violation.rule, Rule::UnknownChannel);
    let goodbye = peer.until(|event| match event {
        Event::ConnectionEnded { reason, .. } => Some(reason),
        _ => None,
    });
    let goodbye = goodbye.await.to_string();
    assert!(goodbye.contains("channeling.unknown"), "{goodbye}");
}

async fn handles_and_channels_keep_a_link_open() {
    let peers = peers();
    let Peers {
        client,
        server,
        client_driver,
        ..
    } = peers;
    client.ready().await.unwrap();
    let slow = SlowClient::new(client.clone());
    drop(client);
    let (tx, mut rx) = channel();
    slow.count(10, tx).await.unwrap();
    drop(slow);
    assert!(server.close_reason().is_none(), "a channel keeps it open");
    for number in 0..10 {
        assert_eq!(rx.recv().await.unwrap(), Some(number));
    }
    drop(rx);
    let reason = client_driver.await;
    assert!(matches!(reason, CloseReason::Local(reason) if reason.is_empty()));
    let reason = server.closed().await;
    assert!(matches!(reason, CloseReason::Goodbye(reason) if reason.is_empty()));
}

async fn idle_link_is_closed_after_its_timeout() {
    let idle = Config::default().with_idle_timeout(Some(Duration::from_millis(1)));
    let (ours, theirs) = memory_pair(Framing::Packed);
    let (client, driver) = connect(ours).drive();
    let _client = start(driver);
    let (server, driver) = accept(theirs).config(idle.clone()).drive();
    let _server = start(driver);
    assert!(matches!(server.closed().await, CloseReason::Idle));
    let told = client.closed().await;
    assert_eq!(told.to_string(), "closed by the peer: limit.idle-timeout");
}

async fn loss_before_the_handshake_fails_everything() {
    let (peer, client) = RawPeer::server(NoDispatcher);
    let slow = SlowClient::new(client.clone());
    let mut call = slow.stay().into_future();
    assert!(poll_now(&mut call).is_pending());
    let ready = start({
        let client = client.clone();
        async move { client.ready().await }
    });
    peer.vanish();
    let error = call.await.unwrap_err();
    assert!(
        matches!(error, CallError::Lost { sent: false, .. }),
        "{error:?}"
    );
    assert!(ready.await.is_err());
    assert!(client.connect(Metadata::new(), NoDispatcher).await.is_err());
}

/// A transport whose peer neither sends nor reads.
struct Stuck;

impl Transport for Stuck {
    fn framing(&self) -> Framing {
        Framing::Packed
    }

    fn poll_receive(
        &mut self,
        _: &mut std::task::Context<'_>,
    ) -> Poll<Result<Bytes, TransportError>> {
        Poll::Pending
    }

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> Poll<Result<(), TransportError>> {
        Poll::Pending
    }

    fn start_send(&mut self, _: Bytes) -> Result<(), TransportError> {
        panic!("sent a frame while the transport was not ready")
    }

    fn poll_flush(&mut self, _: &mut std::task::Context<'_>) -> Poll<Result<(), TransportError>> {
        Poll::Pending
    }

    fn poll_close(
        &mut self,
        _: &Close,
        _: &mut std::task::Context<'_>,
    ) -> Poll<Result<(), TransportError>> {
        Poll::Pending
    }
}

async fn stuck_peer_does_not_delay_closing() {
    // No other timer wakes the driver.
    let config = Config::default().with_handshake_timeout(Duration::from_mins(1));
    let (link, driver) = accept(Stuck).config(config.clone()).drive();
    let clock = rt::Clock::start();
    let driver = start(driver);
    // Now the driver sleeps, because nothing can be sent.
    yield_now().await;
    link.close("enough");
    assert!(matches!(driver.await, CloseReason::Local(_)));
    assert!(clock.now() < Duration::from_secs(6), "{:?}", clock.now());
}
