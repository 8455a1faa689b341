//! Bad input: the machine answers anything invalid with one Goodbye and stays within its limits.

use bytes::Bytes;
use proptest::prelude::*;
use roam_proto::{CloseReason, Config, Event, Framing, Link, Message, Role, Rule};

use super::harness::*;

/// Returns the rule for which a server ends the link when fed `message` after the handshake.
fn verdict(message: &[u8]) -> Option<Rule> {
    let mut raw = Raw::server();
    raw.feed_bytes(message);
    match raw.peer.link.close_reason()? {
        CloseReason::Violation(violation) => Some(violation.rule),
        other => panic!("{other}"),
    }
}

#[test]
fn rejects_truncated_messages() {
    let whole = encode(&request(ROOT, 300, &[1, 3], &[1, 2, 3]));
    assert_eq!(verdict(&whole), None);
    for len in 0..whole.len() {
        assert_eq!(
            verdict(&whole[..len]),
            Some(Rule::DecodeError),
            "{len} bytes"
        );
    }
}

#[test]
fn rejects_overlong_varints() {
    // Credit, root connection, channel 1, 2 bytes: each number in turn is a byte too long.
    for message in [
        &[0x8b, 0x00, 0, 1, 2][..],
        &[0x0b, 0x80, 0x00, 1, 2],
        &[0x0b, 0, 0x81, 0x00, 2],
        &[0x0b, 0, 1, 0x82, 0x00],
        &[0x0b, 0, 1, 0xff, 0xff, 0xff, 0xff, 0x1f],
        &[
            0x0b, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 2,
        ],
        &[
            0x0b, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 2,
        ],
    ] {
        assert_eq!(verdict(message), Some(Rule::DecodeError), "{message:x?}");
    }
}

#[test]
fn rejects_claimed_lengths_of_2_to_the_40() {
    let claim = [0x80, 0x80, 0x80, 0x80, 0x80, 0x20];
    for head in [
        // Data's payload, Request's metadata, channels and payload, Goodbye's reason, a key.
        &[8, 0, 1][..],
        &[5, 0, 1, 42],
        &[5, 0, 1, 42, 0],
        &[5, 0, 1, 42, 0, 0],
        &[4, 0],
        &[5, 0, 1, 42, 1],
    ] {
        let message = [head, &claim, &[0; 10]].concat();
        assert_eq!(verdict(&message), Some(Rule::DecodeError), "{head:x?}");
    }
}

#[test]
fn rejects_invalid_utf8_and_unknown_kinds() {
    for message in [
        // A reason, a key, a text value.
        &[4, 0, 2, 0xc3, 0x28][..],
        &[1, 1, 1, 1, 0xff, 2, 0],
        &[1, 1, 1, 1, b'k', 0, 1, 0xff],
        // An unknown kind of value.
        &[1, 1, 1, 1, b'k', 3, 0],
    ] {
        assert_eq!(verdict(message), Some(Rule::DecodeError), "{message:x?}");
    }
}

#[test]
fn sends_one_goodbye_and_nothing_after_it() {
    let mut raw = Raw::server();
    for _ in 0..10 {
        raw.feed_bytes(&[0xff]);
    }
    assert_eq!(raw.sent().len(), 1);
    assert!(matches!(raw.peer.event(), Event::ConnectionEnded { .. }));
}

/// Feeds `frames` to a machine whose user reacts to every event, and checks its limits.
fn survives(framing: Framing, after_handshake: bool, frames: &[Vec<u8>]) {
    let config = Config::default();
    let mut pair = if after_handshake {
        Pair::with(framing, &config, &config)
    } else {
        Pair::before_handshake(framing, &config, &config)
    };
    let link = &mut pair.server.link;
    for frame in frames {
        link.handle_frame(&Bytes::copy_from_slice(frame));
        while let Some(event) = link.poll_event() {
            react(link, event);
        }
        while link.poll_transmit().is_some() {}
        let stats = link.stats();
        assert!(stats.incoming_calls <= config.limits.calls * (1 + config.limits.connections));
        assert!(stats.remaining.receive_budget <= config.limits.receive_budget);
        assert!(stats.remaining.sending_channels <= config.limits.sending_channels);
    }
    link.close("");
    while link.poll_transmit().is_some() {}
}

fn react(link: &mut Link, event: Event) {
    match event {
        Event::Request(request) => {
            for (n, &channel) in request.channels.iter().enumerate() {
                let direction = if n % 2 == 0 { Receive } else { Send };
                if link.channel(request.connection, channel).bind(direction) {
                    let _ = link.sender(request.connection, channel).send(&[1]);
                    link.receiver(request.connection, channel).read();
                }
            }
            let id = request.request;
            if request.payload.len() % 2 == 0 {
                let _ =
                    link.calls(request.connection)
                        .respond(id, NONE, &[Send], OK, Handler::Running);
                link.calls(request.connection).handler_finished(id);
            }
        }
        Event::Cancelled {
            connection,
            request,
        } => link.calls(connection).handler_finished(request),
        Event::ConnectRequest { request, .. } => {
            let _ = link.accept_connection(request, NONE);
        }
        Event::ChannelReady {
            connection,
            channel,
        } => {
            link.receiver(connection, channel).read();
            link.receiver(connection, channel).consume(1);
        }
        _ => {}
    }
}

fn framing() -> impl Strategy<Value = Framing> {
    prop_oneof![
        Just(Framing::Single),
        Just(Framing::Packed),
        Just(Framing::Cobs)
    ]
}

/// Bytes that are often almost a message.
fn nearly_a_message() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![4 => 0u8..12, 1 => any::<u8>()];
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40),
        (0u8..14, prop::collection::vec(byte, 0..12)).prop_map(|(tag, rest)| {
            let mut bytes = vec![tag];
            bytes.extend(rest);
            bytes
        }),
    ]
}

/// Well-formed messages with small ids, so that the ids often exist.
fn message() -> impl Strategy<Value = Vec<u8>> {
    let parts = (
        0u8..10,
        0u64..4,
        0u64..6,
        prop::collection::vec(0u64..12, 0..4),
        0usize..80,
    );
    parts.prop_map(|(kind, on, id, channels, len)| {
        let (on, payload) = (roam_proto::ConnectionId(on), vec![0; len]);
        let request_id = roam_proto::RequestId(id);
        encode(&match kind {
            0 | 1 => request(on, id, &channels, &payload),
            2 => response(on, id, &channels, &payload),
            3 => cancel(on, id),
            4 | 5 => data(on, id, &payload),
            6 => close(on, id),
            7 => reset(on, id),
            8 => credit(on, id, 70),
            _ => Message::Connect {
                request: request_id,
                metadata: none(),
            },
        })
    })
}

fn in_frame(framing: Framing, message: Vec<u8>) -> Vec<u8> {
    match framing {
        Framing::Packed => {
            let mut frame = vec![u8::try_from(message.len()).unwrap_or(0x7f).min(0x7f)];
            frame.extend(message);
            frame
        }
        _ => message,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn random_bytes_at_worst_end_the_link(
        framing in framing(),
        after_handshake: bool,
        frames in prop::collection::vec(nearly_a_message(), 1..20),
    ) {
        let frames: Vec<_> = frames.into_iter().map(|message| in_frame(framing, message)).collect();
        survives(framing, after_handshake, &frames);
    }

    #[test]
    fn random_messages_at_worst_end_the_link(
        packed: bool,
        messages in prop::collection::vec(message(), 1..60),
    ) {
        let framing = if packed { Framing::Packed } else { Framing::Single };
        let frames: Vec<_> = messages.into_iter().map(|message| in_frame(framing, message)).collect();
        survives(framing, true, &frames);
    }

    #[test]
    fn random_bytes_that_end_the_link_cause_a_goodbye(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let mut raw = Raw::with(Role::Acceptor, &small());
        raw.feed_bytes(&bytes);
        if raw.peer.link.close_reason().is_some() {
            let sent = raw.sent();
            let said = sent.last().map(|message| message[0]);
            let by_the_peer = matches!(raw.peer.link.close_reason(), Some(CloseReason::Goodbye(_)));
            prop_assert!(by_the_peer || said == Some(4), "{sent:x?}");
        }
    }
}
