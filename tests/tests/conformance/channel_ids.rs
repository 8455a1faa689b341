//! The ids of channels: whose they are, and that each is used once.

use roam_core::proto::{ChannelId, Message};
use roam_core::{ConnectionId, MethodId, Rule};
use roam_tests::end::{End, breaks, on_every_link};
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

/// The peer opens a channel on which it sends, and it is there.
async fn open(end: &mut End, on: ConnectionId, channel: ChannelId) {
    end.call(on, "take", &[channel], &[0]).await;
    assert_eq!(end.events.started().await, "take");
}

#[test]
fn a_message_for_channel_0() {
    for n in 0..4 {
        breaks(Rule::ZeroChannelId, async |end, on| {
            end.peer.send(&each_message(on, ZERO)[n]).await;
        });
    }
}

#[test]
fn opening_channel_0() {
    breaks(Rule::ZeroChannelId, async |end, on| {
        end.call(on, "take", &[ZERO], &[0]).await;
    });
    breaks(Rule::ZeroChannelId, async |end, on| {
        let response = response(on, 1, &[ZERO], &[0, 0]);
        end.peer.send(&response).await;
    });
}

#[test]
fn opening_one_of_the_other_sides_channels() {
    breaks(Rule::ChannelIdParity, async |end, on| {
        let channels = [end.theirs(0), end.ours(0)];
        end.call(on, "both", &channels, &[0, 0]).await;
    });
    breaks(Rule::ChannelIdParity, async |end, on| {
        let channels = [end.ours(0)];
        end.peer.send(&response(on, 1, &channels, &[0, 0])).await;
    });
}

#[test]
fn opening_a_channel_that_is_open() {
    breaks(Rule::ChannelIdReused, async |end, on| {
        let channel = end.theirs(0);
        open(end, on, channel).await;
        end.call(on, "give", &[channel], &[0]).await;
    });
}

#[test]
fn opening_a_channel_that_is_over() {
    breaks(Rule::ChannelIdReused, async |end, on| {
        let channel = end.theirs(3);
        open(end, on, channel).await;
        end.peer.send(&reset(on, channel)).await;
        end.call(on, "take", &[channel], &[0]).await;
    });
    // The call did not even get as far as to be known.
    breaks(Rule::ChannelIdReused, async |end, on| {
        let channels = [end.theirs(0)];
        end.peer.request(on, 50, MethodId(1), &channels, &[]).await;
        assert_eq!(end.peer.response(on, 50).await.1, [1, 1]);
        end.call(on, "take", &channels, &[0]).await;
    });
}

#[test]
fn opening_a_channel_twice_in_one_list() {
    breaks(Rule::ChannelIdReused, async |end, on| {
        let channel = end.theirs(0);
        end.call(on, "both", &[channel, channel], &[0, 0]).await;
    });
}

#[test]
fn channels_may_be_opened_in_any_order() {
    on_every_link(async |mut end| {
        for n in [5, 0, 9, 1] {
            let channel = end.theirs(n);
            open(&mut end, ROOT, channel).await;
            let mut input = end.events.input().await;
            end.peer
                .send_all(&[data(ROOT, channel, &[1, b'x']), close(ROOT, channel)])
                .await;
            assert_eq!(input.recv().await.unwrap(), Some("x".to_owned()));
            assert_eq!(input.recv().await.unwrap(), None);
        }
        end.goes_on().await;
    });
}

#[test]
fn a_message_for_a_channel_that_never_was() {
    for n in 0..4 {
        breaks(Rule::UnknownChannel, async |end, on| {
            let channel = end.theirs(0);
            end.peer.send(&each_message(on, channel)[n]).await;
        });
        breaks(Rule::UnknownChannel, async |end, on| {
            let channel = end.ours(0);
            end.peer.send(&each_message(on, channel)[n]).await;
        });
        // Between ids that were.
        breaks(Rule::UnknownChannel, async |end, on| {
            let (first, between, last) = (end.theirs(0), end.theirs(1), end.theirs(2));
            end.peer
                .request(on, 50, MethodId(1), &[first, last], &[])
                .await;
            assert_eq!(end.peer.response(on, 50).await.1, [1, 1]);
            end.peer.send(&each_message(on, between)[n]).await;
        });
    }
}

#[test]
fn ids_of_one_connection_are_nothing_to_another() {
    on_every_link(async |mut end| {
        let (other, _handle) = end.open_connection(1).await;
        let channel = end.theirs(0);
        for on in [ROOT, other] {
            let hold = request(on, 90, method("take"), std::slice::from_ref(&channel), &[0]);
            end.peer.send(&hold).await;
            assert_eq!(end.events.started().await, "take");
            let mut input = end.events.input().await;
            end.peer
                .send_all(&[data(on, channel, &[1, b'x']), close(on, channel)])
                .await;
            assert_eq!(input.recv().await.unwrap(), Some("x".to_owned()));
            assert_eq!(input.recv().await.unwrap(), None);
        }
        end.goes_on().await;
    });
}
