//! Cancel: a hint to the handler, which the caller does not wait for.

use roam_core::proto::{ChannelEnd, Event, Received, Refused, SendRefused};

use super::harness::*;

#[test]
fn cancel_is_answered_at_once_and_stops_the_handler() {
    let mut pair = Pair::new();
    let request = pair.call(&[], &[]);
    pair.client.link.cancel(ROOT, request.request);
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
            .respond(ROOT, request.request, NONE, &[], OK),
        Err(Refused::Answered)
    );
    pair.client.no_event();
    assert_eq!(pair.client.link.stats().stray_responses, 1);
    assert_eq!(
        pair.server.link.stats().incoming_calls,
        1,
        "the call counts until its handler ends"
    );
    pair.server.link.handler_gone(ROOT, request.request);
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
    pair.client.link.cancel(ROOT, request.request);
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
    pair.server.link.bind(ROOT, up, Receive);
    pair.server.link.bind(ROOT, down, Send);
    pair.client.link.cancel(ROOT, request.request);
    let over = Err(SendRefused::Over(ChannelEnd::CallOver));
    assert_eq!(pair.client.link.send(ROOT, up, &[1]), over);
    assert!(matches!(
        pair.client.link.receive(ROOT, down),
        Received::End(ChannelEnd::CallOver)
    ));
    pair.settle();
    assert!(matches!(
        pair.server.link.receive(ROOT, up),
        Received::End(ChannelEnd::CallOver)
    ));
    assert_eq!(pair.server.link.send(ROOT, down, &[1]), over);
    pair.client.link.finish(ROOT, up);
    pair.server.link.finish(ROOT, down);
    pair.server.link.handler_gone(ROOT, request.request);
    pair.assert_idle();
}

#[test]
fn cancel_ends_channels_even_if_a_success_crosses_it() {
    let mut pair = Pair::new();
    let (request, channel) = pair.download();
    pair.server.answer(&request, OK);
    pair.client.link.cancel(ROOT, request.request);
    pair.settle();
    let sent = pair.server.link.send(ROOT, channel, &[1]);
    assert_eq!(sent, Err(SendRefused::Over(ChannelEnd::Reset)));
}

#[test]
fn request_and_cancel_in_one_frame_are_both_reported() {
    let mut pair = Pair::new();
    let (id, _) = pair
        .client
        .link
        .request(ROOT, METHOD, NONE, &[], &[])
        .unwrap();
    pair.client.link.cancel(ROOT, id);
    pair.settle();
    let events: Vec<_> = pair.server.events.drain(..).collect();
    assert!(
        matches!(events[..], [Event::Request(_), Event::Cancelled { .. }]),
        "{events:?}"
    );
    assert!(
        !pair.server.link.is_awaited(ROOT, id),
        "no handler needs to start"
    );
}
