//! How channels end: cleanly or with an error.

use std::future::pending;

use futures::future::join_all;
use roam_core::proto::{ChannelEnd, Direction, Event, ReadOutcome};
use roam_core::{
    Config, ConnectionHandle, ConnectionId, Context, Metadata, NoDispatcher, RecvError, Rx,
    SendError, Tx, channel, rt, service,
};

use super::harness::{Events, Seen, events, link, link_with, poll_now, until_idle};
use super::raw_peer::RawPeer;

runs! {
    dropped_sender_closes_the_channel
    reset_is_not_a_clean_end
    dropped_receiver_fails_the_sender
    sender_outlives_its_handler
    method_error_ends_the_argument_channels
    unknown_method_ends_the_argument_channels
    channel_closes_before_the_response
    unclaimed_response_resets_its_channels
    responses_with_channels_wait_for_space
    malformed_element_resets_the_channel
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Saw {
    End(bool),
    SendFailed,
    Reading,
}

#[service]
trait Ends {
    async fn send_and_return(&self, tx: Tx<u32>);
    async fn send_and_reset(&self, tx: Tx<u32>);
    async fn send_and_fail(&self, tx: Tx<u32>, rx: Rx<u32>) -> Result<(), String>;
    async fn send_until_it_fails(&self, tx: Tx<u32>);
    async fn send_later(&self, tx: Tx<u32>, go: Rx<()>);
    async fn read_to_the_end(&self, rx: Rx<u32>);
    async fn drop_reader(&self, rx: Rx<u32>);
    async fn give(&self) -> Rx<u32>;
    async fn text(&self, text: Rx<String>);
}

struct Handler {
    saw: Events<Saw>,
}

async fn count(tx: &Tx<u32>) {
    for number in 0..10 {
        tx.send(number).await.unwrap();
    }
}

async fn until_it_fails(tx: Tx<u32>, saw: &Events<Saw>) {
    while tx.send(0).await.is_ok() {}
    saw.tell(Saw::SendFailed);
}

impl Ends for Handler {
    async fn send_and_return(&self, _: &Context, tx: Tx<u32>) {
        count(&tx).await;
    }

    async fn send_and_reset(&self, _: &Context, tx: Tx<u32>) {
        count(&tx).await;
        tx.reset();
    }

    async fn send_and_fail(&self, _: &Context, tx: Tx<u32>, rx: Rx<u32>) -> Result<(), String> {
        count(&tx).await;
        // Hold the halves until the error has reached the channel.
        let saw = self.saw.clone();
        rt::spawn(async move {
            tx.closed().await;
            drop(rx);
            saw.tell(Saw::SendFailed);
        });
        Err("as asked".into())
    }

    async fn send_until_it_fails(&self, _: &Context, tx: Tx<u32>) {
        until_it_fails(tx, &self.saw).await;
    }

    async fn send_later(&self, _: &Context, tx: Tx<u32>, mut go: Rx<()>) {
        rt::spawn(async move {
            go.recv().await.unwrap();
            count(&tx).await;
        });
    }

    async fn read_to_the_end(&self, _: &Context, mut rx: Rx<u32>) {
        self.saw.tell(Saw::Reading);
        let end = loop {
            match rx.recv().await {
                Ok(Some(_)) => {}
                Ok(None) => break true,
                Err(_) => break false,
            }
        };
        self.saw.tell(Saw::End(end));
    }

    async fn drop_reader(&self, _: &Context, mut rx: Rx<u32>) {
        assert_eq!(rx.recv().await.unwrap(), Some(0));
        drop(rx);
        pending::<()>().await;
    }

    async fn give(&self, _: &Context) -> Rx<u32> {
        let (tx, rx) = channel();
        let saw = self.saw.clone();
        rt::spawn(async move { until_it_fails(tx, &saw).await });
        rx
    }

    async fn text(&self, _: &Context, mut text: Rx<String>) {
        let error = text.recv().await.unwrap_err();
        assert!(matches!(error, RecvError::Decode(_)), "{error:?}");
        assert!(matches!(text.recv().await, Err(RecvError::Reset)));
        self.saw.tell(Saw::End(false));
    }
}

fn handler() -> (EndsDispatcher<Handler>, Seen<Saw>) {
    let (saw, seen) = events();
    (EndsDispatcher::new(Handler { saw }), seen)
}

async fn ends() -> (EndsClient, Seen<Saw>, ConnectionHandle) {
    let (handler, seen) = handler();
    let (client, _) = link(NoDispatcher, handler);
    client.ready().await.unwrap();
    (EndsClient::new(client.clone()), seen, client)
}

async fn expect_count(rx: &mut Rx<u32>) {
    for number in 0..10 {
        assert_eq!(rx.recv().await.unwrap(), Some(number));
    }
}

/// Reads to the end and returns the error. Fails on a clean end.
async fn read_to_error(rx: &mut Rx<u32>) -> RecvError {
    loop {
        match rx.recv().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the channel ended cleanly"),
            Err(error) => return error,
        }
    }
}

async fn dropped_sender_closes_the_channel() {
    let (ends, mut seen, client) = ends().await;
    let (tx, mut rx) = channel();
    ends.send_and_return(tx).await.unwrap();
    expect_count(&mut rx).await;
    for _ in 0..3 {
        assert_eq!(rx.recv().await.unwrap(), None);
    }

    for close in [true, false] {
        let (tx, rx) = channel();
        let mut call = ends.read_to_the_end(rx).into_future();
        assert!(poll_now(&mut call).is_pending());
        seen.expect(Saw::Reading).await;
        count(&tx).await;
        if close {
            tx.close();
        } else {
            drop(tx);
        }
        seen.expect(Saw::End(true)).await;
        call.await.unwrap();
    }
    until_idle(&client).await;
}

async fn reset_is_not_a_clean_end() {
    let (ends, mut seen, client) = ends().await;
    let (tx, mut rx) = channel();
    ends.send_and_reset(tx).await.unwrap();
    assert!(matches!(read_to_error(&mut rx).await, RecvError::Reset));

    let (tx, rx) = channel();
    let mut call = ends.read_to_the_end(rx).into_future();
    assert!(poll_now(&mut call).is_pending());
    seen.expect(Saw::Reading).await;
    tx.reset();
    seen.expect(Saw::End(false)).await;
    call.await.unwrap();
    until_idle(&client).await;
}

async fn dropped_receiver_fails_the_sender() {
    let (ends, mut seen, client) = ends().await;
    let (tx, rx) = channel();
    let mut call = ends.send_until_it_fails(tx).into_future();
    assert!(poll_now(&mut call).is_pending());
    drop(rx);
    seen.expect(Saw::SendFailed).await;
    call.await.unwrap();

    let (tx, rx) = channel();
    let mut call = ends.drop_reader(rx).into_future();
    assert!(poll_now(&mut call).is_pending());
    let error = loop {
        if let Err(error) = tx.send(0).await {
            break error;
        }
    };
    assert!(matches!(error, SendError::Reset), "{error:?}");
    drop((tx, call));
    until_idle(&client).await;
}

async fn sender_outlives_its_handler() {
    let (ends, _, client) = ends().await;
    let ((tx, mut rx), (go, go_rx)) = (channel(), channel());
    ends.send_later(tx, go_rx).await.unwrap();
    assert!(poll_now(rx.recv()).is_pending());
    go.send(()).await.unwrap();
    expect_count(&mut rx).await;
    assert_eq!(rx.recv().await.unwrap(), None);
    drop(go);
    until_idle(&client).await;
}

async fn method_error_ends_the_argument_channels() {
    let (ends, mut seen, client) = ends().await;
    let ((to_us, mut from_them), (to_them, from_us)) = (channel(), channel());
    let error = ends.send_and_fail(to_us, from_us).await.unwrap_err();
    assert_eq!(error.into_user(), Some("as asked".into()));
    assert!(matches!(
        read_to_error(&mut from_them).await,
        RecvError::CallEnded
    ));
    assert!(matches!(to_them.send(1).await, Err(SendError::CallEnded)));
    to_them.closed().await;
    seen.expect(Saw::SendFailed).await;
    drop(to_them);
    until_idle(&client).await;
}

async fn unknown_method_ends_the_argument_channels() {
    let (client, _) = link(NoDispatcher, NoDispatcher);
    let ends = EndsClient::new(client.clone());
    let ((to_us, mut from_them), (to_them, from_us)) = (channel(), channel());
    to_them.send(1).await.unwrap();
    ends.send_and_fail(to_us, from_us).await.unwrap_err();
    assert!(matches!(
        read_to_error(&mut from_them).await,
        RecvError::CallEnded
    ));
    assert!(matches!(to_them.send(1).await, Err(SendError::CallEnded)));
    drop(to_them);
    until_idle(&client).await;
}

async fn channel_closes_before_the_response() {
    let (handler, _seen) = handler();
    let (mut peer, server) = RawPeer::client(handler);
    peer.shake_hands().await;
    let (root, none) = (ConnectionId::ROOT, Metadata::new());
    let method = ends_service().methods[0].id;
    let called = peer
        .link
        .calls(root)
        .request(method, &none, &[Direction::Receive], &[0]);
    let (_, channels) = called.unwrap();
    peer.until(|event| matches!(event, Event::Response(_)).then_some(()))
        .await;
    let ReadOutcome::Elements { .. } = peer.link.receiver(root, channels[0]).read() else {
        panic!("expected elements");
    };
    let end = peer.link.receiver(root, channels[0]).read();
    assert!(
        matches!(end, ReadOutcome::Ended(ChannelEnd::Closed)),
        "{end:?}"
    );
    until_idle(&server).await;
}

async fn unclaimed_response_resets_its_channels() {
    let (ends, mut seen, client) = ends().await;
    // Dropped before the response, after the response, and after decoding.
    let mut call = ends.give().into_future();
    assert!(poll_now(&mut call).is_pending());
    drop(call);
    let mut call = ends.give().into_future();
    assert!(poll_now(&mut call).is_pending());
    super::harness::settle(&client).await;
    drop(call);
    seen.expect(Saw::SendFailed).await;
    drop(ends.give().await.unwrap());
    seen.expect(Saw::SendFailed).await;
    until_idle(&client).await;
}

async fn responses_with_channels_wait_for_space() {
    let mut narrow = Config::default();
    // Only one message can be queued, and streams run out of credit soon.
    narrow.limits.send_buffer = 2;
    narrow.initial_channel_credit = 16;
    let (handler, mut seen) = handler();
    let (client, server) = link_with(NoDispatcher, &Config::client(), handler, &narrow);
    client.ready().await.unwrap();
    let ends = EndsClient::new(client.clone());
    let given = join_all((0..8).map(|_| ends.give().into_future())).await;
    for rx in given {
        let mut rx = rx.unwrap();
        assert_eq!(rx.recv().await.unwrap(), Some(0));
        drop(rx);
        seen.expect(Saw::SendFailed).await;
    }
    until_idle(&client).await;
    until_idle(&server).await;
}

async fn malformed_element_resets_the_channel() {
    let (handler, mut seen) = handler();
    let (mut peer, server) = RawPeer::client(handler);
    peer.shake_hands().await;
    let (root, none) = (ConnectionId::ROOT, Metadata::new());
    let method = ends_service().methods[8].id;
    let called = peer
        .link
        .calls(root)
        .request(method, &none, &[Direction::Send], &[0]);
    let (_, channels) = called.unwrap();
    peer.link.sender(root, channels[0]).send(&[9, 1]).unwrap();
    peer.link
        .sender(root, channels[0])
        .wait_for_credit(usize::MAX)
        .unwrap_err();
    peer.until(|event| matches!(event, Event::ChannelReady { .. }).then_some(()))
        .await;
    let refused = peer.link.sender(root, channels[0]).send(&[1, b'x']);
    let over = roam_core::proto::SendError::Ended(ChannelEnd::Reset);
    assert_eq!(refused, Err(over));
    seen.expect(Saw::End(false)).await;
    until_idle(&server).await;
}
