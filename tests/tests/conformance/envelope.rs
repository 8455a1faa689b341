//! Frames and messages that are not well formed. Each ends the link.

use std::borrow::Cow;

use roam_core::proto::{ChannelId, FRAME_OVERHEAD, Hello, Message};
use roam_core::{Config, ConnectionId, Metadata, RequestId, Rule};
use roam_tests::end::{Beginning, End, HELLO, everywhere, on_every_link, on_every_link_with};
use roam_tests::probe::method;
use roam_tests::raw::{
    ROOT, Wire, close, credit, data, encoded, put_varint, request, reset, response,
};
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::protocol::frame::Frame as RawFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

#[expect(clippy::needless_pass_by_value, reason = "tests write it in place")]
fn ends_link(rule: Rule, act: impl AsyncFn(&mut End)) {
    on_every_link(async |mut end| {
        act(&mut end).await;
        end.link_ends(rule).await;
    });
}

fn message(rule: Rule, message: &[u8]) {
    ends_link(rule, async |end| end.peer.send_bytes(&[message]).await);
}

/// One of every message after Hello that decodes.
fn every_message() -> Vec<Vec<u8>> {
    let none = Metadata::new();
    let metadata = || Cow::Borrowed(&none);
    let (id, channel) = (RequestId(1), ChannelId(1));
    let messages = [
        Message::Connect {
            request: id,
            metadata: metadata(),
        },
        Message::Accept {
            request: id,
            connection: ConnectionId(1),
            metadata: metadata(),
        },
        Message::Reject {
            request: id,
            reason: "no",
            metadata: metadata(),
        },
        Message::Goodbye {
            connection: ROOT,
            reason: "done",
        },
        request(ROOT, 1, method("echo"), &[], &[1, 7]),
        response(ROOT, 1, &[], &[0]),
        Message::Cancel {
            connection: ROOT,
            request: id,
        },
        data(ROOT, channel, &[1, 2]),
        close(ROOT, channel),
        reset(ROOT, channel),
        credit(ROOT, channel, 300),
    ];
    messages.iter().map(encoded).collect()
}

#[test]
fn an_empty_frame() {
    ends_link(Rule::DecodeError, async |end| {
        end.peer.send_frame(Vec::new()).await;
    });
}

#[test]
fn an_unknown_message() {
    message(Rule::UnknownVariant, &[12]);
    message(Rule::UnknownVariant, &[0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0]);
}

#[test]
fn a_message_that_ends_too_early() {
    for whole in every_message() {
        message(Rule::DecodeError, &whole[..whole.len() - 1]);
        message(Rule::DecodeError, &whole[..1]);
    }
}

#[test]
fn a_message_with_a_rest() {
    for whole in every_message() {
        message(Rule::DecodeError, &[&whole[..], &[0]].concat());
    }
}

#[test]
fn a_varint_that_is_overlong_or_has_no_end() {
    message(Rule::DecodeError, &[0x87, 0x00, 0, 1]);
    message(Rule::DecodeError, &[7, 0x80, 0x00, 1]);
    message(
        Rule::DecodeError,
        &[
            7, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02,
        ],
    );
    message(
        Rule::DecodeError,
        &[[7, 0].as_slice(), &[0x80; 40]].concat(),
    );
    // Credit beyond `u32`.
    message(Rule::DecodeError, &[11, 0, 1, 0x80, 0x80, 0x80, 0x80, 0x10]);
}

#[test]
fn a_claim_of_two_to_the_forty() {
    let claiming = |head: &[u8]| {
        let mut bytes = head.to_vec();
        put_varint(&mut bytes, 1 << 40);
        bytes
    };
    // A payload, a reason, a number of metadata entries, a key, a number of channels.
    for head in [
        &[8, 0, 1][..],
        &[4, 0],
        &[5, 0, 1, 42],
        &[5, 0, 1, 42, 1],
        &[5, 0, 1, 42, 0],
    ] {
        message(Rule::DecodeError, &claiming(head));
    }
}

#[test]
fn a_reason_or_a_key_that_is_not_utf_8() {
    message(Rule::DecodeError, &[4, 0, 2, 0xc3, 0x28]);
    message(Rule::DecodeError, &[1, 1, 1, 2, 0xc3, 0x28, 2, 1]);
}

#[test]
fn a_text_frame() {
    ends_link(Rule::DecodeError, async |end| {
        end.peer.try_send_frame(Frame::text("hello")).await.unwrap();
    });
    ends_link(Rule::DecodeError, async |end| {
        let text = RawFrame::message(vec![0xc3, 0x28], OpCode::Data(Data::Text), true);
        end.peer.try_send_frame(Frame::Frame(text)).await.unwrap();
    });
}

#[test]
fn bad_packing() {
    for frame in [
        &[0][..],
        &[3, 7, 0],
        &[0x80, 0x00],
        &[3, 7, 0, 9, 0],
        &[0xff; 12],
    ] {
        on_every_link(async |mut end| {
            if end.peer.wire() == Wire::Packed {
                end.peer.send_frame(frame.to_vec()).await;
                end.link_ends(Rule::DecodeError).await;
            }
        });
    }
}

#[test]
fn what_stands_before_bad_packing_counts() {
    on_every_link(async |mut end| {
        if end.peer.wire() == Wire::Packed {
            let call = encoded(&request(ROOT, 9, method("meet"), &[], &[]));
            let length = u8::try_from(call.len()).unwrap();
            end.peer
                .send_frame([&[length], &call[..], &[0]].concat())
                .await;
            end.peer.expect_goodbye(ROOT, Rule::DecodeError).await;
            end.peer.expect_end().await;
        }
    });
}

#[test]
fn a_frame_over_its_bound() {
    let config = Config {
        max_payload_size: 1_000,
        ..Config::default()
    };
    let bound = 1_000 + FRAME_OVERHEAD;
    for (len, rule) in [(bound, Rule::DecodeError), (bound + 1, Rule::TooLarge)] {
        on_every_link_with(&config, async |mut end| {
            end.peer.send_frame(vec![0x80; len]).await;
            end.link_ends(rule).await;
        });
    }
}

#[test]
fn a_frame_over_the_bound_that_the_peer_has_set() {
    let bound = 1_000 + FRAME_OVERHEAD;
    let hello = Hello {
        max_payload_size: 1_000,
        ..HELLO
    };
    everywhere(async |setting| {
        let mut end = Beginning::new(setting, Config::default())
            .await
            .shake_hands(hello)
            .await;
        end.peer.send_frame(vec![0; bound + 1]).await;
        end.link_ends(Rule::TooLarge).await;
    });
}

#[test]
fn a_reason_over_its_bound() {
    let reason = "x".repeat(1_025);
    let none = Metadata::new();
    message(
        Rule::TooLarge,
        &encoded(&Message::Goodbye {
            connection: ROOT,
            reason: &reason,
        }),
    );
    let reject = Message::Reject {
        request: RequestId(1),
        reason: &reason,
        metadata: Cow::Borrowed(&none),
    };
    message(Rule::TooLarge, &encoded(&reject));
}

#[test]
fn a_list_of_channels_over_its_bound() {
    let channels: Vec<_> = (1..=257).map(ChannelId).collect();
    message(
        Rule::TooLarge,
        &encoded(&request(ROOT, 1, method("echo"), &channels, &[])),
    );
    message(
        Rule::TooLarge,
        &encoded(&response(ROOT, 1, &channels, &[0])),
    );
}

#[test]
fn a_message_on_a_connection_that_never_was() {
    let (channel, on) = (ChannelId(1), ConnectionId(77));
    for stray in [
        request(on, 1, method("echo"), &[], &[]),
        response(on, 1, &[], &[]),
        Message::Cancel {
            connection: on,
            request: RequestId(1),
        },
        data(on, channel, &[]),
        close(on, channel),
        reset(on, channel),
        credit(on, channel, 1),
        Message::Goodbye {
            connection: on,
            reason: "",
        },
    ] {
        message(Rule::UnknownConnection, &encoded(&stray));
    }
}

#[test]
fn random_bytes() {
    on_every_link(async |mut end| {
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random.to_le_bytes()[3]
        };
        for len in 1..40 {
            let bytes: Vec<_> = (0..len).map(|_| next()).collect();
            // The link may be over by then.
            let _ = end.peer.try_send_frame(Frame::binary(bytes)).await;
        }
        let reason = end.peer.last_words().await;
        assert!(
            Rule::ALL.iter().any(|rule| reason.starts_with(rule.id())),
            "{reason}"
        );
        end.others_go_on().await;
    });
}
