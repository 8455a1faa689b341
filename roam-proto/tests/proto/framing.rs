//! Framings: how frames and byte streams carry messages.

use bytes::Bytes;
use roam_proto::{CloseReason, Config, Event, Framing, Link, Message, PACKED_FRAME, Rule};

use super::harness::*;

const ALL: [Framing; 3] = [Framing::Single, Framing::Packed, Framing::Cobs];

#[test]
fn calls_of_any_size_travel_in_every_framing() {
    for framing in ALL {
        let mut pair = Pair::with(framing, &Config::client(), &Config::default());
        let other = pair.connect();
        for connection in [ROOT, other] {
            for len in [0, 1, 253, 254, 255, 1_000, 70_000, 1 << 20] {
                let payload: Vec<u8> = (0..len).map(|n: usize| n.to_le_bytes()[0]).collect();
                pair.client
                    .link
                    .calls(connection)
                    .request(METHOD, NONE, &[], &payload)
                    .unwrap();
                pair.settle();
                let request = pair.server.request();
                assert_eq!(request.payload, payload);
                pair.server.answer(&request, &payload);
                pair.settle();
                assert_eq!(pair.client.response().payload, payload);
            }
        }
    }
}

#[test]
fn messages_queued_together_share_a_frame() {
    for (framing, frames) in [
        (Framing::Single, 10),
        (Framing::Packed, 1),
        (Framing::Cobs, 1),
    ] {
        let mut pair = with_ten_requests(framing);
        let sent: Vec<_> = std::iter::from_fn(|| pair.client.link.poll_transmit()).collect();
        assert_eq!(sent.len(), frames, "{framing:?}");
        for frame in sent {
            pair.server.link.handle_frame(&frame);
        }
        let requests = payloads(&mut pair.server.link);
        assert_eq!(requests, (0..10).collect::<Vec<_>>());
    }
}

#[test]
fn frame_may_be_processed_in_parts() {
    for (framing, parts) in [
        (Framing::Single, 10),
        (Framing::Packed, 4),
        (Framing::Cobs, 4),
    ] {
        let mut pair = with_ten_requests(framing);
        let mut seen = Vec::new();
        while let Some(frame) = pair.client.link.poll_transmit() {
            let mut from = 0;
            while from < frame.len() {
                from = pair.server.link.process(&frame, from, 3);
                seen.push(payloads(&mut pair.server.link));
            }
        }
        assert!(seen.iter().all(|part| part.len() <= 3), "{seen:?}");
        assert_eq!(seen.len(), parts, "{framing:?}");
        assert_eq!(seen.concat(), (0..10).collect::<Vec<_>>());
        let traffic = [&pair.client, &pair.server].map(|it| it.link.stats().traffic);
        assert_eq!(traffic[0].sent, traffic[1].received);
    }
}

#[test]
fn rest_of_a_frame_is_skipped_once_the_link_has_ended() {
    for framing in [Framing::Packed, Framing::Cobs] {
        let mut pair = Pair::with(framing, &small(), &small());
        let request = |link: &mut Link| link.calls(ROOT).request(METHOD, NONE, &[], &[7]).is_ok();
        assert!(request(&mut pair.client.link));
        pair.client.link.close("enough");
        let mut frame = pair.client.link.poll_transmit().unwrap().to_vec();
        // A peer that keeps to the rules sends nothing after its Goodbye.
        frame.extend_from_within(..);
        let frame = Bytes::from(frame);
        let from = pair.server.link.process(&frame, 0, 1);
        assert!(from < frame.len());
        assert_eq!(payloads(&mut pair.server.link), [7]);
        let to = pair.server.link.process(&frame, from, 1);
        assert_eq!(to, frame.len());
        assert!(matches!(
            pair.server.link.close_reason(),
            Some(CloseReason::Goodbye(_))
        ));
    }
}

/// A pair whose client has queued ten Requests, numbered by their payloads.
fn with_ten_requests(framing: Framing) -> Pair {
    let mut pair = Pair::with(framing, &small(), &small());
    for n in 0..10 {
        let link = &mut pair.client.link;
        link.calls(ROOT).request(METHOD, NONE, &[], &[n]).unwrap();
    }
    pair
}

/// Returns the first payload byte of each Request received.
fn payloads(link: &mut Link) -> Vec<u8> {
    let events = std::iter::from_fn(|| link.poll_event());
    let payload = |event| match event {
        Event::Request(request) => request.payload[0],
        other => panic!("{other:?}"),
    };
    events.map(payload).collect()
}

#[test]
fn shared_frames_stay_within_their_limit() {
    let mut pair = Pair::with(Framing::Packed, &Config::client(), &Config::default());
    for _ in 0..200 {
        pair.client
            .link
            .calls(ROOT)
            .request(METHOD, NONE, &[], &[0; 1_000])
            .unwrap();
    }
    while let Some(frame) = pair.client.link.poll_transmit() {
        assert!(frame.len() <= PACKED_FRAME);
    }
}

#[test]
fn byte_stream_may_be_split_anywhere() {
    for step in [1, 2, 3, 7, 64] {
        let mut pair = Pair::before_handshake(Framing::Cobs, &small(), &small());
        let deliver = |from: &mut Link, to: &mut Link| {
            while let Some(frame) = from.poll_transmit() {
                for piece in frame.chunks(step) {
                    to.handle_frame(&Bytes::copy_from_slice(piece));
                }
            }
        };
        deliver(&mut pair.client.link, &mut pair.server.link);
        deliver(&mut pair.server.link, &mut pair.client.link);
        let (_, channels) = pair
            .client
            .link
            .calls(ROOT)
            .request(METHOD, NONE, &[Send], &[0, 5])
            .unwrap();
        pair.client
            .link
            .sender(ROOT, channels[0])
            .send(&[0, 1, 0])
            .unwrap();
        deliver(&mut pair.client.link, &mut pair.server.link);
        let events: Vec<_> = std::iter::from_fn(|| pair.server.link.poll_event()).collect();
        assert!(
            matches!(events[..], [Event::Ready(_), Event::Request(_)]),
            "{events:?}"
        );
        pair.server.link.channel(ROOT, channels[0]).bind(Receive);
        assert_eq!(pair.server.read(channels[0]), [[0, 1, 0]]);
    }
}

#[test]
fn byte_stream_begins_as_specified() {
    let config = Config::default().with_initial_channel_credit(64 * 1024);
    let mut pair = Pair::before_handshake(Framing::Cobs, &config, &config);
    let hello = [0x01, 0x08, 0x01, 0x80, 0x80, 0x40, 0x80, 0x80, 0x04, 0x00];
    assert_eq!(&pair.client.link.poll_transmit().unwrap()[..], hello);
}

/// Returns the rule for which a server ends the link when fed `frame` after the handshake.
fn broken_rule(framing: Framing, frame: &[u8]) -> Option<Rule> {
    let mut pair = Pair::with(framing, &small(), &small());
    pair.server
        .link
        .handle_frame(&Bytes::copy_from_slice(frame));
    match pair.server.link.close_reason()? {
        CloseReason::Violation(violation) => Some(violation.rule),
        other => panic!("{other}"),
    }
}

fn packed(messages: &[&[u8]]) -> Vec<u8> {
    let record = |message: &&[u8]| [&[u8::try_from(message.len()).unwrap()], *message].concat();
    messages.iter().flat_map(record).collect()
}

#[test]
fn invalid_packing_is_a_decode_error() {
    let cancel = encode(&cancel(ROOT, 9));
    assert_eq!(
        broken_rule(Framing::Packed, &packed(&[&cancel, &cancel])),
        None
    );
    let whole = packed(&[&cancel, &cancel]);
    for (what, frame) in [
        ("an empty frame", vec![]),
        ("an empty record", packed(&[&cancel, &[], &cancel])),
        ("a record past the end", whole[..whole.len() - 1].to_vec()),
        ("a length past the end", vec![0xff]),
        ("an overlong length", vec![0x83, 0x00, 7, 0, 9]),
        (
            "a length of 2^40",
            vec![0x80, 0x80, 0x80, 0x80, 0x80, 0x20, 7],
        ),
        (
            "a record that is longer than its message",
            packed(&[&[7, 0, 9, 0]]),
        ),
    ] {
        assert_eq!(
            broken_rule(Framing::Packed, &frame),
            Some(Rule::DecodeError),
            "{what}"
        );
    }
}

#[test]
fn invalid_cobs_is_a_decode_error() {
    // Cancel of request 9 on the root connection: 07 00 09.
    assert_eq!(broken_rule(Framing::Cobs, &[2, 7, 2, 9, 0]), None);
    for (what, piece) in [
        ("an empty message", &[0][..]),
        ("a zero within a block", &[2, 7, 3, 9, 0]),
        ("an end within a block", &[5, 7, 0]),
        ("half a message", &[2, 7, 0]),
    ] {
        assert_eq!(
            broken_rule(Framing::Cobs, piece),
            Some(Rule::DecodeError),
            "{what}"
        );
    }
}

#[test]
fn empty_single_frame_is_a_decode_error() {
    assert_eq!(broken_rule(Framing::Single, &[]), Some(Rule::DecodeError));
}

#[test]
fn messages_after_a_link_violation_are_skipped() {
    let mut pair = Pair::with(Framing::Packed, &small(), &small());
    let request = encode(&request(ROOT, 1, &[], &[]));
    let frame = packed(&[&[12], &request]);
    pair.server.link.handle_frame(&Bytes::from(frame));
    assert!(matches!(pair.server.event(), Event::ConnectionEnded { .. }));
}

#[test]
fn messages_after_a_connection_violation_are_processed() {
    let mut pair = Pair::with(Framing::Packed, &small(), &small());
    let other = pair.connect();
    let wrong = encode(&data(other, 77, &[]));
    let right = encode(&request(ROOT, 1, &[], &[]));
    pair.server
        .link
        .handle_frame(&Bytes::from(packed(&[&wrong, &wrong, &right])));
    let events: Vec<_> = std::iter::from_fn(|| pair.server.link.poll_event()).collect();
    let [Event::ConnectionEnded { connection, .. }, Event::Request(_)] = events[..] else {
        panic!("{events:?}");
    };
    assert_eq!(connection, other);
}

#[test]
fn frames_are_limited_before_and_after_hello() {
    let long = |len: usize| {
        let mut frame = encode(&Message::Goodbye {
            connection: ROOT,
            reason: "",
        });
        frame.resize(len, 0);
        frame
    };
    for framing in ALL {
        let limit = |pair: &mut Pair, frame: &[u8]| {
            let frame = if framing == Framing::Cobs {
                vec![1; frame.len() + 1]
            } else {
                frame.to_vec()
            };
            pair.server.link.handle_frame(&Bytes::from(frame));
            match pair.server.link.close_reason() {
                Some(CloseReason::Violation(violation)) => Some(violation.rule),
                _ => None,
            }
        };
        let mut early = Pair::before_handshake(framing, &small(), &small());
        assert_ne!(
            limit(&mut early, &long(4_096)),
            Some(Rule::TooLarge),
            "{framing:?}"
        );
        let mut early = Pair::before_handshake(framing, &small(), &small());
        assert_eq!(
            limit(&mut early, &long(4_097)),
            Some(Rule::TooLarge),
            "{framing:?}"
        );
        let most = 1_000 + 128 * 1024;
        let mut late = Pair::with(framing, &small(), &small());
        assert_ne!(
            limit(&mut late, &long(most)),
            Some(Rule::TooLarge),
            "{framing:?}"
        );
        let mut late = Pair::with(framing, &small(), &small());
        assert_eq!(
            limit(&mut late, &long(most + 1)),
            Some(Rule::TooLarge),
            "{framing:?}"
        );
    }
}

#[test]
fn traffic_counts_the_bytes_of_frames() {
    for framing in ALL {
        let mut pair = Pair::with(framing, &small(), &small());
        pair.call(&[], &[1, 2, 3]);
        let (client, server) = (
            pair.client.link.stats().traffic,
            pair.server.link.stats().traffic,
        );
        assert_eq!(
            (client.sent, client.received),
            (server.received, server.sent)
        );
        assert!(client.sent > server.sent);
    }
}
