//! Arguments that are not what the method takes: the call alone fails.

use roam_core::Metadata;
use roam_core::proto::ChannelId;
use roam_tests::end::{End, on_every_link};
use roam_tests::raw::{ROOT, close, credit, data, put_varint, reset};

const INVALID_PAYLOAD: &[u8] = &[1, 2];

async fn is_invalid(end: &mut End, name: &str, channels: &[ChannelId], payload: &[u8]) {
    let id = end.call(ROOT, name, channels, payload).await;
    let answer = end.peer.response_after_resets(ROOT, id).await;
    assert_eq!(answer, (Metadata::new(), INVALID_PAYLOAD.to_vec()));
}

fn invalid(name: &str, payload: &[u8]) {
    on_every_link(async |mut end| {
        is_invalid(&mut end, name, &[], payload).await;
        end.goes_on().await;
    });
}

#[test]
fn bytes_that_are_missing() {
    invalid("echo", &[]);
    invalid("echo", &[5, 1]);
    invalid("fill", &[0x80]);
}

#[test]
fn bytes_that_follow() {
    invalid("echo", &[1, 7, 0]);
    invalid("hold", &[0]);
}

#[test]
fn a_varint_that_is_overlong_or_out_of_range() {
    invalid("fill", &[0x80, 0x00]);
    invalid("fill", &[0x80, 0x80, 0x80, 0x80, 0x10]);
}

#[test]
fn a_claim_of_two_to_the_forty() {
    let mut payload = Vec::new();
    put_varint(&mut payload, 1 << 40);
    invalid("echo", &payload);
    invalid("nothings", &payload);
}

#[test]
fn a_list_of_nothing_is_bounded() {
    on_every_link(async |mut end| {
        let mut most = Vec::new();
        put_varint(&mut most, 65_536);
        let id = end.call(ROOT, "nothings", &[], &most).await;
        assert_eq!(end.peer.response(ROOT, id).await.1, [0]);
        let mut more = Vec::new();
        put_varint(&mut more, 65_537);
        is_invalid(&mut end, "nothings", &[], &more).await;
        end.goes_on().await;
    });
}

#[test]
fn nesting_is_bounded() {
    on_every_link(async |mut end| {
        let id = end.call(ROOT, "nest", &[], &[1, 1, 1, 0]).await;
        assert_eq!(end.peer.response(ROOT, id).await.1, [0]);
        is_invalid(&mut end, "nest", &[], &vec![1; 200_000]).await;
        end.goes_on().await;
    });
}

#[test]
fn a_number_of_channels_other_than_the_payloads() {
    on_every_link(async |mut end| {
        let channels: Vec<_> = (0..5).map(|n| end.theirs(n)).collect();
        is_invalid(&mut end, "take", &[], &[0]).await;
        is_invalid(&mut end, "take", &channels[..2], &[0]).await;
        is_invalid(&mut end, "both", &channels[2..3], &[0, 0]).await;
        is_invalid(&mut end, "echo", &channels[3..], &[1, 7]).await;
        // The channels are over: what is under way for them is ignored.
        for &channel in &channels {
            let late = [
                data(ROOT, channel, &[1, b'x']),
                close(ROOT, channel),
                reset(ROOT, channel),
            ];
            end.peer.send_all(&late).await;
            end.peer.send(&credit(ROOT, channel, 9)).await;
        }
        end.settled(|stats| stats.channels == 0 && stats.incoming_calls == 0)
            .await;
        end.goes_on().await;
    });
}

#[test]
fn ids_inside_payloads_count_for_nothing() {
    on_every_link(async |mut end| {
        let channel = end.theirs(0);
        end.call(ROOT, "take", &[channel], &[77]).await;
        assert_eq!(end.events.started().await, "take");
        let mut input = end.events.input().await;
        end.peer.send(&data(ROOT, channel, &[1, b'x'])).await;
        assert_eq!(input.recv().await.unwrap(), Some("x".to_owned()));
        end.goes_on().await;
    });
}
