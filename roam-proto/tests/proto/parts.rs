//! Long messages, which travel in parts where frames are numbered.

use roam_proto::{CloseReason, Config, Framing, Message, Rule};

use super::harness::*;
use super::liar::Liar;

fn part(is_last: bool, bytes: &[u8]) -> Message<'_> {
    Message::Part { is_last, bytes }
}

#[test]
fn frames_are_short_however_long_a_message_is() {
    let mut pair = Pair::with(Framing::Numbered, &Config::client(), &Config::default());
    let payload = vec![7; 1 << 20];
    let calls = pair.client.link.calls(ROOT);
    calls.request(METHOD, NONE, &[], &payload).unwrap();
    let mut frames = 0;
    while let Some(frame) = pair.client.link.poll_transmit() {
        assert!(frame.len() <= 80 << 10, "{}", frame.len());
        pair.server.link.handle_frame(&frame);
        pair.carry_to_client();
        frames += 1;
    }
    assert_eq!(frames, 17);
    let request = pair.server.request();
    assert_eq!(request.payload[..], payload);
    pair.server
        .answer(&request, &[&[0], &payload[1..]].concat());
    pair.settle();
    assert_eq!(pair.client.response().payload.len(), 1 << 20);
    pair.assert_idle();
}

#[test]
fn whole_messages_may_stand_between_parts() {
    let (mut liar, channel) = Liar::new(&Config::default());
    let long = encode(&data(ROOT, channel.0, &[1; 1_000]));
    liar.say(&part(false, &long[..500]));
    liar.say(&data(ROOT, channel.0, &[2]));
    liar.say(&part(false, &[]));
    liar.say(&part(true, &long[500..]));
    let elements = liar.pair.server.read(channel);
    assert_eq!(elements, [vec![2], vec![1; 1_000]]);
}

#[test]
fn parts_of_too_long_a_message_break_a_rule() {
    let config = Config::default().with_max_payload_size(1 << 20);
    let (mut liar, _) = Liar::new(&config);
    let piece = vec![0; 64 << 10];
    let mut sent = 0;
    while liar.pair.server.link.close_reason().is_none() {
        liar.say(&part(false, &piece));
        sent += piece.len();
    }
    liar.assert_violation(Rule::TooLarge);
    assert!(sent <= config.max_frame() + piece.len(), "{sent}");
}

#[test]
fn a_part_of_a_part_breaks_a_rule() {
    let (mut liar, _) = Liar::new(&Config::default());
    let inner = encode(&part(true, &[1]));
    liar.say(&part(true, &inner));
    liar.assert_violation(Rule::DecodeError);
}

#[test]
fn parts_that_do_not_decode_together_break_a_rule() {
    let (mut liar, _) = Liar::new(&Config::default());
    liar.say(&part(false, &[8, 0]));
    liar.say(&part(true, &[1]));
    let reason = liar.pair.server.link.close_reason();
    assert!(
        matches!(reason, Some(CloseReason::Violation(_))),
        "{reason:?}"
    );
}

#[test]
fn parts_are_unknown_to_version_2() {
    let mut raw = Raw::server();
    raw.feed(&part(true, &[]));
    raw.assert_violation(ROOT, Rule::UnknownVariant);
}
