//! Window growth: a reader that keeps up gets a larger window while the budget lasts.

use roam_proto::{ChannelId, Config, Framing, Message, ReadOutcome, Role, Rule, SendError};

use super::harness::*;

/// A config whose windows begin with 1,000 bytes. A window takes twice its size of the budget.
fn growing(channel_window: u32, receive_budget: usize) -> Config {
    let mut config = limited(|limits| {
        limits.channel_window = channel_window;
        limits.receive_budget = receive_budget;
    });
    config.initial_channel_credit = 1_000;
    config
}

/// A server that receives on channel 1 of the root connection.
fn reading(config: &Config) -> (Raw, ChannelId) {
    let mut raw = Raw::with(Role::Acceptor, config);
    let channel = open(&mut raw, 1);
    (raw, channel)
}

/// Opens a channel on which the machine receives, by a call of the same id.
fn open(raw: &mut Raw, id: u64) -> ChannelId {
    let channel = raw.called(ROOT, id, &[id]).channels[0];
    assert!(raw.peer.link.channel(ROOT, channel).bind(Receive));
    channel
}

fn arrive(raw: &mut Raw, channel: ChannelId, mut bytes: usize) {
    while bytes > 0 {
        let len = bytes.min(500);
        raw.feed(&data(ROOT, channel.0, &vec![0; len]));
        bytes -= len;
    }
}

/// Delivers and reads this many bytes; returns the credit granted for them.
fn pass(raw: &mut Raw, channel: ChannelId, bytes: usize) -> Option<u32> {
    arrive(raw, channel, bytes);
    raw.peer.read(channel);
    granted(raw)
}

fn granted(raw: &mut Raw) -> Option<u32> {
    let sent = raw.sent();
    assert!(sent.len() <= 1, "one grant at a time");
    sent.first()
        .map(|bytes| match Message::decode(bytes).unwrap() {
            Message::Credit { bytes, .. } => bytes,
            other => panic!("expected Credit, got {other:?}"),
        })
}

#[test]
fn used_up_window_doubles_up_to_its_limit() {
    let (mut raw, channel) = reading(&growing(4_000, 1 << 20));
    assert_eq!(pass(&mut raw, channel, 600), Some(600), "not used up yet");
    assert_eq!(pass(&mut raw, channel, 600), Some(600 + 1_000));
    assert_eq!(pass(&mut raw, channel, 1_500), Some(1_500));
    assert_eq!(pass(&mut raw, channel, 1_500), Some(1_500 + 2_000));
    for _ in 0..10 {
        assert_eq!(pass(&mut raw, channel, 4_000), Some(4_000));
    }
    assert!(raw.peer.link.close_reason().is_none());
}

#[test]
fn limit_below_the_initial_credit_means_no_growth() {
    let (mut raw, channel) = reading(&growing(0, 1 << 20));
    for _ in 0..10 {
        assert_eq!(pass(&mut raw, channel, 1_000), Some(1_000));
    }
}

#[test]
fn reader_reports_by_the_grown_window() {
    let (mut raw, channel) = reading(&growing(2_000, 1 << 20));
    assert_eq!(raw.peer.link.receiver(ROOT, channel).consume(0), 501);
    assert_eq!(pass(&mut raw, channel, 1_000), Some(2_000));
    arrive(&mut raw, channel, 1_500);
    let ReadOutcome::Elements { report_after, .. } = raw.peer.link.receiver(ROOT, channel).read()
    else {
        panic!("nothing received");
    };
    assert_eq!(report_after, 1_001);
    assert_eq!(raw.peer.link.receiver(ROOT, channel).consume(1_000), 1);
    assert_eq!(granted(&mut raw), None);
    raw.peer.link.receiver(ROOT, channel).consume(1);
    assert_eq!(granted(&mut raw), Some(1_001));
}

#[test]
fn lagging_reader_gets_no_larger_window() {
    let (mut raw, channel) = reading(&growing(4_000, 1 << 20));
    arrive(&mut raw, channel, 1_000);
    for _ in 0..10 {
        raw.peer.take(channel);
        raw.peer.link.receiver(ROOT, channel).consume(600);
        assert_eq!(granted(&mut raw), Some(600));
        arrive(&mut raw, channel, 600);
    }
}

#[test]
fn stopped_reader_holds_at_most_the_grown_window() {
    let (mut raw, channel) = reading(&growing(2_000, 1 << 20));
    for _ in 0..5 {
        pass(&mut raw, channel, 1_000);
    }
    arrive(&mut raw, channel, 2_000);
    assert!(raw.peer.link.close_reason().is_none());
    raw.feed(&data(ROOT, channel.0, &[0]));
    raw.assert_violation(ROOT, Rule::CreditOverrun);
}

#[test]
fn windows_grow_until_half_the_budget_is_left() {
    // A window takes 2,000 bytes of the budget, so two take 4,000. Growth may take 4,000 more.
    let (mut raw, first) = reading(&growing(1 << 20, 16_000));
    let second = open(&mut raw, 3);
    for channel in [first, second] {
        assert_eq!(pass(&mut raw, channel, 1_000), Some(2_000));
    }
    assert_eq!(raw.peer.link.stats().remaining.receive_budget, 8_000);
    for channel in [first, second] {
        for _ in 0..10 {
            assert_eq!(pass(&mut raw, channel, 2_000), Some(2_000));
        }
    }
    for n in 2..6 {
        open(&mut raw, 2 * n + 1);
    }
    assert_eq!(raw.peer.link.stats().remaining.receive_budget, 0);
}

#[test]
fn ended_channel_returns_its_grown_window() {
    let (mut raw, first) = reading(&growing(1 << 20, 16_000));
    assert_eq!(pass(&mut raw, first, 1_000), Some(2_000));
    raw.feed(&close(ROOT, first.0));
    assert!(matches!(
        raw.peer.link.receiver(ROOT, first).read(),
        ReadOutcome::Ended(_)
    ));
    let second = open(&mut raw, 3);
    assert_eq!(raw.peer.link.stats().remaining.receive_budget, 14_000);
    assert_eq!(pass(&mut raw, second, 1_000), Some(2_000));
    raw.peer.link.channel(ROOT, second).reset();
    assert_eq!(raw.peer.link.stats().remaining.receive_budget, 16_000);
}

#[test]
fn ended_channel_does_not_grow() {
    let (mut raw, channel) = reading(&growing(4_000, 1 << 20));
    pass(&mut raw, channel, 600);
    arrive(&mut raw, channel, 1_000);
    raw.feed(&close(ROOT, channel.0));
    let room = raw.peer.link.stats().remaining;
    raw.peer.read(channel);
    assert_eq!(granted(&mut raw), None);
    assert_eq!(raw.peer.link.stats().remaining, room);
}

#[test]
fn largest_element_stays_half_the_initial_credit() {
    let config = growing(8_000, 1 << 20);
    let mut pair = Pair::with(Framing::Packed, &config, &config);
    let (_, channel) = pair.upload();
    for _ in 0..40 {
        pair.client
            .link
            .sender(ROOT, channel)
            .send(&[0; 500])
            .unwrap();
        pair.settle();
        pair.server.read(channel);
        pair.settle();
    }
    assert!(pair.client.link.sender(ROOT, channel).sendable(0) > 4_000);
    let refused = pair.client.link.sender(ROOT, channel).send(&[0; 501]);
    assert_eq!(refused, Err(SendError::TooLarge { len: 501, max: 500 }));
}

#[test]
fn consumed_bytes_do_not_include_window_growth() {
    let config = growing(8_000, 1 << 20);
    let mut pair = Pair::with(Framing::Packed, &config, &config);
    let (_, channel) = pair.upload();
    let mut read = 0;
    for _ in 0..40 {
        while pair
            .client
            .link
            .sender(ROOT, channel)
            .send(&[0; 300])
            .is_ok()
        {}
        pair.settle();
        read += pair.server.read(channel).len() as u64 * 300;
        pair.settle();
        // What was read exceeds half the window, so credit was granted for all of it.
        assert_eq!(
            pair.client.link.sender(ROOT, channel).consumed(),
            Some(read)
        );
    }
}
