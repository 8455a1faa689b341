//! Descriptions of types of the standard library and of other crates.

mod shapes;

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque};
use std::ffi::CString;
use std::marker::PhantomData;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::num::{NonZero, Saturating, Wrapping};
use std::ops::{Bound, Range, RangeFrom, RangeInclusive, RangeTo};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::MethodId;

use super::{Schema, Type, TypeIndex, Types};

macro_rules! leaves {
    ($($ty:ty => $is:ident,)*) => {$(
        impl Schema for $ty {
            type Parts = ();

            fn describe(types: &mut Types) -> TypeIndex {
                types.define::<Self>(|_| Type::$is)
            }
        }
    )*};
}

leaves! {
    bool => Bool,
    u16 => U16,
    u32 => U32,
    u64 => U64,
    u128 => U128,
    usize => Usize,
    i8 => I8,
    i16 => I16,
    i32 => I32,
    i64 => I64,
    i128 => I128,
    isize => Isize,
    f32 => F32,
    f64 => F64,
    char => Char,
    String => String,
    () => Unit,
    Duration => Duration,
}

impl Schema for u8 {
    type Parts = ();

    fn describe(types: &mut Types) -> TypeIndex {
        types.define::<Self>(|_| Type::U8)
    }

    fn describe_vec(types: &mut Types) -> TypeIndex {
        types.define::<Vec<Self>>(|_| Type::Bytes)
    }
}

impl<T: ?Sized + 'static> Schema for PhantomData<T> {
    type Parts = ();

    fn describe(types: &mut Types) -> TypeIndex {
        types.index_of::<()>()
    }
}

impl<T: Schema> Schema for Vec<T> {
    type Parts = (T,);

    fn describe(types: &mut Types) -> TypeIndex {
        T::describe_vec(types)
    }
}

/// Types described as another type, because serde writes them alike.
macro_rules! same {
    ($([$($generics:tt)*] $ty:ty => $is:ty,)*) => {$(
        impl<$($generics)*> $crate::schema::Schema for $ty {
            type Parts = ($is,);

            fn describe(types: &mut $crate::schema::Types) -> $crate::schema::TypeIndex {
                types.index_of::<$is>()
            }
        }
    )*};
}

same! {
    [T: Schema] Box<T> => T,
    [T: Schema] Rc<T> => T,
    [T: Schema] Arc<T> => T,
    [] Box<str> => String,
    [] Rc<str> => String,
    [] Arc<str> => String,
    [T: ?Sized + ToOwned<Owned: Schema> + 'static] Cow<'static, T> => T::Owned,
    [T: Schema] Cell<T> => T,
    [T: Schema] RefCell<T> => T,
    [T: Schema] Reverse<T> => T,
    [T: Schema] Wrapping<T> => T,
    [T: Schema] Saturating<T> => T,
    // The codec rejects a zero that a peer sends.
    [] NonZero<u8> => u8,
    [] NonZero<u16> => u16,
    [] NonZero<u32> => u32,
    [] NonZero<u64> => u64,
    [] NonZero<u128> => u128,
    [] NonZero<usize> => usize,
    [] NonZero<i8> => i8,
    [] NonZero<i16> => i16,
    [] NonZero<i32> => i32,
    [] NonZero<i64> => i64,
    [] NonZero<i128> => i128,
    [] NonZero<isize> => isize,
    // A path that is not UTF-8 cannot be encoded.
    [] PathBuf => String,
    [] Box<Path> => String,
    [] CString => Vec<u8>,
    [] Ipv4Addr => [u8; 4],
    [] Ipv6Addr => [u8; 16],
    [] SocketAddrV4 => (Ipv4Addr, u16),
    // Its flow and scope ids stay at home.
    [] SocketAddrV6 => (Ipv6Addr, u16),
    [] IpAddr => shapes::IpAddr,
    [] SocketAddr => shapes::SocketAddr,
    [] SystemTime => shapes::SystemTime,
    [T: Schema] Range<T> => shapes::Range<T>,
    [T: Schema] RangeInclusive<T> => shapes::RangeInclusive<T>,
    [T: Schema] RangeFrom<T> => shapes::RangeFrom<T>,
    [T: Schema] RangeTo<T> => shapes::RangeTo<T>,
    [T: Schema] Bound<T> => shapes::Bound<T>,
    [] bytes::Bytes => Vec<u8>,
    [] MethodId => u64,
    [] Types => Vec<Type>,
}

/// Types that contain one other type.
macro_rules! holders {
    ($([$($generics:tt)*] $ty:ty => $is:ident,)*) => {$(
        impl<T: $crate::schema::Schema, $($generics)*> $crate::schema::Schema for $ty {
            type Parts = (T,);

            fn describe(types: &mut $crate::schema::Types) -> $crate::schema::TypeIndex {
                types.define::<Self>(|types| $crate::schema::Type::$is(types.index_of::<T>()))
            }
        }
    )*};
}

holders! {
    [] Option<T> => Option,
    [] Box<[T]> => List,
    [] VecDeque<T> => List,
    [] LinkedList<T> => List,
    [] BinaryHeap<T> => List,
    [] Rc<[T]> => List,
    [] Arc<[T]> => List,
    [] BTreeSet<T> => Set,
    [S: 'static] HashSet<T, S> => Set,
}

macro_rules! pairs {
    ($([$($generics:tt)*] $ty:ty => $is:ident { $first:ident, $second:ident },)*) => {$(
        impl<A: $crate::schema::Schema, B: $crate::schema::Schema, $($generics)*> $crate::schema::Schema for $ty {
            type Parts = (A, B);

            fn describe(types: &mut $crate::schema::Types) -> $crate::schema::TypeIndex {
                types.define::<Self>(|types| $crate::schema::Type::$is {
                    $first: types.index_of::<A>(),
                    $second: types.index_of::<B>(),
                })
            }
        }
    )*};
}

pairs! {
    [] BTreeMap<A, B> => Map { key, value },
    [S: 'static] HashMap<A, B, S> => Map { key, value },
    [] Result<A, B> => Result { ok, err },
}

impl<T: Schema, const N: usize> Schema for [T; N] {
    type Parts = (T,);

    fn describe(types: &mut Types) -> TypeIndex {
        types.define::<Self>(|types| Type::Array {
            element: types.index_of::<T>(),
            len: N,
        })
    }
}

macro_rules! tuples {
    ($($($element:ident)+;)*) => {$(
        impl<$($element: Schema),+> Schema for ($($element,)+) {
            type Parts = Self;

            fn describe(types: &mut Types) -> TypeIndex {
                types.define::<Self>(|types| {
                    Type::Tuple(vec![$(types.index_of::<$element>()),+])
                })
            }
        }
    )*};
}

tuples! {
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
    A B C D E F G H I J K L;
    A B C D E F G H I J K L M;
    A B C D E F G H I J K L M N;
    A B C D E F G H I J K L M N O;
    A B C D E F G H I J K L M N O P;
}

// Below the macros that it uses, which name everything in full: it has no imports of its own.
mod crates;
