//! Channels: elements arrive in order, and only a closed channel looks closed.

use roam_proto::{ChannelEnd, ChannelId, Event, ReadOutcome, SendError};

use super::harness::*;

#[track_caller]
fn assert_end(received: &ReadOutcome, expected: ChannelEnd) {
    assert!(
        matches!(received, ReadOutcome::Ended(end) if *end == expected),
        "{received:?}"
    );
}

#[test]
fn elements_arrive_in_order_before_the_end() {
    let mut pair = Pair::new();
    let (request, channel) = pair.upload();
    for n in 0..10 {
        pair.client
            .link
            .sender(ROOT, channel)
            .send(&[n; 5])
            .unwrap();
    }
    pair.client.link.sender(ROOT, channel).close();
    pair.settle();
    let elements = pair.server.read(channel);
    assert_eq!(elements, (0..10).map(|n| vec![n; 5]).collect::<Vec<_>>());
    assert_end(
        &pair.server.link.receiver(ROOT, channel).read(),
        ChannelEnd::Closed,
    );
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
        .calls(ROOT)
        .request(METHOD, NONE, &[Send], &[])
        .unwrap();
    pair.client
        .link
        .sender(ROOT, channels[0])
        .send(&[1])
        .unwrap();
    pair.client.link.sender(ROOT, channels[0]).close();
    pair.settle();
    let request = pair.server.request();
    assert!(
        pair.server
            .link
            .channel(ROOT, request.channels[0])
            .bind(Receive)
    );
    assert_eq!(pair.server.read(channels[0]), [[1]]);
    assert_end(
        &pair.server.link.receiver(ROOT, channels[0]).read(),
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
        .calls(ROOT)
        .respond(request.request, NONE, &directions, OK, Handler::Running)
        .unwrap();
    assert_eq!(channels, [ChannelId(2), ChannelId(4)]);
    pair.server
        .link
        .calls(ROOT)
        .handler_finished(request.request);
    pair.server
        .link
        .sender(ROOT, channels[0])
        .send(&[1])
        .unwrap();
    pair.settle();
    assert_eq!(pair.client.response().channels, Some(channels.clone()));
    assert!(pair.client.link.channel(ROOT, channels[0]).bind(Receive));
    assert!(pair.client.link.channel(ROOT, channels[1]).bind(Send));
    pair.client
        .link
        .sender(ROOT, channels[1])
        .send(&[2])
        .unwrap();
    pair.settle();
    assert_eq!(pair.client.read(channels[0]), [[1]]);
    assert_eq!(pair.server.read(channels[1]), [[2]]);
    pair.server.link.sender(ROOT, channels[0]).close();
    pair.client.link.sender(ROOT, channels[1]).close();
    pair.settle();
    assert_end(
        &pair.client.link.receiver(ROOT, channels[0]).read(),
        ChannelEnd::Closed,
    );
    assert_end(
        &pair.server.link.receiver(ROOT, channels[1]).read(),
        ChannelEnd::Closed,
    );
    pair.assert_idle();
}

#[test]
fn channel_is_bound_once() {
    let mut pair = Pair::new();
    let (_, channel) = pair.upload();
    let room = pair.server.link.stats().remaining;
    assert!(!pair.server.link.channel(ROOT, channel).bind(Receive));
    assert!(!pair.server.link.channel(ROOT, channel).bind(Send));
    assert!(
        !pair.server.link.channel(ROOT, ChannelId(77)).bind(Send),
        "an unknown channel"
    );
    assert_eq!(pair.server.link.stats().remaining, room);
}

#[test]
fn waiting_reader_is_woken_once_for_a_burst() {
    let mut pair = Pair::new();
    let (_, channel) = pair.upload();
    assert!(matches!(
        pair.server.link.receiver(ROOT, channel).read(),
        ReadOutcome::Empty
    ));
    for n in 0..5 {
        pair.client.link.sender(ROOT, channel).send(&[n]).unwrap();
    }
    pair.settle();
    assert_eq!(pair.server.channel_ready(), channel);
    assert_eq!(pair.server.read(channel).len(), 5);
    pair.client.link.sender(ROOT, channel).send(&[9]).unwrap();
    pair.settle();
    pair.server.no_event();
}

#[test]
fn waiting_reader_is_woken_by_close_and_reset() {
    for abruptly in [false, true] {
        let mut pair = Pair::new();
        let (_, channel) = pair.upload();
        assert!(matches!(
            pair.server.link.receiver(ROOT, channel).read(),
            ReadOutcome::Empty
        ));
        if abruptly {
            pair.client.link.channel(ROOT, channel).reset();
        } else {
            pair.client.link.sender(ROOT, channel).close();
        }
        pair.settle();
        assert_eq!(pair.server.channel_ready(), channel);
    }
}

#[test]
fn elements_before_close_can_be_read() {
    let mut pair = Pair::new();
    let (_, channel) = pair.upload();
    pair.client.link.sender(ROOT, channel).send(&[1]).unwrap();
    pair.client.link.sender(ROOT, channel).close();
    pair.settle();
    let over = pair.client.link.sender(ROOT, channel).send(&[2]);
    assert!(matches!(over, Err(SendError::Ended(_))));
    assert_eq!(pair.server.read(channel), [[1]]);
    assert_end(
        &pair.server.link.receiver(ROOT, channel).read(),
        ChannelEnd::Closed,
    );
}

#[test]
fn oversized_element_is_refused_at_once() {
    let mut pair = Pair::new();
    let (_, channel) = pair.upload();
    let too_large = Err(SendError::TooLarge { len: 51, max: 50 });
    assert_eq!(
        pair.client.link.sender(ROOT, channel).send(&[0; 51]),
        too_large
    );
    assert_eq!(
        pair.client.link.sender(ROOT, channel).queue(&[0; 51]),
        too_large
    );
    pair.client
        .link
        .sender(ROOT, channel)
        .send(&[0; 50])
        .unwrap();
    pair.settle();
    assert_eq!(pair.server.read(channel), [[0; 50]]);
}

#[test]
fn unread_channel_blocks_nothing_else() {
    let mut pair = Pair::new();
    let (_, unread) = pair.upload();
    for _ in 0..1_100 {
        pair.client.link.sender(ROOT, unread).send(&[]).unwrap();
    }
    pair.client
        .link
        .sender(ROOT, unread)
        .send(&[0; 50])
        .unwrap();
    pair.client
        .link
        .sender(ROOT, unread)
        .send(&[0; 50])
        .unwrap();
    assert_eq!(
        pair.client.link.sender(ROOT, unread).send(&[0]),
        Err(SendError::Blocked)
    );
    let (_, other) = pair.upload();
    pair.client.link.sender(ROOT, other).send(&[1]).unwrap();
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
        pair.client
            .link
            .sender(ROOT, channel)
            .queue(&[n; 20])
            .unwrap();
    }
    assert_eq!(
        pair.client.link.sender(ROOT, channel).send(&[9]),
        Err(SendError::Blocked)
    );
    pair.client.link.sender(ROOT, channel).close();
    let over = pair.client.link.sender(ROOT, channel).send(&[9]);
    assert_eq!(over, Err(SendError::Ended(ChannelEnd::Closed)));
    let mut read = Vec::new();
    while read.len() < 20 {
        pair.settle();
        let elements = pair.server.read(channel);
        assert!(!elements.is_empty(), "after {}", read.len());
        read.extend(elements.into_iter().map(|element| element[0]));
    }
    assert_eq!(read, (0..20).collect::<Vec<u8>>());
    pair.settle();
    assert_end(
        &pair.server.link.receiver(ROOT, channel).read(),
        ChannelEnd::Closed,
    );
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
        pair.client
            .link
            .sender(ROOT, channel)
            .queue(&[n; 20])
            .unwrap();
    }
    pair.client.link.sender(ROOT, channel).close();
    pair.settle();
    assert_eq!(pair.client.link.stats().channels, 1);
    pair.server.link.channel(ROOT, channel).reset();
    pair.server.answer(&request, OK);
    pair.settle();
    pair.client.response();
    pair.assert_idle();
}

#[test]
fn full_send_buffer_blocks_senders_and_wakes_them() {
    let config = limited(|limits| limits.send_buffer = 500).with_initial_channel_credit(10_000);
    let mut pair = Pair::with(roam_proto::Framing::Single, &config, &config);
    let (_, first) = pair.upload();
    let (_, second) = pair.upload();
    while pair.client.link.sender(ROOT, first).send(&[1; 100]).is_ok() {}
    assert_eq!(pair.client.link.sender(ROOT, first).sendable(0), 0);
    assert_eq!(
        pair.client.link.sender(ROOT, second).send(&[1]),
        Err(SendError::Blocked)
    );
    assert_eq!(
        pair.client.link.sender(ROOT, second).wait_for_credit(1),
        Err(SendError::Blocked)
    );
    assert!(!pair.client.link.has_capacity(0));
    pair.client.link.wait_for_capacity(0);
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
    pair.client.link.sender(ROOT, second).send(&[1]).unwrap();
    assert_eq!(
        pair.client.link.sender(ROOT, second).wait_for_credit(10),
        Ok(())
    );
}

#[test]
fn sender_may_wait_for_the_send_buffer_repeatedly() {
    for send_buffer in [0, 1, 20] {
        let config = limited(|limits| limits.send_buffer = send_buffer);
        let mut pair = Pair::with(roam_proto::Framing::Single, &config, &config);
        let (_, channel) = pair.upload();
        for _ in 0..3 {
            while pair
                .client
                .link
                .sender(ROOT, channel)
                .send(&[1; 10])
                .is_ok()
            {}
            pair.settle();
            assert_eq!(pair.client.channel_ready(), channel);
            pair.server.read(channel);
            pair.settle();
        }
    }
}
