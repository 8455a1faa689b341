//! How channel ends travel through serde.
//!
//! While a value is encoded or decoded, a thread-local binder stands ready: an end that is being
//! serialized gives itself to it, and one that is being deserialized takes the next from it. So
//! ends are found in one pass, wherever serde reaches, in the order in which it does.

use std::cell::Cell;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::proto::{Direction, Encoded, Link};

use super::codec::{self, DecodeError, EncodeError};
use super::ends::{RawReceiver, RawSender};
use super::error::Cut;
use super::todo::Todo;
use super::unfinished::cutting;
use super::wire::{OpenedEnds, Wire};

/// A channel end without its type.
#[derive(Debug)]
pub(crate) enum RawEnd {
    Sender(RawSender),
    Receiver(RawReceiver),
}

/// Ends that were taken out of a value and are to be put on a link. What is dropped before that
/// is cut, so that the other ends do not take it for a clean end.
#[derive(Debug, Default)]
pub struct CollectedEnds(Vec<RawEnd>);

impl CollectedEnds {
    pub(super) fn directions(&self) -> Vec<Direction> {
        self.0.iter().map(RawEnd::direction_kept).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The ends, for whoever puts them on a link.
    pub(super) fn take(&mut self) -> Vec<RawEnd> {
        std::mem::take(&mut self.0)
    }
}

impl Drop for CollectedEnds {
    #[inline]
    fn drop(&mut self) {
        while let Some(end) = self.0.pop() {
            if let RawEnd::Sender(sender) = end {
                sender.cut(Cut::CallOver);
            }
        }
    }
}

impl RawEnd {
    /// Which way elements will go, seen from us, once this end is with the peer.
    fn direction_kept(&self) -> Direction {
        match self {
            Self::Sender(_) => Direction::Receive,
            Self::Receiver(_) => Direction::Send,
        }
    }

    /// This end goes to the peer; the other stays, and is joined to `wire`.
    pub(super) fn put_on_wire(self, link: &mut Link, wire: Wire, todo: &mut Todo) {
        match self {
            Self::Sender(sender) => sender.put_on_wire(link, wire, todo),
            Self::Receiver(receiver) => receiver.put_on_wire(link, wire, todo),
        }
    }
}

#[derive(Default)]
enum Binder {
    /// No value is being encoded or decoded.
    #[default]
    Idle,
    /// Takes the ends of a value that is being encoded; `moved` when one of them was not there any
    /// more.
    Collecting { ends: CollectedEnds, moved: bool },
    /// Gives ends to a value that is being decoded; `refused` when there was none of that kind.
    Giving {
        ends: OpenedEnds,
        given: usize,
        refused: bool,
    },
}

/// Where the binder is. Most values have no ends, and no binder is made for them.
#[derive(Clone, Copy, PartialEq)]
enum Stage {
    /// There is none: no value is being encoded or decoded.
    Idle,
    /// It is to be made for the first end of a value that is being encoded.
    Encoding,
    /// It is to be made for the first end of a value that is being decoded, beside which came none.
    Decoding,
    /// It stands ready.
    Made,
}

thread_local! {
    static STAGE: Cell<Stage> = const { Cell::new(Stage::Idle) };
    static BINDER: Cell<Binder> = const { Cell::new(Binder::Idle) };
}

impl Binder {
    fn giving(ends: OpenedEnds) -> Self {
        Self::Giving {
            ends,
            given: 0,
            refused: false,
        }
    }

    /// Takes the binder away, so that nobody else can ask it.
    fn take() -> Self {
        match STAGE.replace(Stage::Idle) {
            Stage::Idle => Self::Idle,
            Stage::Encoding => Self::Collecting {
                ends: CollectedEnds::default(),
                moved: false,
            },
            Stage::Decoding => Self::giving(OpenedEnds::none()),
            Stage::Made => BINDER.take(),
        }
    }

    /// Puts it where it was.
    fn put(self) {
        if !matches!(self, Self::Idle) {
            BINDER.set(self);
            STAGE.set(Stage::Made);
        }
    }
}

/// Has a binder stand ready. The one before comes back after it, also when a user's code panics:
/// a user's `Serialize` may well make a call.
struct Scope {
    outer: Option<Box<Binder>>,
}

impl Scope {
    #[inline]
    fn encoding() -> Self {
        Self::enter(Stage::Encoding)
    }

    #[inline]
    fn decoding(ends: OpenedEnds) -> Self {
        let scope = Self::enter(Stage::Decoding);
        if !ends.is_empty() {
            Binder::giving(ends).put();
        }
        scope
    }

    #[inline]
    fn enter(stage: Stage) -> Self {
        let is_within = STAGE.get() != Stage::Idle;
        let outer = is_within.then(|| Box::new(Binder::take()));
        STAGE.set(stage);
        Self { outer }
    }

    /// The binder, if there was a need of it.
    #[inline]
    fn leave(mut self) -> Option<Binder> {
        let made = STAGE.replace(Stage::Idle) == Stage::Made;
        if !made && self.outer.is_none() {
            std::mem::forget(self);
            return None;
        }
        let binder = made.then(|| BINDER.take());
        self.restore();
        std::mem::forget(self);
        binder
    }

    fn restore(&mut self) {
        if let Some(outer) = self.outer.take() {
            outer.put();
        }
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        let binder = Binder::take();
        self.restore();
        // Only now that it is not reachable any more, since that locks the session.
        drop(binder);
    }
}

/// Encodes a value behind `prefix`, and takes the channel ends out of it.
pub(super) fn encode<T: Serialize + ?Sized>(
    value: &T,
    prefix: &[u8],
) -> Result<(Encoded, CollectedEnds), EncodeError> {
    let scope = Scope::encoding();
    let encoded = codec::encode_into(value, prefix, codec::buffer());
    match scope.leave() {
        Some(Binder::Collecting { moved: true, .. }) => Err(EncodeError::ChannelMoved),
        Some(Binder::Collecting { ends, .. }) => Ok((encoded?, ends)),
        _ => Ok((encoded?, CollectedEnds::default())),
    }
}

/// Decodes a value, with `ends` for the channel ends in it. Ends that it has no place for are cut,
/// and so are all of them if it does not decode.
pub(super) fn decode<T: DeserializeOwned>(
    bytes: &[u8],
    ends: OpenedEnds,
) -> Result<T, DecodeError> {
    let beside = ends.len();
    let scope = Scope::decoding(ends);
    cutting(|| {
        let decoded = codec::decode(bytes);
        let (found, refused) = match scope.leave() {
            Some(Binder::Giving { given, refused, .. }) => (given, refused),
            _ => (0, false),
        };
        if refused || (decoded.is_ok() && found != beside) {
            return Err(DecodeError::ChannelCount { found, beside });
        }
        decoded
    })
}

/// Gives the end that `take` yields to the value that is being encoded here and now.
pub(super) fn collect(take: impl FnOnce() -> Option<RawEnd>) -> Result<(), Misplaced> {
    with_binder(|binder| {
        let Binder::Collecting { ends, moved } = binder else {
            return Err(Misplaced::Outside);
        };
        let end = take();
        *moved |= end.is_none();
        ends.0.push(end.ok_or(Misplaced::Moved)?);
        Ok(())
    })
}

/// Asks the binder while nobody else can, since what it does may lock the session.
fn with_binder<R>(ask: impl FnOnce(&mut Binder) -> R) -> R {
    let mut binder = Binder::take();
    let answer = ask(&mut binder);
    binder.put();
    answer
}

/// Why a channel end cannot be serialized or deserialized.
#[derive(Clone, Copy, Debug, thiserror::Error)]
pub(super) enum Misplaced {
    #[error("a channel end travels only in the arguments or the result of a call")]
    Outside,
    #[error("this end of the channel is not here any more")]
    Moved,
}

/// The next sending end for a value that is being deserialized.
pub(super) fn take_sender() -> Result<RawSender, Misplaced> {
    take(OpenedEnds::next_sender)
}

/// The next receiving end for a value that is being deserialized.
pub(super) fn take_receiver() -> Result<RawReceiver, Misplaced> {
    take(OpenedEnds::next_receiver)
}

fn take<R>(next: impl FnOnce(&mut OpenedEnds) -> Option<R>) -> Result<R, Misplaced> {
    with_binder(|binder| {
        let Binder::Giving {
            ends,
            given,
            refused,
        } = binder
        else {
            return Err(Misplaced::Outside);
        };
        *given += 1;
        let taken = next(ends);
        *refused |= taken.is_none();
        taken.ok_or(Misplaced::Outside)
    })
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use serde::{Deserialize, Deserializer, Serializer};

    use super::super::channel::{Tx, channel};
    use super::*;

    /// Encodes and decodes something else while it is itself.
    struct Nesting(Tx<u32>);

    impl Serialize for Nesting {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let (other, _reader) = channel::<u32>();
            let (payload, ends) = encode(&(other, 7), &[]).unwrap();
            assert_eq!(ends.directions(), [Direction::Receive]);
            assert_eq!(encode(&7, &[9]).unwrap().0, [9, 14]);
            let missing = decode::<Tx<u32>>(&payload[..1], OpenedEnds::none());
            assert!(missing.is_err());
            self.0.serialize(serializer)
        }
    }

    impl<'de> Deserialize<'de> for Nesting {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            assert_eq!(decode::<u32>(&[7], OpenedEnds::none()), Ok(7));
            Tx::deserialize(deserializer).map(Self)
        }
    }

    /// Has an end before it, and panics.
    struct Panicking;

    impl Serialize for Panicking {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            panic!("as asked")
        }
    }

    #[test]
    fn a_value_within_a_value_has_ends_of_its_own() {
        let (first, _one) = channel::<u32>();
        let (second, _other) = channel::<u32>();
        let (third, _third) = channel::<u32>();
        let (payload, ends) = encode(&(first, Nesting(second), third), &[]).unwrap();
        assert_eq!(ends.directions(), [Direction::Receive; 3]);
        let found = decode::<Nesting>(&payload[..1], OpenedEnds::none()).err();
        assert_eq!(
            found,
            Some(DecodeError::ChannelCount {
                found: 1,
                beside: 0
            })
        );
        assert!(STAGE.get() == Stage::Idle);
    }

    #[test]
    fn nothing_is_left_of_a_value_that_panics() {
        let (first, _reader) = channel::<u32>();
        let value = AssertUnwindSafe((&first, Panicking));
        catch_unwind(move || encode(&*value, &[])).unwrap_err();
        assert!(STAGE.get() == Stage::Idle);
        assert!(encode(&7, &[]).unwrap().1.is_empty());
        let outside = codec::encode_into(&channel::<u32>().0, &[], Encoded::new());
        assert!(outside.is_err());
    }
}
