//! Reset: either half ends a channel at once.

use roam_core::proto::{ChannelEnd, Received, Role, SendRefused};

use super::harness::*;

#[track_caller]
fn assert_end(received: &Received, expected: ChannelEnd) {
    assert!(
        matches!(received, Received::End(end) if *end == expected),
        "{received:?}"
    );
}

#[test]
fn reset_by_the_sender_drops_unread_elements() {
    let mut pair = Pair::new();
    let (request, channel) = pair.upload();
    pair.client.link.send(ROOT, channel, &[1]).unwrap();
    pair.client.link.reset(ROOT, channel);
    pair.settle();
    assert_end(&pair.server.link.receive(ROOT, channel), ChannelEnd::Reset);
    pair.server.answer(&request, OK);
    pair.settle();
    pair.client.response();
    pair.assert_idle();
}

#[test]
fn reset_by_the_receiver_stops_the_sender() {
    let mut pair = Pair::new();
    let (request, channel) = pair.upload();
    pair.client.link.send(ROOT, channel, &[0; 50]).unwrap();
    pair.client.link.send(ROOT, channel, &[0; 50]).unwrap();
    assert_eq!(
        pair.client.link.send(ROOT, channel, &[0]),
        Err(SendRefused::Blocked)
    );
    pair.server.link.reset(ROOT, channel);
    pair.settle();
    assert_eq!(pair.client.channel_ready(), channel);
    let over = Err(SendRefused::Over(ChannelEnd::Reset));
    assert_eq!(pair.client.link.send(ROOT, channel, &[0]), over);
    pair.client.link.finish(ROOT, channel);
    pair.settle();
    pair.server.answer(&request, OK);
    pair.settle();
    pair.client.response();
    pair.assert_idle();
}

#[test]
fn resets_from_both_halves_may_cross() {
    let mut pair = Pair::new();
    let (request, channel) = pair.upload();
    pair.client.link.reset(ROOT, channel);
    pair.server.link.reset(ROOT, channel);
    pair.settle();
    pair.client.no_event();
    pair.server.no_event();
    pair.server.answer(&request, OK);
    pair.settle();
    pair.client.response();
    pair.assert_idle();
}

#[test]
fn messages_that_cross_a_reset_are_ignored() {
    let mut pair = Pair::new();
    let request = pair.call(&[Send, Receive], &[]);
    let [up, down] = request.channels[..] else {
        panic!()
    };
    pair.server.link.bind(ROOT, up, Receive);
    pair.server.link.bind(ROOT, down, Send);
    // Data, Close and Credit cross a Reset.
    pair.client.link.send(ROOT, up, &[1]).unwrap();
    pair.client.link.finish(ROOT, up);
    pair.server.link.reset(ROOT, up);
    pair.server.link.send(ROOT, down, &[2; 50]).unwrap();
    pair.server.link.send(ROOT, down, &[2; 10]).unwrap();
    pair.carry_to_client();
    pair.client.read(down);
    pair.server.link.reset(ROOT, down);
    pair.settle();
    assert_end(&pair.client.link.receive(ROOT, down), ChannelEnd::Reset);
    assert!(pair.server.link.close_reason().is_none());
    pair.server.answer(&request, OK);
    pair.settle();
    pair.client.response();
    pair.assert_idle();
}

#[test]
fn messages_after_our_reset_are_ignored() {
    let mut raw = Raw::server();
    let call = raw.called(ROOT, 1, &[1, 3]);
    raw.peer.link.bind(ROOT, call.channels[0], Receive);
    raw.peer.link.bind(ROOT, call.channels[1], Send);
    raw.peer.link.reset(ROOT, call.channels[0]);
    raw.peer.link.reset(ROOT, call.channels[1]);
    raw.assert_sent(&[reset(ROOT, 1), reset(ROOT, 3)]);
    for late in [
        data(ROOT, 1, &[1; 999]),
        close(ROOT, 1),
        reset(ROOT, 1),
        credit(ROOT, 3, 1),
    ] {
        raw.feed(&late);
    }
    assert!(raw.sent().is_empty());
    raw.peer.no_event();
}

#[test]
fn reset_channel_counts_until_its_reader_sees_the_end() {
    let mut raw = Raw::server();
    let call = raw.called(ROOT, 1, &[1]);
    raw.peer.link.bind(ROOT, call.channels[0], Receive);
    raw.feed(&reset(ROOT, 1));
    raw.feed(&data(ROOT, 1, &[1]));
    raw.feed(&close(ROOT, 1));
    assert_eq!(raw.peer.link.stats().channels, 1);
    assert_end(
        &raw.peer.link.receive(ROOT, call.channels[0]),
        ChannelEnd::Reset,
    );
    assert_eq!(raw.peer.link.stats().channels, 0);
}

#[test]
fn channel_may_be_reset_before_it_is_bound() {
    let mut raw = Raw::server();
    let call = raw.called(ROOT, 1, &[1, 3]);
    raw.feed(&data(ROOT, 1, &[1]));
    raw.feed(&reset(ROOT, 1));
    raw.feed(&reset(ROOT, 3));
    assert!(raw.peer.link.bind(ROOT, call.channels[0], Receive));
    assert!(raw.peer.link.bind(ROOT, call.channels[1], Send));
    assert_end(
        &raw.peer.link.receive(ROOT, call.channels[0]),
        ChannelEnd::Reset,
    );
    let sent = raw.peer.link.send(ROOT, call.channels[1], &[1]);
    assert_eq!(sent, Err(SendRefused::Over(ChannelEnd::Reset)));
    raw.peer.link.finish(ROOT, call.channels[1]);
    raw.peer.answer(&call, OK);
    raw.sent();
    raw.peer.assert_idle();
}

#[test]
fn unbound_channel_may_be_reset_locally() {
    let mut raw = Raw::server();
    let call = raw.called(ROOT, 1, &[1]);
    raw.feed(&data(ROOT, 1, &[1]));
    raw.peer.link.reset(ROOT, call.channels[0]);
    raw.assert_sent(&[reset(ROOT, 1)]);
    assert!(!raw.peer.link.bind(ROOT, call.channels[0], Receive));
    raw.peer.answer(&call, OK);
    raw.sent();
    raw.peer.assert_idle();
}

#[test]
fn elements_waiting_for_space_are_dropped_by_reset() {
    let mut raw = Raw::with(Role::Initiator, &limited(|limits| limits.send_buffer = 100));
    let link = &mut raw.peer.link;
    let (_, channels) = link.request(ROOT, METHOD, NONE, &[Send], &[]).unwrap();
    for _ in 0..5 {
        link.queue(ROOT, channels[0], &[0; 10]).unwrap();
    }
    raw.feed(&reset(ROOT, 1));
    assert_eq!(
        raw.sent().len(),
        2,
        "the Request, and the element that fit the buffer"
    );
}
