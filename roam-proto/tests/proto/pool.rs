//! The pool of credit that all channels share: what fits, what waits, and what breaks a rule.

use roam_proto::{ChannelId, Config, Framing, Message, RequestError, Role, Rule, SendError};

use super::harness::*;
use super::liar::Liar;

/// Two machines whose channels share pools.
fn pair(server: &Config) -> Pair {
    Pair::with(Framing::Numbered, &Config::client(), server)
}

fn send(peer: &mut Peer, channel: ChannelId, element: &[u8]) -> Result<(), SendError> {
    peer.link.sender(ROOT, channel).send(element)
}

#[test]
fn element_may_be_as_large_as_a_payload() {
    let mut pair = pair(&Config::default());
    let (_, channel) = pair.upload();
    let element = vec![7; 1 << 20];
    for _ in 0..5 {
        send(&mut pair.client, channel, &element).unwrap();
        assert_eq!(
            send(&mut pair.client, channel, &element),
            Err(SendError::Blocked)
        );
        pair.settle();
        assert_eq!(pair.server.read(channel), [element.as_slice()]);
        pair.settle();
        assert_eq!(pair.client.channel_ready(), channel);
    }
    let too_large = vec![7; (1 << 20) + 1];
    assert_eq!(
        send(&mut pair.client, channel, &too_large),
        Err(SendError::TooLarge {
            len: (1 << 20) + 1,
            max: 1 << 20
        })
    );
}

#[test]
fn ten_thousand_channels_are_open_each_way() {
    let mut pair = pair(&Config::default());
    let directions = [[Send; 100], [Receive; 100]].concat();
    let (mut up, mut down) = (Vec::new(), Vec::new());
    for _ in 0..100 {
        let request = pair.call(&directions, &[]);
        for (n, &channel) in request.channels.iter().enumerate() {
            let direction = if n < 100 { Receive } else { Send };
            assert!(pair.server.link.channel(ROOT, channel).bind(direction));
            if n < 100 { &mut up } else { &mut down }.push(channel);
        }
    }
    for (channels, back) in [(&up, false), (&down, true)] {
        let from = if back {
            &mut pair.server
        } else {
            &mut pair.client
        };
        for &channel in channels {
            from.link.sender(ROOT, channel).queue(&[7; 200]).unwrap();
        }
        pair.settle();
        let to = if back {
            &mut pair.client
        } else {
            &mut pair.server
        };
        for &channel in channels {
            assert_eq!(to.read(channel), [[7; 200]]);
        }
        assert!(to.link.close_reason().is_none());
    }
}

#[test]
fn lone_sender_gets_a_quarter_of_the_pool_once_its_reader_keeps_up() {
    let mut pair = pair(&Config::default());
    let (_, channel) = pair.upload();
    let mut in_flight = Vec::new();
    for _ in 0..8 {
        let mut sent = 0;
        while send(&mut pair.client, channel, &[0; 1_000]).is_ok() {
            sent += 1_000;
            pair.settle();
        }
        in_flight.push(sent >> 10);
        pair.settle();
        pair.server.read(channel);
        pair.settle();
        pair.client.collect();
        pair.client.events.clear();
    }
    // It begins with the initial credit. The pool is 12.4 MiB.
    assert_eq!(in_flight[..4], [255, 511, 1_023, 2_047]);
    assert!((3_000..3_400).contains(&in_flight[7]), "{in_flight:?}");
}

#[test]
fn waiting_sender_asks_and_its_reader_is_granted_credit() {
    let mut pair = pair(&Config::default());
    let (_, poured) = pair.upload();
    let mut unread = vec![poured];
    unread.extend((0..200).map(|_| pair.upload().1));
    for &channel in &unread {
        pour_into(&mut pair, channel, 4_000);
    }
    // Little is left of the pool, and this reader waits.
    let (_, channel) = pair.upload();
    let element = vec![1; 64 << 10];
    assert!(pair.server.take(channel).is_empty());
    for _ in 0..10 {
        if send(&mut pair.client, channel, &element).is_err() {
            pair.settle();
            assert_eq!(pair.client.channel_ready(), channel);
            send(&mut pair.client, channel, &element).unwrap();
        }
        pair.settle();
        assert_eq!(pair.server.read(channel), [element.as_slice()]);
        assert!(pair.server.take(channel).is_empty());
        pair.settle();
        pair.client.collect();
        pair.client.events.clear();
        pair.server.collect();
        pair.server.events.clear();
    }
}

fn pour_into(pair: &mut Pair, channel: ChannelId, len: usize) {
    while send(&mut pair.client, channel, &vec![0; len]).is_ok() {
        pair.carry_to_server();
    }
    pair.settle();
    pair.client.collect();
    pair.client.events.clear();
}

#[test]
fn sender_that_waited_for_capacity_asks_for_credit_after_that() {
    let small = |limits: roam_proto::Limits| {
        let config = Config::default().with_initial_channel_credit(1_000);
        config.with_limits(limits)
    };
    let client = small(Config::default().limits.with_send_buffer(1));
    let server = small(Config::default().limits);
    let mut pair = Pair::with(Framing::Numbered, &client, &server);
    let (_, channel) = pair.upload();
    send(&mut pair.client, channel, &[1; 600]).unwrap();
    let second = send(&mut pair.client, channel, &[2; 500]);
    assert_eq!(second, Err(SendError::Blocked), "the send buffer is full");
    pair.settle();
    pair.client.no_event();
    // What was read is told at once, since the sender has asked.
    pair.server.read(channel);
    pair.settle();
    assert_eq!(pair.client.channel_ready(), channel);
    send(&mut pair.client, channel, &[2; 500]).unwrap();
}

#[test]
fn closed_channel_holds_its_part_of_the_pool_until_it_is_read() {
    let mut pair = pair(&Config::default());
    let (request, channel) = pair.upload();
    pour_into(&mut pair, channel, 1_000);
    let room = |peer: &Peer| peer.link.stats().remaining;
    let before = room(&pair.client);
    pair.client.link.sender(ROOT, channel).close();
    pair.settle();
    assert_eq!(room(&pair.client), before, "it counts among our channels");
    assert_eq!(
        pair.client.link.stats().channels,
        0,
        "its user has no more of it"
    );
    pair.server.read(channel);
    pair.settle();
    assert!(matches!(
        pair.server.link.receiver(ROOT, channel).read(),
        roam_proto::ReadOutcome::Ended(_)
    ));
    pair.server.answer(&request, OK);
    pair.settle();
    pair.client.response();
    pair.assert_idle();
}

#[test]
fn channels_of_an_ended_connection_settle() {
    let mut pair = pair(&Config::default());
    let on = pair.connect();
    let called = pair
        .client
        .link
        .calls(on)
        .request(METHOD, NONE, &[Send], &[]);
    let (_, channels) = called.unwrap();
    pair.settle();
    let request = pair.server.request();
    assert!(pair.server.link.channel(on, channels[0]).bind(Receive));
    for _ in 0..100 {
        (pair.client.link.sender(on, channels[0]))
            .queue(&[0; 1_000])
            .unwrap();
    }
    pair.settle();
    pair.client.link.close_connection(on, "enough");
    pair.settle();
    pair.client.link.sender(on, channels[0]).close();
    assert_eq!(pair.client.link.stats().ended_connections, 1);
    pair.server.link.channel(on, channels[0]).reset();
    pair.server.link.calls(on).handler_finished(request.request);
    pair.settle();
    pair.client.collect();
    pair.server.collect();
    pair.assert_idle();
}

#[test]
fn sender_that_takes_more_than_the_pool_breaks_a_rule() {
    let limits = Config::default().limits.with_receive_budget(4 << 20);
    let config = Config::default().with_limits(limits);
    let (mut liar, channel) = Liar::new(&config);
    let element = vec![0; 64 << 10];
    let mut sent = 0;
    while liar.pair.server.link.close_reason().is_none() {
        liar.say(&data(ROOT, channel.0, &element));
        sent += element.len();
    }
    liar.assert_violation(Rule::CreditOverrun);
    assert!(2 * sent < 4 << 20, "{sent}");
}

#[test]
fn grant_of_more_than_was_sent_breaks_a_rule() {
    let mut pair = pair(&Config::default());
    let (_, channel) = pair.download();
    send(&mut pair.server, channel, &[0; 10]).unwrap();
    pair.settle();
    let mut liar = Liar { pair, number: 3 };
    let grant = |consumed| Message::Grant {
        connection: ROOT,
        channel,
        consumed,
        credit: 0,
    };
    liar.say(&grant(10));
    assert!(liar.pair.server.link.close_reason().is_none());
    liar.say(&grant(1));
    liar.assert_violation(Rule::CreditOverflow);
}

#[test]
fn blocked_names_an_element_within_the_limit() {
    let (mut liar, channel) = Liar::new(&Config::default());
    let blocked = |bytes| Message::Blocked {
        connection: ROOT,
        channel,
        bytes,
    };
    for _ in 0..10_000 {
        liar.number = 3.max(liar.number % 100);
        liar.say(&blocked(1 << 20));
        while liar.pair.server.link.poll_transmit().is_some() {}
        if liar.number == 100 {
            break;
        }
    }
    assert!(liar.pair.server.link.close_reason().is_none());
    liar.say(&blocked((1 << 20) + 1));
    liar.assert_violation(Rule::PayloadLimit);
}

#[test]
fn credit_of_version_2_is_unknown_where_channels_share_a_pool() {
    let mut pair = pair(&Config::default());
    let (_, channel) = pair.download();
    let mut liar = Liar { pair, number: 3 };
    liar.say(&credit(ROOT, channel.0, 5));
    liar.assert_violation(Rule::UnknownVariant);
}

#[test]
fn messages_of_the_pool_are_unknown_to_version_2() {
    for message in [
        Message::Grant {
            connection: ROOT,
            channel: ChannelId(1),
            consumed: 1,
            credit: 1,
        },
        Message::Blocked {
            connection: ROOT,
            channel: ChannelId(1),
            bytes: 1,
        },
    ] {
        let mut raw = Raw::with(Role::Acceptor, &small());
        raw.called(ROOT, 1, &[1]);
        raw.feed(&message);
        raw.assert_violation(ROOT, Rule::UnknownVariant);
    }
}

#[test]
fn caller_knows_how_many_calls_the_peer_handles() {
    let limits = Config::default().limits.with_calls(4);
    let mut pair = pair(&Config::default().with_limits(limits));
    let mut made = 0;
    let call = |pair: &mut Pair| -> Result<_, RequestError> {
        pair.client.link.calls(ROOT).request(METHOD, NONE, &[], &[])
    };
    while pair.client.link.calls(ROOT).peer_has_room(0, false) {
        call(&mut pair).unwrap();
        made += 1;
    }
    assert_eq!(made, 4);
    assert!(
        pair.client.link.calls(ROOT).peer_has_room(0, true),
        "channels have limits of their own"
    );
    // A quarter more is handled, since cancelled handlers may run on.
    for _ in 0..2 {
        call(&mut pair).unwrap();
    }
    pair.settle();
    let stats = pair.server.link.stats();
    assert_eq!(stats.incoming_calls, 5);
    let busy = pair.client.response();
    assert_eq!(busy.request.0, 6);
}

#[test]
fn caller_knows_how_many_bytes_of_calls_the_peer_holds() {
    let limits = Config::default().limits.with_call_payloads(1_000);
    let mut pair = pair(&Config::default().with_limits(limits));
    let calls = |pair: &mut Pair, len| pair.client.link.calls(ROOT).peer_has_room(len, false);
    assert!(calls(&mut pair, 5_000), "one call may be of any size");
    let called = (pair.client.link.calls(ROOT)).request(METHOD, NONE, &[], &[0; 600]);
    called.unwrap();
    assert!(calls(&mut pair, 400) && !calls(&mut pair, 401));
    pair.settle();
    let request = pair.server.request();
    pair.server.answer(&request, OK);
    pair.settle();
    pair.client.response();
    assert!(calls(&mut pair, 1_000));
}
