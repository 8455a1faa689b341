//! How channel halves travel through serde.
//!
//! While a value is encoded or decoded, a thread-local context is set: a half that is serialized
//! moves itself into it, and one that is deserialized takes the next channel from it. So channels
//! are found in one pass, wherever serde reaches, in the order in which it visits them.

use std::cell::{Cell, RefCell};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::places;
use super::receiver::RawReceiver;
use super::sender::RawSender;
use super::sets::{IncomingChannels, OutgoingChannels, RawHalf};
use crate::proto::Encoded;
use crate::session::abort::aborting;
use crate::session::codec::{self, DecodeError, EncodeError};

/// What the value that is being encoded or decoded on this thread does with channel halves.
enum ChannelContext {
    /// Collects the halves of a value that is being encoded.
    Encoding {
        channels: OutgoingChannels,
        /// One of the halves had been sent before.
        moved: bool,
    },
    /// Gives channels to a value that is being decoded.
    Decoding {
        channels: IncomingChannels,
        /// Halves that the value has asked for.
        found: usize,
        /// One of them got no channel.
        refused: bool,
    },
}

/// Which context is set. It is created when it is first needed, since most values have no channels.
#[derive(Clone, Copy, PartialEq)]
enum Stage {
    None,
    /// The first half of a value that is being encoded creates it.
    Encoding,
    /// The first half of a value that is being decoded, and that came without channels, creates it.
    Decoding,
    /// It is the last of [`CONTEXTS`].
    Created,
}

thread_local! {
    // Apart from the contexts and without a destructor, so that access is cheap: 4 % of the
    // instructions of an inline call.
    static STAGE: Cell<Stage> = const { Cell::new(Stage::None) };
    /// The contexts that were created. There are several while values are nested: a user's
    /// `Serialize` may well make a call.
    static CONTEXTS: RefCell<Vec<ChannelContext>> = const { RefCell::new(Vec::new()) };
}

impl ChannelContext {
    fn decoding(channels: IncomingChannels) -> Self {
        Self::Decoding {
            channels,
            found: 0,
            refused: false,
        }
    }

    /// Takes the context, so that nobody else can use it.
    fn take() -> Option<Self> {
        match STAGE.replace(Stage::None) {
            Stage::None => None,
            Stage::Encoding => Some(Self::Encoding {
                channels: OutgoingChannels::default(),
                moved: false,
            }),
            Stage::Decoding => Some(Self::decoding(IncomingChannels::none())),
            Stage::Created => CONTEXTS.with_borrow_mut(Vec::pop),
        }
    }

    fn set(self) {
        CONTEXTS.with_borrow_mut(|contexts| contexts.push(self));
        STAGE.set(Stage::Created);
    }
}

/// Sets a context, and restores the outer one when it is dropped, also when user code panics.
struct Scope {
    outer: Stage,
}

impl Scope {
    #[inline]
    fn enter(stage: Stage) -> Self {
        let outer = STAGE.replace(stage);
        Self { outer }
    }

    /// Restores the outer context. Returns the inner one, if it was created.
    #[inline]
    fn leave(self) -> Option<ChannelContext> {
        let created = if STAGE.get() == Stage::Created {
            ChannelContext::take()
        } else {
            None
        };
        drop(self);
        created
    }
}

impl Drop for Scope {
    #[inline]
    fn drop(&mut self) {
        if STAGE.replace(self.outer) == Stage::Created {
            discard();
        }
    }
}

/// Drops the context of a value whose encoding or decoding panicked. Not under the borrow, since
/// dropping channels locks their links.
#[cold]
fn discard() {
    let context = CONTEXTS.with_borrow_mut(Vec::pop);
    drop(context);
}

/// Encodes a value after `prefix` and takes the channel halves out of it.
#[inline]
pub(crate) fn encode<T: Serialize + ?Sized>(
    value: &T,
    prefix: &[u8],
) -> Result<(Encoded, OutgoingChannels), EncodeError> {
    let scope = Scope::enter(Stage::Encoding);
    let encoded = places::encode_into(value, prefix, codec::buffer());
    match scope.leave() {
        Some(ChannelContext::Encoding { moved: true, .. }) => Err(EncodeError::ChannelMoved),
        Some(ChannelContext::Encoding { channels, .. }) => Ok((encoded?, channels)),
        _ => Ok((encoded?, OutgoingChannels::default())),
    }
}

/// Decodes a value whose halves take `channels`. Channels that the value has no place for are
/// reset, and so are all of them when the value does not decode.
#[inline]
pub(crate) fn decode<T: DeserializeOwned>(
    bytes: &[u8],
    channels: IncomingChannels,
) -> Result<T, DecodeError> {
    let came = channels.len();
    let scope = Scope::enter(Stage::Decoding);
    if !channels.is_empty() {
        ChannelContext::decoding(channels).set();
    }
    aborting(|| {
        let decoded = codec::decode(bytes);
        let (found, refused) = match scope.leave() {
            Some(ChannelContext::Decoding { found, refused, .. }) => (found, refused),
            _ => (0, false),
        };
        if refused || (decoded.is_ok() && found != came) {
            return Err(DecodeError::ChannelCount {
                halves: found,
                channels: came,
            });
        }
        decoded
    })
}

/// Moves the half that `take` returns into the value that is being encoded on this thread.
pub(super) fn collect(take: impl FnOnce() -> Option<RawHalf>) -> Result<(), Misplaced> {
    with_context(|context| {
        let ChannelContext::Encoding { channels, moved } = context else {
            return Err(Misplaced::Outside);
        };
        let half = take();
        *moved |= half.is_none();
        channels.push(half.ok_or(Misplaced::Moved)?);
        Ok(())
    })
}

/// Records where the encoding holds the half that was collected last.
#[cold]
pub(super) fn note_place(place: usize) {
    let noted = with_context(|context| {
        if let ChannelContext::Encoding { channels, .. } = context {
            channels.place_last(place);
        }
        Ok(())
    });
    debug_assert!(noted.is_ok(), "a half was collected");
}

/// Returns the next channel as a sender, for a value that is being deserialized.
pub(super) fn take_sender() -> Result<RawSender, Misplaced> {
    take(IncomingChannels::next_sender)
}

/// Returns the next channel as a receiver, for a value that is being deserialized.
pub(super) fn take_receiver() -> Result<RawReceiver, Misplaced> {
    take(IncomingChannels::next_receiver)
}

fn take<R>(next: impl FnOnce(&mut IncomingChannels) -> Option<R>) -> Result<R, Misplaced> {
    with_context(|context| {
        let ChannelContext::Decoding {
            channels,
            found,
            refused,
        } = context
        else {
            return Err(Misplaced::Outside);
        };
        *found += 1;
        let taken = next(channels);
        *refused |= taken.is_none();
        taken.ok_or(Misplaced::Outside)
    })
}

/// Takes the context out of its cell meanwhile, since `act` may lock a link.
fn with_context<R>(
    act: impl FnOnce(&mut ChannelContext) -> Result<R, Misplaced>,
) -> Result<R, Misplaced> {
    let mut context = ChannelContext::take().ok_or(Misplaced::Outside)?;
    let result = act(&mut context);
    context.set();
    result
}

/// Why a channel half cannot be serialized or deserialized.
#[derive(Clone, Copy, Debug, thiserror::Error)]
pub(super) enum Misplaced {
    #[error("a channel half can only travel in the arguments or the result of a call")]
    Outside,
    #[error("this half of the channel was sent to a peer or closed")]
    Moved,
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use serde::{Deserialize, Deserializer, Serializer};

    use super::super::{Tx, channel};
    use super::*;
    use crate::proto::Direction;

    /// Encodes and decodes other values while it is being encoded or decoded.
    struct Nesting(Tx<u32>);

    impl Serialize for Nesting {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let (other, _reader) = channel::<u32>();
            let (payload, channels) = encode(&(other, 7), &[]).unwrap();
            assert_eq!(kept(&channels), [Direction::Receive]);
            assert_eq!(encode(&7, &[9]).unwrap().0, [9, 14]);
            let missing = decode::<Tx<u32>>(&payload[..1], IncomingChannels::none());
            assert!(missing.is_err());
            self.0.serialize(serializer)
        }
    }

    impl<'de> Deserialize<'de> for Nesting {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            assert_eq!(decode::<u32>(&[7], IncomingChannels::none()), Ok(7));
            Tx::deserialize(deserializer).map(Self)
        }
    }

    /// Panics when it is serialized.
    struct Panicking;

    impl Serialize for Panicking {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            panic!("on purpose")
        }
    }

    fn kept(channels: &OutgoingChannels) -> Vec<Direction> {
        channels
            .placed()
            .iter()
            .map(|channel| channel.kept)
            .collect()
    }

    fn is_unset() -> bool {
        STAGE.get() == Stage::None
    }

    #[test]
    fn nested_values_keep_their_channels_apart() {
        let (first, _one) = channel::<u32>();
        let (second, _other) = channel::<u32>();
        let (third, _third) = channel::<u32>();
        let (payload, channels) = encode(&(first, Nesting(second), third), &[]).unwrap();
        assert_eq!(kept(&channels), [Direction::Receive; 3]);
        let found = decode::<Nesting>(&payload[..1], IncomingChannels::none()).err();
        assert_eq!(
            found,
            Some(DecodeError::ChannelCount {
                halves: 1,
                channels: 0
            })
        );
        assert!(is_unset());
    }

    #[test]
    fn a_panic_restores_the_context() {
        let (first, _reader) = channel::<u32>();
        let value = AssertUnwindSafe((&first, Panicking));
        catch_unwind(move || encode(&*value, &[])).unwrap_err();
        assert!(is_unset());
        assert!(encode(&7, &[]).unwrap().1.is_empty());
        let outside = codec::encode_into(&channel::<u32>().0, Encoded::new());
        assert!(outside.is_err());
    }
}
