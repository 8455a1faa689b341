//! The first messages of a link.

use std::time::{Duration, Instant};

use roam_core::proto::{ChannelId, Hello, Message};
use roam_core::{CloseReason, Config, Rule};
use roam_tests::end::{Beginning, End, HELLO, everywhere, on_every_link};
use roam_tests::probe::method;
use roam_tests::raw::{ROOT, close, encoded, request};

fn refused(rule: Rule, first: &[u8]) {
    everywhere(async |setting| {
        let mut beginning = Beginning::new(setting, Config::default()).await;
        beginning.peer.send_bytes(&[first]).await;
        beginning.fails(rule).await;
    });
}

#[test]
fn anything_before_hello_is_out_of_order() {
    refused(
        Rule::HelloOrdering,
        &encoded(&request(ROOT, 1, method("echo"), &[], &[0])),
    );
    refused(Rule::HelloOrdering, &encoded(&close(ROOT, ChannelId(1))));
    refused(
        Rule::HelloOrdering,
        &encoded(&Message::Goodbye {
            connection: ROOT,
            reason: "no",
        }),
    );
}

#[test]
fn a_hello_of_version_1_or_3_is_refused() {
    refused(Rule::HelloUnknownVersion, &[0, 0, 0x80, 8, 0x40]);
    refused(Rule::HelloUnknownVersion, &[0, 2, 0x80, 8, 0x40]);
}

#[test]
fn a_hello_that_allows_no_payload_is_refused() {
    let hello = Hello {
        max_payload_size: 0,
        ..HELLO
    };
    refused(Rule::HelloParameters, &encoded(&Message::Hello(hello)));
}

#[test]
fn a_hello_that_does_not_decode_is_refused() {
    refused(Rule::DecodeError, &[0]);
    refused(Rule::DecodeError, &[0, 1, 0x80]);
    refused(Rule::DecodeError, &[0, 1, 0xff, 0xff, 0xff, 0xff, 0x1f, 0]);
    refused(Rule::DecodeError, &[0, 1, 0x80, 8, 0x40, 0]);
    refused(Rule::UnknownVariant, &[12]);
}

#[test]
fn a_frame_before_hello_is_at_most_4_kib_long() {
    everywhere(async |setting| {
        let mut beginning = Beginning::new(setting, Config::default()).await;
        beginning.peer.send_frame(vec![0; 4 * 1024 + 1]).await;
        beginning.fails(Rule::TooLarge).await;
    });
}

#[test]
fn a_second_hello_ends_the_link() {
    on_every_link(async |mut end| {
        end.peer.send(&Message::Hello(HELLO)).await;
        end.link_ends(Rule::HelloDuplicate).await;
    });
}

#[test]
fn a_peer_that_says_no_hello_is_dropped_in_time() {
    everywhere(async |setting| {
        let handshake_timeout = Duration::from_millis(20);
        let started = Instant::now();
        let config = Config {
            handshake_timeout,
            ..Config::default()
        };
        let mut beginning = Beginning::new(setting, config).await;
        beginning.peer.expect(&Message::Hello(HELLO)).await;
        assert_eq!(
            beginning.peer.goodbye().await,
            (ROOT, "limit.handshake-timeout".to_owned())
        );
        assert!(started.elapsed() >= handshake_timeout);
        beginning.peer.expect_end().await;
        if let Some(reason) = beginning.failure().await {
            assert!(matches!(reason, CloseReason::HandshakeTimeout), "{reason}");
        }
    });
}

#[test]
fn hello_and_the_first_calls_may_share_a_frame() {
    everywhere(async |setting| {
        let mut beginning = Beginning::new(setting, Config::default()).await;
        let call = request(ROOT, 1, method("echo"), &[], &[1, 7]);
        beginning
            .peer
            .send_all(&[Message::Hello(HELLO), call])
            .await;
        beginning.peer.expect(&Message::Hello(HELLO)).await;
        assert_eq!(beginning.peer.response(ROOT, 1).await.1, [0, 1, 7]);
    });
}

#[test]
fn the_smaller_of_each_is_agreed_on() {
    everywhere(async |setting| {
        let hello = Hello {
            max_payload_size: u32::MAX,
            initial_channel_credit: 1_000,
        };
        let end: End = Beginning::new(setting, Config::default())
            .await
            .shake_hands(hello)
            .await;
        let agreed = end.link.ready().await.unwrap();
        assert_eq!(
            (agreed.max_payload_size, agreed.initial_channel_credit),
            (1 << 20, 1_000)
        );
        assert_eq!(agreed.largest_element(), 500);
        end.goes_on().await;
    });
}
