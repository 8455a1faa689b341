mod drain;
mod heartbeat;
mod token;

use alloc::vec::Vec;

use bytes::BytesMut;

use super::frame::{ACK, ATTACHED, DATA, PING, REFUSED};
use super::*;
use crate::close::Close;
use crate::metadata::Metadata;
use crate::violation::Rule;

const START: Duration = Duration::ZERO;

/// The two ends, and what each has received.
struct Ends {
    client: Carrier,
    server: Carrier,
    at_client: Vec<u8>,
    at_server: Vec<u8>,
    secrets: u128,
}

impl Ends {
    fn new(config: &Config) -> Self {
        let mut ends = Self {
            client: Carrier::initiator(config),
            server: Carrier::acceptor(config),
            at_client: Vec::new(),
            at_server: Vec::new(),
            secrets: 0,
        };
        let (id, secret) = (LinkId::new(&b"id"[..]).unwrap(), ends.secret());
        let attach = ends.attach(START);
        ends.server.accept(&attach, id, secret, START).unwrap();
        ends.settle();
        ends
    }

    fn secret(&mut self) -> Secret {
        self.secrets += 1;
        Secret::new(self.secrets.to_le_bytes())
    }

    /// The client begins on another transport. Returns its first frame.
    fn attach(&mut self, now: Duration) -> Attach {
        self.client.attach(&Metadata::new(), now);
        Attach::decode(&self.client.poll_control().unwrap()).unwrap()
    }

    fn resume(&mut self, attach: &Attach) -> Result<(), Refusal> {
        let secret = self.secret();
        self.server.resume(attach, secret, START)
    }

    /// Opens another transport, and carries everything.
    fn reattach(&mut self) {
        let attach = self.attach(START);
        self.resume(&attach).unwrap();
        self.settle();
    }

    fn settle(&mut self) {
        loop {
            let to_server = self.client.poll_control();
            let to_client = self.server.poll_control();
            if to_server.is_none() && to_client.is_none() {
                return;
            }
            if let Some(frame) = to_server {
                self.at_server(&frame);
            }
            if let Some(frame) = to_client {
                self.at_client(&frame);
            }
        }
    }

    fn at_server(&mut self, frame: &[u8]) {
        receive(&mut self.server, frame, &mut self.at_server);
    }

    fn at_client(&mut self, frame: &[u8]) {
        receive(&mut self.client, frame, &mut self.at_client);
    }
}

fn receive(carrier: &mut Carrier, frame: &[u8], received: &mut Vec<u8>) {
    if let Received::Messages(offset) = carrier.receive(frame).unwrap() {
        received.extend(&frame[offset..]);
    }
}

/// Numbers a frame that holds `byte`.
fn send(carrier: &mut Carrier, byte: u8) -> Bytes {
    assert!(carrier.may_send());
    let mut messages = BytesMut::zeroed(HEADROOM);
    messages.extend_from_slice(&[byte]);
    carrier.number(messages, 1)
}

/// The answer to the first attempt to resume.
fn answer() -> frame::Attached {
    frame::Attached {
        link: LinkId::new(&b"id"[..]).unwrap(),
        secret: Secret::new([9; 16]),
        attempt: 1,
        received: 0,
        heartbeat: Duration::ZERO,
        dead_after: Duration::ZERO,
        keep: Duration::ZERO,
        limits: ToldLimits::default(),
    }
}

fn config() -> Config {
    Config::default()
}

#[test]
fn what_was_not_received_is_sent_again_on_the_next_transport() {
    let mut ends = Ends::new(&config());
    let first = send(&mut ends.client, 1);
    ends.at_server(&first);
    let _lost = [send(&mut ends.client, 2), send(&mut ends.client, 3)];
    let _lost = send(&mut ends.server, 9);
    ends.client.detach();
    assert!(!ends.client.may_send());
    ends.reattach();
    let resent = [&ends.client, &ends.server].map(Carrier::resent_frames);
    assert_eq!(resent, [2, 1]);
    let last = send(&mut ends.client, 4);
    ends.at_server(&last);
    assert_eq!(
        (ends.at_server, ends.at_client),
        (vec![1, 2, 3, 4], vec![9])
    );
}

#[test]
fn a_frame_that_comes_twice_counts_once() {
    let mut ends = Ends::new(&config());
    let frame = send(&mut ends.client, 1);
    ends.at_server(&frame);
    ends.at_server(&frame);
    assert_eq!(ends.at_server, [1]);
}

#[test]
fn a_missing_frame_is_a_violation() {
    let mut ends = Ends::new(&config());
    let _lost = send(&mut ends.client, 1);
    let frame = send(&mut ends.client, 2);
    assert_eq!(
        ends.server.receive(&frame).unwrap_err().rule,
        Rule::DecodeError
    );
}

#[test]
fn acknowledging_what_was_never_sent_is_a_violation() {
    let mut ends = Ends::new(&config());
    assert!(ends.server.receive(&[frame::ACK, 0]).is_ok());
    assert!(ends.server.receive(&[frame::ACK, 1]).is_err());
    let attach = ends.attach(START);
    let mut lying = attach.clone();
    lying.resume.as_mut().unwrap().received = 1;
    assert_eq!(ends.resume(&lying).unwrap_err().code, Close::PROTOCOL);
    ends.resume(&attach).unwrap();
}

#[test]
fn the_link_goes_on_when_the_answer_to_an_attach_is_lost() {
    let mut ends = Ends::new(&config());
    for _ in 0..3 {
        let attach = ends.attach(START);
        ends.resume(&attach).unwrap();
        let _lost = ends.server.poll_control().unwrap();
    }
    let _lost = send(&mut ends.server, 5);
    ends.reattach();
    assert_eq!(ends.at_client, [5]);
}

#[test]
fn an_old_secret_dies_once_the_next_is_confirmed() {
    let mut ends = Ends::new(&config());
    let old = ends.attach(START);
    ends.reattach();
    let mut replayed = old;
    replayed.resume.as_mut().unwrap().attempt = 100;
    assert_eq!(
        ends.resume(&replayed).unwrap_err().code,
        Close::UNKNOWN_LINK
    );
}

#[test]
fn an_attach_that_arrives_late_displaces_nothing() {
    let mut ends = Ends::new(&config());
    let late = ends.attach(START);
    let attach = ends.attach(START);
    ends.resume(&attach).unwrap();
    assert_eq!(ends.resume(&late).unwrap_err().code, Close::REPLACED);
    ends.settle();
    let frame = send(&mut ends.client, 1);
    ends.at_server(&frame);
    assert_eq!(ends.at_server, [1]);
}

#[test]
fn neither_a_guessed_id_nor_a_guessed_secret_opens_a_link() {
    let mut ends = Ends::new(&config());
    let attach = ends.attach(START);
    let mut guessed = attach.clone();
    guessed.resume.as_mut().unwrap().link = LinkId::new(&b"ie"[..]).unwrap();
    assert_eq!(ends.resume(&guessed).unwrap_err(), Refusal::unknown_link());
    let mut guessed = attach.clone();
    guessed.resume.as_mut().unwrap().secret = Secret::new([9; 16]);
    assert_eq!(ends.resume(&guessed).unwrap_err(), Refusal::unknown_link());
    ends.resume(&attach).unwrap();
}

#[test]
fn a_link_whose_initiator_may_know_no_secret_is_kept_for_seconds() {
    let (mut client, mut server) = (Carrier::initiator(&config()), Carrier::acceptor(&config()));
    client.attach(&Metadata::new(), START);
    let id = LinkId::new(&b"id"[..]).unwrap();
    let attach = Attach::decode(&client.poll_control().unwrap()).unwrap();
    server
        .accept(&attach, id, Secret::new([1; 16]), START)
        .unwrap();
    // The first messages are sent before the answer is read.
    let frame = send(&mut client, 1);
    server.receive(&frame).unwrap();
    assert_eq!(
        (client.keep(), server.keep()),
        (Duration::ZERO, Duration::from_secs(5))
    );
    client.receive(&server.poll_control().unwrap()).unwrap();
    assert_eq!(client.keep(), Duration::from_mins(2));
    server.receive(&client.poll_control().unwrap()).unwrap();
    assert_eq!(server.keep(), Duration::from_mins(2));
}

#[test]
fn an_initiator_acknowledges_nothing_before_it_is_answered() {
    let mut ends = Ends::new(&config());
    let mut messages = BytesMut::zeroed(HEADROOM);
    messages.extend_from_slice(&[7; 5_000]);
    let frame = ends.server.number(messages, 1);
    ends.at_client(&frame);
    ends.client.detach();
    let attach = ends.attach(START);
    // The socket has brought nothing yet.
    ends.client.on_caught_up();
    assert!(ends.client.poll_control().is_none());
    ends.resume(&attach).unwrap();
    ends.settle();
    ends.client.on_caught_up();
    assert!(ends.client.is_attached());
}

#[test]
fn a_full_replay_buffer_waits_for_acknowledgements() {
    let mut config = config();
    config.limits.replay = 1_000;
    let mut ends = Ends::new(&config);
    let mut sent = Vec::new();
    while ends.client.may_send() {
        sent.push(send(&mut ends.client, 7));
    }
    assert!(ends.client.replay_cost() >= 1_000);
    assert!(ends.client.replay_cost() < 1_100);
    // The server has nothing to say and acknowledges nevertheless.
    let large = BytesMut::zeroed(HEADROOM + 300);
    for frame in &sent {
        ends.at_server(frame);
    }
    assert!(
        ends.server.has_control(),
        "frames count as much as they take of the buffer"
    );
    ends.settle();
    assert!(ends.client.may_send());
    let frame = ends.client.number(large, 1);
    ends.at_server(&frame);
    assert!(ends.server.has_control());
    ends.settle();
    assert_eq!(ends.client.replay_cost(), 0);
}

#[test]
fn numbers_go_on_where_others_end() {
    for first in [1, 1 << 32, (1 << 53) - 1, u64::MAX - 8] {
        let mut ends = Ends::new(&config().with_first_frame(first));
        for byte in 0..3 {
            let frame = send(&mut ends.client, byte);
            ends.at_server(&frame);
            let _lost = send(&mut ends.server, byte);
            ends.reattach();
        }
        assert_eq!(
            (ends.at_server, ends.at_client),
            (vec![0, 1, 2], vec![0, 1, 2])
        );
    }
}

#[test]
fn the_thousandth_cut_is_like_the_first() {
    let mut ends = Ends::new(&config());
    for byte in 0..=250 {
        for _ in 0..4 {
            ends.reattach();
        }
        let _lost = send(&mut ends.client, byte);
    }
    ends.reattach();
    assert!(ends.at_server.iter().copied().eq(0..=250));
    assert_eq!(ends.server.replay_cost(), 0);
}

#[test]
fn messages_before_the_attach_are_a_violation() {
    let mut server = Carrier::acceptor(&config());
    let mut client = Carrier::initiator(&config());
    client.attach(&Metadata::new(), START);
    let attach = client.poll_control().unwrap();
    let frame = send(&mut client, 1);
    assert_eq!(
        server.receive(&frame).unwrap_err().rule,
        Rule::HelloOrdering
    );
    let decoded = Attach::decode(&attach).unwrap();
    let id = LinkId::new(&b"id"[..]).unwrap();
    let secret = Secret::new([1; 16]);
    server.accept(&decoded, id, secret, START).unwrap();
    assert_eq!(
        server.receive(&attach).unwrap_err().rule,
        Rule::HelloDuplicate
    );
}

#[test]
fn a_link_that_nobody_keeps_is_refused() {
    let mut ends = Ends::new(&config());
    let attach = ends.attach(START);
    let mut other = Carrier::acceptor(&config());
    let id = LinkId::new(&b"other"[..]).unwrap();
    let refused = other.accept(&attach, id, Secret::new([1; 16]), START);
    let refusal = refused.unwrap_err().encode();
    match ends.client.receive(&refusal).unwrap() {
        Received::Refused(refusal) => assert_eq!(refusal.code, Close::UNKNOWN_LINK),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_refusal_that_says_when_to_come_again_leaves_the_link_alone() {
    let mut ends = Ends::new(&config());
    let lost = send(&mut ends.client, 1);
    drop(lost);
    let refusal = Refusal::new(4_500, "later").with_retry_after(Duration::from_secs(1));
    ends.attach(START);
    let refused = ends.client.receive(&refusal.encode()).unwrap();
    assert!(matches!(refused, Received::Nothing));
    // A peer that changes its mind is not believed.
    assert!(ends.client.on_answer(answer()).is_err());
    assert_eq!(ends.client.take_postponed(), Some(refusal.clone()));
    ends.attach(START);
    ends.client.receive(&refusal.encode()).unwrap();
    ends.reattach();
    assert_eq!(ends.client.take_postponed(), None);
    assert_eq!(ends.at_server, [1]);
}

#[test]
fn a_refusal_of_a_new_link_ends_it() {
    let mut client = Carrier::initiator(&config());
    client.attach(&Metadata::new(), START);
    let refusal = Refusal::new(4_429, "full").with_retry_after(Duration::from_secs(1));
    let refused = client.receive(&refusal.encode()).unwrap();
    assert!(matches!(refused, Received::Refused(it) if it == refusal));
}

#[test]
fn malformed_frames_are_violations() {
    for frame in [
        &[][..],
        &[DATA, 1],
        &[9, 1],
        &[ACK],
        &[ACK, 0, 0],
        &[PING, 0],
        &[REFUSED, 0xff, 0xff, 0x7f, 0, 0],
        &[ATTACHED, 0],
    ] {
        let mut ends = Ends::new(&config());
        assert!(ends.client.receive(frame).is_err(), "{frame:?}");
    }
}
