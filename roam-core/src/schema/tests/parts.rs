//! Channels within types, found at compile time.

#![expect(dead_code, reason = "types are only described here")]

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

/// A struct with more fields than a tuple of parts can have.
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

/// A constant, so the compiler must compute the depths.
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
fn channels_are_found_at_any_depth() {
    assert_eq!(DEPTHS, [0, 1, 1, 0, 1, 1, 2, 1]);
}
