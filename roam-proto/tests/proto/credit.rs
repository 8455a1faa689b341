//! Credit: the sender blocks at the exact byte, and the receiver grants as its user consumes.

use roam_proto::{ChannelId, Framing, ReadOutcome, SendError};

use super::harness::*;

/// A server that receives on channel 1, and has received elements of these `sizes`.
fn receiving(sizes: &[usize]) -> (Raw, ChannelId) {
    let mut raw = Raw::server();
    let channel = raw.called(ROOT, 1, &[1]).channels[0];
    assert!(raw.peer.link.channel(ROOT, channel).bind(Receive));
    for &size in sizes {
        raw.feed(&data(ROOT, 1, &vec![0; size]));
    }
    (raw, channel)
}

/// A client that sends on channel 1.
fn sending() -> (Raw, ChannelId) {
    let mut raw = Raw::client();
    let (_, channels) = raw
        .peer
        .link
        .calls(ROOT)
        .request(METHOD, NONE, &[Send], &[])
        .unwrap();
    raw.sent();
    (raw, channels[0])
}

#[test]
fn sender_blocks_at_the_exact_byte() {
    let (mut raw, channel) = sending();
    let link = &mut raw.peer.link;
    link.sender(ROOT, channel).send(&[0; 50]).unwrap();
    link.sender(ROOT, channel).send(&[0; 49]).unwrap();
    assert_eq!(link.sender(ROOT, channel).sendable(0), 1);
    assert_eq!(
        link.sender(ROOT, channel).send(&[0; 2]),
        Err(SendError::Blocked)
    );
    link.sender(ROOT, channel).send(&[0; 1]).unwrap();
    assert_eq!(
        link.sender(ROOT, channel).send(&[0; 1]),
        Err(SendError::Blocked)
    );
    link.sender(ROOT, channel).send(&[]).unwrap();
    assert_eq!(raw.sent().len(), 4, "refused elements are not sent");
}

#[test]
fn waiting_sender_is_woken_once_credit_suffices() {
    let (mut raw, channel) = sending();
    raw.peer.link.sender(ROOT, channel).send(&[0; 50]).unwrap();
    raw.peer.link.sender(ROOT, channel).send(&[0; 50]).unwrap();
    assert_eq!(
        raw.peer.link.sender(ROOT, channel).send(&[0; 30]),
        Err(SendError::Blocked)
    );
    raw.feed(&credit(ROOT, 1, 29));
    raw.peer.no_event();
    raw.feed(&credit(ROOT, 1, 1));
    assert_eq!(raw.peer.channel_ready(), channel);
    raw.peer.link.sender(ROOT, channel).send(&[0; 30]).unwrap();
    raw.feed(&credit(ROOT, 1, 1_000));
    raw.peer.no_event();
}

#[test]
fn smallest_demand_of_several_waiters_decides() {
    let (mut raw, channel) = sending();
    raw.peer.link.sender(ROOT, channel).send(&[0; 50]).unwrap();
    raw.peer.link.sender(ROOT, channel).send(&[0; 50]).unwrap();
    assert_eq!(
        raw.peer.link.sender(ROOT, channel).send(&[0; 5]),
        Err(SendError::Blocked)
    );
    assert_eq!(
        raw.peer.link.sender(ROOT, channel).send(&[0; 40]),
        Err(SendError::Blocked)
    );
    assert_eq!(
        raw.peer.link.sender(ROOT, channel).wait_for_credit(20),
        Err(SendError::Blocked)
    );
    raw.feed(&credit(ROOT, 1, 5));
    assert_eq!(raw.peer.channel_ready(), channel);
}

#[test]
fn credit_adds_up() {
    let (mut raw, channel) = sending();
    raw.feed(&credit(ROOT, 1, 20));
    raw.feed(&credit(ROOT, 1, 0));
    raw.feed(&credit(ROOT, 1, 30));
    assert_eq!(raw.peer.link.sender(ROOT, channel).sendable(0), 150);
    raw.feed(&credit(ROOT, 1, u32::MAX - 150));
    assert_eq!(
        raw.peer.link.sender(ROOT, channel).sendable(0),
        u32::MAX as usize
    );
    assert!(raw.peer.link.close_reason().is_none());
}

#[test]
fn receiver_grants_once_less_than_half_the_window_remains() {
    let (mut raw, channel) = receiving(&[50, 1, 49]);
    let ReadOutcome::Elements {
        queue,
        report_after,
    } = raw.peer.link.receiver(ROOT, channel).read()
    else {
        panic!("nothing received");
    };
    assert_eq!((queue.bytes(), report_after), (100, 51));
    assert_eq!(raw.peer.link.receiver(ROOT, channel).consume(50), 1);
    assert!(raw.sent().is_empty(), "exactly half remains");
    assert_eq!(raw.peer.link.receiver(ROOT, channel).consume(1), 51);
    raw.assert_sent(&[credit(ROOT, 1, 51)]);
    assert_eq!(raw.peer.link.receiver(ROOT, channel).consume(49), 2);
    assert!(raw.sent().is_empty());
}

#[test]
fn reading_is_not_consuming() {
    let (mut raw, channel) = receiving(&[50, 50]);
    assert_eq!(raw.peer.take(channel).len(), 2);
    assert!(raw.sent().is_empty());
}

#[test]
fn grant_can_be_used_to_the_last_byte() {
    let (mut raw, channel) = receiving(&[40, 20]);
    assert_eq!(raw.peer.read(channel).len(), 2);
    raw.assert_sent(&[credit(ROOT, 1, 60)]);
    raw.feed(&data(ROOT, 1, &[0; 50]));
    raw.feed(&data(ROOT, 1, &[0; 50]));
    assert_eq!(raw.peer.read(channel).len(), 2);
    assert!(raw.peer.link.close_reason().is_none());
}

#[test]
fn nothing_is_granted_on_a_closed_channel() {
    let (mut raw, channel) = receiving(&[50, 50]);
    raw.feed(&close(ROOT, 1));
    assert_eq!(raw.peer.read(channel).len(), 2);
    assert!(raw.sent().is_empty());
}

#[test]
fn close_needs_no_credit() {
    let (mut raw, channel) = receiving(&[50, 50]);
    raw.feed(&close(ROOT, 1));
    assert!(raw.peer.link.close_reason().is_none());
    assert_eq!(raw.peer.read(channel).len(), 2);
}

#[test]
fn credit_for_an_ended_channel_is_ignored() {
    let (mut raw, channel) = sending();
    raw.peer.link.sender(ROOT, channel).close();
    raw.feed(&credit(ROOT, 1, u32::MAX));
    raw.feed(&credit(ROOT, 1, u32::MAX));
    assert!(raw.peer.link.close_reason().is_none());
}

#[test]
fn credit_may_arrive_before_the_sender_is_bound() {
    let mut raw = Raw::server();
    let channel = raw.called(ROOT, 1, &[1]).channels[0];
    raw.feed(&credit(ROOT, 1, 7));
    assert!(raw.peer.link.channel(ROOT, channel).bind(Send));
    assert_eq!(raw.peer.link.sender(ROOT, channel).sendable(0), 107);
}

#[test]
fn sender_learns_what_the_reader_has_consumed() {
    let mut pair = Pair::new();
    let (_, channel) = pair.upload();
    pair.client
        .link
        .sender(ROOT, channel)
        .send(&[0; 40])
        .unwrap();
    pair.client
        .link
        .sender(ROOT, channel)
        .send(&[0; 40])
        .unwrap();
    pair.settle();
    assert_eq!(pair.client.link.sender(ROOT, channel).consumed(), Some(0));
    pair.server.read(channel);
    pair.settle();
    assert_eq!(pair.client.link.sender(ROOT, channel).consumed(), Some(80));
    pair.client.link.sender(ROOT, channel).close();
    assert_eq!(pair.client.link.sender(ROOT, channel).consumed(), None);
}

#[test]
fn long_streams_flow_in_both_directions_at_once() {
    for framing in [Framing::Single, Framing::Packed, Framing::Cobs] {
        let config = small().with_initial_channel_credit(1_000);
        let mut pair = Pair::with(framing, &config, &config);
        let request = pair.call(&[Send, Receive], &[]);
        let [up, down] = request.channels[..] else {
            panic!()
        };
        pair.server.link.channel(ROOT, up).bind(Receive);
        pair.server.link.channel(ROOT, down).bind(Send);
        let (mut sent, mut received) = ([0u32; 2], [0u32; 2]);
        while received != [2_000; 2] {
            for (n, (peer, channel)) in [(&mut pair.client, up), (&mut pair.server, down)]
                .into_iter()
                .enumerate()
            {
                while sent[n] < 2_000
                    && peer
                        .link
                        .sender(ROOT, channel)
                        .send(&sent[n].to_le_bytes())
                        .is_ok()
                {
                    sent[n] += 1;
                }
            }
            pair.settle();
            for (n, (peer, channel)) in [(&mut pair.server, up), (&mut pair.client, down)]
                .into_iter()
                .enumerate()
            {
                for element in peer.read(channel) {
                    assert_eq!(element, received[n].to_le_bytes());
                    received[n] += 1;
                }
            }
            pair.settle();
        }
    }
}
