//! Calls: one Request, one Response, and what may happen in between.

use roam_proto::{
    ChannelEnd, Config, Direction, Event, FailureKind, Framing, Metadata, Outcome, ReadOutcome,
    RequestError, SendError,
};

use super::harness::*;

#[test]
fn metadata_and_payloads_travel_both_ways() {
    let mut pair = Pair::new();
    let asked = Metadata::new().with("traceparent", "00-1-2").with("n", 9);
    let (id, channels) = pair
        .client
        .link
        .calls(ROOT)
        .request(METHOD, &asked, &[], &[1, 2])
        .unwrap();
    assert!(channels.is_empty());
    pair.settle();
    let request = pair.server.request();
    assert_eq!(
        (request.connection, request.request, request.method),
        (ROOT, id, METHOD)
    );
    assert_eq!(
        (&request.metadata, &request.payload[..]),
        (&asked, &[1, 2][..])
    );

    let answered = Metadata::new().with("x", vec![1]);
    pair.server
        .link
        .calls(ROOT)
        .respond(id, &answered, &[], &[0, 9], Handler::Running)
        .unwrap();
    pair.settle();
    let response = pair.client.response();
    assert_eq!((response.connection, response.request), (ROOT, id));
    assert_eq!(
        (response.metadata, &response.payload[..]),
        (answered, &[0, 9][..])
    );
    assert_eq!(response.channels, Some(vec![]));
    pair.server.link.calls(ROOT).handler_finished(id);
    pair.assert_idle();
}

#[test]
fn request_ids_count_up_from_one_in_both_directions() {
    let mut pair = Pair::new();
    for expected in 1..=3 {
        let request = pair.call(&[], &[]);
        assert_eq!(request.request.0, expected);
        let (back, _) = pair
            .server
            .link
            .calls(ROOT)
            .request(METHOD, NONE, &[], &[])
            .unwrap();
        assert_eq!(back.0, expected, "the two directions do not share ids");
        pair.settle();
        let back = pair.client.request();
        pair.client.answer(&back, OK);
        pair.server.answer(&request, OK);
        pair.settle();
        pair.client.response();
        pair.server.response();
    }
    pair.assert_idle();
}

#[test]
fn answers_may_arrive_in_any_order() {
    let mut pair = Pair::new();
    let requests: Vec<_> = (0..5).map(|n| pair.call(&[], &[n])).collect();
    for request in requests.iter().rev() {
        pair.server.answer(request, &[0, request.payload[0]]);
        pair.settle();
        let response = pair.client.response();
        assert_eq!(response.request, request.request);
        assert_eq!(response.payload[1], request.payload[0]);
    }
    pair.assert_idle();
}

#[test]
fn call_is_answered_once() {
    let mut pair = Pair::new();
    let request = pair.call(&[], &[]);
    pair.server
        .link
        .calls(ROOT)
        .respond(request.request, NONE, &[], OK, Handler::Running)
        .unwrap();
    let again =
        pair.server
            .link
            .calls(ROOT)
            .respond(request.request, NONE, &[], OK, Handler::Running);
    assert_eq!(again, Err(RequestError::AlreadyAnswered));
    assert!(!pair.server.link.calls(ROOT).is_unanswered(request.request));
    pair.settle();
    pair.client.response();
}

#[test]
fn stray_response_is_counted_and_its_channels_reset() {
    let mut raw = Raw::client();
    raw.feed(&response(ROOT, 77, &[2, 4], OK));
    raw.peer.no_event();
    raw.assert_sent(&[reset(ROOT, 2), reset(ROOT, 4)]);
    assert_eq!(raw.peer.link.stats().stray_responses, 1);
    raw.feed(&data(ROOT, 2, &[1]));
    raw.feed(&close(ROOT, 4));
    assert!(raw.sent().is_empty());
    raw.peer.assert_idle();
}

#[test]
fn oversized_calls_and_answers_are_refused_unsent() {
    let mut pair = Pair::new();
    let link = &mut pair.client.link;
    let too_large = RequestError::PayloadTooLarge {
        len: 1_001,
        max: 1_000,
    };
    assert_eq!(
        link.calls(ROOT).request(METHOD, NONE, &[], &[0; 1_001]),
        Err(too_large)
    );
    let metadata = Metadata::new().with("k".repeat(257), 1);
    let refused = link
        .calls(ROOT)
        .request(METHOD, &metadata, &[], &[])
        .unwrap_err();
    assert!(matches!(refused, RequestError::Metadata(_)), "{refused}");
    assert!(matches!(
        link.open_connection(&metadata),
        Err(RequestError::Metadata(_))
    ));
    let directions = [Direction::Send; 257];
    assert_eq!(
        link.calls(ROOT).request(METHOD, NONE, &directions, &[]),
        Err(RequestError::TooManyChannels(257))
    );
    assert!(link.is_drained(), "nothing was sent");
    pair.client.assert_idle();

    let request = pair.call(&[], &[0; 1_000]);
    let link = &mut pair.server.link;
    let refused =
        link.calls(ROOT)
            .respond(request.request, NONE, &[], &[0; 1_001], Handler::Running);
    assert_eq!(refused, Err(too_large));
    assert!(
        link.calls(ROOT).is_unanswered(request.request),
        "the call can still be answered"
    );
    pair.server.answer(&request, &[0; 1_000]);
    pair.settle();
    assert_eq!(pair.client.response().payload.len(), 1_000);
    pair.assert_idle();
}

#[test]
fn largest_message_fits_a_frame() {
    let config = small().with_initial_channel_credit(10);
    let mut pair = Pair::with(Framing::Single, &config, &config);
    let mut metadata = Metadata::new();
    (0..4).for_each(|_| metadata.push("", vec![7; 16_384]));
    let directions = [Direction::Send; 256];
    pair.client
        .link
        .calls(ROOT)
        .request(METHOD, &metadata, &directions, &[0; 1_000])
        .unwrap();
    pair.settle();
    assert_eq!(pair.server.request().channels.len(), 256);
}

#[test]
fn success_ends_no_channel() {
    let mut pair = Pair::new();
    let (request, channel) = pair.download();
    pair.server.answer(&request, OK);
    pair.settle();
    pair.client.response();
    pair.server.link.sender(ROOT, channel).send(&[1]).unwrap();
    pair.server.link.sender(ROOT, channel).close();
    pair.settle();
    assert_eq!(pair.client.read(channel), [[1]]);
    let end = pair.client.link.receiver(ROOT, channel).read();
    assert!(matches!(end, ReadOutcome::Ended(ChannelEnd::Closed)));
    pair.assert_idle();
}

#[test]
fn error_ends_argument_channels_at_both_peers() {
    for payload in [&[1, 0, 9][..], &[1, 1], &[1, 2], &[1, 3], &[]] {
        let mut pair = Pair::new();
        let request = pair.call(&[Send, Receive, Send], &[]);
        let [up, down, unbound] = request.channels[..] else {
            panic!()
        };
        pair.server.link.channel(ROOT, up).bind(Receive);
        pair.server.link.channel(ROOT, down).bind(Send);
        pair.client.link.sender(ROOT, up).send(&[1]).unwrap();
        pair.settle();
        pair.server.answer(&request, payload);
        // The client keeps sending until the error arrives.
        pair.client.link.sender(ROOT, up).send(&[2]).unwrap();
        pair.client.link.sender(ROOT, unbound).send(&[2]).unwrap();
        pair.client.link.sender(ROOT, unbound).close();
        pair.settle();
        pair.client.response();
        let over = Err(SendError::Ended(ChannelEnd::CallEnded));
        assert_eq!(pair.client.link.sender(ROOT, up).send(&[3]), over);
        assert!(matches!(
            pair.client.link.receiver(ROOT, down).read(),
            ReadOutcome::Ended(ChannelEnd::CallEnded)
        ));
        assert!(matches!(
            pair.server.link.receiver(ROOT, up).read(),
            ReadOutcome::Ended(ChannelEnd::CallEnded)
        ));
        assert_eq!(pair.server.link.sender(ROOT, down).send(&[3]), over);
        pair.client.link.sender(ROOT, up).close();
        pair.server.link.sender(ROOT, down).close();
        assert!(pair.server.link.close_reason().is_none());
        pair.assert_idle();
    }
}

#[test]
fn failed_call_wakes_waiters_on_its_channels() {
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
    pair.server.answer(&request, &[1, 1]);
    pair.settle();
    let woken = pair.client.events.iter().filter_map(|event| match event {
        Event::ChannelReady { channel, .. } => Some(*channel),
        _ => None,
    });
    assert_eq!(woken.collect::<Vec<_>>(), [up, down]);
}

#[test]
fn success_resets_unbound_channels() {
    let mut raw = Raw::server();
    let request = raw.called(ROOT, 1, &[1, 3]);
    raw.peer
        .link
        .channel(ROOT, request.channels[0])
        .bind(Receive);
    raw.peer.answer(&request, OK);
    raw.assert_sent(&[response(ROOT, 1, &[], OK), reset(ROOT, 3)]);
    raw.peer.link.channel(ROOT, request.channels[0]).reset();
    raw.sent();
    raw.peer.assert_idle();
}

#[test]
fn failures_travel_as_cancelled_with_a_name() {
    let mut pair = Pair::new();
    let request = pair.call(&[], &[]);
    let (metadata, payload) = Outcome::Failed(FailureKind::Panic).response();
    pair.server
        .link
        .calls(ROOT)
        .respond(request.request, &metadata, &[], payload, Handler::Running)
        .unwrap();
    pair.settle();
    let response = pair.client.response();
    assert_eq!(&response.payload[..], CANCELLED);
    assert_eq!(
        FailureKind::from_metadata(&response.metadata),
        Some(FailureKind::Panic)
    );
}

#[test]
fn peers_may_send_each_other_64_large_calls_at_once() {
    let config = Config::default();
    let mut pair = Pair::with(Framing::Packed, &config, &config);
    let payload = vec![0; 900_000];
    for _ in 0..64 {
        for peer in [&mut pair.client, &mut pair.server] {
            peer.link
                .calls(ROOT)
                .request(METHOD, NONE, &[], &payload)
                .unwrap();
        }
    }
    pair.settle();
    for peer in [&mut pair.client, &mut pair.server] {
        assert_eq!(peer.events.len(), 64);
        for event in std::mem::take(&mut peer.events) {
            let Event::Request(request) = event else {
                panic!("{event:?}")
            };
            peer.answer(&request, &request.payload);
        }
    }
    pair.settle();
    for peer in [&mut pair.client, &mut pair.server] {
        let answered = peer.events.drain(..).filter(
            |event| matches!(event, Event::Response(response) if response.payload == payload),
        );
        assert_eq!(answered.count(), 64);
    }
    pair.assert_idle();
}

#[test]
fn last_answer_also_ends_the_handler() {
    let mut pair = Pair::new();
    let request = pair.call(&[], &[]);
    let link = &mut pair.server.link;
    let too_large =
        link.calls(ROOT)
            .respond(request.request, NONE, &[], &[0; 2_000], Handler::Finished);
    assert!(matches!(
        too_large,
        Err(RequestError::PayloadTooLarge { .. })
    ));
    link.calls(ROOT)
        .respond(request.request, NONE, &[], OK, Handler::Finished)
        .unwrap();
    // The call is in flight until its answer is sent.
    assert_eq!(link.stats().incoming_calls, 1);
    let again = link
        .calls(ROOT)
        .respond(request.request, NONE, &[], OK, Handler::Finished);
    assert_eq!(again, Err(RequestError::AlreadyAnswered));
    pair.settle();
    assert_eq!(pair.client.response().payload, OK);
    pair.assert_idle();
}

#[test]
fn refused_last_answer_leaves_the_handler_running() {
    let mut pair = Pair::new();
    let request = pair.call(&[], &[]);
    pair.client.link.calls(ROOT).cancel(request.request);
    pair.settle();
    pair.server.collect();
    let link = &mut pair.server.link;
    let late = link
        .calls(ROOT)
        .respond(request.request, NONE, &[], OK, Handler::Finished);
    assert_eq!(late, Err(RequestError::AlreadyAnswered));
    assert_eq!(link.stats().incoming_calls, 1);
    link.calls(ROOT).handler_finished(request.request);
    assert_eq!(link.stats().incoming_calls, 0);
}

/// Returns how many calls without channels are in flight: ours, the peer's.
fn short_calls(peer: &Peer) -> (usize, usize) {
    let load = peer.link.load();
    (load.own_calls, load.peer_calls)
}

#[test]
fn calls_with_channels_are_not_short() {
    let mut pair = Pair::new();
    let other = pair.connect();
    let short = |pair: &Pair| [&pair.client, &pair.server].map(short_calls);
    let plain = pair.call(&[], &[]);
    let kept = pair.call(&[Send], &[]);
    let cancelled = pair.call(&[Receive], &[]);
    pair.client
        .link
        .calls(other)
        .request(METHOD, NONE, &[], &[])
        .unwrap();
    pair.client
        .link
        .calls(other)
        .request(METHOD, NONE, &[Send], &[])
        .unwrap();
    pair.settle();
    assert_eq!(short(&pair), [(2, 0), (0, 2)]);
    pair.client.link.calls(ROOT).cancel(cancelled.request);
    pair.server.answer(&plain, OK);
    pair.settle();
    // Only the handler of the cancelled call is left, and it is about to stop.
    assert_eq!(short(&pair), [(1, 0), (0, 2)]);
    pair.server.answer(&kept, OK);
    pair.server
        .link
        .calls(ROOT)
        .handler_finished(cancelled.request);
    pair.client.link.close_connection(other, "");
    pair.settle();
    assert_eq!(short(&pair), [(0, 0); 2]);
    let plain = pair.client.link.calls(ROOT).request(METHOD, NONE, &[], &[]);
    assert!(plain.is_ok());
    assert_eq!(short_calls(&pair.client), (1, 0));
}
