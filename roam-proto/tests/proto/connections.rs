//! Virtual connections: requested, accepted or rejected, and ended one by one.

use roam_proto::{
    ChannelEnd, ChannelId, CloseReason, ConnectionId, Event, Message, Metadata, ReadOutcome,
    RequestError, RequestId, Role,
};

use super::harness::*;

fn accept(request: u64, id: u64) -> Message<'static> {
    Message::Accept {
        request: RequestId(request),
        connection: ConnectionId(id),
        metadata: none(),
    }
}

fn connect(request: u64) -> Message<'static> {
    Message::Connect {
        request: RequestId(request),
        metadata: none(),
    }
}

#[track_caller]
fn assert_rejected(raw: &mut Raw, id: u64, why: &str) {
    let expected = Message::Reject {
        request: RequestId(id),
        reason: why,
        metadata: none(),
    };
    let sent = raw.sent();
    assert_eq!(
        sent.iter()
            .map(|bytes| Message::decode(bytes).unwrap())
            .collect::<Vec<_>>(),
        [expected]
    );
}

#[test]
fn metadata_travels_with_connect_accept_and_reject() {
    let mut pair = Pair::new();
    let metadata = |text: &str| Metadata::new().with("authorization", text);
    for granted in [true, false] {
        let ours = pair
            .client
            .link
            .open_connection(&metadata("token"))
            .unwrap();
        pair.settle();
        let Event::ConnectRequest {
            request,
            metadata: asked,
        } = pair.server.event()
        else {
            panic!()
        };
        assert_eq!((request, asked), (ours, metadata("token")));
        let answer = metadata("answer");
        let id = if granted {
            Some(
                pair.server
                    .link
                    .accept_connection(request, &answer)
                    .unwrap(),
            )
        } else {
            pair.server
                .link
                .reject_connection(request, "unauthorized", &answer);
            None
        };
        pair.settle();
        let Event::ConnectAnswer {
            request,
            result,
            metadata,
        } = pair.client.event()
        else {
            panic!()
        };
        assert_eq!((request, metadata), (ours, answer));
        assert_eq!(result, id.ok_or("unauthorized".into()));
    }
}

#[test]
fn connections_have_their_own_ids_and_calls_both_ways() {
    let mut pair = Pair::new();
    let other = pair.connect();
    for connection in [ROOT, other] {
        let (client, server) = (&mut pair.client.link, &mut pair.server.link);
        let (asked, channels) = client
            .calls(connection)
            .request(METHOD, NONE, &[Send], &[1])
            .unwrap();
        assert_eq!((asked, &channels[..]), (RequestId(1), &[ChannelId(1)][..]));
        let (back, _) = server
            .calls(connection)
            .request(METHOD, NONE, &[], &[2])
            .unwrap();
        assert_eq!(back, RequestId(1));
        pair.settle();
        let request = pair.server.request();
        assert_eq!(
            (request.connection, &request.payload[..]),
            (connection, &[1][..])
        );
        pair.server.answer(&request, OK);
        let request = pair.client.request();
        pair.client.answer(&request, &[1, 1]);
        pair.settle();
        assert_eq!(pair.client.response().connection, connection);
        assert_eq!(pair.server.response().connection, connection);
    }
}

#[test]
fn connection_ids_of_the_peers_do_not_collide() {
    let mut pair = Pair::new();
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(pair.connect());
        pair.server.link.open_connection(NONE).unwrap();
        pair.settle();
        let Event::ConnectRequest { request, .. } = pair.client.event() else {
            panic!()
        };
        ids.push(pair.client.link.accept_connection(request, NONE).unwrap());
        pair.settle();
        pair.server.event();
    }
    assert_eq!(ids, [2, 1, 4, 3, 6, 5].map(ConnectionId));
    assert_eq!(pair.client.link.stats().connections, 7);
}

#[test]
fn our_connection_ids_avoid_those_of_the_peer() {
    let mut raw = Raw::client();
    for id in [1, 3] {
        let request = raw.peer.link.open_connection(NONE).unwrap();
        raw.feed(&accept(request.0, id));
        assert!(matches!(
            raw.peer.event(),
            Event::ConnectAnswer { result: Ok(_), .. }
        ));
    }
    assert_eq!(raw.connection(), ConnectionId(5));
}

#[test]
fn large_connection_ids_leave_small_ones_usable() {
    let mut raw = Raw::client();
    // More ranges of skipped ids than the machine remembers; the first range is very long.
    for n in 0..2_000 {
        raw.feed(&accept(9, (1 << 60) + 2 * n));
        raw.sent();
    }
    raw.peer.no_event();
    assert_eq!(raw.connection(), ConnectionId(1));
}

#[test]
fn goodbye_on_one_connection_leaves_the_others_alone() {
    let mut pair = Pair::new();
    let (one, two) = (pair.connect(), pair.connect());
    for connection in [one, two] {
        let directions = [Send, Receive];
        pair.client
            .link
            .calls(connection)
            .request(METHOD, NONE, &directions, &[])
            .unwrap();
        pair.settle();
        let request = pair.server.request();
        pair.server
            .link
            .channel(connection, request.channels[0])
            .bind(Receive);
        pair.server
            .link
            .channel(connection, request.channels[1])
            .bind(Send);
        pair.client
            .link
            .sender(connection, request.channels[0])
            .send(&[1])
            .unwrap();
    }
    pair.client.link.close_connection(one, "done with it");
    pair.settle();
    let [Event::ConnectionEnded { connection, reason }] = &pair.client.events.make_contiguous()[..]
    else {
        panic!("{:?}", pair.client.events);
    };
    assert_eq!(*connection, one);
    assert!(matches!(reason, CloseReason::Local(text) if &**text == "done with it"));
    pair.client.events.clear();
    let Event::ConnectionEnded { connection, reason } = pair.server.event() else {
        panic!()
    };
    assert_eq!(connection, one);
    assert!(matches!(reason, CloseReason::Goodbye(text) if &*text == "done with it"));

    for peer in [&mut pair.client, &mut pair.server] {
        assert!(!peer.is_live(one) && peer.is_live(two) && peer.is_live(ROOT));
        let refused = peer.link.calls(one).request(METHOD, NONE, &[], &[]);
        assert_eq!(refused, Err(RequestError::ConnectionEnded));
    }
    // Elements that arrived before are still there, and then the end, which is not a clean one.
    let server = &mut pair.server.link;
    let received = server.receiver(one, ChannelId(1)).read();
    assert!(
        matches!(received, ReadOutcome::Elements { .. }),
        "{received:?}"
    );
    for connection in [one, one] {
        let received = server.receiver(connection, ChannelId(1)).read();
        assert!(
            matches!(received, ReadOutcome::Ended(ChannelEnd::ConnectionEnded)),
            "{received:?}"
        );
    }
    server.sender(one, ChannelId(3)).close();
    server.calls(one).handler_finished(RequestId(1));
    pair.client.link.sender(one, ChannelId(1)).close();
    pair.client.link.channel(one, ChannelId(3)).reset();
    assert_eq!(pair.client.link.stats().ended_connections, 0);
    assert_eq!(pair.server.link.stats().ended_connections, 0);

    pair.server
        .link
        .calls(two)
        .respond(RequestId(1), NONE, &[], OK, Handler::Running)
        .unwrap();
    pair.settle();
    assert_eq!(pair.client.response().connection, two);
}

#[test]
fn late_messages_on_an_ended_connection_are_ignored() {
    let mut raw = Raw::server();
    let other = raw.connection();
    raw.called(other, 1, &[1]);
    raw.peer.link.close_connection(other, "");
    raw.assert_sent(&[goodbye(other, "")]);
    raw.peer.event();
    for late in [
        request(other, 2, &[3], &[]),
        response(other, 2, &[], OK),
        cancel(other, 1),
        data(other, 1, &[1; 999]),
        close(other, 99),
        reset(other, 1),
        credit(other, 1, 1),
        goodbye(other, "as well"),
    ] {
        raw.feed(&late);
    }
    raw.peer.no_event();
    raw.assert_works();
}

#[test]
fn stray_accept_is_answered_with_goodbye() {
    let mut raw = Raw::client();
    let request = raw.peer.link.open_connection(NONE).unwrap();
    raw.sent();
    raw.peer.link.abandon_open(request);
    raw.feed(&accept(request.0, 2));
    raw.assert_sent(&[goodbye(ConnectionId(2), "nobody waits for this connection")]);
    raw.peer.no_event();
    // What the peer sends on it in the meantime is late, not a violation.
    raw.feed(&self::request(ConnectionId(2), 1, &[], &[]));
    raw.feed(&goodbye(ConnectionId(2), ""));
    assert!(raw.sent().is_empty() && raw.peer.link.close_reason().is_none());
}

#[test]
fn connect_is_answered_once() {
    let mut raw = Raw::server();
    raw.feed(&connect(5));
    let Event::ConnectRequest { request, .. } = raw.peer.event() else {
        panic!()
    };
    raw.peer.link.accept_connection(request, NONE).unwrap();
    raw.sent();
    assert_eq!(
        raw.peer.link.accept_connection(request, NONE),
        Err(RequestError::AlreadyAnswered)
    );
    raw.peer
        .link
        .reject_connection(request, "after all not", NONE);
    assert!(raw.sent().is_empty());
}

#[test]
fn stray_reject_is_ignored() {
    let mut raw = Raw::client();
    raw.feed(&Message::Reject {
        request: RequestId(3),
        reason: "no",
        metadata: none(),
    });
    raw.peer.no_event();
    assert!(raw.sent().is_empty());
}

#[test]
fn connects_and_connections_from_the_peer_are_limited() {
    let mut raw = Raw::with(Role::Acceptor, &limited(|limits| limits.connections = 2));
    let first = raw.connection();
    raw.feed(&connect(1));
    raw.peer.event();
    raw.feed(&connect(2));
    raw.peer.no_event();
    assert_rejected(&mut raw, 2, "too many connections");
    raw.feed(&goodbye(first, ""));
    raw.peer.event();
    raw.feed(&connect(3));
    assert!(matches!(raw.peer.event(), Event::ConnectRequest { .. }));
}

#[test]
fn connect_with_an_id_in_flight_is_rejected() {
    let mut raw = Raw::server();
    raw.feed(&connect(1));
    raw.peer.event();
    raw.feed(&connect(1));
    raw.peer.no_event();
    assert_rejected(&mut raw, 1, "this request id is in flight");
}

#[test]
fn connection_counts_until_its_handlers_and_channels_end() {
    let mut raw = Raw::with(Role::Acceptor, &limited(|limits| limits.connections = 1));
    let other = raw.connection();
    let call = raw.called(other, 1, &[1]);
    raw.peer.link.channel(other, call.channels[0]).bind(Receive);
    raw.feed(&goodbye(other, ""));
    raw.peer.event();
    assert_eq!(raw.peer.link.stats().ended_connections, 1);
    raw.peer.link.calls(other).handler_finished(call.request);
    raw.feed(&connect(1));
    assert_rejected(&mut raw, 1, "too many connections");
    raw.peer.link.channel(other, call.channels[0]).reset();
    assert!(
        raw.sent().is_empty(),
        "nothing is sent on an ended connection"
    );
    raw.peer.assert_idle();
    raw.connection();
}

#[test]
fn connection_counts_until_its_answers_are_sent() {
    let mut raw = Raw::with(Role::Acceptor, &limited(|limits| limits.connections = 1));
    let other = raw.connection();
    let call = raw.called(other, 1, &[]);
    raw.peer.answer(&call, OK);
    raw.feed(&goodbye(other, ""));
    raw.peer.event();
    assert_eq!(raw.peer.link.stats().ended_connections, 1);
    raw.assert_sent(&[response(other, 1, &[], OK)]);
    raw.peer.assert_idle();
}

#[test]
fn reused_connection_id_is_refused_while_still_held() {
    let mut raw = Raw::client();
    let other = ConnectionId(2);
    let open = |raw: &mut Raw| {
        let request = raw.peer.link.open_connection(NONE).unwrap();
        raw.sent();
        raw.feed(&accept(request.0, other.0));
        match raw.peer.event() {
            Event::ConnectAnswer { result, .. } => result.is_ok(),
            other => panic!("{other:?}"),
        }
    };
    assert!(open(&mut raw));
    let (_, channels) = raw
        .peer
        .link
        .calls(other)
        .request(METHOD, NONE, &[Send], &[])
        .unwrap();
    raw.feed(&goodbye(other, ""));
    let events: Vec<_> = raw.peer.events.drain(..).collect();
    assert!(
        matches!(
            events[..],
            [Event::NotSent { .. }, Event::ConnectionEnded { .. }]
        ),
        "{events:?}"
    );
    assert!(!open(&mut raw));
    raw.assert_sent(&[goodbye(other, "the connection id is not free yet")]);
    raw.peer.link.sender(other, channels[0]).close();
    assert!(open(&mut raw));
    let link = &mut raw.peer.link;
    let (id, channels) = link
        .calls(other)
        .request(METHOD, NONE, &[Send], &[])
        .unwrap();
    assert_eq!((id, &channels[..]), (RequestId(1), &[ChannelId(1)][..]));
}

#[test]
fn both_peers_may_close_a_connection_at_once() {
    let mut pair = Pair::new();
    let other = pair.connect();
    pair.client.link.close_connection(other, "");
    pair.server.link.close_connection(other, "");
    pair.settle();
    for peer in [&mut pair.client, &mut pair.server] {
        assert!(matches!(peer.event(), Event::ConnectionEnded { .. }));
        peer.assert_idle();
    }
}

#[test]
fn call_right_after_an_accept_is_reported_after_it() {
    let mut pair = Pair::new();
    pair.client.link.open_connection(NONE).unwrap();
    pair.settle();
    let Event::ConnectRequest { request, .. } = pair.server.event() else {
        panic!()
    };
    let id = pair.server.link.accept_connection(request, NONE).unwrap();
    pair.server
        .link
        .calls(id)
        .request(METHOD, NONE, &[], &[])
        .unwrap();
    pair.settle();
    let events: Vec<_> = pair.client.events.drain(..).collect();
    assert!(
        matches!(events[..], [Event::ConnectAnswer { .. }, Event::Request(_)]),
        "{events:?}"
    );
}
