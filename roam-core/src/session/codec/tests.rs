//! Values of every kind go through postcard and the strict decoder; what only the one accepts is
//! not the encoding of anything.

mod bounds;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Debug;
use std::time::Duration;

use proptest::collection::{btree_map, btree_set, hash_map, vec};
use proptest::prelude::*;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};

use crate::proto::{Encoded, WireError};

use super::{DecodeError, Malformed, buffer, decode, encode_into, recycle};

fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    encode_into(value, Encoded::new()).unwrap().to_vec()
}

/// What is wrong with `bytes`, as those of a `T`.
fn wrong<T: DeserializeOwned + Debug>(bytes: &[u8]) -> Malformed {
    match decode::<T>(bytes) {
        Err(DecodeError::Malformed { what, at }) if at <= bytes.len() => what,
        other => panic!("{other:?}"),
    }
}

#[test]
fn recycles_small_buffers() {
    let large = encode_into(&vec![7_u8; 100_000], buffer()).unwrap();
    recycle(large);
    assert_eq!(buffer().capacity(), 0);
    let small = encode_into("some text", buffer()).unwrap();
    let place = small.as_ptr();
    recycle(small);
    let other = encode_into(&7_u8, buffer()).unwrap();
    assert_eq!((&other[..], other.as_ptr()), (&[7][..], place));
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Numbers {
    unsigned: (u8, u16, u32, u64, u128, usize),
    signed: (i8, i16, i32, i64, i128, isize),
    floats: [f64; 2],
    single: f32,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
struct Unit;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Wrapped(u32);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Pair(i16, Box<str>);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Tree {
    Leaf,
    Flag(bool),
    Letter(char),
    Bytes(Vec<u8>),
    Two(i32, String),
    Named {
        pair: Pair,
        unit: Unit,
        wrapped: Wrapped,
    },
    Maybe(Option<Box<Tree>>),
    Kids(Vec<Tree>),
    Map(BTreeMap<u16, Tree>),
    Time(Duration),
    Outcome(Result<u8, ()>),
}

fn numbers() -> impl Strategy<Value = Numbers> {
    let float = prop::num::f64::NORMAL | prop::num::f64::ZERO | prop::num::f64::INFINITE;
    (
        any::<(u8, u16, u32, u64, u128, usize)>(),
        any::<(i8, i16, i32, i64, i128, isize)>(),
        float,
    )
        .prop_map(|(unsigned, signed, float)| Numbers {
            unsigned,
            signed,
            floats: [float, -float],
            single: 1.5,
        })
}

fn tree() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        Just(Tree::Leaf),
        any::<bool>().prop_map(Tree::Flag),
        any::<char>().prop_map(Tree::Letter),
        any::<Vec<u8>>().prop_map(Tree::Bytes),
        any::<(i32, String)>().prop_map(|(a, b)| Tree::Two(a, b)),
        any::<(i16, String, u32)>().prop_map(|(a, b, c)| Tree::Named {
            pair: Pair(a, b.into()),
            unit: Unit,
            wrapped: Wrapped(c),
        }),
        any::<Duration>().prop_map(Tree::Time),
        any::<Result<u8, ()>>().prop_map(Tree::Outcome),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        prop_oneof![
            prop::option::of(inner.clone()).prop_map(|kid| Tree::Maybe(kid.map(Box::new))),
            vec(inner.clone(), 0..5).prop_map(Tree::Kids),
            btree_map(any::<u16>(), inner, 0..5).prop_map(Tree::Map),
        ]
    })
}

fn round_trip<T: Serialize + DeserializeOwned + PartialEq + Debug>(
    value: &T,
) -> Result<(), TestCaseError> {
    let bytes = encode(value);
    prop_assert_eq!(&decode::<T>(&bytes).unwrap(), value);
    prop_assert_eq!(&postcard::from_bytes::<T>(&bytes).unwrap(), value);
    let mut longer = bytes.clone();
    longer.push(0);
    let trailing = WireError::TrailingBytes.into();
    prop_assert_eq!(
        decode::<T>(&longer),
        Err(DecodeError::Malformed {
            at: bytes.len(),
            what: trailing
        })
    );
    for len in 0..bytes.len() {
        // Every prefix is too short, and there is no panic.
        prop_assert!(decode::<T>(&bytes[..len]).is_err());
    }
    Ok(())
}

/// Bytes are accepted if and only if they are the encoding of something.
fn accepts_only_encodings<T>(bytes: &[u8]) -> Result<(), TestCaseError>
where
    T: Serialize + DeserializeOwned + PartialEq + Debug,
{
    let lenient = postcard::take_from_bytes::<T>(bytes);
    let canonical = lenient.ok().filter(|(value, _)| encode(value) == bytes);
    prop_assert_eq!(decode::<T>(bytes).ok(), canonical.map(|(value, _)| value));
    Ok(())
}

/// Encodings are accepted, and what is accepted has the same value for postcard. The other way
/// round need not hold where there are maps: their entries may come in any order.
fn agrees_with_postcard<T>(bytes: &[u8]) -> Result<(), TestCaseError>
where
    T: Serialize + DeserializeOwned + PartialEq + Debug,
{
    let lenient = postcard::take_from_bytes::<T>(bytes).ok();
    let lenient = lenient.map(|(value, rest)| (rest.is_empty(), value));
    match (decode::<T>(bytes).ok(), lenient) {
        (Some(strict), lenient) => prop_assert_eq!(Some((true, strict)), lenient),
        (None, Some((_, value))) => prop_assert_ne!(encode(&value), bytes),
        (None, None) => {}
    }
    Ok(())
}

/// Bytes that often are nearly right.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![4 => 0u8..12, 1 => Just(0x80u8), 1 => Just(0xffu8), 1 => any::<u8>()];
    vec(byte, 0..40)
}

type Collections = (
    HashMap<String, Option<i64>>,
    BTreeSet<(u8, char)>,
    Vec<[u16; 3]>,
    Vec<()>,
);

proptest! {
    #[test]
    fn numbers_round_trip(value in numbers()) {
        round_trip(&value)?;
    }

    #[test]
    fn trees_round_trip(value in tree()) {
        round_trip(&value)?;
    }

    #[test]
    fn collections_round_trip(
        value in (
            hash_map(any::<String>(), any::<Option<i64>>(), 0..8),
            btree_set(any::<(u8, char)>(), 0..8),
            vec(any::<[u16; 3]>(), 0..8),
            vec(Just(()), 0..8),
        ),
    ) {
        let bytes = encode(&value);
        prop_assert_eq!(decode::<Collections>(&bytes).unwrap(), value);
    }

    #[test]
    fn accepts_only_canonical_encodings(bytes in noise()) {
        agrees_with_postcard::<Tree>(&bytes)?;
        accepts_only_encodings::<(u8, u16, u32, u64, u128)>(&bytes)?;
        accepts_only_encodings::<(i8, i16, i32, i64, i128)>(&bytes)?;
        accepts_only_encodings::<(bool, char, String, Option<u8>, Unit)>(&bytes)?;
        accepts_only_encodings::<Vec<(u16, Vec<i16>)>>(&bytes)?;
    }

    #[test]
    fn reports_damaged_encodings(value in tree(), at in any::<prop::sample::Index>(), byte: u8) {
        let mut bytes = encode(&value);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        agrees_with_postcard::<Tree>(&bytes)?;
    }
}

#[test]
fn matches_the_protocol_vectors() {
    assert_eq!(encode(&'é'), [2, 0xc3, 0xa9]);
    assert_eq!(encode(&-1_i128), [1]);
    assert_eq!(encode(&(-2_i32, 300_u16)), [3, 0xac, 0x02]);
    assert_eq!(encode(&(-2_i8, 200_u8, true)), [0xfe, 200, 1]);
    assert_eq!(encode(&Some("a")), [1, 1, b'a']);
    assert_eq!(encode(&HashMap::from([(1_u8, 2_u8)])), [1, 1, 2]);
    assert_eq!(encode(&[1_u8, 2]), [1, 2]);
    assert_eq!(encode(&1.0_f32), [0, 0, 0x80, 0x3f]);
    assert_eq!(encode(&Tree::Flag(true)), [1, 1]);
    assert_eq!(encode(&Err::<(), u8>(7)), [1, 7]);
    assert_eq!(encode(&Duration::new(1, 2)), [1, 2]);
}

#[test]
fn rejects_overlong_and_out_of_range_numbers() {
    let overlong = Malformed::Wire(WireError::OverlongVarint);
    let range = Malformed::Wire(WireError::OutOfRange);
    assert_eq!(wrong::<u16>(&[0x80, 0]), overlong);
    assert_eq!(wrong::<u16>(&[0x80, 0x80, 0x04]), range);
    assert_eq!(wrong::<i16>(&[0x80, 0x80, 0x04]), range);
    assert_eq!(wrong::<u32>(&[0xff, 0xff, 0xff, 0xff, 0x1f]), range);
    assert_eq!(wrong::<u64>(&[0xff; 10]), overlong);
    assert_eq!(wrong::<u128>(&[0x80, 0]), overlong);
    assert_eq!(wrong::<u128>(&[0xff; 19]), overlong);
    let mut most = [0xff; 19];
    most[18] = 3;
    assert_eq!(decode::<u128>(&most), Ok(u128::MAX));
    assert_eq!(decode::<i128>(&most), Ok(i128::MIN));
    most[18] = 4;
    assert_eq!(wrong::<u128>(&most), overlong);
}

#[test]
fn rejects_malformed_flags_and_characters() {
    assert_eq!(wrong::<bool>(&[2]), Malformed::Flag(2));
    assert_eq!(wrong::<Option<u8>>(&[0xff]), Malformed::Flag(0xff));
    assert_eq!(wrong::<char>(&[2, b'a', b'b']), Malformed::NotOneChar);
    assert_eq!(wrong::<char>(&[0]), Malformed::NotOneChar);
    assert_eq!(
        wrong::<String>(&[2, 0xc3, 0x28]),
        WireError::InvalidUtf8.into()
    );
}

#[test]
fn variants_are_encoded_by_position() {
    assert!(matches!(wrong::<Tree>(&[11]), Malformed::Refused(reason) if reason.contains("11")));
    assert_eq!(wrong::<Tree>(&[0x80, 0]), WireError::OverlongVarint.into());
    assert_eq!(
        wrong::<Tree>(&[0xff, 0xff, 0xff, 0xff, 0x1f]),
        WireError::OutOfRange.into()
    );
}

#[test]
fn rejects_partly_read_lists() {
    #[derive(Debug)]
    struct First;
    impl<'de> Deserialize<'de> for First {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Visitor;
            impl<'de> serde::de::Visitor<'de> for Visitor {
                type Value = First;

                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("a list")
                }

                fn visit_seq<A: serde::de::SeqAccess<'de>>(
                    self,
                    mut list: A,
                ) -> Result<First, A::Error> {
                    list.next_element::<u8>()?;
                    Ok(First)
                }
            }
            deserializer.deserialize_seq(Visitor)
        }
    }
    assert!(decode::<First>(&[1, 9]).is_ok());
    assert_eq!(wrong::<First>(&[3, 9, 9, 9]), Malformed::LeftOver(2));
}

#[test]
fn rejects_self_describing_types() {
    #[derive(Debug, Deserialize)]
    #[serde(untagged)]
    #[allow(dead_code)]
    enum Untagged {
        Number(u8),
        Text(String),
    }
    assert_eq!(wrong::<Untagged>(&[1]), Malformed::SelfDescribing);
    assert_eq!(wrong::<IgnoredAny>(&[1]), Malformed::SelfDescribing);
}

#[test]
fn passes_on_why_a_type_rejects_a_value() {
    #[derive(Debug, Deserialize)]
    #[serde(try_from = "u8")]
    struct Even;
    impl TryFrom<u8> for Even {
        type Error = &'static str;

        fn try_from(value: u8) -> Result<Self, Self::Error> {
            if value.is_multiple_of(2) {
                Ok(Self)
            } else {
                Err("odd")
            }
        }
    }
    assert_eq!(
        wrong::<(Even, Even)>(&[2, 3]),
        Malformed::Refused("odd".into())
    );
    let error = decode::<(Even, Even)>(&[2, 3]).unwrap_err();
    assert_eq!(error.to_string(), "cannot be decoded, at byte 2: odd");
}

#[test]
fn decodes_fields_with_aliases_and_defaults() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Renamed {
        #[serde(rename = "first", alias = "one", alias = "uno")]
        a: u8,
        #[serde(skip)]
        b: u8,
        c: u8,
    }
    assert_eq!(decode::<Renamed>(&[1, 2]), Ok(Renamed { a: 1, b: 0, c: 2 }));
}
