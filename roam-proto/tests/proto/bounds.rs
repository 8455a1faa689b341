//! Limits on what a hostile peer can make grow.

use bytes::Bytes;
use roam_proto::{
    CloseReason, Config, ConnectionId, Event, Framing, Link, Message, RequestId, Role,
};

use super::harness::*;

const LIMIT: usize = 20_000;

fn hostile() -> (Raw, usize) {
    let config = limited(|limits| {
        limits.control_replies = LIMIT;
        limits.calls = 3;
        limits.connections = 3;
    });
    (Raw::with(Role::Acceptor, &config), LIMIT)
}

/// Feeds `messages` to a machine whose peer never reads, until the machine ends the link.
#[track_caller]
fn assert_flood_ends_link(mut messages: impl FnMut(&mut Raw, u64) -> Vec<Message<'static>>) {
    let (mut raw, limit) = hostile();
    for n in 0..100_000 {
        for message in messages(&mut raw, n) {
            raw.feed(&message);
        }
        raw.peer
            .events
            .retain(|event| matches!(event, Event::ConnectRequest { .. }));
        assert!(
            raw.peer.link.stats().queued_bytes < 2 * limit,
            "after {n} rounds"
        );
        if let Some(reason) = raw.peer.link.close_reason() {
            assert!(matches!(reason, CloseReason::RepliesUnread), "{reason}");
            let last = raw.sent().pop().unwrap();
            assert_eq!(last, encode(&goodbye(ROOT, "limit.control-replies")));
            return;
        }
    }
    panic!("the link never ended");
}

#[test]
fn unread_busy_answers_end_the_link() {
    assert_flood_ends_link(|_, n| vec![request(ROOT, n, &[], &[])]);
}

#[test]
fn unread_rejects_end_the_link() {
    assert_flood_ends_link(|_, n| {
        vec![Message::Connect {
            request: RequestId(n),
            metadata: none(),
        }]
    });
}

#[test]
fn unread_answers_to_stray_accepts_end_the_link() {
    assert_flood_ends_link(|_, n| {
        let connection = ConnectionId(n + 1);
        vec![Message::Accept {
            request: RequestId(n),
            connection,
            metadata: none(),
        }]
    });
}

#[test]
fn unread_resets_for_stray_responses_end_the_link() {
    assert_flood_ends_link(|_, n| vec![response(ROOT, n, &[4 * n + 1, 4 * n + 3], OK)]);
}

#[test]
fn unread_accepts_in_a_loop_end_the_link() {
    assert_flood_ends_link(|raw, n| {
        if let Some(Event::ConnectRequest { request, .. }) = raw.peer.events.pop_front() {
            raw.peer.link.accept_connection(request, NONE).unwrap();
        }
        let ask = Message::Connect {
            request: RequestId(n),
            metadata: none(),
        };
        if n == 0 {
            vec![ask]
        } else {
            vec![ask, goodbye(ConnectionId(2 * n), "")]
        }
    });
}

#[test]
fn unread_goodbyes_for_violations_end_the_link() {
    assert_flood_ends_link(|raw, n| {
        if let Some(Event::ConnectRequest { request, .. }) = raw.peer.events.pop_front() {
            raw.peer.link.accept_connection(request, NONE).unwrap();
        }
        let ask = Message::Connect {
            request: RequestId(n),
            metadata: none(),
        };
        if n == 0 {
            vec![ask]
        } else {
            vec![ask, data(ConnectionId(2 * n), 99, &[])]
        }
    });
}

#[test]
fn unread_credit_ends_the_link() {
    let (mut raw, limit) = hostile();
    let channel = raw.called(ROOT, 1, &[1]).channels[0];
    raw.peer.link.channel(ROOT, channel).bind(Receive);
    while raw.peer.link.close_reason().is_none() {
        raw.peer.read(channel);
        raw.feed(&data(ROOT, 1, &[0; 60]));
        assert!(raw.peer.link.stats().queued_bytes < 2 * limit);
    }
    assert!(matches!(
        raw.peer.link.close_reason(),
        Some(CloseReason::RepliesUnread)
    ));
}

#[test]
fn peer_that_reads_its_answers_may_go_on() {
    let (mut raw, _) = hostile();
    for n in 0..5_000 {
        raw.feed(&request(ROOT, n, &[], &[]));
        raw.sent();
    }
    assert!(raw.peer.link.close_reason().is_none());
}

#[test]
fn reply_limit_applies_within_a_frame() {
    let config = Config::default();
    let mut server = Pair::with(Framing::Packed, &config, &config).server.link;
    let frame: Vec<u8> = (0..100_000u32)
        .flat_map(|n| {
            let message = encode(&request(ROOT, n.into(), &[], &[]));
            [vec![u8::try_from(message.len()).unwrap()], message].concat()
        })
        .collect();
    server.handle_frame(&Bytes::from(frame));
    assert!(matches!(
        server.close_reason(),
        Some(CloseReason::RepliesUnread)
    ));
    assert!(server.stats().queued_bytes < 2 * config.limits.control_replies);
}

#[test]
fn thirty_thousand_calls_at_once_are_answered_busy() {
    let config = Config::default();
    let mut pair = Pair::with(Framing::Packed, &config, &config);
    for _ in 0..30_000 {
        pair.client
            .link
            .calls(ROOT)
            .request(METHOD, NONE, &[], &[])
            .unwrap();
    }
    pair.settle();
    assert!(pair.server.link.close_reason().is_none());
    assert_eq!(pair.client.events.len(), 30_000 - config.limits.calls);
}

#[test]
fn calls_on_ended_connections_count_towards_limits() {
    let (mut raw, _) = hostile();
    let mut started = 0;
    for n in 0..200 {
        raw.feed(&Message::Connect {
            request: RequestId(n),
            metadata: none(),
        });
        if let Some(Event::ConnectRequest { request, .. }) = raw.peer.events.pop_front() {
            let on = raw.peer.link.accept_connection(request, NONE).unwrap();
            for id in 0..10 {
                raw.feed(&request_with_payload(on, id));
            }
            started += raw.peer.events.drain(..).count();
            raw.feed(&goodbye(on, ""));
            raw.peer.events.clear();
        }
        raw.sent();
    }
    assert_eq!(started, 3 * 3, "running handlers count");
    let stats = raw.peer.link.stats();
    assert_eq!((stats.incoming_calls, stats.ended_connections), (9, 3));
    assert_eq!(
        raw.peer.idle.call_payloads - stats.remaining.call_payloads,
        9 * 100
    );
}

fn request_with_payload(on: ConnectionId, id: u64) -> Message<'static> {
    request(on, id, &[], &[7; 100])
}

#[test]
fn small_payload_does_not_keep_a_large_frame_alive() {
    let config = Config::default();
    let mut pair = Pair::with(Framing::Packed, &config, &config);
    pair.client
        .link
        .calls(ROOT)
        .request(METHOD, NONE, &[], &[1; 1_000])
        .unwrap();
    pair.client
        .link
        .calls(ROOT)
        .request(METHOD, NONE, &[], &[1; 10_000])
        .unwrap();
    let frame = pair.client.link.poll_transmit().unwrap();
    pair.server.link.handle_frame(&frame);
    let Some(Event::Request(small)) = pair.server.link.poll_event() else {
        panic!()
    };
    let Some(Event::Request(large)) = pair.server.link.poll_event() else {
        panic!()
    };
    let within = |part: &[u8]| frame.as_ptr_range().contains(&part.as_ptr());
    assert!(!within(&small.payload), "the small payload is copied");
    assert!(within(&large.payload), "the large payload is a slice");
}

#[test]
fn tiny_elements_are_limited_by_the_window() {
    let config = Config::default();
    let mut pair = Pair::with(Framing::Packed, &config, &config);
    let (_, channel) = pair.upload();
    let mut sent = 0;
    while pair.client.link.sender(ROOT, channel).send(&[1]).is_ok() || pair.carry_to_server() {
        sent += 1;
        if sent % 7 == 0 {
            while pair.client.link.sender(ROOT, channel).send(&[]).is_err()
                && pair.carry_to_server()
            {}
        }
    }
    pair.settle();
    let elements = pair.server.take(channel);
    assert_eq!(elements.iter().map(Vec::len).sum::<usize>(), 256 * 1024);
}

#[test]
fn send_buffer_ready_is_reported_once() {
    let mut link = Link::new(
        Role::Acceptor,
        Framing::Single,
        &small(),
        std::time::Duration::ZERO,
    );
    for _ in 0..10 {
        link.wait_for_capacity(0);
    }
    while link.poll_transmit().is_some() {}
    assert!(matches!(link.poll_event(), Some(Event::SendBufferReady)));
    assert!(link.poll_event().is_none());
}

#[test]
fn unpacked_elements_count_with_their_frame_overhead() {
    let sent = |framing| {
        let mut pair = Pair::with(framing, &Config::default(), &Config::default());
        let (_, channel) = pair.upload();
        let send = |_: &u32| pair.client.link.sender(ROOT, channel).send(&[1]).is_ok();
        (0..100_000).take_while(send).count()
    };
    assert!((2_000..5_000).contains(&sent(Framing::Single)));
    assert!(sent(Framing::Packed) > 40_000);
}
