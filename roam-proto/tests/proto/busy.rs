//! A call over a limit is answered `busy`, and no other call is affected.

use roam_proto::{Event, RequestError, Role};

use super::harness::*;

#[test]
fn call_over_the_limit_is_busy_until_another_ends() {
    let mut raw = Raw::with(Role::Acceptor, &limited(|limits| limits.calls = 2));
    let first = raw.called(ROOT, 1, &[]);
    raw.called(ROOT, 2, &[]);
    raw.feed(&request(ROOT, 3, &[], &[]));
    raw.peer.no_event();
    raw.assert_sent(&[busy(ROOT, 3)]);
    raw.peer.answer(&first, OK);
    raw.sent();
    raw.called(ROOT, 3, &[]);
}

#[test]
fn limit_applies_to_each_connection() {
    let mut raw = Raw::with(Role::Acceptor, &limited(|limits| limits.calls = 1));
    let other = raw.connection();
    raw.called(ROOT, 1, &[]);
    raw.called(other, 1, &[]);
    raw.feed(&request(other, 2, &[], &[]));
    raw.assert_sent(&[busy(other, 2)]);
}

#[test]
fn call_counts_until_answer_is_sent_and_handler_ends() {
    let mut raw = Raw::with(Role::Acceptor, &limited(|limits| limits.calls = 1));
    let call = raw.called(ROOT, 1, &[]);
    raw.peer
        .link
        .calls(ROOT)
        .respond(call.request, NONE, &[], OK, Handler::Running)
        .unwrap();
    raw.assert_sent(&[response(ROOT, 1, &[], OK)]);
    raw.feed(&request(ROOT, 2, &[], &[]));
    raw.assert_sent(&[busy(ROOT, 2)]);
    raw.peer.link.calls(ROOT).handler_finished(call.request);

    let call = raw.called(ROOT, 3, &[]);
    raw.peer.answer(&call, OK);
    raw.feed(&request(ROOT, 4, &[], &[]));
    raw.assert_sent(&[response(ROOT, 3, &[], OK), busy(ROOT, 4)]);
    raw.called(ROOT, 5, &[]);
}

#[test]
fn request_and_cancel_in_a_loop_reach_the_limit() {
    let mut raw = Raw::with(Role::Acceptor, &limited(|limits| limits.calls = 10));
    for id in 1..=100 {
        raw.feed(&request(ROOT, id, &[], &[]));
        raw.feed(&cancel(ROOT, id));
        raw.sent();
    }
    let started = raw
        .peer
        .events
        .iter()
        .filter(|event| matches!(event, Event::Request(_)));
    assert_eq!(started.count(), 10);
    for id in 1..=10 {
        raw.peer
            .link
            .calls(ROOT)
            .handler_finished(roam_proto::RequestId(id));
    }
    raw.peer.assert_idle();
}

#[test]
fn payloads_and_metadata_in_flight_are_limited_per_link() {
    let mut raw = Raw::with(
        Role::Acceptor,
        &limited(|limits| limits.call_payloads = 1_500),
    );
    let other = raw.connection();
    raw.feed(&request(ROOT, 1, &[], &[0; 1_000]));
    let first = raw.peer.request();
    raw.feed(&request(other, 2, &[], &[0; 501]));
    raw.assert_sent(&[busy(other, 2)]);
    raw.feed(&request(other, 2, &[], &[0; 500]));
    let second = raw.peer.request();
    raw.feed(&request(other, 3, &[], &[0]));
    raw.assert_sent(&[busy(other, 3)]);
    raw.peer.answer(&first, OK);
    raw.peer.answer(&second, OK);
    raw.sent();
    raw.peer.assert_idle();

    let metadata = roam_proto::Metadata::new().with("k", vec![0; 1_490]);
    raw.feed(&roam_proto::Message::Request {
        connection: ROOT,
        request: roam_proto::RequestId(9),
        method: METHOD,
        metadata: std::borrow::Cow::Owned(metadata),
        channels: std::borrow::Cow::Borrowed(&[]),
        payload: &[],
    });
    raw.assert_sent(&[busy(ROOT, 9)]);
    raw.peer.assert_idle();
}

#[test]
fn channels_of_a_busy_call_have_ended() {
    let mut raw = Raw::with(Role::Acceptor, &limited(|limits| limits.calls = 0));
    raw.feed(&request(ROOT, 1, &[1, 3], &[]));
    raw.assert_sent(&[busy(ROOT, 1)]);
    for message in [
        data(ROOT, 1, &[1]),
        close(ROOT, 1),
        credit(ROOT, 3, 9),
        reset(ROOT, 3),
    ] {
        raw.feed(&message);
    }
    assert!(raw.sent().is_empty());
    raw.peer.no_event();
    raw.peer.assert_idle();
}

/// A server with budget for three windows. Each takes twice its credit, and at least 1 KiB.
fn three_windows() -> Raw {
    Raw::with(
        Role::Acceptor,
        &limited(|limits| limits.receive_budget = 3 * 1024 + 1_000),
    )
}

#[test]
fn receivers_are_limited_by_the_budget() {
    let mut raw = three_windows();
    let call = raw.called(ROOT, 1, &[1, 3, 5, 7]);
    for (n, &channel) in call.channels.iter().enumerate() {
        assert_eq!(raw.peer.link.channel(ROOT, channel).bind(Receive), n < 3);
    }
    assert!(matches!(raw.peer.event(), Event::Cancelled { .. }));
    raw.assert_sent(&[busy(ROOT, 1)]);
    for &channel in &call.channels[..3] {
        raw.peer.link.channel(ROOT, channel).reset();
    }
    raw.peer.link.calls(ROOT).handler_finished(call.request);
    assert!(raw.sent().is_empty(), "the answer has already ended them");
    raw.peer.assert_idle();
}

#[test]
fn senders_take_no_window() {
    let mut raw = three_windows();
    for n in 0..50 {
        let call = raw.called(ROOT, n, &[2 * n + 1]);
        assert!(raw.peer.link.channel(ROOT, call.channels[0]).bind(Send));
    }
}

#[test]
fn data_on_an_unbound_channel_takes_a_window() {
    let mut raw = three_windows();
    let calls: Vec<_> = (0..5).map(|n| raw.called(ROOT, n, &[2 * n + 1])).collect();
    for n in 0..5 {
        raw.feed(&data(ROOT, 2 * n + 1, &[1; 60]));
        raw.feed(&data(ROOT, 2 * n + 1, &[1; 40]));
    }
    raw.assert_sent(&[busy(ROOT, 3), busy(ROOT, 4)]);
    let stopped: Vec<_> = raw.peer.events.drain(..).collect();
    assert!(matches!(
        stopped[..],
        [Event::Cancelled { .. }, Event::Cancelled { .. }]
    ));
    for call in &calls {
        let channel = call.channels[0];
        let bound = raw.peer.link.channel(ROOT, channel).bind(Receive);
        assert_eq!(bound, call.request.0 < 3);
        if bound {
            assert_eq!(raw.peer.read(channel).len(), 2);
        }
        raw.peer.link.channel(ROOT, channel).reset();
        raw.peer.link.calls(ROOT).handler_finished(call.request);
        let _ = raw
            .peer
            .link
            .calls(ROOT)
            .respond(call.request, NONE, &[], OK, Handler::Running);
    }
    raw.sent();
    raw.peer.assert_idle();
}

#[test]
fn result_channels_take_windows_at_once_or_are_reset() {
    let config = limited(|limits| limits.receive_budget = 2_048);
    let mut raw = Raw::with(Role::Initiator, &config);
    for _ in 0..2 {
        raw.peer
            .link
            .calls(ROOT)
            .request(METHOD, NONE, &[], &[])
            .unwrap();
    }
    raw.sent();
    raw.feed(&response(ROOT, 1, &[2, 4, 6], OK));
    assert_eq!(raw.peer.response().channels, None);
    raw.assert_sent(&[reset(ROOT, 2), reset(ROOT, 4), reset(ROOT, 6)]);
    raw.feed(&response(ROOT, 2, &[8, 10], OK));
    let channels = raw.peer.response().channels.unwrap();
    assert!(raw.peer.link.channel(ROOT, channels[0]).bind(Send));
    assert_eq!(
        raw.peer.link.stats().remaining.receive_budget,
        1_024,
        "a sender takes no window"
    );
    raw.peer.link.channel(ROOT, channels[0]).reset();
    raw.peer.link.channel(ROOT, channels[1]).reset();
    raw.sent();
    raw.peer.assert_idle();
}

#[test]
fn sending_channels_are_limited() {
    let mut raw = Raw::with(
        Role::Acceptor,
        &limited(|limits| limits.sending_channels = 3),
    );
    raw.feed(&request(ROOT, 1, &[1, 3, 5, 7], &[]));
    raw.assert_sent(&[busy(ROOT, 1)]);
    let call = raw.called(ROOT, 2, &[9, 11, 13]);
    raw.feed(&request(ROOT, 3, &[15], &[]));
    raw.assert_sent(&[busy(ROOT, 3)]);
    let id = raw
        .peer
        .link
        .calls(ROOT)
        .request(METHOD, NONE, &[Send], &[]);
    assert_eq!(
        id,
        Err(RequestError::NoBudgetForChannels),
        "our own count too"
    );
    raw.peer.answer(&call, &[1, 1]);
    raw.sent();
    raw.peer.assert_idle();
}

#[test]
fn own_calls_over_the_budget_are_refused_unsent() {
    let mut raw = three_windows();
    let link = &mut raw.peer.link;
    let refused =
        link.calls(ROOT)
            .request(METHOD, NONE, &[Receive, Receive, Receive, Receive], &[]);
    assert_eq!(refused, Err(RequestError::NoBudgetForChannels));
    assert!(link.is_drained());
    raw.peer.assert_idle();
    let call = raw.called(ROOT, 1, &[]);
    let refused =
        raw.peer
            .link
            .calls(ROOT)
            .respond(call.request, NONE, &[Receive; 4], OK, Handler::Running);
    assert_eq!(refused, Err(RequestError::NoBudgetForChannels));
    raw.peer.answer(&call, OK);
}

#[test]
fn one_channel_always_fits_the_budget() {
    let mut config = limited(|limits| limits.receive_budget = 0);
    config.initial_channel_credit = u32::MAX;
    let mut raw = Raw::with(Role::Acceptor, &config);
    let call = raw.called(ROOT, 1, &[1]);
    assert!(raw.peer.link.channel(ROOT, call.channels[0]).bind(Receive));
}
