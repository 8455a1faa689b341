//! The `framing` target: every framing delivers the same messages, with the same effect.

use std::time::Duration;

use bytes::Bytes;
use roam_proto::{CloseReason, Event, Framing, Link, Role, Rule};

use super::source::Source;
use crate::harness::small;

/// Checks that a byte stream split anywhere, or a packed frame, has the same effect as its
/// messages one by one. A second, simple parser finds these messages.
pub fn framing(bytes: &[u8]) {
    let mut source = Source::new(bytes);
    if source.flag() {
        let frame = source.rest();
        let (messages, whole) = unpack(frame);
        assert_same(Framing::Packed, &[frame], &messages, whole);
    } else {
        let piece = 1 + source.below(16);
        let stream = source.rest();
        let (messages, whole) = split(stream);
        let pieces: Vec<_> = stream.chunks(piece).collect();
        assert_same(Framing::Cobs, &pieces, &messages, whole);
    }
}

/// The messages before the first error, and whether there was no error.
type Found = (Vec<Vec<u8>>, bool);

fn unpack(mut frame: &[u8]) -> Found {
    let mut messages = Vec::new();
    let mut whole = !frame.is_empty();
    while whole && !frame.is_empty() {
        let found = record(frame);
        whole = found.is_some();
        if let Some((message, rest)) = found {
            messages.push(message.to_vec());
            frame = rest;
        }
    }
    (messages, whole)
}

/// Splits off the first record.
fn record(frame: &[u8]) -> Option<(&[u8], &[u8])> {
    let last = frame.iter().position(|byte| *byte < 0x80)?;
    let (head, rest) = frame.split_at(last + 1);
    let shortest = head.len() == 1 || head[last] != 0;
    let digits = head.iter().rev();
    let len = digits.fold(0u128, |len, byte| (len << 7) | u128::from(byte & 0x7f));
    let len = usize::try_from(len).ok()?;
    let fits = head.len() <= 10 && shortest && (1..=rest.len()).contains(&len);
    fits.then(|| rest.split_at(len))
}

fn split(stream: &[u8]) -> Found {
    let mut messages = Vec::new();
    let mut pieces: Vec<_> = stream.split(|byte| *byte == 0).collect();
    // The last piece is incomplete.
    pieces.pop();
    for piece in pieces {
        match unstuff(piece) {
            Some(message) => messages.push(message),
            None => return (messages, false),
        }
    }
    (messages, true)
}

fn unstuff(mut blocks: &[u8]) -> Option<Vec<u8>> {
    let mut message = Vec::new();
    loop {
        let code = *blocks.first()?;
        message.extend_from_slice(blocks.get(1..code.into())?);
        blocks = &blocks[code.into()..];
        if blocks.is_empty() {
            return Some(message);
        }
        if code < 255 {
            message.push(0);
        }
    }
}

fn assert_same(framing: Framing, frames: &[&[u8]], messages: &[Vec<u8>], whole: bool) {
    let mut one = open(framing);
    for frame in frames {
        one.handle_frame(&Bytes::copy_from_slice(frame));
    }
    let mut other = open(Framing::Single);
    for message in messages {
        other.handle_frame(&Bytes::copy_from_slice(message));
    }
    if !whole {
        other.handle_violation(Rule::DecodeError.into());
    }
    assert_eq!(outcome(&mut one), outcome(&mut other));
}

/// Creates a machine after its handshake.
fn open(framing: Framing) -> Link {
    let machine = |role| Link::new(role, framing, &small(), Duration::ZERO);
    let (mut ours, mut theirs) = (machine(Role::Acceptor), machine(Role::Initiator));
    let hello = theirs.poll_transmit().expect("the first frame is Hello");
    ours.handle_frame(&hello);
    assert!(matches!(ours.poll_event(), Some(Event::Ready(_))));
    ours
}

/// Describes the events of `link`.
fn outcome(link: &mut Link) -> Vec<String> {
    let events = std::iter::from_fn(|| link.poll_event());
    let describe = |event| match event {
        // The wording of a framing error does not matter.
        Event::ConnectionEnded {
            connection,
            reason: CloseReason::Violation(violation),
        } => format!("{connection} ended by {}", violation.rule),
        event => format!("{event:?}"),
    };
    events.map(describe).collect()
}
