//! The handshake: both peers send Hello, and the smaller of each two values applies.

use std::time::Duration;

use roam_proto::{CloseReason, Config, Event, Framing, Hello, Message, RequestError, Role, Rule};

use super::harness::*;

fn config(max_payload_size: u32, initial_channel_credit: u32) -> Config {
    Config::default()
        .with_max_payload_size(max_payload_size)
        .with_initial_channel_credit(initial_channel_credit)
}

#[test]
fn smaller_of_both_values_applies() {
    let (client, server) = (config(5_000, 64), config(1_024, 1 << 18));
    for framing in [Framing::Single, Framing::Packed, Framing::Cobs] {
        let mut pair = Pair::before_handshake(framing, &client, &server);
        pair.settle();
        for peer in [&mut pair.client, &mut pair.server] {
            let Event::Ready(agreed) = peer.event() else {
                panic!("the handshake is complete");
            };
            let values = (agreed.max_payload_size, agreed.initial_channel_credit);
            assert_eq!(values, (1_024, 64));
            assert_eq!(agreed.largest_element(), 32);
            assert_eq!(peer.link.agreed(), Some(agreed));
            assert_eq!(peer.link.poll_timeout(), None);
        }
    }
}

#[test]
fn hello_carries_the_defaults() {
    let mut raw = Raw::before_handshake(Role::Initiator, &Config::default());
    assert_eq!(raw.peer.link.agreed(), None);
    raw.feed(&Message::Hello(Hello {
        max_payload_size: 1 << 20,
        initial_channel_credit: 1 << 16,
    }));
    let agreed = raw.peer.link.agreed().unwrap();
    assert_eq!(
        (agreed.max_payload_size, agreed.initial_channel_credit),
        (1 << 20, 1 << 16)
    );
}

#[test]
fn only_hello_is_sent_before_the_peers_hello() {
    let mut raw = Raw::before_handshake(Role::Initiator, &small());
    assert_eq!(
        raw.peer.link.calls(ROOT).request(METHOD, NONE, &[], &[]),
        Err(RequestError::NotReady)
    );
    assert_eq!(
        raw.peer.link.open_connection(NONE),
        Err(RequestError::NotReady)
    );
    assert!(raw.sent().is_empty());
}

#[test]
fn hello_has_its_own_frame() {
    let mut pair = Pair::before_handshake(Framing::Packed, &small(), &small());
    assert!(pair.carry_to_server());
    assert!(matches!(pair.server.event(), Event::Ready(_)));
    pair.server
        .link
        .calls(ROOT)
        .request(METHOD, NONE, &[], &[])
        .unwrap();
    let mut hello = vec![0x00];
    hello.extend(encode(&super::harness::hello(&small())));
    hello[0] = u8::try_from(hello.len() - 1).unwrap();
    assert_eq!(pair.server.link.poll_transmit().unwrap(), hello);
    assert!(pair.server.link.poll_transmit().is_some());
}

#[test]
fn handshake_times_out_after_five_seconds() {
    let mut raw = Raw::before_handshake(Role::Acceptor, &small());
    let deadline = raw.peer.link.poll_timeout().unwrap();
    assert_eq!(deadline, Duration::from_secs(5));
    raw.peer
        .link
        .handle_timeout(deadline.checked_sub(Duration::from_nanos(1)).unwrap());
    assert!(raw.peer.link.close_reason().is_none());
    raw.peer.link.handle_timeout(deadline);
    assert!(matches!(
        raw.peer.link.close_reason(),
        Some(CloseReason::HandshakeTimeout)
    ));
    assert_eq!(raw.peer.link.poll_timeout(), None);
    assert_eq!(raw.peer.link.agreed(), None);
    raw.assert_sent(&[goodbye(ROOT, "limit.handshake-timeout")]);
    assert!(matches!(
        raw.peer.event(),
        Event::ConnectionEnded {
            connection: ROOT,
            ..
        }
    ));
    raw.feed(&hello(&small()));
    raw.peer.no_event();
}

#[test]
fn handshake_timeout_can_be_set_and_counts_from_the_start() {
    let start = Duration::from_secs(1_000);
    let config = small().with_handshake_timeout(Duration::from_millis(20));
    let link = roam_proto::Link::new(Role::Acceptor, Framing::Single, &config, start);
    assert_eq!(link.poll_timeout(), Some(start + Duration::from_millis(20)));
}

#[test]
fn late_timer_after_the_handshake_does_nothing() {
    let mut raw = Raw::server();
    raw.peer.link.handle_timeout(Duration::from_secs(9));
    assert!(raw.peer.link.close_reason().is_none());
}

#[test]
fn without_credit_channels_carry_only_empty_elements() {
    let mut pair = Pair::with(Framing::Single, &config(1_000, 0), &small());
    let (_, channel) = pair.upload();
    assert_eq!(
        pair.client.link.sender(ROOT, channel).send(&[1]),
        Err(roam_proto::SendError::TooLarge { len: 1, max: 0 })
    );
    pair.client.link.sender(ROOT, channel).send(&[]).unwrap();
    pair.client.link.sender(ROOT, channel).close();
    pair.settle();
    assert_eq!(pair.server.read(channel), [[]; 1]);
}

#[test]
fn invalid_hello_leaves_nothing_agreed() {
    let mut raw = Raw::before_handshake(Role::Acceptor, &small());
    raw.feed(&Message::Hello(Hello {
        max_payload_size: 0,
        initial_channel_credit: 9,
    }));
    assert_eq!(raw.peer.link.agreed(), None);
    raw.assert_violation(ROOT, Rule::HelloParameters);
}

#[test]
fn goodbye_instead_of_hello_keeps_its_reason() {
    let mut raw = Raw::before_handshake(Role::Initiator, &small());
    raw.feed(&goodbye(ROOT, "go away"));
    let reason = raw.peer.link.close_reason().unwrap().to_string();
    assert_eq!(
        reason,
        "the peer broke a rule: message.hello.ordering: Goodbye: go away"
    );
}
