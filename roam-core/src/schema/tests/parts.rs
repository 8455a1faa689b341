//! Channels are found at compile time.

#![expect(dead_code, reason = "types are described here, never made")]

use std::collections::BTreeMap;

use crate::schema::{Schema, channel_depth};
use crate::{Rx, Tx};

#[derive(Schema)]
struct Tree<T> {
    value: T,
    left: Option<Box<Tree<T>>>,
    right: Option<Box<Tree<T>>>,
    up: Vec<Forest<T>>,
}

#[derive(Schema)]
struct Forest<T> {
    trees: BTreeMap<String, Tree<T>>,
}

#[derive(Schema)]
enum Last {
    A,
    B(u8, u8),
    C { channel: Tx<u8> },
}

/// More fields than a tuple of parts takes.
#[derive(Schema)]
struct Wide {
    a0: u8,
    a1: u8,
    a2: u8,
    a3: u8,
    a4: u8,
    a5: u8,
    a6: u8,
    a7: u8,
    a8: u8,
    a9: u8,
    a10: u8,
    a11: u8,
    a12: u8,
    last: Last,
}

const fn depths<T: Schema>() -> usize {
    channel_depth::<T>()
}

/// Computed by the compiler, or this does not compile.
const DEPTHS: [usize; 8] = [
    depths::<String>(),
    depths::<Tx<u8>>(),
    depths::<Vec<Option<(u8, Rx<u8>)>>>(),
    depths::<Tree<u8>>(),
    depths::<Tree<Result<u8, Tx<u8>>>>(),
    depths::<Wide>(),
    depths::<Tx<Vec<Tx<u8>>>>(),
    depths::<(Tx<u8>, Tx<u8>)>(),
];

#[test]
fn channels_are_found_in_any_nesting() {
    assert_eq!(DEPTHS, [0, 1, 1, 0, 1, 1, 2, 1]);
}
