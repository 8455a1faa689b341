//! Every row of the protocol's table of violations: bytes in, the exact Goodbye out, and just what
//! the rule ends has ended.

use std::borrow::Cow;

use bytes::Bytes;
use roam_core::proto::{ChannelId, ConnectionId, Hello, Message, Metadata, RequestId, Role, Rule};

use super::harness::*;

/// Runs a case on the root and on a virtual connection of a server, whose peer's ids are odd.
fn on_each_connection(case: impl Fn(&mut Raw, ConnectionId)) {
    for virtual_one in [false, true] {
        let mut raw = Raw::server();
        let on = if virtual_one { raw.connection() } else { ROOT };
        case(&mut raw, on);
    }
}

/// Each message of `wrong` breaks `rule`, alone after what `prepare` does.
fn each_breaks(
    rule: Rule,
    prepare: impl Fn(&mut Raw, ConnectionId),
    wrong: impl Fn(ConnectionId) -> Vec<Vec<u8>>,
) {
    on_each_connection(|raw, on| {
        for n in 0..wrong(on).len() {
            let mut fresh = Raw::server();
            let raw = if n == 0 { &mut *raw } else { &mut fresh };
            let on = if n > 0 && on != ROOT {
                raw.connection()
            } else {
                on
            };
            prepare(raw, on);
            raw.peer.no_event();
            raw.feed_bytes(&wrong(on)[n]);
            raw.assert_punished(on, rule);
        }
    });
}

fn encoded(messages: &[Message<'_>]) -> Vec<Vec<u8>> {
    messages.iter().map(encode).collect()
}

fn nothing(_: &mut Raw, _: ConnectionId) {}

/// Channel 1 is one on which we receive, 3 one on which we send, 5 unbound.
fn three_channels(raw: &mut Raw, on: ConnectionId) {
    let call = raw.called(on, 1, &[1, 3, 5]);
    assert!(raw.peer.link.bind(on, call.channels[0], Receive));
    assert!(raw.peer.link.bind(on, call.channels[1], Send));
}

/// Channel 2 is one of ours on which we receive, 4 one on which we send.
fn channels_of_ours(raw: &mut Raw, on: ConnectionId) {
    raw.peer
        .link
        .request(on, METHOD, NONE, &[Receive, Send], &[])
        .unwrap();
}

fn metadata_over_a_limit() -> Cow<'static, Metadata> {
    Cow::Owned(Metadata::new().with("k".repeat(257), 1))
}

fn every_other_message() -> Vec<Message<'static>> {
    let (request, connection) = (RequestId(1), ConnectionId(1));
    vec![
        Message::Connect {
            request,
            metadata: none(),
        },
        Message::Accept {
            request,
            connection,
            metadata: none(),
        },
        Message::Reject {
            request,
            reason: "",
            metadata: none(),
        },
        goodbye(ROOT, "not today"),
        goodbye(connection, ""),
        self::request(ROOT, 1, &[], &[]),
        response(ROOT, 1, &[], OK),
        cancel(ROOT, 1),
        data(ROOT, 1, &[]),
        close(ROOT, 1),
        reset(ROOT, 1),
        credit(ROOT, 1, 1),
    ]
}

#[test]
fn message_hello_ordering() {
    for message in every_other_message() {
        let mut raw = Raw::unshaken(Role::Acceptor, &small());
        raw.feed(&message);
        raw.assert_punished(ROOT, Rule::HelloOrdering);
    }
    let over = metadata_over_a_limit();
    let mut raw = Raw::unshaken(Role::Acceptor, &small());
    raw.feed(&Message::Connect {
        request: RequestId(1),
        metadata: over,
    });
    raw.assert_punished(ROOT, Rule::HelloOrdering);
}

#[test]
fn message_hello_unknown_version() {
    let v1 = [0x00, 0x00, 0x80, 0x80, 0x40, 0x80, 0x80, 0x04];
    let v3 = [0x00, 0x02, 0x01];
    for hello in [&v1[..], &v3] {
        for mut raw in [
            Raw::unshaken(Role::Acceptor, &small()),
            Raw::server(),
            Raw::client(),
        ] {
            raw.feed_bytes(hello);
            raw.assert_punished(ROOT, Rule::HelloUnknownVersion);
        }
    }
}

#[test]
fn message_hello_duplicate() {
    for mut raw in [Raw::server(), Raw::client()] {
        raw.feed(&hello(&small()));
        raw.assert_punished(ROOT, Rule::HelloDuplicate);
    }
}

#[test]
fn message_hello_parameters() {
    let mut raw = Raw::unshaken(Role::Initiator, &small());
    raw.feed(&Message::Hello(Hello {
        max_payload_size: 0,
        initial_channel_credit: 1,
    }));
    raw.assert_punished(ROOT, Rule::HelloParameters);
}

#[test]
fn message_unknown_variant() {
    for message in [&[12][..], &[0x7f, 0, 1], &[0x80, 0x01]] {
        for mut raw in [Raw::unshaken(Role::Acceptor, &small()), Raw::server()] {
            raw.feed_bytes(message);
            raw.assert_punished(ROOT, Rule::UnknownVariant);
        }
    }
}

#[test]
fn message_decode_error() {
    let on = |connection| {
        let whole = encode(&request(connection, 1, &[1], &[1, 2]));
        let mut trailing = whole.clone();
        trailing.push(0);
        let id = whole[1];
        vec![
            whole[..whole.len() - 1].to_vec(),
            trailing,
            vec![0x87, 0x00, id, 9],
            vec![7, id, 0x89, 0x00],
            vec![],
            vec![7],
        ]
    };
    each_breaks(Rule::DecodeError, nothing, on);
    let mut raw = Raw::unshaken(Role::Acceptor, &small());
    raw.feed_bytes(&[0, 1, 0x80]);
    raw.assert_punished(ROOT, Rule::DecodeError);
}

#[test]
fn message_decode_error_of_the_transport() {
    let mut raw = Raw::server();
    raw.peer
        .link
        .handle_violation(Rule::DecodeError.because("a text frame"));
    raw.peer
        .events
        .extend(std::iter::from_fn(|| raw.peer.link.poll_event()));
    raw.assert_punished(ROOT, Rule::DecodeError);
}

#[test]
fn message_too_large() {
    let ids: Vec<u64> = (0..257).map(|n| 2 * n + 1).collect();
    let reason = "r".repeat(1_025);
    each_breaks(Rule::TooLarge, nothing, |on| {
        encoded(&[
            request(on, 1, &ids, &[]),
            response(on, 1, &ids, OK),
            goodbye(on, &reason),
            Message::Reject {
                request: RequestId(1),
                reason: &reason,
                metadata: none(),
            },
        ])
    });
    let mut raw = Raw::server();
    raw.feed_bytes(&vec![0; 1_000 + 128 * 1024 + 1]);
    raw.assert_punished(ROOT, Rule::TooLarge);
}

#[test]
fn message_conn_id() {
    for message in [
        |on| request(on, 1, &[], &[]),
        |on| response(on, 1, &[], OK),
        |on| cancel(on, 1),
        |on| data(on, 1, &[]),
        |on| close(on, 1),
        |on| reset(on, 1),
        |on| credit(on, 1, 1),
        |on| goodbye(on, "unheard of"),
    ] {
        for id in [1, 2, u64::MAX] {
            let mut raw = Raw::server();
            raw.feed(&message(ConnectionId(id)));
            raw.assert_punished(ROOT, Rule::UnknownConnection);
        }
    }
    let mut raw = Raw::server();
    raw.feed(&Message::Response {
        connection: ConnectionId(4),
        request: RequestId(1),
        metadata: metadata_over_a_limit(),
        channels: Cow::Borrowed(&[]),
        payload: &[],
    });
    raw.assert_punished(ROOT, Rule::UnknownConnection);
}

#[test]
fn message_accept_conn_id() {
    let accept = |raw: &mut Raw, id| {
        let request = raw.peer.link.connect(NONE).unwrap();
        raw.sent();
        raw.feed(&Message::Accept {
            request,
            connection: ConnectionId(id),
            metadata: none(),
        });
    };
    let mut raw = Raw::client();
    accept(&mut raw, 0);
    raw.assert_punished(ROOT, Rule::AcceptConnectionId);

    let mut raw = Raw::client();
    accept(&mut raw, 7);
    raw.peer.event();
    accept(&mut raw, 7);
    raw.peer.events.retain(|event| {
        !matches!(
            event,
            roam_core::proto::Event::ConnectionEnded {
                connection: ConnectionId(7),
                ..
            }
        )
    });
    raw.assert_punished(ROOT, Rule::AcceptConnectionId);

    let mut raw = Raw::server();
    let ours = raw.connection();
    accept(&mut raw, ours.0);
    raw.peer.events.pop_front();
    raw.assert_punished(ROOT, Rule::AcceptConnectionId);

    let mut raw = Raw::client();
    raw.feed(&Message::Accept {
        request: RequestId(5),
        connection: ROOT,
        metadata: none(),
    });
    raw.assert_punished(ROOT, Rule::AcceptConnectionId);
}

#[test]
fn call_request_id_duplicate_detection() {
    let running = |raw: &mut Raw, on| {
        raw.called(on, 5, &[]);
    };
    let duplicate = |on| encoded(&[request(on, 5, &[], &[])]);
    each_breaks(Rule::DuplicateRequestId, running, duplicate);
    let answered = |raw: &mut Raw, on| {
        let call = raw.called(on, 5, &[]);
        raw.peer.answer(&call, OK);
    };
    each_breaks(Rule::DuplicateRequestId, answered, duplicate);
}

#[test]
fn call_metadata_limits() {
    let entries: Metadata = (0..129).map(|n| ("k".to_owned(), n)).collect();
    let value = Metadata::new().with("k", vec![0; 16_385]);
    let total: Metadata = (0..5).map(|n| (n.to_string(), vec![0; 14_000])).collect();
    let key = metadata_over_a_limit().into_owned();
    for metadata in [&entries, &value, &total, &key] {
        let metadata = || Cow::Owned(metadata.clone());
        each_breaks(Rule::MetadataLimits, nothing, |connection| {
            let (request, channels) = (RequestId(1), Cow::Borrowed(&[][..]));
            encoded(&[
                Message::Request {
                    connection,
                    request,
                    method: METHOD,
                    metadata: metadata(),
                    channels: channels.clone(),
                    payload: &[],
                },
                Message::Response {
                    connection,
                    request,
                    metadata: metadata(),
                    channels,
                    payload: OK,
                },
            ])
        });
        let (request, connection) = (RequestId(1), ConnectionId(4));
        for message in [
            Message::Connect {
                request,
                metadata: metadata(),
            },
            Message::Accept {
                request,
                connection,
                metadata: metadata(),
            },
            Message::Reject {
                request,
                reason: "",
                metadata: metadata(),
            },
        ] {
            let mut raw = Raw::client();
            raw.feed(&message);
            raw.assert_punished(ROOT, Rule::MetadataLimits);
        }
    }
}

#[test]
fn flow_call_payload_limit() {
    let long = [0; 1_001];
    each_breaks(Rule::PayloadLimit, three_channels, |on| {
        encoded(&[
            request(on, 9, &[], &long),
            response(on, 9, &[], &long),
            data(on, 1, &long),
        ])
    });
}

#[test]
fn channeling_id_zero_reserved() {
    each_breaks(Rule::ZeroChannelId, nothing, |on| {
        encoded(&[
            data(on, 0, &[]),
            close(on, 0),
            reset(on, 0),
            credit(on, 0, 1),
            request(on, 1, &[0], &[]),
            request(on, 1, &[1, 0], &[]),
            response(on, 1, &[0], OK),
        ])
    });
}

#[test]
fn channeling_id_parity() {
    each_breaks(Rule::ChannelIdParity, nothing, |on| {
        encoded(&[
            request(on, 1, &[2], &[]),
            request(on, 1, &[1, 4], &[]),
            response(on, 1, &[2], OK),
        ])
    });
    let mut raw = Raw::client();
    raw.feed(&request(ROOT, 1, &[1], &[]));
    raw.assert_punished(ROOT, Rule::ChannelIdParity);
}

#[test]
fn channeling_id_reused() {
    let live_and_over = |raw: &mut Raw, on| {
        raw.called(on, 1, &[1]);
        let call = raw.called(on, 2, &[3]);
        raw.peer.answer(&call, &[1, 1]);
    };
    each_breaks(Rule::ChannelIdReused, live_and_over, |on| {
        encoded(&[
            request(on, 9, &[1], &[]),
            request(on, 9, &[3], &[]),
            request(on, 9, &[5, 5], &[]),
            response(on, 9, &[1], OK),
            response(on, 9, &[7, 5, 7], OK),
        ])
    });
}

#[test]
fn channeling_unknown() {
    each_breaks(Rule::UnknownChannel, three_channels, |on| {
        let of = |id| {
            [
                data(on, id, &[]),
                close(on, id),
                reset(on, id),
                credit(on, id, 1),
            ]
        };
        [7, 2, u64::MAX, u64::MAX - 1]
            .into_iter()
            .flat_map(|id| encoded(&of(id)))
            .collect()
    });
}

#[test]
fn channeling_direction() {
    each_breaks(Rule::ChannelDirection, three_channels, |on| {
        encoded(&[
            data(on, 3, &[1]),
            data(on, 3, &[]),
            close(on, 3),
            credit(on, 1, 1),
        ])
    });
    each_breaks(Rule::ChannelDirection, channels_of_ours, |on| {
        encoded(&[data(on, 4, &[1]), close(on, 4), credit(on, 2, 1)])
    });
}

#[test]
fn channeling_direction_of_a_channel_that_is_bound_later() {
    on_each_connection(|raw, on| {
        for (message, direction) in [
            (data(on, 5, &[1]), Send),
            (data(on, 5, &[]), Send),
            (close(on, 5), Send),
            (credit(on, 5, 1), Receive),
        ] {
            let mut fresh = Raw::server();
            let raw = if on == ROOT { &mut fresh } else { &mut *raw };
            let on = if on == ROOT { ROOT } else { raw.connection() };
            let message = match message {
                Message::Data { payload, .. } => data(on, 5, payload),
                Message::Close { .. } => close(on, 5),
                _ => credit(on, 5, 1),
            };
            raw.called(on, 1, &[5]);
            raw.feed(&message);
            assert!(!raw.peer.link.bind(on, ChannelId(5), direction));
            raw.peer
                .events
                .extend(std::iter::from_fn(|| raw.peer.link.poll_event()));
            raw.assert_punished(on, Rule::ChannelDirection);
            raw.peer.link.handler_gone(on, RequestId(1));
            assert_eq!(raw.peer.link.stats().channels, 0);
        }
    });
}

#[test]
fn channeling_data_after_close() {
    let after_close = |on| encoded(&[data(on, 1, &[1]), data(on, 1, &[]), close(on, 1)]);
    each_breaks(
        Rule::DataAfterClose,
        |raw, on| {
            three_channels(raw, on);
            raw.feed(&close(on, 1));
        },
        after_close,
    );
    // Also when the end has been read and the channel is forgotten.
    each_breaks(
        Rule::DataAfterClose,
        |raw, on| {
            three_channels(raw, on);
            raw.feed(&close(on, 1));
            raw.peer.link.receive(on, ChannelId(1));
        },
        after_close,
    );
    // Before it is bound.
    each_breaks(
        Rule::DataAfterClose,
        |raw, on| {
            raw.called(on, 1, &[1]);
            raw.feed(&close(on, 1));
        },
        after_close,
    );
}

#[test]
fn flow_channel_credit_overrun() {
    let full = |raw: &mut Raw, on| {
        three_channels(raw, on);
        raw.feed(&data(on, 1, &[0; 60]));
        raw.feed(&data(on, 1, &[0; 39]));
        raw.feed(&data(on, 5, &[0; 99]));
    };
    each_breaks(Rule::CreditOverrun, full, |on| {
        encoded(&[
            data(on, 1, &[0; 2]),
            data(on, 5, &[0; 2]),
            data(on, 1, &[0; 1_000]),
        ])
    });
}

#[test]
fn flow_channel_credit_overflow() {
    each_breaks(
        Rule::CreditOverflow,
        |raw, on| {
            three_channels(raw, on);
            raw.feed(&credit(on, 3, u32::MAX - 100));
        },
        |on| {
            encoded(&[
                credit(on, 3, 1),
                credit(on, 3, u32::MAX),
                credit(on, 5, u32::MAX - 99),
            ])
        },
    );
}

#[test]
fn every_rule_has_a_test_here() {
    let text = include_str!("violations.rs");
    for rule in Rule::ALL {
        let name = format!("fn {}", rule.id().replace(['.', '-'], "_"));
        assert!(text.contains(&name), "{name}");
    }
}

#[test]
fn a_violation_on_a_virtual_connection_ends_it_for_the_user_too() {
    let mut raw = Raw::server();
    let other = raw.connection();
    three_channels(&mut raw, other);
    raw.feed(&data(other, 77, &[]));
    raw.assert_punished(other, Rule::UnknownChannel);
    raw.feed(&data(other, 1, &[0; 999]));
    raw.feed(&data(other, 77, &[]));
    assert!(raw.sent().is_empty(), "late, not wrong once more");
    let received = raw.peer.link.receive(other, ChannelId(1));
    assert!(
        matches!(received, roam_core::proto::Received::End(_)),
        "{received:?}"
    );
}

#[test]
fn the_context_follows_the_rule() {
    let mut raw = Raw::server();
    raw.called(ROOT, 1, &[1]);
    raw.feed(&data(ROOT, 1, &[0; 60]));
    raw.peer
        .link
        .handle_frame(&Bytes::from(encode(&data(ROOT, 1, &[0; 50]))));
    let reason = "flow.channel.credit-overrun: channel 1: 50 bytes, 40 allowed";
    raw.assert_sent(&[goodbye(ROOT, reason)]);
}
