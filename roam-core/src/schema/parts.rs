//! Compile-time checks of whether a type contains channels.
//!
//! Neither an error type nor the element of a channel may contain a channel. The description
//! exists too late to check this, and recursive types allow neither a bound on every field
//! (`Node: NoChannel` needs `Vec<Node>: NoChannel` needs `Node: NoChannel`) nor a constant computed
//! from the fields' constants: rustc rejects both as cycles. So a type only *names* its parts, in
//! [`Schema::Parts`], where cycles are allowed, and [`Within`] follows them for a fixed number of
//! levels. Constants are computed once per type and level, so the cost is the product of both, and
//! only types that a service uses incur it.
//!
//! A channel below the last level is not found here. No sane type is that deep; for errors,
//! [`ServiceSource::describe`](super::ServiceSource::describe) checks again without a limit.

use std::marker::PhantomData;

use super::Schema;

/// Returns how deep channels nest in `T`: 0 when it contains none, 1 when it is or contains one, 2
/// when the elements of a channel in it contain a channel, and so on.
///
/// It searches 32 levels of types.
pub const fn channel_depth<T: Schema>() -> usize {
    <Within<T, Levels> as ChannelDepth>::DEPTH
}

/// The types that a type contains; see [`Schema::Parts`].
pub trait Parts {
    /// The depth of the deepest part.
    #[doc(hidden)]
    type Deepest<L: Level>: ChannelDepth;
}

/// The parts of a channel whose elements are `T`.
#[derive(Debug)]
pub struct Channel<T>(PhantomData<T>);

/// A [`channel_depth`], computed on demand.
pub trait ChannelDepth {
    /// The depth.
    const DEPTH: usize;
}

/// The number of levels left to search.
pub trait Level {
    /// The depth of `T` within these levels.
    type Look<T: Schema>: ChannelDepth;
}

/// The depth of `T` within the levels `L`, computed lazily.
///
/// If this type expanded to the depths of the parts at once, its size would be exponential in the
/// number of levels.
#[derive(Debug)]
pub struct Within<T, L>(PhantomData<(T, L)>);

/// No level left.
struct Bottom;

/// One level more than `L`.
struct Above<L>(PhantomData<L>);

type Four<L> = Above<Above<Above<Above<L>>>>;
type Levels = Four<Four<Four<Four<Four<Four<Four<Four<Bottom>>>>>>>>;

impl<T: Schema, L: Level> ChannelDepth for Within<T, L> {
    const DEPTH: usize = <L::Look<T> as ChannelDepth>::DEPTH;
}

impl<L: Level> Level for Above<L> {
    type Look<T: Schema> = <T::Parts as Parts>::Deepest<L>;
}

impl Level for Bottom {
    type Look<T: Schema> = ();
}

impl<T: Schema> Parts for Channel<T> {
    type Deepest<L: Level> = Channel<Within<T, L>>;
}

impl<D: ChannelDepth> ChannelDepth for Channel<D> {
    const DEPTH: usize = 1 + D::DEPTH;
}

macro_rules! tuples {
    ($($($part:ident)*;)*) => {$(
        impl<$($part: Schema),*> Parts for ($($part,)*) {
            type Deepest<L: Level> = ($(Within<$part, L>,)*);
        }

        impl<$($part: ChannelDepth),*> ChannelDepth for ($($part,)*) {
            const DEPTH: usize = deepest(&[$($part::DEPTH),*]);
        }
    )*};
}

tuples! {
    ;
    A;
    A B;
    A B C;
    A B C D;
    A B C D E;
    A B C D E F;
    A B C D E F G;
    A B C D E F G H;
    A B C D E F G H I;
    A B C D E F G H I J;
    A B C D E F G H I J K;
    A B C D E F G H I J K M;
    A B C D E F G H I J K M N;
    A B C D E F G H I J K M N O;
    A B C D E F G H I J K M N O P;
    A B C D E F G H I J K M N O P Q;
}

const fn deepest(depths: &[usize]) -> usize {
    match depths {
        [] => 0,
        [first, rest @ ..] => {
            let rest = deepest(rest);
            if *first > rest { *first } else { rest }
        }
    }
}
