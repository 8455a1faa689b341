//! The handshake of a link.

use std::time::{Duration, Instant};

use roam_core::proto::{ChannelId, Hello, Message};
use roam_core::{CloseReason, Config, Rule};
use roam_tests::endpoint::{Endpoint, HELLO, Handshake, in_every_setting, on_every_link};
use roam_tests::probe::method;
use roam_tests::raw::{ROOT, close, encoded, request};

fn refuses(rule: Rule, first: &[u8]) {
    in_every_setting(async |setting| {
        let mut handshake = Handshake::new(setting, Config::default()).await;
        handshake.peer.send_bytes(&[first]).await;
        handshake.fails(rule).await;
    });
}

#[test]
fn refuses_messages_before_hello() {
    refuses(
        Rule::HelloOrdering,
        &encoded(&request(ROOT, 1, method("echo"), &[], &[0])),
    );
    refuses(Rule::HelloOrdering, &encoded(&close(ROOT, ChannelId(1))));
    refuses(
        Rule::HelloOrdering,
        &encoded(&Message::Goodbye {
            connection: ROOT,
            reason: "no",
        }),
    );
}

#[test]
fn refuses_hello_of_version_1_or_3() {
    refuses(Rule::HelloUnknownVersion, &[0, 0, 0x80, 8, 0x40]);
    refuses(Rule::HelloUnknownVersion, &[0, 2, 0x80, 8, 0x40]);
}

#[test]
fn refuses_hello_with_payload_size_0() {
    let hello = Hello {
        max_payload_size: 0,
        ..HELLO
    };
    refuses(Rule::HelloParameters, &encoded(&Message::Hello(hello)));
}

#[test]
fn refuses_undecodable_hello() {
    refuses(Rule::DecodeError, &[0]);
    refuses(Rule::DecodeError, &[0, 1, 0x80]);
    refuses(Rule::DecodeError, &[0, 1, 0xff, 0xff, 0xff, 0xff, 0x1f, 0]);
    refuses(Rule::DecodeError, &[0, 1, 0x80, 8, 0x40, 0]);
    refuses(Rule::UnknownVariant, &[12]);
}

#[test]
fn limits_frames_before_hello_to_4_kib() {
    in_every_setting(async |setting| {
        let mut handshake = Handshake::new(setting, Config::default()).await;
        handshake.peer.send_frame(vec![0; 4 * 1024 + 1]).await;
        handshake.fails(Rule::TooLarge).await;
    });
}

#[test]
fn second_hello_ends_the_link() {
    on_every_link(async |mut endpoint| {
        endpoint.peer.send(&Message::Hello(HELLO)).await;
        endpoint.link_ends(Rule::HelloDuplicate).await;
    });
}

#[test]
fn peer_without_hello_times_out() {
    in_every_setting(async |setting| {
        let handshake_timeout = Duration::from_millis(20);
        let started = Instant::now();
        let config = Config::default().with_handshake_timeout(handshake_timeout);
        let mut handshake = Handshake::new(setting, config).await;
        handshake.peer.expect(&Message::Hello(HELLO)).await;
        assert_eq!(
            handshake.peer.goodbye().await,
            (ROOT, "limit.handshake-timeout".to_owned())
        );
        assert!(started.elapsed() >= handshake_timeout);
        handshake.peer.expect_close().await;
        if let Some(reason) = handshake.failure().await {
            assert!(matches!(reason, CloseReason::HandshakeTimeout), "{reason}");
        }
    });
}

#[test]
fn hello_and_calls_may_share_a_frame() {
    in_every_setting(async |setting| {
        let mut handshake = Handshake::new(setting, Config::default()).await;
        let call = request(ROOT, 1, method("echo"), &[], &[1, 7]);
        handshake
            .peer
            .send_all(&[Message::Hello(HELLO), call])
            .await;
        handshake.peer.expect(&Message::Hello(HELLO)).await;
        assert_eq!(handshake.peer.response(ROOT, 1).await.1, [0, 1, 7]);
    });
}

#[test]
fn peers_agree_on_the_smaller_parameters() {
    in_every_setting(async |setting| {
        let hello = Hello {
            max_payload_size: u32::MAX,
            initial_channel_credit: 1_000,
        };
        let endpoint: Endpoint = Handshake::new(setting, Config::default())
            .await
            .complete(hello)
            .await;
        let agreed = endpoint.link.ready().await.unwrap();
        assert_eq!(
            (agreed.max_payload_size, agreed.initial_channel_credit),
            (1 << 20, 1_000)
        );
        assert_eq!(agreed.largest_element(), 500);
        endpoint.still_works().await;
    });
}
