//! How connections end, alone and with their link.

use roam_core::proto::{Event, MAX_REASON};
use roam_core::{
    CallError, CloseReason, Metadata, NoDispatcher, channel, server::RejectError, service,
};

use super::super::harness::{link, poll_now, until_idle};
use super::super::raw_peer::RawPeer;
use super::{NamedClient, Saw, connect, name, named};

runs! {
    closing_one_leaves_the_others_open
    closing_one_ends_its_calls_and_channels
    violation_ends_only_its_connection
    connections_end_with_the_link
    closing_fails_calls_that_wait_to_be_sent
}

async fn closing_one_leaves_the_others_open() {
    let (client, server) = link(NoDispatcher, named("root").0);
    let mut incoming = server.listen();
    let (first, first_there, _) = connect(&client, &mut incoming, ("a", "A")).await;
    let (second, ..) = connect(&client, &mut incoming, ("b", "B")).await;
    first.close("that was all");
    let reason = first_there.closed().await;
    assert!(matches!(reason, CloseReason::Goodbye(reason) if &*reason == "that was all"));
    assert!(matches!(first.close_reason(), Some(CloseReason::Local(_))));
    let error = NamedClient::new(first).name().await.unwrap_err();
    assert!(
        matches!(error, CallError::Lost { sent: false, .. }),
        "{error:?}"
    );
    assert_eq!(name(&second).await, "B");
    assert_eq!(name(&client).await, "root");
    assert_eq!(client.stats().connections, 2);
    assert!(second.close_reason().is_none() && client.close_reason().is_none());

    second.close(&"x".repeat(5_000));
    let (third, third_there, _) = connect(&client, &mut incoming, ("c", "C")).await;
    third_there.close(&"x".repeat(5_000));
    let CloseReason::Goodbye(reason) = third.closed().await else {
        panic!("expected a Goodbye");
    };
    assert_eq!(reason.len(), MAX_REASON);
}

async fn closing_one_ends_its_calls_and_channels() {
    let (client, server) = link(NoDispatcher, named("root").0);
    let mut incoming = server.listen();
    let (connection, there, mut seen) = connect(&client, &mut incoming, ("a", "A")).await;
    let named = NamedClient::new(connection.clone());
    let ((stalling, stalled), (flooding, mut flooded)) = (channel(), channel());
    let (mut stay, mut stall) = (
        named.stay().into_future(),
        named.stall(stalled).into_future(),
    );
    let mut flood = named.flood(flooding).into_future();
    assert!(poll_now(&mut stay).is_pending());
    seen.expect(Saw::Began).await;
    assert!(poll_now(&mut stall).is_pending());
    seen.expect(Saw::Began).await;
    assert!(poll_now(&mut flood).is_pending());
    assert_eq!(flooded.recv().await.unwrap(), Some(0));
    there.close("enough");
    let enough = |reason: &CloseReason| reason.to_string() == "closed by the peer: enough";
    for error in [
        stay.await.unwrap_err(),
        stall.await.unwrap_err(),
        flood.await.unwrap_err(),
    ] {
        assert!(matches!(&error, CallError::Lost { reason, sent: true } if enough(reason)));
    }
    seen.expect(Saw::Stopped).await;
    seen.expect(Saw::Stopped).await;
    stalling.closed().await;
    let error = loop {
        match flooded.recv().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the channel ended cleanly"),
            Err(error) => break error,
        }
    };
    assert!(error.to_string().contains("enough"), "{error}");
    assert!(enough(&connection.closed().await));
    drop((stalling, flooded));
    until_idle(&client).await;
    until_idle(&server).await;
}

async fn violation_ends_only_its_connection() {
    let (mut peer, server) = RawPeer::client(named("root").0);
    peer.shake_hands().await;
    let mut incoming = server.listen();
    peer.link.open_connection(&Metadata::new()).unwrap();
    peer.flush().await;
    let granted = incoming.next().await.unwrap();
    let granted = granted
        .accept(&Metadata::new(), named("virtual").0)
        .unwrap();
    let id = peer.until(|event| match event {
        Event::ConnectAnswer { result, .. } => result.ok(),
        _ => None,
    });
    let id = id.await;
    assert_eq!(id, granted.id());
    // Data for a channel that never existed, in a packed frame.
    let id = u8::try_from(id.0).unwrap();
    peer.send(&[4, 8, id, 9, 0]).await;
    assert!(matches!(granted.closed().await, CloseReason::Violation(_)));
    let ended = peer.until(|event| match event {
        Event::ConnectionEnded { connection, reason } => Some((connection, reason)),
        _ => None,
    });
    let (connection, reason) = ended.await;
    assert_eq!(connection, granted.id());
    assert!(
        reason.to_string().contains("channeling.unknown"),
        "{reason}"
    );
    assert!(server.close_reason().is_none());
}

async fn connections_end_with_the_link() {
    let (client, server) = link(NoDispatcher, NoDispatcher);
    let mut incoming = server.listen();
    let (asked, granted, _) = connect(&client, &mut incoming, ("a", "A")).await;
    let mut asking = Box::pin(client.connect(Metadata::new(), NoDispatcher));
    assert!(poll_now(&mut asking).is_pending());
    let waiting = incoming.next().await.unwrap();
    server.close("closing time");
    for closed in [
        asked.closed().await,
        granted.closed().await,
        client.closed().await,
    ] {
        assert!(closed.to_string().contains("closing time"), "{closed}");
    }
    assert!(matches!(asking.await, Err(RejectError::Lost(_))));
    waiting.accept(&Metadata::new(), NoDispatcher).unwrap_err();
    assert!(incoming.next().await.is_none());
}

async fn closing_fails_calls_that_wait_to_be_sent() {
    let (mut peer, server) = RawPeer::client(NoDispatcher);
    peer.shake_hands().await;
    let mut incoming = server.listen();
    peer.link.open_connection(&Metadata::new()).unwrap();
    peer.flush().await;
    let granted = incoming.next().await.unwrap();
    let granted = granted.accept(&Metadata::new(), NoDispatcher).unwrap();
    // The peer does not read, so the transport fills up, and then the queue.
    let large = "x".repeat(300_000);
    let greet = GreetClient::new(server.clone());
    let mut calls: Vec<_> = (0..40)
        .map(|_| greet.greet(large.clone()).into_future())
        .collect();
    for call in &mut calls {
        assert!(poll_now(call).is_pending());
    }
    let mut call = NamedClient::new(granted.clone()).name().into_future();
    assert!(poll_now(&mut call).is_pending());
    granted.close("enough");
    let error = call.await.unwrap_err();
    assert!(
        matches!(error, CallError::Lost { sent: false, .. }),
        "{error:?}"
    );
}

#[service]
trait Greet {
    async fn greet(&self, name: String);
}
