//! Which messages each half of a channel may send, and until when.

use roam_core::proto::{ChannelId, Message};
use roam_core::{ConnectionId, RecvError, RequestId, Rule, Rx, SendError, Tx};
use roam_tests::endpoint::{Endpoint, breaks, on_every_link};
use roam_tests::probe::method;
use roam_tests::raw::{ROOT, close, credit, data, request, reset};

/// Opens a channel on which the peer sends.
async fn input(endpoint: &mut Endpoint, on: ConnectionId, n: u64) -> (ChannelId, Rx<String>) {
    let channel = endpoint.their_channel(n);
    endpoint.call(on, "take", &[channel], &[0]).await;
    assert_eq!(endpoint.events.started().await, "take");
    (channel, endpoint.events.input().await)
}

/// Opens a channel on which the peer receives.
async fn output(endpoint: &mut Endpoint, on: ConnectionId, n: u64) -> (ChannelId, Tx<String>) {
    let channel = endpoint.their_channel(n);
    endpoint.call(on, "give", &[channel], &[0]).await;
    assert_eq!(endpoint.events.started().await, "give");
    (channel, endpoint.events.output().await)
}

const X: &[u8] = &[1, b'x'];

#[test]
fn data_from_the_receiver_is_a_violation() {
    breaks(Rule::ChannelDirection, async |endpoint, on| {
        let (channel, _) = output(endpoint, on, 0).await;
        endpoint.peer.expect(&close(on, channel)).await;
        let (channel, tx) = output(endpoint, on, 1).await;
        endpoint.keep_alive(tx);
        endpoint.peer.send(&data(on, channel, X)).await;
    });
}

#[test]
fn close_from_the_receiver_is_a_violation() {
    breaks(Rule::ChannelDirection, async |endpoint, on| {
        let (channel, tx) = output(endpoint, on, 0).await;
        endpoint.keep_alive(tx);
        endpoint.peer.send(&close(on, channel)).await;
    });
}

#[test]
fn credit_from_the_sender_is_a_violation() {
    breaks(Rule::ChannelDirection, async |endpoint, on| {
        let (channel, rx) = input(endpoint, on, 0).await;
        endpoint.keep_alive(rx);
        endpoint.peer.send(&credit(on, channel, 1)).await;
    });
}

#[test]
fn wrong_direction_on_an_unbound_channel_is_a_violation() {
    breaks(Rule::ChannelDirection, async |endpoint, on| {
        let channels = [endpoint.their_channel(0)];
        let call = request(on, 50, method("take"), &channels, &[0]);
        endpoint
            .peer
            .send_all(&[call, credit(on, channels[0], 1)])
            .await;
    });
    for message in [data, |on, channel, _: &_| close(on, channel)] {
        breaks(Rule::ChannelDirection, async |endpoint, on| {
            let channels = [endpoint.their_channel(0)];
            let call = request(on, 50, method("give"), &channels, &[0]);
            endpoint
                .peer
                .send_all(&[call, message(on, channels[0], X)])
                .await;
        });
    }
}

#[test]
fn data_or_close_after_close_is_a_violation() {
    for message in [data, |on, channel, _: &_| close(on, channel)] {
        breaks(Rule::DataAfterClose, async |endpoint, on| {
            let (channel, rx) = input(endpoint, on, 0).await;
            endpoint.keep_alive(rx);
            endpoint
                .peer
                .send_all(&[close(on, channel), message(on, channel, X)])
                .await;
        });
        // Also after the handler has read to the end.
        breaks(Rule::DataAfterClose, async |endpoint, on| {
            let (channel, mut rx) = input(endpoint, on, 0).await;
            endpoint
                .peer
                .send_all(&[data(on, channel, X), close(on, channel)])
                .await;
            assert_eq!(rx.recv().await.unwrap(), Some("x".to_owned()));
            assert_eq!(rx.recv().await.unwrap(), None);
            endpoint.peer.send(&message(on, channel, X)).await;
        });
    }
}

#[test]
fn reset_ends_the_channel_and_late_messages_are_ignored() {
    on_every_link(async |mut endpoint| {
        let (channel, mut rx) = input(&mut endpoint, ROOT, 0).await;
        endpoint
            .peer
            .send_all(&[data(ROOT, channel, X), reset(ROOT, channel)])
            .await;
        endpoint.answers_calls(ROOT).await;
        assert!(matches!(rx.recv().await, Err(RecvError::Reset)));
        let late = [
            data(ROOT, channel, X),
            close(ROOT, channel),
            reset(ROOT, channel),
        ];
        endpoint.peer.send_all(&late).await;

        let (channel, tx) = output(&mut endpoint, ROOT, 1).await;
        endpoint.peer.send(&reset(ROOT, channel)).await;
        endpoint.answers_calls(ROOT).await;
        assert!(matches!(
            tx.send("x".to_owned()).await,
            Err(SendError::Reset)
        ));
        endpoint
            .peer
            .send_all(&[credit(ROOT, channel, u32::MAX), reset(ROOT, channel)])
            .await;
        endpoint.still_works().await;
    });
}

#[test]
fn dropped_receiver_resets_and_dropped_sender_closes() {
    on_every_link(async |mut endpoint| {
        let (channel, rx) = input(&mut endpoint, ROOT, 0).await;
        drop(rx);
        endpoint.peer.expect(&reset(ROOT, channel)).await;
        endpoint
            .peer
            .send_all(&[data(ROOT, channel, X), close(ROOT, channel)])
            .await;

        let (channel, tx) = output(&mut endpoint, ROOT, 1).await;
        tx.send("x".to_owned()).await.unwrap();
        drop(tx);
        endpoint.peer.expect(&data(ROOT, channel, X)).await;
        endpoint.peer.expect(&close(ROOT, channel)).await;
        endpoint
            .peer
            .send_all(&[credit(ROOT, channel, 2), reset(ROOT, channel)])
            .await;
        endpoint.still_works().await;
    });
}

#[test]
fn undecodable_element_resets_only_its_channel() {
    for bad in [
        &[5, b'x'][..],
        &[1, b'x', 0],
        &[2, 0xc3, 0x28],
        &[],
        &[0x80, 0],
    ] {
        on_every_link(async |mut endpoint| {
            let (channel, mut rx) = input(&mut endpoint, ROOT, 0).await;
            endpoint
                .peer
                .send_all(&[data(ROOT, channel, X), data(ROOT, channel, bad)])
                .await;
            assert_eq!(rx.recv().await.unwrap(), Some("x".to_owned()));
            let failed = rx.recv().await;
            assert!(matches!(failed, Err(RecvError::Decode(_))), "{failed:?}");
            endpoint.peer.expect(&reset(ROOT, channel)).await;
            assert!(matches!(rx.recv().await, Err(RecvError::Reset)));
            endpoint
                .peer
                .send_all(&[data(ROOT, channel, X), close(ROOT, channel)])
                .await;
            endpoint.still_works().await;
        });
    }
}

#[test]
fn error_response_ends_argument_channels() {
    on_every_link(async |mut endpoint| {
        let channels = [endpoint.their_channel(0), endpoint.their_channel(1)];
        let call = endpoint.call(ROOT, "both", &channels, &[0, 0]).await;
        assert_eq!(endpoint.events.started().await, "both");
        let (mut rx, tx) = (
            endpoint.events.input().await,
            endpoint.events.output().await,
        );
        let cancel = Message::Cancel {
            connection: ROOT,
            request: RequestId(call),
        };
        endpoint.peer.send(&cancel).await;
        assert_eq!(endpoint.peer.response(ROOT, call).await.1, [1, 3]);
        assert!(matches!(rx.recv().await, Err(RecvError::CallEnded)));
        assert!(matches!(
            tx.send("x".to_owned()).await,
            Err(SendError::CallEnded)
        ));
        endpoint
            .peer
            .send_all(&[data(ROOT, channels[0], X), credit(ROOT, channels[1], 9)])
            .await;
        endpoint.still_works().await;
    });
}
