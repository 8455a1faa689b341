//! Whether a type holds channels, known at compile time.
//!
//! An error type may hold no channel, and neither may the element of a channel. The
//! description says it too late, and neither a bound on every field (`Node: NoChannel` needs
//! `Vec<Node>: NoChannel` needs `Node: NoChannel`) nor a constant computed from the fields'
//! constants can be had for recursive types: rustc rejects both as cycles. So a type only
//! *names* its parts, in [`Schema::Parts`], which no cycle disturbs, and [`Within`] follows
//! them for a fixed number of levels. Constants are computed once for a type and level, so
//! the cost is their product, and only for types that stand in a service.
//!
//! A channel below the last level is not seen here. No sane type is that deep; for errors
//! [`ServiceBuilder`](super::ServiceBuilder) looks again without a limit.

use std::marker::PhantomData;

use super::Schema;

/// How deep channels nest in `T`: 0 when it holds none, 1 when it holds or is one, 2 when
/// the elements of a channel in it hold a channel, and so on.
///
/// It looks through 32 levels of types.
pub const fn channel_depth<T: Schema>() -> usize {
    <Within<T, Levels> as ChannelDepth>::DEPTH
}

/// The types that a type holds; see [`Schema::Parts`].
pub trait Parts {
    /// The depth of the deepest part.
    #[doc(hidden)]
    type Deepest<L: Level>: ChannelDepth;
}

/// The parts of a channel whose elements are `T`.
#[derive(Debug)]
pub struct Channel<T>(PhantomData<T>);

/// A [`channel_depth`], computed when it is asked for.
pub trait ChannelDepth {
    /// The depth.
    const DEPTH: usize;
}

/// How many levels there are to go.
pub trait Level {
    /// The depth of `T` within them.
    type Look<T: Schema>: ChannelDepth;
}

/// The depth of `T` within the levels `L`.
///
/// A name for it and not yet the thing: if it were replaced by the depths of the parts at
/// once, its size would be exponential in the number of levels.
#[derive(Debug)]
pub struct Within<T, L>(PhantomData<(T, L)>);

/// No level to go.
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
