//! Limits on how deep values nest and how much decoding allocates.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::proto::WireError;

use super::super::{Malformed, decode};
use super::{Unit, encode, wrong};

/// Nests by every way that serde knows, each alone.
macro_rules! nests {
    ($($name:ident { $($definition:tt)* } $level:expr, $end:expr;)*) => {$(
        #[test]
        fn $name() {
            #[derive(Debug, Serialize, Deserialize)]
            $($definition)*
            let nested = |levels: usize| {
                let mut bytes = $level.repeat(levels);
                bytes.extend($end);
                bytes
            };
            assert_eq!(wrong::<Nest>(&nested(200_000)), Malformed::TooDeep);
            let shallow = nested(60);
            assert_eq!(encode(&decode::<Nest>(&shallow).unwrap()), shallow);
        }
    )*};
}

nests! {
    lists_nest { struct Nest { kids: Vec<Nest> } } [1], [0];
    transparent_lists_nest { #[serde(transparent)] struct Nest(Vec<Nest>); } [1], [0];
    options_nest { #[serde(transparent)] struct Nest(Option<Box<Nest>>); } [1], [0];
    maps_nest { struct Nest(BTreeMap<u8, Nest>); } [1, 7], [0];
    variants_nest { enum Nest { End, More(Box<Nest>) } } [1], [0];
    tuple_variants_nest { enum Nest { End, More(u8, Box<Nest>) } } [1, 9], [0];
    struct_variants_nest { enum Nest { End, More { kid: Box<Nest> } } } [1], [0];
}

#[test]
fn rejects_endless_recursion() {
    #[derive(Debug, Serialize, Deserialize)]
    struct Endless(Box<Endless>);
    #[derive(Debug, Serialize, Deserialize)]
    #[serde(transparent)]
    struct Tupled {
        kid: Box<(Tupled,)>,
    }
    assert_eq!(wrong::<Endless>(&[]), Malformed::TooDeep);
    assert_eq!(wrong::<Tupled>(&[]), Malformed::TooDeep);
}

#[test]
fn allows_exactly_128_levels() {
    #[derive(Debug, Deserialize)]
    #[serde(transparent)]
    struct Nest {
        #[allow(dead_code)]
        kids: Vec<Nest>,
    }
    let nested = |levels: usize| [vec![1; levels - 1], vec![0]].concat();
    assert!(decode::<Nest>(&nested(128)).is_ok());
    assert_eq!(wrong::<Nest>(&nested(129)), Malformed::TooDeep);
    // Beside one another, not in one another.
    assert!(decode::<Vec<Vec<u8>>>(&encode(&vec![vec![1_u8]; 10_000])).is_ok());
}

#[test]
fn limits_elements_that_take_no_bytes() {
    let claim = |count: u64| encode(&count);
    assert_eq!(decode::<Vec<()>>(&claim(65_536)).unwrap().len(), 65_536);
    assert_eq!(wrong::<Vec<()>>(&claim(65_537)), Malformed::TooManyEmpty);
    assert_eq!(wrong::<Vec<Unit>>(&claim(1 << 40)), Malformed::TooManyEmpty);
    assert_eq!(
        wrong::<BTreeSet<Unit>>(&claim(1 << 40)),
        Malformed::TooManyEmpty
    );
    assert_eq!(
        wrong::<HashSet<()>>(&claim(u64::MAX)),
        Malformed::TooManyEmpty
    );
    assert_eq!(
        wrong::<Vec<[(); 3]>>(&claim(1 << 40)),
        Malformed::TooManyEmpty
    );
    // Also when they are spread over many lists.
    let spread = encode(&vec![vec![(); 1_000]; 100]);
    assert_eq!(wrong::<Vec<Vec<()>>>(&spread), Malformed::TooManyEmpty);
    assert!(decode::<Vec<Vec<()>>>(&encode(&vec![vec![(); 100]; 100])).is_ok());
}

#[test]
fn claimed_lengths_allocate_nothing() {
    let claim = encode(&(1_u64 << 40));
    let missing = Malformed::Wire(WireError::Truncated);
    assert_eq!(wrong::<Vec<u64>>(&claim), missing);
    assert_eq!(wrong::<Vec<[u64; 16]>>(&claim), missing);
    assert_eq!(wrong::<String>(&claim), missing);
    assert_eq!(wrong::<bytes_like::Bytes>(&claim), missing);
    assert_eq!(wrong::<HashMap<u64, String>>(&claim), missing);
    assert_eq!(wrong::<String>(&encode(&u64::MAX)), missing);
}

/// Bytes that reserve as much memory as the length in front of them claims.
mod bytes_like {
    use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};

    #[derive(Debug)]
    pub(super) struct Bytes;

    impl<'de> Deserialize<'de> for Bytes {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_seq(Self)
        }
    }

    impl<'de> Visitor<'de> for Bytes {
        type Value = Self;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a list")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self, A::Error> {
            assert_eq!(list.size_hint(), Some(0), "there are no bytes left");
            match list.next_element::<u8>()? {
                Some(_) => Err(de::Error::custom("an element from nowhere")),
                None => Ok(self),
            }
        }
    }
}
