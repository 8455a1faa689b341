//! The end of a link: everything on it ends with the reason, and nothing is left.

use std::sync::Arc;

use roam_proto::{
    ChannelEnd, Close, CloseReason, ConnectionId, Event, Framing, PeerClose, ReadOutcome,
    RequestError, RequestId, Rule, SendError,
};

use super::harness::*;

/// Two peers with calls, channels and connections open in both directions.
fn busy_pair() -> (Pair, ConnectionId) {
    let mut pair = Pair::new();
    let other = pair.connect();
    for connection in [ROOT, other] {
        let directions = [Send, Receive];
        pair.client
            .link
            .calls(connection)
            .request(METHOD, NONE, &directions, &[])
            .unwrap();
        pair.server
            .link
            .calls(connection)
            .request(METHOD, NONE, &directions, &[])
            .unwrap();
        pair.settle();
        for peer in [&mut pair.client, &mut pair.server] {
            let request = peer.request();
            assert!(
                peer.link
                    .channel(connection, request.channels[0])
                    .bind(Receive)
            );
            assert!(
                peer.link
                    .channel(connection, request.channels[1])
                    .bind(Send)
            );
        }
    }
    pair.client.link.open_connection(NONE).unwrap();
    pair.settle();
    pair.server.event();
    (pair, other)
}

/// Asserts that everything has ended for the user of `peer`, and drops what the user holds.
#[track_caller]
fn assert_all_ended(peer: &mut Peer, other: ConnectionId, because: impl Fn(&CloseReason) -> bool) {
    let ended = peer.events.drain(..).filter_map(|event| match event {
        Event::ConnectionEnded { connection, reason } => Some((connection, reason)),
        _ => None,
    });
    let ended: Vec<_> = ended.collect();
    let [(first, reason), (last, _)] = &ended[..] else {
        panic!("{ended:?}")
    };
    assert_eq!((*first, *last), (other, ROOT));
    assert!(because(reason), "{reason}");
    assert!(peer.link.close_reason().is_some_and(because));
    let channels: [u64; 4] = [1, 2, 3, 4];
    for connection in [ROOT, other] {
        assert_eq!(
            peer.link.calls(connection).request(METHOD, NONE, &[], &[]),
            Err(RequestError::ConnectionEnded)
        );
        let answer =
            peer.link
                .calls(connection)
                .respond(RequestId(1), NONE, &[], OK, Handler::Running);
        assert_eq!(answer, Err(RequestError::ConnectionEnded));
        peer.link.calls(connection).cancel(RequestId(1));
        for channel in channels.map(roam_proto::ChannelId) {
            let received = peer.link.receiver(connection, channel).read();
            let sent = peer.link.sender(connection, channel).send(&[1]);
            assert!(
                matches!(received, ReadOutcome::Ended(ChannelEnd::ConnectionEnded)),
                "{received:?}"
            );
            assert_eq!(sent, Err(SendError::Ended(ChannelEnd::ConnectionEnded)));
            peer.link.sender(connection, channel).close();
            peer.link.channel(connection, channel).reset();
        }
        peer.link.calls(connection).handler_finished(RequestId(1));
    }
    assert_eq!(
        peer.link.open_connection(NONE),
        Err(RequestError::ConnectionEnded)
    );
    peer.link.close("again");
    assert_eq!(peer.link.stats().connections, 0);
    peer.assert_idle();
}

#[test]
fn close_reaches_the_peer_as_goodbye() {
    let (mut pair, other) = busy_pair();
    pair.client.link.close("that was all");
    pair.settle();
    let text = |reason: &CloseReason| reason.to_string();
    assert_all_ended(&mut pair.client, other, |reason| {
        text(reason) == "closed here: that was all"
    });
    assert_all_ended(&mut pair.server, other, |reason| {
        text(reason) == "closed by the peer: that was all"
    });
}

#[test]
fn messages_queued_before_close_are_sent() {
    let mut pair = Pair::new();
    let (_, channel) = pair.upload();
    pair.client.link.sender(ROOT, channel).send(&[1]).unwrap();
    pair.client.link.sender(ROOT, channel).close();
    pair.client.link.close("");
    pair.settle();
    assert_eq!(pair.server.read(channel), [[1]]);
    let end = pair.server.link.receiver(ROOT, channel).read();
    assert!(
        matches!(end, ReadOutcome::Ended(ChannelEnd::Closed)),
        "the channel was closed first: {end:?}"
    );
}

#[test]
fn violation_ends_the_link_with_its_rule() {
    let (mut pair, other) = busy_pair();
    pair.server
        .link
        .handle_violation(Rule::DecodeError.because("a text frame"));
    pair.settle();
    assert_all_ended(
        &mut pair.server,
        other,
        |reason| matches!(reason, CloseReason::Violation(violation) if violation.rule == Rule::DecodeError),
    );
    assert_all_ended(
        &mut pair.client,
        other,
        |reason| matches!(reason, CloseReason::Goodbye(text) if &**text == "message.decode-error: a text frame"),
    );
}

#[test]
fn lost_transport_ends_the_link_and_drops_queued_messages() {
    let (mut pair, other) = busy_pair();
    pair.client
        .link
        .calls(ROOT)
        .request(METHOD, NONE, &[], &[1; 100])
        .unwrap();
    let error: Arc<dyn std::error::Error + std::marker::Send + Sync> =
        Arc::from(Box::from("the cable was cut"));
    pair.client.link.handle_lost(error);
    assert!(pair.client.link.is_drained());
    while let Some(event) = pair.client.link.poll_event() {
        pair.client.events.push_back(event);
    }
    assert_all_ended(&mut pair.client, other, |reason| {
        reason.to_string() == "the transport is lost: the cable was cut"
    });
}

#[test]
fn goodbye_drops_queued_answers_and_ends_their_calls() {
    let mut raw = Raw::server();
    let call = raw.called(ROOT, 1, &[]);
    raw.peer.answer(&call, OK);
    raw.feed(&goodbye(ROOT, "bye"));
    assert!(raw.sent().is_empty() && raw.peer.link.is_drained());
    raw.peer.assert_idle();
}

#[test]
fn nothing_is_queued_after_goodbye() {
    let mut raw = Raw::server();
    let call = raw.called(ROOT, 1, &[1, 3]);
    raw.peer.link.channel(ROOT, call.channels[0]).bind(Receive);
    raw.peer.link.channel(ROOT, call.channels[1]).bind(Send);
    raw.feed(&data(ROOT, 1, &[0; 60]));
    raw.peer
        .link
        .sender(ROOT, call.channels[1])
        .queue(&[1; 50])
        .unwrap();
    raw.peer
        .link
        .sender(ROOT, call.channels[1])
        .queue(&[2; 50])
        .unwrap();
    raw.peer
        .link
        .sender(ROOT, call.channels[1])
        .queue(&[3; 50])
        .unwrap();
    raw.peer.link.close("");
    assert_eq!(raw.peer.read(call.channels[0]).len(), 1);
    raw.peer.link.sender(ROOT, call.channels[1]).close();
    raw.peer.link.channel(ROOT, call.channels[0]).reset();
    let answer = raw
        .peer
        .link
        .calls(ROOT)
        .respond(call.request, NONE, &[], OK, Handler::Running);
    assert_eq!(answer, Err(RequestError::ConnectionEnded));
    raw.peer.link.calls(ROOT).handler_finished(call.request);
    raw.peer.link.close_connection(ConnectionId(2), "");
    raw.peer.link.reject_connection(RequestId(1), "", NONE);
    raw.feed(&credit(ROOT, 3, 100));
    let sent = raw.sent();
    assert_eq!(sent.len(), 3, "two elements and Goodbye");
    assert_eq!(sent[2], encode(&goodbye(ROOT, "")));
    raw.peer.assert_idle();
}

#[test]
fn reason_is_kept_up_to_its_limit() {
    let mut pair = Pair::new();
    pair.client.link.close(&"é".repeat(1_000));
    pair.settle();
    let reason = pair.server.link.close_reason().unwrap();
    assert!(
        matches!(reason, CloseReason::Goodbye(text) if text.len() == 1_024),
        "{reason}"
    );
}

#[test]
fn a_code_reaches_the_peer_after_everything_else() {
    let mut pair = Pair::with(Framing::Numbered, &small(), &small());
    let (_, channel) = pair.upload();
    pair.client
        .link
        .sender(ROOT, channel)
        .send(b"last")
        .unwrap();
    let close = Close::new(4_001, "moved").unwrap();
    pair.client.link.close_with(close.clone());
    let ended = pair.client.link.close_reason().cloned();
    assert!(matches!(ended, Some(CloseReason::ClosedHere(it)) if it == close));
    // The last socket may carry nothing of it.
    while pair.client.link.poll_transmit().is_some() {}
    assert!(pair.client.link.has_unsent());
    pair.reattach();
    pair.settle();
    assert_eq!(pair.server.read(channel), [b"last"]);
    let reason = pair.server.link.close_reason().unwrap();
    assert_eq!(reason.peer_close(), Some(PeerClose::from(&close)));
    assert_eq!(reason.close(), close);
    assert_eq!(
        reason.to_string(),
        "closed by the peer with code 4001: moved"
    );
}

#[test]
fn a_peer_of_version_2_is_told_the_reason_of_a_code() {
    let mut pair = Pair::new();
    let close = Close::new(4_001, "moved").unwrap();
    pair.client.link.close_with(close);
    pair.settle();
    let reason = pair.server.link.close_reason().unwrap();
    assert!(
        matches!(reason, CloseReason::Goodbye(it) if &**it == "moved"),
        "{reason}"
    );
}

#[test]
fn both_peers_may_close_the_link_at_once() {
    let mut pair = Pair::new();
    pair.client.link.close("mine");
    pair.server.link.close("mine");
    pair.settle();
    for peer in [&mut pair.client, &mut pair.server] {
        assert!(matches!(
            peer.event(),
            Event::ConnectionEnded {
                connection: ROOT,
                ..
            }
        ));
        assert!(matches!(
            peer.link.close_reason(),
            Some(CloseReason::Local(_))
        ));
        peer.assert_idle();
    }
}

#[test]
fn end_of_the_link_wakes_waiters() {
    let mut pair = Pair::new();
    let request = pair.call(&[Send, Receive], &[]);
    let [up, down] = request.channels[..] else {
        panic!()
    };
    pair.client.link.sender(ROOT, up).send(&[0; 50]).unwrap();
    pair.client.link.sender(ROOT, up).send(&[0; 50]).unwrap();
    assert_eq!(
        pair.client.link.sender(ROOT, up).send(&[0]),
        Err(SendError::Blocked)
    );
    assert!(matches!(
        pair.client.link.receiver(ROOT, down).read(),
        ReadOutcome::Empty
    ));
    pair.server.link.close("");
    pair.settle();
    let ready = pair
        .client
        .events
        .iter()
        .filter(|e| matches!(e, Event::ChannelReady { .. }));
    assert_eq!(ready.count(), 2);
}
