//! Every row of the protocol's table of violations: bytes in, the exact Goodbye out, and just what
//! the rule ends has ended.

mod connections;
mod messages;

use std::borrow::Cow;

use bytes::Bytes;
use roam_core::proto::{ChannelId, ConnectionId, Message, Metadata, Received, Rule};

use super::harness::*;

/// Each message of `wrong` breaks `rule`, alone after what `prepare` does, on the root and on a
/// virtual connection of a server, whose peer's ids are odd.
fn each_breaks(
    rule: Rule,
    prepare: impl Fn(&mut Raw, ConnectionId),
    wrong: impl Fn(ConnectionId) -> Vec<Vec<u8>>,
) {
    for on_a_virtual_one in [false, true] {
        for n in 0..wrong(ROOT).len() {
            let mut raw = Raw::server();
            let on = if on_a_virtual_one {
                raw.connection()
            } else {
                ROOT
            };
            prepare(&mut raw, on);
            raw.peer.no_event();
            raw.feed_bytes(&wrong(on)[n]);
            raw.assert_punished(on, rule);
        }
    }
}

fn encoded(messages: &[Message<'_>]) -> Vec<Vec<u8>> {
    messages.iter().map(encode).collect()
}

fn nothing(_: &mut Raw, _: ConnectionId) {}

/// Channel 1 is one on which we receive, 3 one on which we send, 5 unbound.
fn three_channels(raw: &mut Raw, on: ConnectionId) {
    let call = raw.called(on, 1, &[1, 3, 5]);
    assert!(raw.peer.link.bind(on, call.channels[0], Receive));
    assert!(raw.peer.link.bind(on, call.channels[1], Send));
}

/// Channel 2 is one of ours on which we receive, 4 one on which we send.
fn channels_of_ours(raw: &mut Raw, on: ConnectionId) {
    raw.peer
        .link
        .request(on, METHOD, NONE, &[Receive, Send], &[])
        .unwrap();
}

fn metadata_over_a_limit() -> Cow<'static, Metadata> {
    Cow::Owned(Metadata::new().with("k".repeat(257), 1))
}

#[test]
fn every_rule_has_a_test_here() {
    let text = concat!(include_str!("messages.rs"), include_str!("connections.rs"));
    for rule in Rule::ALL {
        let name = format!("fn {}", rule.id().replace(['.', '-'], "_"));
        assert!(text.contains(&name), "{name}");
    }
}

#[test]
fn a_violation_on_a_virtual_connection_ends_it_for_the_user_too() {
    let mut raw = Raw::server();
    let other = raw.connection();
    three_channels(&mut raw, other);
    raw.feed(&data(other, 77, &[]));
    raw.assert_punished(other, Rule::UnknownChannel);
    raw.feed(&data(other, 1, &[0; 999]));
    raw.feed(&data(other, 77, &[]));
    assert!(raw.sent().is_empty(), "late, not wrong once more");
    let received = raw.peer.link.receive(other, ChannelId(1));
    assert!(matches!(received, Received::End(_)), "{received:?}");
}

#[test]
fn the_context_follows_the_rule() {
    let mut raw = Raw::server();
    raw.called(ROOT, 1, &[1]);
    raw.feed(&data(ROOT, 1, &[0; 60]));
    raw.peer
        .link
        .handle_frame(&Bytes::from(encode(&data(ROOT, 1, &[0; 50]))));
    let reason = "flow.channel.credit-overrun: channel 1: 50 bytes, 40 allowed";
    raw.assert_sent(&[goodbye(ROOT, reason)]);
}
