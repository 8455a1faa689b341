//! Invalid arguments, which fail only their call.

use roam_core::Metadata;
use roam_core::proto::ChannelId;
use roam_tests::endpoint::{Endpoint, on_every_link};
use roam_tests::raw::{ROOT, close, credit, data, put_varint, reset};

const INVALID_PAYLOAD: &[u8] = &[1, 2];

async fn assert_invalid(
    endpoint: &mut Endpoint,
    name: &str,
    channels: &[ChannelId],
    payload: &[u8],
) {
    let id = endpoint.call(ROOT, name, channels, payload).await;
    let answer = endpoint.peer.response_after_resets(ROOT, id).await;
    assert_eq!(answer, (Metadata::new(), INVALID_PAYLOAD.to_vec()));
}

fn rejects(name: &str, payload: &[u8]) {
    on_every_link(async |mut endpoint| {
        assert_invalid(&mut endpoint, name, &[], payload).await;
        endpoint.still_works().await;
    });
}

#[test]
fn rejects_truncated_arguments() {
    rejects("echo", &[]);
    rejects("echo", &[5, 1]);
    rejects("fill", &[0x80]);
}

#[test]
fn rejects_trailing_bytes() {
    rejects("echo", &[1, 7, 0]);
    rejects("hold", &[0]);
}

#[test]
fn rejects_overlong_and_out_of_range_varints() {
    rejects("fill", &[0x80, 0x00]);
    rejects("fill", &[0x80, 0x80, 0x80, 0x80, 0x10]);
}

#[test]
fn rejects_huge_length_prefixes() {
    let mut payload = Vec::new();
    put_varint(&mut payload, 1 << 40);
    rejects("echo", &payload);
    rejects("nothings", &payload);
}

#[test]
fn limits_lists_of_empty_elements() {
    on_every_link(async |mut endpoint| {
        let mut most = Vec::new();
        put_varint(&mut most, 65_536);
        let id = endpoint.call(ROOT, "nothings", &[], &most).await;
        assert_eq!(endpoint.peer.response(ROOT, id).await.1, [0]);
        let mut more = Vec::new();
        put_varint(&mut more, 65_537);
        assert_invalid(&mut endpoint, "nothings", &[], &more).await;
        endpoint.still_works().await;
    });
}

#[test]
fn limits_nesting() {
    on_every_link(async |mut endpoint| {
        let id = endpoint.call(ROOT, "nest", &[], &[1, 1, 1, 0]).await;
        assert_eq!(endpoint.peer.response(ROOT, id).await.1, [0]);
        assert_invalid(&mut endpoint, "nest", &[], &vec![1; 200_000]).await;
        endpoint.still_works().await;
    });
}

#[test]
fn rejects_wrong_channel_counts() {
    on_every_link(async |mut endpoint| {
        let channels: Vec<_> = (0..5).map(|n| endpoint.their_channel(n)).collect();
        assert_invalid(&mut endpoint, "take", &[], &[0]).await;
        assert_invalid(&mut endpoint, "take", &channels[..2], &[0]).await;
        assert_invalid(&mut endpoint, "both", &channels[2..3], &[0, 0]).await;
        assert_invalid(&mut endpoint, "echo", &channels[3..], &[1, 7]).await;
        // The channels have ended: late messages for them are ignored.
        for &channel in &channels {
            let late = [
                data(ROOT, channel, &[1, b'x']),
                close(ROOT, channel),
                reset(ROOT, channel),
            ];
            endpoint.peer.send_all(&late).await;
            endpoint.peer.send(&credit(ROOT, channel, 9)).await;
        }
        endpoint
            .wait_until(|stats| stats.channels == 0 && stats.incoming_calls == 0)
            .await;
        endpoint.still_works().await;
    });
}

#[test]
fn ignores_channel_ids_inside_payloads() {
    on_every_link(async |mut endpoint| {
        let channel = endpoint.their_channel(0);
        endpoint.call(ROOT, "take", &[channel], &[77]).await;
        assert_eq!(endpoint.events.started().await, "take");
        let mut input = endpoint.events.input().await;
        endpoint.peer.send(&data(ROOT, channel, &[1, b'x'])).await;
        assert_eq!(input.recv().await.unwrap(), Some("x".to_owned()));
        endpoint.still_works().await;
    });
}
