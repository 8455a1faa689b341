use super::*;
use crate::carrier::frame::DRAIN;

fn advice(another_link: bool) -> Drain {
    Drain {
        another_link,
        min: Duration::from_secs(1),
        max: Duration::from_secs(2),
    }
}

/// Takes the next frame of the server, which advises.
fn next(ends: &mut Ends) -> Bytes {
    let frame = ends.server.poll_control().unwrap();
    assert_eq!(frame[0], DRAIN);
    frame
}

#[test]
fn the_last_advice_takes_the_only_place() {
    let mut ends = Ends::new(&config());
    for _ in 0..1_000 {
        assert!(ends.server.drain(advice(false)));
    }
    ends.server.drain(advice(true));
    let frame = next(&mut ends);
    assert!(!ends.server.has_control());
    let received = ends.client.receive(&frame).unwrap();
    assert!(matches!(received, Received::Drain(it) if it == advice(true)));
}

#[test]
fn another_transport_follows_the_advice_to_open_one() {
    let mut ends = Ends::new(&config());
    ends.server.drain(advice(false));
    let attach = ends.attach(START);
    ends.resume(&attach).unwrap();
    assert_eq!(ends.server.poll_control().unwrap()[0], ATTACHED);
    assert!(!ends.server.has_control());
}

#[test]
fn the_advice_to_open_another_link_holds_on_each_transport() {
    let mut ends = Ends::new(&config());
    ends.server.detach();
    ends.server.drain(advice(true));
    assert!(!ends.server.has_control(), "there is nobody to advise");
    for _ in 0..2 {
        let attach = ends.attach(START);
        ends.resume(&attach).unwrap();
        let attached = ends.server.poll_control().unwrap();
        ends.at_client(&attached);
        let frame = next(&mut ends);
        ends.client.receive(&frame).unwrap();
    }
}

#[test]
fn advice_at_the_wrong_time_is_a_violation() {
    let mut ends = Ends::new(&config());
    let frame = advice(false).encode();
    assert!(!ends.client.drain(advice(false)));
    assert!(ends.server.receive(&frame).is_err());
    for frame in [&[DRAIN][..], &[DRAIN, 2, 0, 0], &[DRAIN, 0, 0, 0, 0]] {
        let mut ends = Ends::new(&config());
        assert!(ends.client.receive(frame).is_err(), "{frame:?}");
    }
    ends.attach(START);
    let early = ends.client.receive(&frame).unwrap_err();
    assert_eq!(early.rule, Rule::HelloOrdering);
}
