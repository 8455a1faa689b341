//! Channels: elements arrive in order, and only a closed channel looks closed.

use roam_core::proto::{ChannelEnd, ChannelId, Event, Received, SendRefused};

use super::harness::*;

#[track_caller]
fn assert_end(received: &Received, expected: ChannelEnd) {
    assert!(
        matches!(received, Received::End(end) if *end == expected),
        "{received:?}"
    );
}

#[test]
fn elements_arrive_in_order_before_the_end() {
    let mut pair = Pair::new();
    let (request, channel) = pair.upload();
    for n in 0..10 {
        pair.client.link.send(ROOT, channel, &[n; 5]).unwrap();
    }
    pair.client.link.finish(ROOT, channel);
    pair.settle();
    let elements = pair.server.read(channel);
    assert_eq!(elements, (0..10).map(|n| vec![n; 5]).collect::<Vec<_>>());
    assert_end(&pair.server.link.receive(ROOT, channel), ChannelEnd::Closed);
    pair.server.answer(&request, OK);
    pair.settle();
    pair.client.response();
    pair.assert_idle();
}

#[test]
fn caller_may_send_right_after_its_request() {
    let mut pair = Pair::new();
    let (_, channels) = pair
        .client
        .link
        .request(ROOT, METHOD, NONE, &[Send], &[])
        .unwrap();
    pair.client.link.send(ROOT, channels[0], &[1]).unwrap();
    pair.client.link.finish(ROOT, channels[0]);
    pair.settle();
    let request = pair.server.request();
    assert!(pair.server.link.bind(ROOT, request.channels[0], Receive));
    assert_eq!(pair.server.read(channels[0]), [[1]]);
    assert_end(
        &pair.server.link.receive(ROOT, channels[0]),
        ChannelEnd::Closed,
    );
}

#[test]
fn channels_in_results_work_in_both_directions() {
    let mut pair = Pair::new();
    let request = pair.call(&[], &[]);
    let directions = [Send, Receive];
    let channels = pair
        .server
        .link
        .respond(ROOT, request.request, NONE, &directions, OK)
        .unwrap();
    assert_eq!(channels, [ChannelId(2), ChannelId(4)]);
    pair.server.link.handler_gone(ROOT, request.request);
    pair.server.link.send(ROOT, channels[0], &[1]).unwrap();
    pair.settle();
    assert_eq!(pair.client.response().channels, Some(channels.clone()));
    assert!(pair.client.link.bind(ROOT, channels[0], Receive));
    assert!(pair.client.link.bind(ROOT, channels[1], Send));
    pair.client.link.send(ROOT, channels[1], &[2]).unwrap();
    pair.settle();
    assert_eq!(pair.client.read(channels[0]), [[1]]);
    assert_eq!(pair.server.read(channels[1]), [[2]]);
    pair.server.link.finish(ROOT, channels[0]);
    pair.client.link.finish(ROOT, channels[1]);
    pair.settle();
    assert_end(
        &pair.client.link.receive(ROOT, channels[0]),
        ChannelEnd::Closed,
    );
    assert_end(
        &pair.server.link.receive(ROOT, channels[1]),
        ChannelEnd::Closed,
    );
    pair.assert_idle();
}

#[test]
fn channel_is_bound_once() {
    let mut pair = Pair::new();
    let (_, channel) = pair.upload();
    let room = pair.server.link.stats().room;
    assert!(!pair.server.link.bind(ROOT, channel, Receive));
    assert!(!pair.server.link.bind(ROOT, channel, Send));
    assert!(
        !pair.server.link.bind(ROOT, ChannelId(77), Send),
        "an unknown channel"
    );
    assert_eq!(pair.server.link.stats().room, room);
}

#[test]
fn waiting_reader_is_woken_once_for_a_burst() {
    let mut pair = Pair::new();
    let (_, channel) = pair.upload();
    assert!(matches!(
        pair.server.link.receive(ROOT, channel),
        Received::Nothing
    ));
    for n in 0..5 {
        pair.client.link.send(ROOT, channel, &[n]).unwrap();
    }
    pair.settle();
    assert_eq!(pair.server.channel_ready(), channel);
    assert_eq!(pair.server.read(channel).len(), 5);
    pair.client.link.send(ROOT, channel, &[9]).unwrap();
    pair.settle();
    pair.server.no_event();
}

#[test]
fn waiting_reader_is_woken_by_close_and_reset() {
    for abruptly in [false, true] {
        let mut pair = Pair::new();
        let (_, channel) = pair.upload();
        assert!(matches!(
            pair.server.link.receive(ROOT, channel),
            Received::Nothing
        ));
        if abruptly {
            pair.client.link.reset(ROOT, channel);
        } else {
            pair.client.link.finish(ROOT, channel);
        }
        pair.settle();
        assert_eq!(pair.server.channel_ready(), channel);
    }
}

#[test]
fn elements_before_close_can_be_read() {
    let mut pair = Pair::new();
    let (_, channel) = pair.upload();
    pair.client.link.send(ROOT, channel, &[1]).unwrap();
    pair.client.link.finish(ROOT, channel);
    pair.settle();
    let over = pair.client.link.send(ROOT, channel, &[2]);
    assert!(matches!(over, Err(SendRefused::Over(_))));
    assert_eq!(pair.server.read(channel), [[1]]);
    assert_end(&pair.server.link.receive(ROOT, channel), ChannelEnd::Closed);
}

#[test]
fn oversized_element_is_refused_at_once() {
    let mut pair = Pair::new();
    let (_, channel) = pair.upload();
    let too_large = Err(SendRefused::TooLarge { len: 51, max: 50 });
    assert_eq!(pair.client.link.send(ROOT, channel, &[0; 51]), too_large);
    assert_eq!(pair.client.link.queue(ROOT, channel, &[0; 51]), too_large);
    pair.client.link.send(ROOT, channel, &[0; 50]).unwrap();
    pair.settle();
    assert_eq!(pair.server.read(channel), [[0; 50]]);
}

#[test]
fn unread_channel_blocks_nothing_else() {
    let mut pair = Pair::new();
    let (_, unread) = pair.upload();
    for _ in 0..1_100 {
        pair.client.link.send(ROOT, unread, &[]).unwrap();
    }
    pair.client.link.send(ROOT, unread, &[0; 50]).unwrap();
    pair.client.link.send(ROOT, unread, &[0; 50]).unwrap();
    assert_eq!(
        pair.client.link.send(ROOT, unread, &[0]),
        Err(SendRefused::Blocked)
    );
    let (_, other) = pair.upload();
    pair.client.link.send(ROOT, other, &[1]).unwrap();
    pair.settle();
    assert_eq!(pair.server.read(other), [[1]]);
    let request = pair.call(&[], &[]);
    pair.server.answer(&request, OK);
    pair.settle();
    pair.client.response();
    assert_eq!(pair.server.take(unread).len(), 1_102);
}

#[test]
fn elements_queued_without_credit_are_sent_before_close() {
    let mut pair = Pair::new();
    let (request, channel) = pair.upload();
    for n in 0..20 {
        pair.client.link.queue(ROOT, channel, &[n; 20]).unwrap();
    }
    assert_eq!(
        pair.client.link.send(ROOT, channel, &[9]),
        Err(SendRefused::Blocked)
    );
    pair.client.link.finish(ROOT, channel);
    let over = pair.client.link.send(ROOT, channel, &[9]);
    assert_eq!(over, Err(SendRefused::Over(ChannelEnd::Closed)));
    let mut read = Vec::new();
    while read.len() < 20 {
        pair.settle();
        let elements = pair.server.read(channel);
        assert!(!elements.is_empty(), "after {}", read.len());
        read.extend(elements.into_iter().map(|element| element[0]));
    }
    assert_eq!(read, (0..20).collect::<Vec<u8>>());
    pair.settle();
    assert_end(&pair.server.link.receive(ROOT, channel), ChannelEnd::Closed);
    pair.server.answer(&request, OK);
    pair.settle();
    pair.client.response();
    pair.assert_idle();
}

#[test]
fn reset_by_the_reader_drops_a_finished_channel() {
    let mut pair = Pair::new();
    let (request, channel) = pair.upload();
    for n in 0..20 {
        pair.client.link.queue(ROOT, channel, &[n; 20]).unwrap();
    }
    pair.client.link.finish(ROOT, channel);
    pair.settle();
    assert_eq!(pair.client.link.stats().channels, 1);
    pair.server.link.reset(ROOT, channel);
    pair.server.answer(&request, OK);
    pair.settle();
    pair.client.response();
    pair.assert_idle();
}

#[test]
fn full_send_buffer_blocks_senders_and_wakes_them() {
    let config = roam_core::proto::Config {
        initial_channel_credit: 10_000,
        ..limited(|limits| limits.send_buffer = 500)
    };
    let mut pair = Pair::with(roam_core::proto::Framing::Single, &config, &config);
    let (_, first) = pair.upload();
    let (_, second) = pair.upload();
    while pair.client.link.send(ROOT, first, &[1; 100]).is_ok() {}
    assert_eq!(pair.client.link.sendable(ROOT, first), 0);
    assert_eq!(
        pair.client.link.send(ROOT, second, &[1]),
        Err(SendRefused::Blocked)
    );
    assert_eq!(
        pair.client.link.want_credit(ROOT, second, 1),
        Err(SendRefused::Blocked)
    );
    assert!(!pair.client.link.has_room_to_send());
    pair.client.link.want_room();
    pair.settle();
    let events: Vec<_> = pair.client.events.drain(..).collect();
    let [
        Event::SendBufferReady,
        Event::ChannelReady { .. },
        Event::ChannelReady { .. },
    ] = events[..]
    else {
        panic!("{events:?}");
    };
    pair.client.link.send(ROOT, second, &[1]).unwrap();
    assert_eq!(pair.client.link.want_credit(ROOT, second, 10), Ok(()));
}

#[test]
fn sender_may_wait_for_the_send_buffer_repeatedly() {
    for send_buffer in [0, 1, 20] {
        let config = limited(|limits| limits.send_buffer = send_buffer);
        let mut pair = Pair::with(roam_core::proto::Framing::Single, &config, &config);
        let (_, channel) = pair.upload();
        for _ in 0..3 {
            while pair.client.link.send(ROOT, channel, &[1; 10]).is_ok() {}
            pair.settle();
            assert_eq!(pair.client.channel_ready(), channel);
            pair.server.read(channel);
            pair.settle();
        }
    }
}
