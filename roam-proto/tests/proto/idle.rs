//! The idle timeout: if it is set, a link without activity is closed.

use std::time::Duration;

use roam_proto::{CloseReason, Config, Event, Framing, Message, RequestId, Role};

use super::harness::*;

const TIMEOUT: Duration = Duration::from_mins(1);

/// A config that closes idle links.
fn idle() -> Config {
    small().with_idle_timeout(Some(TIMEOUT))
}

/// A server after the handshake, at the time of its first idle check.
fn watching() -> (Raw, Duration) {
    let mut raw = Raw::with(Role::Acceptor, &idle());
    let now = raw.peer.link.poll_timeout().unwrap();
    assert_eq!(now, TIMEOUT);
    raw.peer.link.handle_timeout(now);
    assert!(
        raw.peer.link.close_reason().is_none(),
        "the Hellos count as traffic"
    );
    (raw, now)
}

/// Advances the time to the next idle check.
fn pass_timeout(raw: &mut Raw, now: &mut Duration) {
    *now += TIMEOUT;
    assert_eq!(raw.peer.link.poll_timeout(), Some(*now));
    raw.peer.link.handle_timeout(*now);
}

#[track_caller]
fn assert_lasts(raw: &mut Raw, now: &mut Duration) {
    for _ in 0..5 {
        pass_timeout(raw, now);
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
    let reported = matches!(
        raw.peer.event(),
        Event::ConnectionEnded {
            connection: ROOT,
            reason: CloseReason::Idle
        }
    );
    assert!(reported, "the user gets the reason");
    assert_eq!(raw.peer.link.poll_timeout(), None);
}

#[test]
fn links_stay_open_by_default() {
    let raw = Raw::server();
    assert_eq!(raw.peer.link.poll_timeout(), None);
}

#[test]
fn link_without_traffic_is_closed() {
    let (mut raw, mut now) = watching();
    raw.peer.link.handle_timeout(now + TIMEOUT / 2);
    assert!(
        raw.peer.link.close_reason().is_none(),
        "not before the timeout"
    );
    pass_timeout(&mut raw, &mut now);
    assert_closed(&mut raw);
}

#[test]
fn traffic_keeps_the_link_open() {
    let (mut raw, mut now) = watching();
    for id in 0..5 {
        raw.feed(&cancel(ROOT, id));
        pass_timeout(&mut raw, &mut now);
    }
    let call = raw.called(ROOT, 9, &[]);
    raw.peer.answer(&call, OK);
    pass_timeout(&mut raw, &mut now);
    raw.sent();
    pass_timeout(&mut raw, &mut now);
    assert!(raw.peer.link.close_reason().is_none());
    pass_timeout(&mut raw, &mut now);
    assert_closed(&mut raw);
}

#[test]
fn call_in_flight_keeps_the_link_open() {
    let (mut raw, mut now) = watching();
    let call = raw.called(ROOT, 1, &[]);
    assert_lasts(&mut raw, &mut now);
    raw.peer.answer(&call, OK);
    raw.sent();
    let (ours, _) = raw
        .peer
        .link
        .calls(ROOT)
        .request(METHOD, NONE, &[], &[])
        .unwrap();
    raw.sent();
    assert_lasts(&mut raw, &mut now);
    raw.peer.link.calls(ROOT).cancel(ours);
    raw.sent();
    pass_timeout(&mut raw, &mut now);
    pass_timeout(&mut raw, &mut now);
    assert_closed(&mut raw);
}

#[test]
fn channel_on_a_virtual_connection_keeps_the_link_open() {
    let (mut raw, mut now) = watching();
    let on = raw.connection();
    let call = raw.called(on, 1, &[1]);
    assert!(raw.peer.link.channel(on, call.channels[0]).bind(Receive));
    raw.peer.answer(&call, OK);
    raw.sent();
    assert_lasts(&mut raw, &mut now);
    raw.peer.link.channel(on, call.channels[0]).reset();
    raw.sent();
    pass_timeout(&mut raw, &mut now);
    assert!(raw.peer.is_live(on));
    pass_timeout(&mut raw, &mut now);
    assert!(
        !raw.peer.is_live(on),
        "a connection alone does not keep the link open"
    );
}

#[test]
fn unanswered_connect_keeps_the_link_open() {
    let (mut raw, mut now) = watching();
    let connect = Message::Connect {
        request: RequestId(1),
        metadata: none(),
    };
    raw.feed(&connect);
    assert_lasts(&mut raw, &mut now);
    raw.peer.link.reject_connection(RequestId(1), "no", NONE);
    let ours = raw.peer.link.open_connection(NONE).unwrap();
    raw.sent();
    assert_lasts(&mut raw, &mut now);
    raw.peer.link.abandon_open(ours);
    raw.peer.collect();
    raw.peer.events.clear();
    pass_timeout(&mut raw, &mut now);
    assert_closed(&mut raw);
}

#[test]
fn unfinished_handshake_is_not_idle() {
    let config = idle().with_handshake_timeout(4 * TIMEOUT);
    let mut pair = Pair::before_handshake(Framing::Packed, &config, &config);
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
