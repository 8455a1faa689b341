//! How types are encoded for method ids: the table of `protocol.md`, "Method identity".

#![expect(dead_code, reason = "types are only described here")]

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::schema::identity::{Depth, encode};
use crate::schema::{
    MethodSource, OutputSource, Schema, ServiceDescriptor, ServiceSource, SignatureHash, Type,
    TypeIndex, Types, can_fail, returns,
};
use crate::{MethodId, Rx, Tx};

fn hex<T: Schema>() -> String {
    let mut types = Types::new();
    let index = types.index_of::<T>();
    let mut out = Vec::new();
    encode(&types, index, Depth::Identity, &mut out);
    out.iter()
        .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

#[derive(Schema)]
struct Point {
    x: i32,
    y: i32,
}

#[derive(Schema)]
struct Unit;

#[derive(Schema)]
struct Pair(u8, bool);

#[derive(Schema)]
struct Node {
    v: i32,
    kids: Vec<Node>,
}

#[test]
fn primitives_are_one_byte() {
    assert_eq!(hex::<bool>(), "01");
    assert_eq!(hex::<u8>(), "02");
    assert_eq!(hex::<u16>(), "03");
    assert_eq!(hex::<u32>(), "04");
    assert_eq!(hex::<u64>(), "05");
    assert_eq!(hex::<u128>(), "06");
    assert_eq!(hex::<usize>(), "05");
    assert_eq!(hex::<i8>(), "07");
    assert_eq!(hex::<i16>(), "08");
    assert_eq!(hex::<i32>(), "09");
    assert_eq!(hex::<i64>(), "0a");
    assert_eq!(hex::<i128>(), "0b");
    assert_eq!(hex::<isize>(), "0a");
    assert_eq!(hex::<f32>(), "0c");
    assert_eq!(hex::<f64>(), "0d");
    assert_eq!(hex::<char>(), "0e");
    assert_eq!(hex::<String>(), "0f");
    assert_eq!(hex::<()>(), "10");
}

#[test]
fn bytes_are_not_a_list() {
    assert_eq!(hex::<Vec<u8>>(), "11");
    assert_eq!(hex::<bytes::Bytes>(), "11");
    assert_eq!(hex::<VecDeque<u8>>(), "2002");
    assert_eq!(hex::<HashSet<u8>>(), "2402");
    assert_eq!(hex::<[u8; 4]>(), "220402");
}

#[test]
fn containers_are_followed_by_their_contents() {
    assert_eq!(hex::<Vec<u32>>(), "2004");
    assert_eq!(hex::<Option<u32>>(), "2104");
    assert_eq!(hex::<BTreeSet<u32>>(), "2404");
    assert_eq!(hex::<[u32; 200]>(), "22c80104");
    assert_eq!(hex::<HashMap<u32, String>>(), "23040f");
    assert_eq!(hex::<BTreeMap<u32, String>>(), "23040f");
    assert_eq!(hex::<(u32, String)>(), "2502040f");
    assert_eq!(hex::<Tx<i32>>(), "2609");
    assert_eq!(hex::<Rx<i32>>(), "2709");
}

#[test]
fn pointers_are_encoded_as_what_they_point_to() {
    assert_eq!(hex::<Box<u32>>(), "04");
    assert_eq!(hex::<Arc<Vec<u8>>>(), "11");
    assert_eq!(hex::<Rc<str>>(), "0f");
}

#[test]
fn structs_and_enums_include_the_names_of_their_parts() {
    #[derive(Schema)]
    struct Rectangle {
        top_left: Point,
        bottom_right: Point,
        label: Option<String>,
    }

    #[derive(Schema)]
    enum E {
        A(u8, u16),
        B { x: u8 },
        C,
        D(String),
    }

    assert_eq!(hex::<Point>(), "3002017809017909");
    assert_eq!(
        hex::<Rectangle>(),
        "300308746f705f6c65667430020178090179090c626f74746f6d5f726967687432056c6162656c210f"
    );
    assert_eq!(
        hex::<E>(),
        "310401410202013002013103014202010178020143000144010f"
    );
    assert_eq!(hex::<Pair>(), "25020201");
}

#[test]
fn uncovered_types_are_encoded_as_unit() {
    assert_eq!(hex::<Unit>(), "10");
    assert_eq!(hex::<Duration>(), "10");
    assert_eq!(hex::<Result<Point, String>>(), "10");
    assert_eq!(hex::<(Result<u8, u8>, Result<u8, u8>)>(), "25021010");
}

#[test]
fn repeated_composite_type_is_a_reference() {
    assert_eq!(hex::<((i32, i32), (i32, i32))>(), "25022502090932");
    assert_eq!(hex::<(Pair, Box<Pair>)>(), "25022502020132");
    assert_eq!(hex::<(Unit, Unit)>(), "25021032");
    assert_eq!(hex::<(Vec<i32>, Vec<i32>)>(), "250220092009");
    assert_eq!(
        hex::<(Option<Point>, Option<Point>)>(),
        "25022130020178090179092132"
    );
    assert_eq!(hex::<((), ())>(), "25021010");
}

#[test]
fn recursion_is_a_reference() {
    assert_eq!(hex::<Node>(), "3002017609046b6964732032");
}

#[test]
fn transparent_struct_is_encoded_as_its_field() {
    #[derive(Schema)]
    #[repr(transparent)]
    struct Id(u64);

    #[derive(serde::Serialize, serde::Deserialize, Schema)]
    #[serde(transparent)]
    struct Forest {
        trees: Vec<Forest>,
    }

    assert_eq!(hex::<Id>(), "05");
    // A list of itself; no other type can be one.
    assert_eq!(hex::<Forest>(), "2032");
}

#[test]
fn renames_and_raw_identifiers_do_not_count() {
    #[derive(serde::Serialize, serde::Deserialize, Schema)]
    #[serde(rename_all = "UPPERCASE")]
    struct Raw {
        r#type: u8,
    }

    assert_eq!(hex::<Raw>(), "3001047479706502");
}

#[test]
fn empty_structs_and_variants_have_no_parts() {
    #[derive(Schema)]
    struct Named {}

    #[derive(Schema)]
    struct Tuple();

    #[derive(Schema)]
    enum E {
        A(),
        B {},
    }

    assert_eq!(hex::<Named>(), "3000");
    assert_eq!(hex::<Tuple>(), "2500");
    assert_eq!(hex::<E>(), "3102014102000142".to_owned() + "0200");
}

/// Returns the id and the hash of the whole signature of a method with this output.
fn method(output: OutputSource) -> (MethodId, SignatureHash) {
    let method = MethodSource {
        name: "call",
        doc: "",
        args: &[],
        output,
        inline: false,
        attributes: &[],
    };
    let source = ServiceSource {
        name: "Service",
        doc: "",
        methods: Box::leak(Box::new([method])),
    };
    let service = source.describe();
    let method = &service.methods[0];
    (method.id, method.signature.unwrap())
}

#[test]
fn whole_signature_covers_what_results_hold() {
    let (id, hash) = method(can_fail::<u8, String>());
    for other in [
        can_fail::<u16, String>(),
        can_fail::<u8, Vec<String>>(),
        can_fail::<u8, Result<String, String>>(),
        can_fail::<Result<u8, u8>, String>(),
        can_fail::<Result<u8, u16>, String>(),
    ] {
        let (same, different) = method(other);
        assert_eq!(same, id);
        assert_ne!(different, hash);
    }
    assert_ne!(
        method(returns::<Vec<Result<u8, u8>>>()).1,
        method(returns::<Vec<Result<u8, u16>>>()).1
    );
}

#[test]
fn whole_signature_tells_durations_from_units() {
    let (id, hash) = method(returns::<Duration>());
    let (same, different) = method(returns::<()>());
    assert_eq!(same, id);
    assert_ne!(different, hash);
}

#[test]
fn whole_signature_is_hashed_in_the_documented_encoding() {
    let digest = *blake3::hash(&[0x25, 0, 0x28, 0x20, 0x12, 0x28, 0x02, 0x0f]).as_bytes();
    let expected = u64::from_le_bytes(std::array::from_fn(|at| digest[at]));
    let (_, hash) = method(can_fail::<Vec<Duration>, Result<u8, String>>());
    assert_eq!(hash, SignatureHash(expected));
}

#[test]
fn whole_signature_of_a_received_description_takes_bounded_time() {
    // Each map holds the next one twice, so that all of them together hold 2^64 numbers.
    let index = |position: usize| postcard::to_stdvec(&position).unwrap();
    let index = |position| postcard::from_bytes::<TypeIndex>(&index(position)).unwrap();
    let maps = (1..=64).map(|next| Type::Map {
        key: index(next),
        value: index(next),
    });
    let types: Vec<Type> = maps.chain([Type::U8]).collect();
    let no_args = Vec::<u8>::new();
    let method = (
        "call",
        "",
        MethodId(1),
        no_args,
        index(0),
        None::<u8>,
        false,
        false,
    );
    let bytes = postcard::to_stdvec(&("Service", "", types, vec![method; 1_000])).unwrap();
    let service: ServiceDescriptor = postcard::from_bytes(&bytes).unwrap();
    assert_eq!(service.methods.len(), 1_000);
    assert!(service.methods.iter().all(|it| it.signature.is_none()));
}
