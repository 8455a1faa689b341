//! Every row of the protocol's table of violations: bytes in, the exact Goodbye out, and exactly
//! what the rule ends has ended.

mod connections;
mod messages;

use std::borrow::Cow;

use bytes::Bytes;
use roam_proto::{ChannelId, ConnectionId, Message, Metadata, ReadOutcome, Rule};

use super::harness::*;

/// Asserts that each message of `wrong`, sent alone after `prepare`, breaks `rule`: on the root
/// connection and on a virtual connection of a server whose peer uses odd ids.
fn each_breaks(
    rule: Rule,
    prepare: impl Fn(&mut Raw, ConnectionId),
    wrong: impl Fn(ConnectionId) -> Vec<Vec<u8>>,
) {
    for virtual_connection in [false, true] {
        for n in 0..wrong(ROOT).len() {
            let mut raw = Raw::server();
            let on = if virtual_connection {
                raw.connection()
            } else {
                ROOT
            };
            prepare(&mut raw, on);
            raw.peer.no_event();
            raw.feed_bytes(&wrong(on)[n]);
            raw.assert_violation(on, rule);
        }
    }
}

fn encoded(messages: &[Message<'_>]) -> Vec<Vec<u8>> {
    messages.iter().map(encode).collect()
}

fn nothing(_: &mut Raw, _: ConnectionId) {}

/// Opens channels of the peer: the machine receives on 1 and sends on 3; 5 is unbound.
fn three_channels(raw: &mut Raw, on: ConnectionId) {
    let call = raw.called(on, 1, &[1, 3, 5]);
    assert!(raw.peer.link.channel(on, call.channels[0]).bind(Receive));
    assert!(raw.peer.link.channel(on, call.channels[1]).bind(Send));
}

/// Opens channels of the machine: it receives on 2 and sends on 4.
fn own_channels(raw: &mut Raw, on: ConnectionId) {
    raw.peer
        .link
        .calls(on)
        .request(METHOD, NONE, &[Receive, Send], &[])
        .unwrap();
}

fn metadata_over_a_limit() -> Cow<'static, Metadata> {
    Cow::Owned(Metadata::new().with("k".repeat(257), 1))
}

#[test]
fn every_rule_has_a_test() {
    let text = concat!(include_str!("messages.rs"), include_str!("connections.rs"));
    for rule in Rule::ALL {
        let name = format!("fn {}", rule.id().replace(['.', '-'], "_"));
        assert!(text.contains(&name), "{name}");
    }
}

#[test]
fn violation_on_a_virtual_connection_ends_it_for_its_user() {
    let mut raw = Raw::server();
    let other = raw.connection();
    three_channels(&mut raw, other);
    raw.feed(&data(other, 77, &[]));
    raw.assert_violation(other, Rule::UnknownChannel);
    raw.feed(&data(other, 1, &[0; 999]));
    raw.feed(&data(other, 77, &[]));
    assert!(raw.sent().is_empty(), "late messages are not violations");
    let received = raw.peer.link.receiver(other, ChannelId(1)).read();
    assert!(matches!(received, ReadOutcome::Ended(_)), "{received:?}");
}

#[test]
fn goodbye_names_the_rule_and_the_context() {
    let mut raw = Raw::server();
    raw.called(ROOT, 1, &[1]);
    raw.feed(&data(ROOT, 1, &[0; 60]));
    raw.peer
        .link
        .handle_frame(&Bytes::from(encode(&data(ROOT, 1, &[0; 50]))));
    let reason = "flow.channel.credit-overrun: channel 1: 50 bytes, 40 allowed";
    raw.assert_sent(&[goodbye(ROOT, reason)]);
}
