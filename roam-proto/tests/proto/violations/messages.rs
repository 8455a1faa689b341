//! Rules that end the link when they are broken.

use std::borrow::Cow;

use roam_proto::{ConnectionId, Event, Hello, Message, RequestId, Role, Rule};

use super::super::harness::*;
use super::{each_breaks, encoded, metadata_over_a_limit, nothing};

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
        let mut raw = Raw::before_handshake(Role::Acceptor, &small());
        raw.feed(&message);
        raw.assert_violation(ROOT, Rule::HelloOrdering);
    }
    let over = metadata_over_a_limit();
    let mut raw = Raw::before_handshake(Role::Acceptor, &small());
    raw.feed(&Message::Connect {
        request: RequestId(1),
        metadata: over,
    });
    raw.assert_violation(ROOT, Rule::HelloOrdering);
}

#[test]
fn message_hello_unknown_version() {
    let v1 = [0x00, 0x00, 0x80, 0x80, 0x40, 0x80, 0x80, 0x04];
    let v3 = [0x00, 0x02, 0x01];
    for hello in [&v1[..], &v3] {
        for mut raw in [
            Raw::before_handshake(Role::Acceptor, &small()),
            Raw::server(),
            Raw::client(),
        ] {
            raw.feed_bytes(hello);
            raw.assert_violation(ROOT, Rule::HelloUnknownVersion);
        }
    }
}

#[test]
fn message_hello_duplicate() {
    for mut raw in [Raw::server(), Raw::client()] {
        raw.feed(&hello(&small()));
        raw.assert_violation(ROOT, Rule::HelloDuplicate);
    }
}

#[test]
fn message_hello_parameters() {
    let mut raw = Raw::before_handshake(Role::Initiator, &small());
    raw.feed(&Message::Hello(Hello {
        max_payload_size: 0,
        initial_channel_credit: 1,
    }));
    raw.assert_violation(ROOT, Rule::HelloParameters);
}

#[test]
fn message_unknown_variant() {
    for message in [&[12][..], &[0x7f, 0, 1], &[0x80, 0x01]] {
        for mut raw in [
            Raw::before_handshake(Role::Acceptor, &small()),
            Raw::server(),
        ] {
            raw.feed_bytes(message);
            raw.assert_violation(ROOT, Rule::UnknownVariant);
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
    let mut raw = Raw::before_handshake(Role::Acceptor, &small());
    raw.feed_bytes(&[0, 1, 0x80]);
    raw.assert_violation(ROOT, Rule::DecodeError);
}

#[test]
fn message_decode_error_of_the_transport() {
    let mut raw = Raw::server();
    raw.peer
        .link
        .handle_violation(Rule::DecodeError.because("a text frame"));
    raw.peer.collect();
    raw.assert_violation(ROOT, Rule::DecodeError);
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
    raw.assert_violation(ROOT, Rule::TooLarge);
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
            raw.assert_violation(ROOT, Rule::UnknownConnection);
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
    raw.assert_violation(ROOT, Rule::UnknownConnection);
}

#[test]
fn message_accept_conn_id() {
    let accept = |raw: &mut Raw, id| {
        let request = raw.peer.link.open_connection(NONE).unwrap();
        raw.sent();
        raw.feed(&Message::Accept {
            request,
            connection: ConnectionId(id),
            metadata: none(),
        });
    };
    let mut raw = Raw::client();
    accept(&mut raw, 0);
    raw.assert_violation(ROOT, Rule::AcceptConnectionId);

    let mut raw = Raw::client();
    accept(&mut raw, 7);
    raw.peer.event();
    accept(&mut raw, 7);
    raw.peer.events.retain(|event| {
        !matches!(
            event,
            Event::ConnectionEnded {
                connection: ConnectionId(7),
                ..
            }
        )
    });
    raw.assert_violation(ROOT, Rule::AcceptConnectionId);

    let mut raw = Raw::server();
    let ours = raw.connection();
    accept(&mut raw, ours.0);
    raw.peer.events.pop_front();
    raw.assert_violation(ROOT, Rule::AcceptConnectionId);

    let mut raw = Raw::client();
    raw.feed(&Message::Accept {
        request: RequestId(5),
        connection: ROOT,
        metadata: none(),
    });
    raw.assert_violation(ROOT, Rule::AcceptConnectionId);
}
