//! Reset: either half ends a channel at once.

use roam_proto::{ChannelEnd, ReadOutcome, Role, SendError};

use super::harness::*;

#[track_caller]
fn assert_end(received: &ReadOutcome, expected: ChannelEnd) {
    assert!(
        matches!(received, ReadOutcome::Ended(end) if *end == expected),
        "{received:?}"
    );
}

#[test]
fn reset_by_the_sender_drops_unread_elements() {
    let mut pair = Pair::new();
    let (request, channel) = pair.upload();
    pair.client.link.sender(ROOT, channel).send(&[1]).unwrap();
    pair.client.link.channel(ROOT, channel).reset();
    pair.settle();
    assert_end(
        &pair.server.link.receiver(ROOT, channel).read(),
        ChannelEnd::Reset,
    );
    pair.server.answer(&request, OK);
    pair.settle();
    pair.client.response();
    pair.assert_idle();
}

#[test]
fn reset_by_the_receiver_stops_the_sender() {
    let mut pair = Pair::new();
    let (request, channel) = pair.upload();
    pair.client
        .link
        .sender(ROOT, channel)
        .send(&[0; 50])
        .unwrap();
    pair.client
        .link
        .sender(ROOT, channel)
        .send(&[0; 50])
        .unwrap();
    assert_eq!(
        pair.client.link.sender(ROOT, channel).send(&[0]),
        Err(SendError::Blocked)
    );
    pair.server.link.channel(ROOT, channel).reset();
    pair.settle();
    assert_eq!(pair.client.channel_ready(), channel);
    let over = Err(SendError::Ended(ChannelEnd::Reset));
    assert_eq!(pair.client.link.sender(ROOT, channel).send(&[0]), over);
    pair.client.link.sender(ROOT, channel).close();
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
    pair.client.link.channel(ROOT, channel).reset();
    pair.server.link.channel(ROOT, channel).reset();
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
    pair.server.link.channel(ROOT, up).bind(Receive);
    pair.server.link.channel(ROOT, down).bind(Send);
    // Data, Close and Credit cross a Reset.
    pair.client.link.sender(ROOT, up).send(&[1]).unwrap();
    pair.client.link.sender(ROOT, up).close();
    pair.server.link.channel(ROOT, up).reset();
    pair.server.link.sender(ROOT, down).send(&[2; 50]).unwrap();
    pair.server.link.sender(ROOT, down).send(&[2; 10]).unwrap();
    pair.carry_to_client();
    pair.client.read(down);
    pair.server.link.channel(ROOT, down).reset();
    pair.settle();
    assert_end(
        &pair.client.link.receiver(ROOT, down).read(),
        ChannelEnd::Reset,
    );
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
    raw.peer.link.channel(ROOT, call.channels[0]).bind(Receive);
    raw.peer.link.channel(ROOT, call.channels[1]).bind(Send);
    raw.peer.link.channel(ROOT, call.channels[0]).reset();
    raw.peer.link.channel(ROOT, call.channels[1]).reset();
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
    raw.peer.link.channel(ROOT, call.channels[0]).bind(Receive);
    raw.feed(&reset(ROOT, 1));
    raw.feed(&data(ROOT, 1, &[1]));
    raw.feed(&close(ROOT, 1));
    assert_eq!(raw.peer.link.stats().channels, 1);
    assert_end(
        &raw.peer.link.receiver(ROOT, call.channels[0]).read(),
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
    assert!(raw.peer.link.channel(ROOT, call.channels[0]).bind(Receive));
    assert!(raw.peer.link.channel(ROOT, call.channels[1]).bind(Send));
    assert_end(
        &raw.peer.link.receiver(ROOT, call.channels[0]).read(),
        ChannelEnd::Reset,
    );
    let sent = raw.peer.link.sender(ROOT, call.channels[1]).send(&[1]);
    assert_eq!(sent, Err(SendError::Ended(ChannelEnd::Reset)));
    raw.peer.link.sender(ROOT, call.channels[1]).close();
    raw.peer.answer(&call, OK);
    raw.sent();
    raw.peer.assert_idle();
}

#[test]
fn unbound_channel_may_be_reset_locally() {
    let mut raw = Raw::server();
    let call = raw.called(ROOT, 1, &[1]);
    raw.feed(&data(ROOT, 1, &[1]));
    raw.peer.link.channel(ROOT, call.channels[0]).reset();
    raw.assert_sent(&[reset(ROOT, 1)]);
    assert!(!raw.peer.link.channel(ROOT, call.channels[0]).bind(Receive));
    raw.peer.answer(&call, OK);
    raw.sent();
    raw.peer.assert_idle();
}

#[test]
fn elements_waiting_for_space_are_dropped_by_reset() {
    let mut raw = Raw::with(Role::Initiator, &limited(|limits| limits.send_buffer = 100));
    let link = &mut raw.peer.link;
    let (_, channels) = link
        .calls(ROOT)
        .request(METHOD, NONE, &[Send], &[])
        .unwrap();
    for _ in 0..5 {
        link.sender(ROOT, channels[0]).queue(&[0; 10]).unwrap();
    }
    raw.feed(&reset(ROOT, 1));
    assert_eq!(
        raw.sent().len(),
        2,
        "the Request, and the element that fit the buffer"
    );
}
