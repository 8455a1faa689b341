use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;

use proptest::prelude::*;

use super::*;

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// Acknowledges `number` without having read everything.
fn behind(number: u64) -> Acknowledged {
    Acknowledged {
        number,
        is_prompt: false,
    }
}

fn id() -> LinkId {
    LinkId::new(&b"ab"[..]).unwrap()
}

fn resume(secret: u8, attempt: u64, received: u64) -> Resume {
    Resume {
        link: id(),
        secret: Secret([secret; 16]),
        attempt,
        received,
    }
}

fn limits(replay: u64) -> ToldLimits {
    ToldLimits {
        replay,
        calls: 1,
        call_payloads: 2,
        pool: 3,
        window: 300,
    }
}

/// The vectors of docs/extensions.md.
#[test]
fn frames_have_the_documented_bytes() {
    let mut messages = BytesMut::zeroed(HEADROOM);
    messages.extend_from_slice(&[2, 9, 9]);
    assert_eq!(hex(&number(messages, 300, behind(1))), "00ac0201020909");
    assert_eq!(hex(&ack(behind(7))), "0107");
    let prompt = Acknowledged {
        is_prompt: true,
        ..behind(7)
    };
    assert_eq!(hex(&ack(prompt)), "1107");
    assert_eq!(hex(&ping(7, 3)), "020703");
    assert_eq!(hex(&pong(300, 3)), "03ac0203");
    let new = Attach {
        resume: None,
        metadata: Metadata::new().with("t", "x"),
        limits: limits(4096),
    };
    assert_eq!(
        hex(&new.encode()),
        "0401000500802001010202030304ac02010174000178"
    );
    let resumed = Attach {
        resume: Some(resume(1, 2, 5)),
        metadata: Metadata::new(),
        limits: limits(1),
    };
    let secret = "01".repeat(16);
    let expected = format!("040101026162{secret}020505000101010202030304ac0200");
    assert_eq!(hex(&resumed.encode()), expected);
    let attached = Attached {
        link: id(),
        secret: Secret([2; 16]),
        attempt: 2,
        received: 5,
        heartbeat: Duration::from_secs(15),
        dead_after: Duration::from_secs(30),
        keep: Duration::from_mins(2),
        limits: limits(1),
    };
    let secret = "02".repeat(16);
    let expected = format!("05026162{secret}02059875b0ea01c0a90705000101010202030304ac02");
    assert_eq!(hex(&attached.encode()), expected);
    let refusal = Refusal::new(4404, "no").with_retry_after(Duration::from_millis(1));
    assert_eq!(hex(&refusal.encode()), "06b422026e6f02");
    let asked = Token::Asked(Duration::from_millis(300));
    assert_eq!(hex(&asked.encode()), "0700ac02");
    let given = Token::Given(Metadata::new().with("t", "x"));
    assert_eq!(hex(&given.encode()), "0701010174000178");
    let drain = Drain {
        another_link: true,
        min: Duration::from_millis(1),
        max: Duration::from_millis(300),
    };
    assert_eq!(hex(&drain.encode()), "080101ac02");
}

#[test]
fn attaches_round_trip() {
    let frame = Attach {
        resume: Some(resume(3, u64::MAX, 1 << 53)),
        metadata: Metadata::new().with("authorization", "Bearer x"),
        limits: limits(9),
    };
    let decoded = Attach::decode(&frame.encode()).unwrap();
    assert_eq!(
        (decoded.metadata, decoded.limits),
        (frame.metadata, limits(9))
    );
    let (resume, expected) = (decoded.resume.unwrap(), frame.resume.unwrap());
    assert_eq!((resume.link, resume.attempt), (expected.link, u64::MAX));
    assert_eq!(resume.received, 1 << 53);
    assert!(resume.secret.is(&expected.secret));
}

#[test]
fn unknown_settings_are_ignored() {
    let frame = [ATTACH, 1, NEW, 2, 77, 5, 0, 9, 0];
    assert_eq!(Attach::decode(&frame).unwrap().limits.replay, 9);
}

#[test]
fn malformed_attaches_are_violations() {
    for (frame, rule) in [
        (&[][..], Rule::DecodeError),
        (&[DATA, 1, 0], Rule::HelloOrdering),
        (&[ATTACH, 2, NEW, 0, 0], Rule::HelloUnknownVersion),
        (&[ATTACH, 1, 2, 0, 0], Rule::DecodeError),
        (&[ATTACH, 1, RESUMED, 0], Rule::DecodeError),
        (&[ATTACH, 1, NEW, 0, 0, 0], Rule::DecodeError),
        (&[ATTACH, 1, NEW, 0xff, 0xff, 0x03], Rule::DecodeError),
    ] {
        assert_eq!(Attach::decode(frame).unwrap_err().rule, rule, "{frame:?}");
    }
}

#[test]
fn link_ids_have_1_to_64_bytes() {
    assert!(LinkId::new(vec![]).is_none());
    assert!(LinkId::new(vec![1; 64]).is_some());
    assert!(LinkId::new(vec![1; 65]).is_none());
    assert_eq!(id().to_string(), "6162");
}

#[test]
fn advice_is_spread_over_its_time() {
    let drain = |min, max| Drain {
        another_link: false,
        min: Duration::from_secs(min),
        max: Duration::from_secs(max),
    };
    assert_eq!(drain(2, 6).after(0), Duration::from_secs(2));
    assert_eq!(drain(2, 6).after(1 << 31), Duration::from_secs(4));
    assert!(drain(2, 6).after(u32::MAX) < Duration::from_secs(6));
    assert_eq!(drain(6, 2).after(u32::MAX), Duration::from_secs(6));
    let longest = Duration::from_millis(u64::MAX);
    let drain = Drain {
        max: longest,
        ..drain(0, 0)
    };
    assert!(drain.after(u32::MAX) < longest);
}

#[test]
fn secrets_are_never_shown() {
    assert_eq!(format!("{:?}", Secret([7; 16])), "Secret(..)");
}

proptest! {
    #[test]
    fn numbers_round_trip(seq in any::<u64>(), ack in any::<u64>(), bits in 0_u32..64) {
        let (seq, ack) = (seq >> bits, ack >> bits);
        let mut messages = BytesMut::zeroed(HEADROOM);
        messages.extend_from_slice(b"abc");
        let frame = number(messages, seq, behind(ack));
        prop_assert_eq!(frame[0], DATA);
        let header = DataHeader::decode(&frame, Reader::new(&frame[1..])).unwrap();
        prop_assert_eq!((header.seq, header.ack), (seq, ack));
        prop_assert_eq!(&frame[header.messages..], b"abc");
    }

    #[test]
    fn any_bytes_decode_or_fail(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let _ = Attach::decode(&bytes);
        let _ = Attached::decode(&mut Reader::new(&bytes));
        let _ = Drain::decode(&mut Reader::new(&bytes));
        let _ = Token::decode(&mut Reader::new(&bytes));
        let _ = Refusal::decode(&mut Reader::new(&bytes));
    }
}
