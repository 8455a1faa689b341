use super::*;

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Lets the time of `carrier` pass until its transport is dead or `until`. Answers its pings.
fn pass(carrier: &mut Carrier, until: Duration, answer: bool) -> (Duration, usize) {
    let mut pings = 0;
    let mut now = START;
    while now < until {
        now = carrier.poll_timeout().unwrap().min(until);
        if carrier.handle_timeout(now) == Silence::Dead {
            break;
        }
        while let Some(frame) = carrier.poll_control() {
            if frame[0] == PING {
                pings += 1;
                if answer {
                    carrier.receive(&frame::pong(0, 0)).unwrap();
                }
            }
        }
    }
    (now, pings)
}

#[test]
fn a_silent_peer_is_noticed_within_the_time_set() {
    for is_server in [true, false] {
        let mut ends = Ends::new(&config());
        let end = if is_server {
            &mut ends.server
        } else {
            &mut ends.client
        };
        let (dead, _) = pass(end, secs(100), false);
        assert!(dead > secs(20) && dead <= secs(30), "{dead:?}");
    }
}

#[test]
fn the_acceptor_pings_a_quiet_link_in_time() {
    let mut ends = Ends::new(&config());
    let (now, pings) = pass(&mut ends.server, secs(600), true);
    assert_eq!(now, secs(600));
    assert!((40..=80).contains(&pings), "{pings} in 600 s");
}

#[test]
fn the_initiator_leaves_pings_to_the_acceptor() {
    let mut ends = Ends::new(&config());
    let (_, pings) = pass(&mut ends.client, secs(100), true);
    assert_eq!(pings, 0);
}

#[test]
fn a_ping_is_answered_once() {
    let mut ends = Ends::new(&config());
    ends.at_client(&frame::ping(0, 1));
    ends.at_client(&frame::ping(0, 2));
    let pong = ends.client.poll_control().unwrap();
    assert_eq!(pong, frame::pong(0, 2));
    assert!(ends.client.poll_control().is_none());
}

#[test]
fn a_late_timer_probes_before_it_judges() {
    let mut ends = Ends::new(&config());
    // The page slept for an hour.
    let now = secs(3_600);
    assert_eq!(ends.client.handle_timeout(now), Silence::Alive);
    assert_eq!(ends.client.poll_control().unwrap()[0], PING);
    assert_eq!(ends.client.handle_timeout(now + secs(4)), Silence::Alive);
    assert_eq!(ends.client.handle_timeout(now + secs(5)), Silence::Dead);
}

#[test]
fn a_probe_that_is_answered_changes_nothing() {
    let mut ends = Ends::new(&config());
    ends.client.probe(secs(1));
    ends.settle();
    assert_eq!(ends.client.handle_timeout(secs(6)), Silence::Alive);
    let after = ends.client.poll_timeout().unwrap();
    assert!(after > secs(6));
}

#[test]
fn an_attach_that_is_not_answered_is_given_up() {
    let mut ends = Ends::new(&config());
    ends.attach(secs(100));
    assert_eq!(ends.client.handle_timeout(secs(104)), Silence::Alive);
    assert_eq!(ends.client.handle_timeout(secs(105)), Silence::Dead);
}
