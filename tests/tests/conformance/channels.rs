//! Who may send what on a channel, and until when.

use roam_core::proto::{ChannelId, Message};
use roam_core::{ConnectionId, RecvError, RequestId, Rule, Rx, SendError, Tx};
use roam_tests::end::{End, breaks, on_every_link};
use roam_tests::probe::method;
use roam_tests::raw::{ROOT, close, credit, data, request, reset};

/// The peer opens a channel on which it sends.
async fn input(end: &mut End, on: ConnectionId, n: u64) -> (ChannelId, Rx<String>) {
    let channel = end.theirs(n);
    end.call(on, "take", &[channel], &[0]).await;
    assert_eq!(end.events.started().await, "take");
    (channel, end.events.input().await)
}

/// The peer opens a channel on which it receives.
async fn output(end: &mut End, on: ConnectionId, n: u64) -> (ChannelId, Tx<String>) {
    let channel = end.theirs(n);
    end.call(on, "give", &[channel], &[0]).await;
    assert_eq!(end.events.started().await, "give");
    (channel, end.events.output().await)
}

const X: &[u8] = &[1, b'x'];

#[test]
fn data_from_the_receiving_end() {
    breaks(Rule::ChannelDirection, async |end, on| {
        let (channel, _) = output(end, on, 0).await;
        end.peer.expect(&close(on, channel)).await;
        let (channel, tx) = output(end, on, 1).await;
        end.keep(tx);
        end.peer.send(&data(on, channel, X)).await;
    });
}

#[test]
fn close_from_the_receiving_end() {
    breaks(Rule::ChannelDirection, async |end, on| {
        let (channel, tx) = output(end, on, 0).await;
        end.keep(tx);
        end.peer.send(&close(on, channel)).await;
    });
}

#[test]
fn credit_from_the_sending_end() {
    breaks(Rule::ChannelDirection, async |end, on| {
        let (channel, rx) = input(end, on, 0).await;
        end.keep(rx);
        end.peer.send(&credit(on, channel, 1)).await;
    });
}

#[test]
fn a_peer_that_acts_as_the_wrong_end_before_that_is_known() {
    breaks(Rule::ChannelDirection, async |end, on| {
        let channels = [end.theirs(0)];
        let call = request(on, 50, method("take"), &channels, &[0]);
        end.peer.send_all(&[call, credit(on, channels[0], 1)]).await;
    });
    for message in [data, |on, channel, _: &_| close(on, channel)] {
        breaks(Rule::ChannelDirection, async |end, on| {
            let channels = [end.theirs(0)];
            let call = request(on, 50, method("give"), &channels, &[0]);
            end.peer
                .send_all(&[call, message(on, channels[0], X)])
                .await;
        });
    }
}

#[test]
fn data_or_close_after_close() {
    for message in [data, |on, channel, _: &_| close(on, channel)] {
        breaks(Rule::DataAfterClose, async |end, on| {
            let (channel, rx) = input(end, on, 0).await;
            end.keep(rx);
            end.peer
                .send_all(&[close(on, channel), message(on, channel, X)])
                .await;
        });
        // Also when it has been read to its end in between.
        breaks(Rule::DataAfterClose, async |end, on| {
            let (channel, mut rx) = input(end, on, 0).await;
            end.peer
                .send_all(&[data(on, channel, X), close(on, channel)])
                .await;
            assert_eq!(rx.recv().await.unwrap(), Some("x".to_owned()));
            assert_eq!(rx.recv().await.unwrap(), None);
            end.peer.send(&message(on, channel, X)).await;
        });
    }
}

#[test]
fn reset_ends_a_channel_at_once_and_what_comes_late_is_ignored() {
    on_every_link(async |mut end| {
        let (channel, mut rx) = input(&mut end, ROOT, 0).await;
        end.peer
            .send_all(&[data(ROOT, channel, X), reset(ROOT, channel)])
            .await;
        end.answers(ROOT).await;
        assert!(matches!(rx.recv().await, Err(RecvError::Reset)));
        let late = [
            data(ROOT, channel, X),
            close(ROOT, channel),
            reset(ROOT, channel),
        ];
        end.peer.send_all(&late).await;

        let (channel, tx) = output(&mut end, ROOT, 1).await;
        end.peer.send(&reset(ROOT, channel)).await;
        end.answers(ROOT).await;
        assert!(matches!(
            tx.send("x".to_owned()).await,
            Err(SendError::Reset)
        ));
        end.peer
            .send_all(&[credit(ROOT, channel, u32::MAX), reset(ROOT, channel)])
            .await;
        end.goes_on().await;
    });
}

#[test]
fn a_reader_that_is_dropped_resets_and_a_sender_closes() {
    on_every_link(async |mut end| {
        let (channel, rx) = input(&mut end, ROOT, 0).await;
        drop(rx);
        end.peer.expect(&reset(ROOT, channel)).await;
        end.peer
            .send_all(&[data(ROOT, channel, X), close(ROOT, channel)])
            .await;

        let (channel, tx) = output(&mut end, ROOT, 1).await;
        tx.send("x".to_owned()).await.unwrap();
        drop(tx);
        end.peer.expect(&data(ROOT, channel, X)).await;
        end.peer.expect(&close(ROOT, channel)).await;
        end.peer
            .send_all(&[credit(ROOT, channel, 2), reset(ROOT, channel)])
            .await;
        end.goes_on().await;
    });
}

#[test]
fn an_element_that_does_not_decode_cuts_its_channel_alone() {
    for bad in [
        &[5, b'x'][..],
        &[1, b'x', 0],
        &[2, 0xc3, 0x28],
        &[],
        &[0x80, 0],
    ] {
        on_every_link(async |mut end| {
            let (channel, mut rx) = input(&mut end, ROOT, 0).await;
            end.peer
                .send_all(&[data(ROOT, channel, X), data(ROOT, channel, bad)])
                .await;
            assert_eq!(rx.recv().await.unwrap(), Some("x".to_owned()));
            let failed = rx.recv().await;
            assert!(matches!(failed, Err(RecvError::Decode(_))), "{failed:?}");
            end.peer.expect(&reset(ROOT, channel)).await;
            assert!(matches!(rx.recv().await, Err(RecvError::Reset)));
            end.peer
                .send_all(&[data(ROOT, channel, X), close(ROOT, channel)])
                .await;
            end.goes_on().await;
        });
    }
}

#[test]
fn an_error_in_answer_to_a_call_ends_the_channels_of_its_arguments() {
    on_every_link(async |mut end| {
        let channels = [end.theirs(0), end.theirs(1)];
        let call = end.call(ROOT, "both", &channels, &[0, 0]).await;
        assert_eq!(end.events.started().await, "both");
        let (mut rx, tx) = (end.events.input().await, end.events.output().await);
        let cancel = Message::Cancel {
            connection: ROOT,
            request: RequestId(call),
        };
        end.peer.send(&cancel).await;
        assert_eq!(end.peer.response(ROOT, call).await.1, [1, 3]);
        assert!(matches!(rx.recv().await, Err(RecvError::CallOver)));
        assert!(matches!(
            tx.send("x".to_owned()).await,
            Err(SendError::CallOver)
        ));
        end.peer
            .send_all(&[data(ROOT, channels[0], X), credit(ROOT, channels[1], 9)])
            .await;
        end.goes_on().await;
    });
}
