//! Channel ids: which peer may use which, and that each is used once.

use roam_core::proto::{ChannelId, Message};
use roam_core::{ConnectionId, MethodId, Rule};
use roam_tests::endpoint::{Endpoint, breaks, on_every_link};
use roam_tests::probe::method;
use roam_tests::raw::{ROOT, close, credit, data, request, reset, response};

const ZERO: ChannelId = ChannelId(0);

fn each_message(on: ConnectionId, channel: ChannelId) -> [Message<'static>; 4] {
    [
        data(on, channel, &[0]),
        close(on, channel),
        reset(on, channel),
        credit(on, channel, 1),
    ]
}

/// Opens a channel on which the peer sends, and waits until its handler has started.
async fn open(endpoint: &mut Endpoint, on: ConnectionId, channel: ChannelId) {
    endpoint.call(on, "take", &[channel], &[0]).await;
    assert_eq!(endpoint.events.started().await, "take");
}

#[test]
fn message_for_channel_0_is_a_violation() {
    for n in 0..4 {
        breaks(Rule::ZeroChannelId, async |endpoint, on| {
            endpoint.peer.send(&each_message(on, ZERO)[n]).await;
        });
    }
}

#[test]
fn opening_channel_0_is_a_violation() {
    breaks(Rule::ZeroChannelId, async |endpoint, on| {
        endpoint.call(on, "take", &[ZERO], &[0]).await;
    });
    breaks(Rule::ZeroChannelId, async |endpoint, on| {
        let response = response(on, 1, &[ZERO], &[0, 0]);
        endpoint.peer.send(&response).await;
    });
}

#[test]
fn opening_a_channel_of_our_parity_is_a_violation() {
    breaks(Rule::ChannelIdParity, async |endpoint, on| {
        let channels = [endpoint.their_channel(0), endpoint.our_channel(0)];
        endpoint.call(on, "both", &channels, &[0, 0]).await;
    });
    breaks(Rule::ChannelIdParity, async |endpoint, on| {
        let channels = [endpoint.our_channel(0)];
        endpoint
            .peer
            .send(&response(on, 1, &channels, &[0, 0]))
            .await;
    });
}

#[test]
fn reopening_an_open_channel_is_a_violation() {
    breaks(Rule::ChannelIdReused, async |endpoint, on| {
        let channel = endpoint.their_channel(0);
        open(endpoint, on, channel).await;
        endpoint.call(on, "give", &[channel], &[0]).await;
    });
}

#[test]
fn reopening_an_ended_channel_is_a_violation() {
    breaks(Rule::ChannelIdReused, async |endpoint, on| {
        let channel = endpoint.their_channel(3);
        open(endpoint, on, channel).await;
        endpoint.peer.send(&reset(on, channel)).await;
        endpoint.call(on, "take", &[channel], &[0]).await;
    });
    // Also when the first call had an unknown method.
    breaks(Rule::ChannelIdReused, async |endpoint, on| {
        let channels = [endpoint.their_channel(0)];
        endpoint
            .peer
            .request(on, 50, MethodId(1), &channels, &[])
            .await;
        assert_eq!(endpoint.peer.response(on, 50).await.1, [1, 1]);
        endpoint.call(on, "take", &channels, &[0]).await;
    });
}

#[test]
fn listing_a_channel_twice_is_a_violation() {
    breaks(Rule::ChannelIdReused, async |endpoint, on| {
        let channel = endpoint.their_channel(0);
        endpoint
            .call(on, "both", &[channel, channel], &[0, 0])
            .await;
    });
}

#[test]
fn channels_open_in_any_order() {
    on_every_link(async |mut endpoint| {
        for n in [5, 0, 9, 1] {
            let channel = endpoint.their_channel(n);
            open(&mut endpoint, ROOT, channel).await;
            let mut input = endpoint.events.input().await;
            endpoint
                .peer
                .send_all(&[data(ROOT, channel, &[1, b'x']), close(ROOT, channel)])
                .await;
            assert_eq!(input.recv().await.unwrap(), Some("x".to_owned()));
            assert_eq!(input.recv().await.unwrap(), None);
        }
        endpoint.still_works().await;
    });
}

#[test]
fn message_for_an_unopened_channel_is_a_violation() {
    for n in 0..4 {
        breaks(Rule::UnknownChannel, async |endpoint, on| {
            let channel = endpoint.their_channel(0);
            endpoint.peer.send(&each_message(on, channel)[n]).await;
        });
        breaks(Rule::UnknownChannel, async |endpoint, on| {
            let channel = endpoint.our_channel(0);
            endpoint.peer.send(&each_message(on, channel)[n]).await;
        });
        // An unused id between used ones.
        breaks(Rule::UnknownChannel, async |endpoint, on| {
            let (first, between, last) = (
                endpoint.their_channel(0),
                endpoint.their_channel(1),
                endpoint.their_channel(2),
            );
            endpoint
                .peer
                .request(on, 50, MethodId(1), &[first, last], &[])
                .await;
            assert_eq!(endpoint.peer.response(on, 50).await.1, [1, 1]);
            endpoint.peer.send(&each_message(on, between)[n]).await;
        });
    }
}

#[test]
fn connections_have_separate_channel_ids() {
    on_every_link(async |mut endpoint| {
        let (other, _handle) = endpoint.open_connection(1).await;
        let channel = endpoint.their_channel(0);
        for on in [ROOT, other] {
            let hold = request(on, 90, method("take"), std::slice::from_ref(&channel), &[0]);
            endpoint.peer.send(&hold).await;
            assert_eq!(endpoint.events.started().await, "take");
            let mut input = endpoint.events.input().await;
            endpoint
                .peer
                .send_all(&[data(on, channel, &[1, b'x']), close(on, channel)])
                .await;
            assert_eq!(input.recv().await.unwrap(), Some("x".to_owned()));
            assert_eq!(input.recv().await.unwrap(), None);
        }
        endpoint.still_works().await;
    });
}
