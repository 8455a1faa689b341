//! Cancel: a hint to the handler, which the caller does not wait for.

use roam_proto::{ChannelEnd, Event, ReadOutcome, RequestError, SendError};

use super::harness::*;

#[test]
fn cancel_is_answered_at_once_and_stops_the_handler() {
    let mut pair = Pair::new();
    let request = pair.call(&[], &[]);
    pair.client.link.calls(ROOT).cancel(request.request);
    assert_eq!(
        pair.client.link.stats().outgoing_calls,
        0,
        "the caller no longer waits"
    );
    pair.settle();
    match pair.server.event() {
        Event::Cancelled {
            connection,
            request: id,
        } => {
            assert_eq!((connection, id), (ROOT, request.request));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(
        pair.server
            .link
            .calls(ROOT)
            .respond(request.request, NONE, &[], OK, Handler::Running),
        Err(RequestError::AlreadyAnswered)
    );
    pair.client.no_event();
    assert_eq!(pair.client.link.stats().stray_responses, 1);
    assert_eq!(
        pair.server.link.stats().incoming_calls,
        1,
        "the call counts until its handler ends"
    );
    pair.server
        .link
        .calls(ROOT)
        .handler_finished(request.request);
    pair.assert_idle();
}

#[test]
fn cancel_is_answered_with_cancelled() {
    let mut raw = Raw::server();
    raw.called(ROOT, 5, &[]);
    raw.feed(&cancel(ROOT, 5));
    raw.assert_sent(&[response(ROOT, 5, &[], CANCELLED)]);
    raw.feed(&cancel(ROOT, 5));
    assert!(raw.sent().is_empty(), "answered only once");
}

#[test]
fn cancel_of_an_ended_or_unknown_call_is_ignored() {
    let mut raw = Raw::server();
    raw.feed(&cancel(ROOT, 3));
    let request = raw.called(ROOT, 4, &[]);
    raw.peer.answer(&request, OK);
    raw.feed(&cancel(ROOT, 4));
    raw.assert_sent(&[response(ROOT, 4, &[], OK)]);
    raw.peer.no_event();
}

#[test]
fn answer_that_crosses_a_cancel_is_dropped() {
    let mut pair = Pair::new();
    let request = pair.call(&[], &[]);
    pair.server.answer(&request, OK);
    pair.client.link.calls(ROOT).cancel(request.request);
    pair.settle();
    pair.client.no_event();
    pair.server.no_event();
    assert_eq!(pair.client.link.stats().stray_responses, 1);
    pair.assert_idle();
}

#[test]
fn cancel_ends_channels_at_both_peers() {
    let mut pair = Pair::new();
    let request = pair.call(&[Send, Receive], &[]);
    let [up, down] = request.channels[..] else {
        panic!()
    };
    pair.server.link.channel(ROOT, up).bind(Receive);
    pair.server.link.channel(ROOT, down).bind(Send);
    pair.client.link.calls(ROOT).cancel(request.request);
    let over = Err(SendError::Ended(ChannelEnd::CallEnded));
    assert_eq!(pair.client.link.sender(ROOT, up).send(&[1]), over);
    assert!(matches!(
        pair.client.link.receiver(ROOT, down).read(),
        ReadOutcome::Ended(ChannelEnd::CallEnded)
    ));
    pair.settle();
    assert!(matches!(
        pair.server.link.receiver(ROOT, up).read(),
        ReadOutcome::Ended(ChannelEnd::CallEnded)
    ));
    assert_eq!(pair.server.link.sender(ROOT, down).send(&[1]), over);
    pair.client.link.sender(ROOT, up).close();
    pair.server.link.sender(ROOT, down).close();
    pair.server
        .link
        .calls(ROOT)
        .handler_finished(request.request);
    pair.assert_idle();
}

#[test]
fn cancel_ends_channels_even_if_a_success_crosses_it() {
    let mut pair = Pair::new();
    let (request, channel) = pair.download();
    pair.server.answer(&request, OK);
    pair.client.link.calls(ROOT).cancel(request.request);
    pair.settle();
    let sent = pair.server.link.sender(ROOT, channel).send(&[1]);
    assert_eq!(sent, Err(SendError::Ended(ChannelEnd::Reset)));
}

#[test]
fn request_and_cancel_in_one_frame_are_both_reported() {
    let mut pair = Pair::new();
    let (id, _) = pair
        .client
        .link
        .calls(ROOT)
        .request(METHOD, NONE, &[], &[])
        .unwrap();
    pair.client.link.calls(ROOT).cancel(id);
    pair.settle();
    let events: Vec<_> = pair.server.events.drain(..).collect();
    assert!(
        matches!(events[..], [Event::Request(_), Event::Cancelled { .. }]),
        "{events:?}"
    );
    assert!(
        !pair.server.link.calls(ROOT).is_unanswered(id),
        "no handler needs to start"
    );
}
