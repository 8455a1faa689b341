use super::*;

fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

fn none() -> Cow<'static, Metadata> {
    Cow::Owned(Metadata::new())
}

/// A message and its bytes, in hex.
type Vector = (Message<'static>, &'static str);

/// The protocol's test vectors.
fn vectors() -> Vec<Vector> {
    let mut vectors = link_vectors();
    vectors.extend(connection_vectors());
    vectors
}

fn link_vectors() -> Vec<Vector> {
    let one = ConnectionId(1);
    let hello = |max_payload_size, initial_channel_credit| {
        Message::Hello(Hello {
            max_payload_size,
            initial_channel_credit,
        })
    };
    let text = |key: &str, value: &str| Cow::Owned(Metadata::new().with(key, value));
    vec![
        (hello(1 << 20, 1 << 16), "0001808040808004"),
        (hello(1024, 64), "0001800840"),
        (
            Message::Connect {
                request: RequestId(1),
                metadata: none(),
            },
            "010100",
        ),
        (
            Message::Connect {
                request: RequestId(2),
                metadata: text("auth", "token123"),
            },
            "01020104617574680008746f6b656e313233",
        ),
        (
            Message::Accept {
                request: RequestId(1),
                connection: one,
                metadata: none(),
            },
            "02010100",
        ),
        (
            Message::Reject {
                request: RequestId(1),
                reason: "not listening",
                metadata: none(),
            },
            "03010d6e6f74206c697374656e696e6700",
        ),
        (
            Message::Goodbye {
                connection: one,
                reason: "done",
            },
            "040104646f6e65",
        ),
    ]
}

fn connection_vectors() -> Vec<Vector> {
    let root = ConnectionId::ROOT;
    let text = |key: &str, value: &str| Cow::Owned(Metadata::new().with(key, value));
    vec![
        (
            request(1, 42, none(), &[], &[0xde, 0xad, 0xbe, 0xef]),
            "0500012a000004deadbeef",
        ),
        (
            request(5, 100, text("key", "value"), &[], &[]),
            "0500056401036b6579000576616c75650000",
        ),
        (
            request(6, 200, none(), &[1, 3], &[0x42]),
            "050006c801000201030142",
        ),
        (
            Message::Response {
                connection: root,
                request: RequestId(1),
                metadata: none(),
                channels: Cow::Borrowed(&[]),
                payload: &[0x42],
            },
            "06000100000142",
        ),
        (
            Message::Cancel {
                connection: root,
                request: RequestId(99),
            },
            "070063",
        ),
        (
            Message::Data {
                connection: root,
                channel: ChannelId(1),
                payload: &[1, 2, 3],
            },
            "08000103010203",
        ),
        (
            Message::Close {
                connection: root,
                channel: ChannelId(7),
            },
            "090007",
        ),
        (
            Message::Reset {
                connection: root,
                channel: ChannelId(5),
            },
            "0a0005",
        ),
        (
            Message::Grant {
                connection: ConnectionId(1),
                channel: ChannelId(300),
                consumed: 32_768,
                credit: 5,
            },
            "0c01ac0280800205",
        ),
        (
            Message::Part {
                is_last: true,
                bytes: &[7, 8],
            },
            "0e01020708",
        ),
        (
            Message::End {
                code: 4001,
                reason: "moved",
            },
            "0fa11f056d6f766564",
        ),
        (
            Message::Blocked {
                connection: ConnectionId(0),
                channel: ChannelId(3),
                bytes: 300,
            },
            "0d0003ac02",
        ),
        (
            Message::Credit {
                connection: root,
                channel: ChannelId(3),
                bytes: 4096,
            },
            "0b00038020",
        ),
    ]
}

fn request(
    id: u64,
    method: u64,
    metadata: Cow<'static, Metadata>,
    channels: &[u64],
    payload: &'static [u8],
) -> Message<'static> {
    Message::Request {
        connection: ConnectionId::ROOT,
        request: RequestId(id),
        method: MethodId(method),
        metadata,
        channels: channels.iter().copied().map(ChannelId).collect(),
        payload,
    }
}

fn broken_rule(bytes: &[u8]) -> Rule {
    Message::decode(bytes).unwrap_err().violation.rule
}

#[test]
fn vectors_round_trip() {
    for (message, bytes) in vectors() {
        let bytes = hex(bytes);
        let mut encoded = Vec::new();
        message.encode(&mut encoded);
        assert_eq!(encoded, bytes, "{message:?}");
        assert_eq!(Message::decode(&bytes), Ok(message));
    }
}

#[test]
fn rejects_truncation_and_trailing_bytes() {
    for (message, bytes) in vectors() {
        let mut bytes = hex(bytes);
        for len in 0..bytes.len() {
            assert_eq!(
                broken_rule(&bytes[..len]),
                Rule::DecodeError,
                "{message:?} truncated to {len} bytes"
            );
        }
        bytes.push(0);
        assert_eq!(
            broken_rule(&bytes),
            Rule::DecodeError,
            "{message:?} with a trailing byte"
        );
    }
}

#[test]
fn payloads_borrow_from_the_frame() {
    let frame = hex("08000103010203");
    let Ok(Message::Data { payload, .. }) = Message::decode(&frame) else {
        panic!("not Data")
    };
    assert!(core::ptr::eq(payload, &raw const frame[4..]));
}

#[test]
fn unknown_messages_and_versions_have_their_own_rules() {
    assert_eq!(broken_rule(&[16]), Rule::UnknownVariant);
    assert_eq!(broken_rule(&[0xff, 0x01, 0x00]), Rule::UnknownVariant);
    assert_eq!(
        broken_rule(&hex("0000808040808004")),
        Rule::HelloUnknownVersion
    );
    assert_eq!(broken_rule(&hex("0002")), Rule::HelloUnknownVersion);
}

#[test]
fn rejects_claims_of_a_terabyte() {
    // A Data's payload, a Request's metadata and channels, a Goodbye's reason.
    let claim = "808080808020";
    for head in ["080001", "050001", "0500012a00", "0400"] {
        assert_eq!(
            broken_rule(&hex(&format!("{head}{claim}"))),
            Rule::DecodeError,
            "{head}"
        );
    }
}

#[test]
fn rejects_long_lists_and_reasons() {
    let reason = "r".repeat(MAX_REASON + 1);
    let mut bytes = Vec::new();
    Message::Goodbye {
        connection: ConnectionId::ROOT,
        reason: &reason,
    }
    .encode(&mut bytes);
    assert_eq!(broken_rule(&bytes), Rule::TooLarge);

    let mut bytes = Vec::new();
    Message::End {
        code: 4000,
        reason: &reason,
    }
    .encode(&mut bytes);
    assert_eq!(broken_rule(&bytes), Rule::TooLarge);
    assert_eq!(broken_rule(&hex("0f80800400")), Rule::DecodeError);

    let ids: Vec<u64> = (0..=MAX_CHANNELS as u64).map(|n| 2 * n + 1).collect();
    let mut bytes = Vec::new();
    request(1, 1, none(), &ids, &[]).encode(&mut bytes);
    assert_eq!(broken_rule(&bytes), Rule::TooLarge);
}

#[test]
fn metadata_over_a_limit_fails_its_connection() {
    let mut bytes = Vec::new();
    Message::Response {
        connection: ConnectionId(7),
        request: RequestId(1),
        metadata: Cow::Owned(Metadata::new().with("k".repeat(257), 1)),
        channels: Cow::Borrowed(&[]),
        payload: &[],
    }
    .encode(&mut bytes);
    let error = Message::decode(&bytes).unwrap_err();
    assert_eq!(
        (error.connection, error.violation.rule),
        (ConnectionId(7), Rule::MetadataLimits)
    );
}

#[test]
fn clamps_reasons_at_a_character_boundary() {
    let reason = "é".repeat(MAX_REASON);
    assert_eq!(clamp_reason(&reason).len(), MAX_REASON);
    let odd = format!("x{reason}");
    assert_eq!(clamp_reason(&odd).len(), MAX_REASON - 1);
    assert_eq!(clamp_reason("short"), "short");
}
