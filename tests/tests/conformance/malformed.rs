//! Malformed frames and messages, each of which ends the link.

use std::borrow::Cow;

use roam_core::proto::{ChannelId, FRAME_OVERHEAD, Hello, Message};
use roam_core::{Config, ConnectionId, Metadata, RequestId, Rule};
use roam_tests::endpoint::{
    Endpoint, HELLO, Handshake, in_every_setting, on_every_link, on_every_link_with,
};
use roam_tests::probe::method;
use roam_tests::raw::{
    Framing, ROOT, close, credit, data, encoded, put_varint, request, reset, response,
};
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::protocol::frame::Frame as RawFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

#[expect(clippy::needless_pass_by_value, reason = "tests construct it in place")]
fn ends_link(rule: Rule, act: impl AsyncFn(&mut Endpoint)) {
    on_every_link(async |mut endpoint| {
        act(&mut endpoint).await;
        endpoint.link_ends(rule).await;
    });
}

fn refuses(rule: Rule, message: &[u8]) {
    ends_link(rule, async |endpoint| {
        endpoint.peer.send_bytes(&[message]).await;
    });
}

/// Returns a valid encoding of each message except Hello.
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
fn rejects_empty_frames() {
    ends_link(Rule::DecodeError, async |endpoint| {
        endpoint.peer.send_frame(Vec::new()).await;
    });
}

#[test]
fn rejects_unknown_messages() {
    refuses(Rule::UnknownVariant, &[12]);
    refuses(Rule::UnknownVariant, &[0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0]);
}

#[test]
fn rejects_truncated_messages() {
    for whole in every_message() {
        refuses(Rule::DecodeError, &whole[..whole.len() - 1]);
        refuses(Rule::DecodeError, &whole[..1]);
    }
}

#[test]
fn rejects_trailing_bytes() {
    for whole in every_message() {
        refuses(Rule::DecodeError, &[&whole[..], &[0]].concat());
    }
}

#[test]
fn rejects_overlong_and_unterminated_varints() {
    refuses(Rule::DecodeError, &[0x87, 0x00, 0, 1]);
    refuses(Rule::DecodeError, &[7, 0x80, 0x00, 1]);
    refuses(
        Rule::DecodeError,
        &[
            7, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02,
        ],
    );
    refuses(
        Rule::DecodeError,
        &[[7, 0].as_slice(), &[0x80; 40]].concat(),
    );
    // Credit over `u32::MAX`.
    refuses(Rule::DecodeError, &[11, 0, 1, 0x80, 0x80, 0x80, 0x80, 0x10]);
}

#[test]
fn rejects_huge_length_prefixes() {
    let with_huge_length = |head: &[u8]| {
        let mut bytes = head.to_vec();
        put_varint(&mut bytes, 1 << 40);
        bytes
    };
    // The length of a payload, a reason, the metadata, a key, and the channel list.
    for head in [
        &[8, 0, 1][..],
        &[4, 0],
        &[5, 0, 1, 42],
        &[5, 0, 1, 42, 1],
        &[5, 0, 1, 42, 0],
    ] {
        refuses(Rule::DecodeError, &with_huge_length(head));
    }
}

#[test]
fn rejects_invalid_utf_8() {
    refuses(Rule::DecodeError, &[4, 0, 2, 0xc3, 0x28]);
    refuses(Rule::DecodeError, &[1, 1, 1, 2, 0xc3, 0x28, 2, 1]);
}

#[test]
fn rejects_text_frames() {
    ends_link(Rule::DecodeError, async |endpoint| {
        endpoint
            .peer
            .try_send_frame(Frame::text("hello"))
            .await
            .unwrap();
    });
    ends_link(Rule::DecodeError, async |endpoint| {
        let text = RawFrame::message(vec![0xc3, 0x28], OpCode::Data(Data::Text), true);
        endpoint
            .peer
            .try_send_frame(Frame::Frame(text))
            .await
            .unwrap();
    });
}

#[test]
fn rejects_bad_packing() {
    for frame in [
        &[0][..],
        &[3, 7, 0],
        &[0x80, 0x00],
        &[3, 7, 0, 9, 0],
        &[0xff; 12],
    ] {
        on_every_link(async |mut endpoint| {
            if endpoint.peer.framing() == Framing::Packed {
                endpoint.peer.send_frame(frame.to_vec()).await;
                endpoint.link_ends(Rule::DecodeError).await;
            }
        });
    }
}

#[test]
fn processes_messages_before_bad_packing() {
    on_every_link(async |mut endpoint| {
        if endpoint.peer.framing() == Framing::Packed {
            let call = encoded(&request(ROOT, 9, method("meet"), &[], &[]));
            let length = u8::try_from(call.len()).unwrap();
            endpoint
                .peer
                .send_frame([&[length], &call[..], &[0]].concat())
                .await;
            endpoint.peer.expect_goodbye(ROOT, Rule::DecodeError).await;
            endpoint.peer.expect_close().await;
        }
    });
}

#[test]
fn limits_frames() {
    let config = Config::default().with_max_payload_size(1_000);
    let limit = 1_000 + FRAME_OVERHEAD;
    for (len, rule) in [(limit, Rule::DecodeError), (limit + 1, Rule::TooLarge)] {
        on_every_link_with(&config, async |mut endpoint| {
            endpoint.peer.send_frame(vec![0x80; len]).await;
            endpoint.link_ends(rule).await;
        });
    }
}

#[test]
fn limits_frames_by_the_hello_of_the_peer() {
    let limit = 1_000 + FRAME_OVERHEAD;
    let hello = Hello {
        max_payload_size: 1_000,
        ..HELLO
    };
    in_every_setting(async |setting| {
        let mut endpoint = Handshake::new(setting, Config::default())
            .await
            .complete(hello)
            .await;
        endpoint.peer.send_frame(vec![0; limit + 1]).await;
        endpoint.link_ends(Rule::TooLarge).await;
    });
}

#[test]
fn limits_reasons() {
    let reason = "x".repeat(1_025);
    let none = Metadata::new();
    refuses(
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
    refuses(Rule::TooLarge, &encoded(&reject));
}

#[test]
fn limits_channel_lists() {
    let channels: Vec<_> = (1..=257).map(ChannelId).collect();
    refuses(
        Rule::TooLarge,
        &encoded(&request(ROOT, 1, method("echo"), &channels, &[])),
    );
    refuses(
        Rule::TooLarge,
        &encoded(&response(ROOT, 1, &channels, &[0])),
    );
}

#[test]
fn rejects_messages_on_unknown_connections() {
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
        refuses(Rule::UnknownConnection, &encoded(&stray));
    }
}

#[test]
fn random_bytes_end_the_link_with_a_rule() {
    on_every_link(async |mut endpoint| {
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random.to_le_bytes()[3]
        };
        for len in 1..40 {
            let bytes: Vec<_> = (0..len).map(|_| next()).collect();
            // The link may have ended already.
            let _ = endpoint.peer.try_send_frame(Frame::binary(bytes)).await;
        }
        let reason = endpoint.peer.link_goodbye().await;
        assert!(
            Rule::ALL.iter().any(|rule| reason.starts_with(rule.id())),
            "{reason}"
        );
        endpoint.other_links_work().await;
    });
}
