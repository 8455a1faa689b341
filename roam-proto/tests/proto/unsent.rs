//! Calls that were still queued when their connection ended are reported as not sent.

use std::sync::Arc;

use roam_proto::{ConnectionId, Event, RequestId};

use super::harness::*;

/// Makes a call that is sent and one that stays queued; returns the second.
fn call_twice(pair: &mut Pair, connection: ConnectionId) -> RequestId {
    let call = |pair: &mut Pair| {
        let link = &mut pair.client.link;
        let called = link.calls(connection).request(METHOD, NONE, &[Send], &[]);
        called.expect("the call is accepted").0
    };
    call(pair);
    pair.carry_to_server();
    call(pair)
}

/// Returns what is reported to the client: calls not sent, and ended connections.
fn reports(pair: &mut Pair) -> Vec<(ConnectionId, Option<RequestId>)> {
    pair.client.collect();
    let reports = pair
        .client
        .events
        .drain(..)
        .filter_map(|event| match event {
            Event::NotSent {
                connection,
                request,
            } => Some((connection, Some(request))),
            Event::ConnectionEnded { connection, .. } => Some((connection, None)),
            _ => None,
        });
    reports.collect()
}

#[test]
fn lost_transport_reports_queued_calls() {
    let mut pair = Pair::new();
    let other = pair.connect();
    // The call queued on the root connection is sent with the first one on the other.
    call_twice(&mut pair, ROOT);
    let queued = call_twice(&mut pair, other);
    pair.client.link.handle_lost(Arc::new(std::fmt::Error));
    assert_eq!(
        reports(&mut pair),
        [(other, Some(queued)), (other, None), (ROOT, None)]
    );
}

#[test]
fn goodbye_on_the_link_reports_queued_calls() {
    let mut pair = Pair::new();
    let queued = call_twice(&mut pair, ROOT);
    pair.server.link.close("");
    pair.carry_to_client();
    assert_eq!(reports(&mut pair), [(ROOT, Some(queued)), (ROOT, None)]);
}

#[test]
fn goodbye_on_a_connection_reports_its_queued_calls() {
    let mut pair = Pair::new();
    let other = pair.connect();
    let queued = call_twice(&mut pair, other);
    let _on_root = pair.client.link.calls(ROOT).request(METHOD, NONE, &[], &[]);
    pair.server.link.close_connection(other, "");
    pair.carry_to_client();
    assert_eq!(reports(&mut pair), [(other, Some(queued)), (other, None)]);
}

#[test]
fn closing_the_link_ourselves_sends_queued_calls() {
    let mut pair = Pair::new();
    call_twice(&mut pair, ROOT);
    pair.client.link.close("");
    assert_eq!(reports(&mut pair), [(ROOT, None)]);
    pair.carry_to_server();
    let requests = |event: &Event| matches!(event, Event::Request(_));
    let seen = pair.server.events.iter().filter(|it| requests(it)).count();
    assert_eq!(seen, 2);
}
