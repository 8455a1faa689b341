//! A link on which nothing is going on is closed, if that is wanted.

use std::time::Duration;

use roam_core::proto::{CloseReason, Config, Event, Framing, Message, RequestId, Role};

use super::harness::*;

const TIMEOUT: Duration = Duration::from_mins(1);

/// Closes idle links, as the machine whose time we make.
fn idle() -> Config {
    Config {
        idle_timeout: Some(TIMEOUT),
        ..small()
    }
}

/// A server after the handshake, at the time of its first look.
fn watching() -> (Raw, Duration) {
    let mut raw = Raw::with(Role::Acceptor, &idle());
    let now = raw.peer.link.poll_timeout().unwrap();
    assert_eq!(now, TIMEOUT);
    raw.peer.link.handle_timeout(now);
    assert!(
        raw.peer.link.close_reason().is_none(),
        "the Hellos have just gone by"
    );
    (raw, now)
}

/// Lets so much time pass that the machine looks whether anything is going on.
fn look(raw: &mut Raw, now: &mut Duration) {
    *now += TIMEOUT;
    assert_eq!(raw.peer.link.poll_timeout(), Some(*now));
    raw.peer.link.handle_timeout(*now);
}

#[track_caller]
fn assert_lasts(raw: &mut Raw, now: &mut Duration) {
    for _ in 0..5 {
        look(raw, now);
    }
    assert!(raw.peer.link.close_reason().is_none());
}

#[track_caller]
fn assert_closed(raw: &mut Raw) {
    assert!(matches!(
        raw.peer.link.close_reason(),
        Some(CloseReason::Idle)
    ));
    raw.assert_sent(&[goodbye(ROOT, "limit.idle-timeout")]);
    let told = matches!(
        raw.peer.event(),
        Event::ConnectionEnded {
            connection: ROOT,
            reason: CloseReason::Idle
        }
    );
    assert!(told, "the user is told");
    assert_eq!(raw.peer.link.poll_timeout(), None);
}

#[test]
fn links_last_unless_it_is_wanted_otherwise() {
    let raw = Raw::server();
    assert_eq!(raw.peer.link.poll_timeout(), None);
}

#[test]
fn a_link_on_which_nothing_comes_or_goes_is_closed() {
    let (mut raw, mut now) = watching();
    raw.peer.link.handle_timeout(now + TIMEOUT / 2);
    assert!(
        raw.peer.link.close_reason().is_none(),
        "not before its time"
    );
    look(&mut raw, &mut now);
    assert_closed(&mut raw);
}

#[test]
fn whatever_comes_or_goes_keeps_it() {
    let (mut raw, mut now) = watching();
    for id in 0..5 {
        raw.feed(&cancel(ROOT, id));
        look(&mut raw, &mut now);
    }
    let call = raw.called(ROOT, 9, &[]);
    raw.peer.answer(&call, OK);
    look(&mut raw, &mut now);
    raw.sent();
    look(&mut raw, &mut now);
    assert!(raw.peer.link.close_reason().is_none());
    look(&mut raw, &mut now);
    assert_closed(&mut raw);
}

#[test]
fn a_call_in_flight_keeps_it_however_long_it_takes() {
    let (mut raw, mut now) = watching();
    let call = raw.called(ROOT, 1, &[]);
    assert_lasts(&mut raw, &mut now);
    raw.peer.answer(&call, OK);
    raw.sent();
    let (ours, _) = raw.peer.link.request(ROOT, METHOD, NONE, &[], &[]).unwrap();
    raw.sent();
    assert_lasts(&mut raw, &mut now);
    raw.peer.link.cancel(ROOT, ours);
    raw.sent();
    look(&mut raw, &mut now);
    look(&mut raw, &mut now);
    assert_closed(&mut raw);
}

#[test]
fn a_channel_keeps_it_also_on_a_virtual_connection() {
    let (mut raw, mut now) = watching();
    let on = raw.connection();
    let call = raw.called(on, 1, &[1]);
    assert!(raw.peer.link.bind(on, call.channels[0], Receive));
    raw.peer.answer(&call, OK);
    raw.sent();
    assert_lasts(&mut raw, &mut now);
    raw.peer.link.reset(on, call.channels[0]);
    raw.sent();
    look(&mut raw, &mut now);
    assert!(raw.peer.link.is_live(on));
    look(&mut raw, &mut now);
    assert!(
        !raw.peer.link.is_live(on),
        "alone it does not keep the link"
    );
}

#[test]
fn so_does_a_connect_of_either_side() {
    let (mut raw, mut now) = watching();
    let connect = Message::Connect {
        request: RequestId(1),
        metadata: none(),
    };
    raw.feed(&connect);
    assert_lasts(&mut raw, &mut now);
    raw.peer.link.reject(RequestId(1), "no", NONE);
    let ours = raw.peer.link.connect(NONE).unwrap();
    raw.sent();
    assert_lasts(&mut raw, &mut now);
    raw.peer.link.forget_connect(ours);
    raw.peer.collect();
    raw.peer.events.clear();
    look(&mut raw, &mut now);
    assert_closed(&mut raw);
}

#[test]
fn a_handshake_that_does_not_end_is_not_idle() {
    let config = Config {
        handshake_timeout: 4 * TIMEOUT,
        ..idle()
    };
    let mut pair = Pair::unshaken(Framing::Packed, &config, &config);
    let link = &mut pair.client.link;
    for n in 1..4 {
        assert_eq!(link.poll_timeout(), Some(n * TIMEOUT));
        link.handle_timeout(n * TIMEOUT);
    }
    assert!(link.close_reason().is_none());
    link.handle_timeout(config.handshake_timeout);
    assert!(matches!(
        link.close_reason(),
        Some(CloseReason::HandshakeTimeout)
    ));
}
