use super::*;
use crate::carrier::frame::TOKEN;

const WITHIN: Duration = Duration::from_secs(9);

fn metadata() -> Metadata {
    Metadata::new().with("token", "b")
}

/// Takes the next frame of an end, which is a Token.
fn next(carrier: &mut Carrier) -> Bytes {
    let frame = carrier.poll_control().unwrap();
    assert_eq!(frame[0], TOKEN);
    frame
}

#[test]
fn a_question_is_answered_in_place() {
    let mut ends = Ends::new(&config());
    assert!(ends.server.ask_for_token(WITHIN));
    let asked = ends.client.receive(&next(&mut ends.server)).unwrap();
    assert!(matches!(asked, Received::TokenAsked(WITHIN)));
    ends.client.give_token(&metadata());
    let given = ends.server.receive(&next(&mut ends.client)).unwrap();
    assert!(matches!(given, Received::TokenGiven(it) if it == metadata()));
    // Nothing is left of it.
    ends.client.give_token(&metadata());
    assert!(!ends.client.has_control() && !ends.server.has_control());
}

#[test]
fn a_million_questions_take_one_place() {
    let mut ends = Ends::new(&config());
    let asked = frame::Token::Asked(WITHIN).encode();
    let first = ends.client.receive(&asked).unwrap();
    assert!(matches!(first, Received::TokenAsked(_)));
    for _ in 0..1_000 {
        let again = ends.client.receive(&asked).unwrap();
        assert!(matches!(again, Received::Nothing));
    }
    ends.client.give_token(&metadata());
    next(&mut ends.client);
    assert!(!ends.client.has_control());
    // Neither does the user's impatience.
    ends.server.ask_for_token(WITHIN);
    ends.server.ask_for_token(WITHIN);
    next(&mut ends.server);
    assert!(!ends.server.has_control());
}

#[test]
fn a_question_that_was_lost_is_asked_again() {
    let mut ends = Ends::new(&config());
    ends.server.ask_for_token(WITHIN);
    let asked = next(&mut ends.server);
    ends.client.receive(&asked).unwrap();
    let attach = ends.attach(START);
    // The answer comes too late for its transport.
    ends.client.give_token(&metadata());
    assert!(ends.client.control.token.is_none());
    ends.resume(&attach).unwrap();
    assert!(!ends.server.on_token_attached(&attach));
    let attached = ends.server.poll_control().unwrap();
    assert_eq!(attached[0], ATTACHED);
    assert_eq!(next(&mut ends.server), asked);
}

#[test]
fn another_transport_may_bring_the_answer() {
    let mut ends = Ends::new(&config());
    ends.server.detach();
    ends.server.ask_for_token(WITHIN);
    assert!(!ends.server.has_control(), "there is nobody to ask");
    ends.client.attach(&metadata(), START);
    let attach = Attach::decode(&ends.client.poll_control().unwrap()).unwrap();
    ends.resume(&attach).unwrap();
    assert!(ends.server.on_token_attached(&attach));
    assert!(!ends.server.on_token_attached(&attach));
    ends.settle();
}

#[test]
fn tokens_that_nobody_asked_for_are_violations() {
    let given = frame::Token::Given(metadata()).encode();
    let asked = frame::Token::Asked(WITHIN).encode();
    let mut ends = Ends::new(&config());
    assert!(!ends.client.ask_for_token(WITHIN));
    assert!(ends.client.receive(&given).is_err());
    assert!(ends.server.receive(&asked).is_err());
    assert!(ends.server.receive(&given).is_err());
    ends.attach(START);
    let early = ends.client.receive(&asked).unwrap_err();
    assert_eq!(early.rule, Rule::HelloOrdering);
    for frame in [&[TOKEN][..], &[TOKEN, 2], &[TOKEN, 0], &[TOKEN, 0, 1, 1]] {
        let mut ends = Ends::new(&config());
        assert!(ends.client.receive(frame).is_err(), "{frame:?}");
    }
}
