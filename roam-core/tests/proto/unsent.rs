//! Of a call that had not left when its connection ended, the user is told.

use std::sync::Arc;

use roam_core::proto::{ConnectionId, Event, RequestId};

use super::harness::*;

/// A call that has left, and one behind it that waits in the outbox.
fn left_and_waiting(pair: &mut Pair, connection: ConnectionId) -> RequestId {
    let call = |pair: &mut Pair| {
        let link = &mut pair.client.link;
        let called = link.request(connection, METHOD, NONE, &[Send], &[]);
        called.expect("the call goes out").0
    };
    call(pair);
    pair.carry_to_server();
    call(pair)
}

/// What the client is told: the calls that were not sent, and the connections that ended.
fn told(pair: &mut Pair) -> Vec<(ConnectionId, Option<RequestId>)> {
    pair.client.collect();
    let told = pair
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
    told.collect()
}

#[test]
fn when_the_transport_is_lost() {
    let mut pair = Pair::new();
    let other = pair.connect();
    // What waits for the one leaves with what the other sends.
    left_and_waiting(&mut pair, ROOT);
    let waiting = left_and_waiting(&mut pair, other);
    pair.client.link.handle_lost(Arc::new(std::fmt::Error));
    assert_eq!(
        told(&mut pair),
        [(other, Some(waiting)), (other, None), (ROOT, None)]
    );
}

#[test]
fn when_the_peer_ends_the_link() {
    let mut pair = Pair::new();
    let waiting = left_and_waiting(&mut pair, ROOT);
    pair.server.link.close("");
    pair.carry_to_client();
    assert_eq!(told(&mut pair), [(ROOT, Some(waiting)), (ROOT, None)]);
}

#[test]
fn when_the_peer_ends_a_connection() {
    let mut pair = Pair::new();
    let other = pair.connect();
    let at_other = left_and_waiting(&mut pair, other);
    let _on_another = pair.client.link.request(ROOT, METHOD, NONE, &[], &[]);
    pair.server.link.close_connection(other, "");
    pair.carry_to_client();
    assert_eq!(told(&mut pair), [(other, Some(at_other)), (other, None)]);
}

#[test]
fn but_not_when_we_end_it_as_what_waits_still_leaves() {
    let mut pair = Pair::new();
    left_and_waiting(&mut pair, ROOT);
    pair.client.link.close("");
    assert_eq!(told(&mut pair), [(ROOT, None)]);
    pair.carry_to_server();
    let requests = |event: &Event| matches!(event, Event::Request(_));
    let seen = pair.server.events.iter().filter(|it| requests(it)).count();
    assert_eq!(seen, 2);
}
