//! Descriptions of types of the standard library.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashSet, LinkedList};
use std::ffi::CString;
use std::marker::PhantomData;
use std::net::{IpAddr, Ipv6Addr, SocketAddrV4, SocketAddrV6};
use std::num::{NonZeroI128, NonZeroU8, Saturating, Wrapping};
use std::ops::{Bound, Range, RangeFrom, RangeTo};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::schema::{Payload, Schema, StructKind, Type, TypeIndex, Types};

fn describe<T: Schema>(types: &mut Types) -> Type {
    let index = types.index_of::<T>();
    types.get(index).clone()
}

#[test]
fn types_that_serde_writes_alike_are_one() {
    let types = &mut Types::new();
    let string = types.index_of::<String>();
    for same in [
        types.index_of::<Box<str>>(),
        types.index_of::<Arc<str>>(),
        types.index_of::<Cow<'static, str>>(),
        types.index_of::<Box<Arc<String>>>(),
    ] {
        assert_eq!(same, string);
    }
    let bytes = types.index_of::<Vec<u8>>();
    assert_eq!(types.index_of::<bytes::Bytes>(), bytes);
    assert_eq!(types.get(bytes), &Type::Bytes);
    assert_eq!(types.index_of::<PhantomData<str>>(), types.index_of::<()>());
}

#[test]
fn containers_refer_to_their_contents() {
    let types = &mut Types::new();
    let byte = types.index_of::<u8>();
    let string = types.index_of::<String>();
    assert_eq!(describe::<Vec<String>>(types), Type::List(string));
    assert_eq!(describe::<Box<[u8]>>(types), Type::List(byte));
    assert_eq!(describe::<LinkedList<u8>>(types), Type::List(byte));
    assert_eq!(describe::<HashSet<u8>>(types), Type::Set(byte));
    assert_eq!(describe::<Option<u8>>(types), Type::Option(byte));
    assert_eq!(describe::<Duration>(types), Type::Duration);
    assert_eq!(
        describe::<(u8, String)>(types),
        Type::Tuple(vec![byte, string])
    );
    assert_eq!(
        describe::<[u8; 3]>(types),
        Type::Array {
            element: byte,
            len: 3
        }
    );
    assert_eq!(
        describe::<BTreeMap<String, u8>>(types),
        Type::Map {
            key: string,
            value: byte
        }
    );
    assert_eq!(
        describe::<Result<String, u8>>(types),
        Type::Result {
            ok: string,
            err: byte
        }
    );
}

#[test]
fn each_type_is_described_once() {
    let mut types = Types::new();
    types.index_of::<Vec<(String, Vec<String>)>>();
    types.index_of::<Option<Vec<String>>>();
    let positions: Vec<usize> = types
        .iter()
        .map(|(index, _)| TypeIndex::position(index))
        .collect();
    assert_eq!(positions, [0, 1, 2, 3, 4]);
}

#[test]
fn wrappers_are_described_as_what_they_hold() {
    let types = &mut Types::new();
    let byte = types.index_of::<u8>();
    for same in [
        types.index_of::<NonZeroU8>(),
        types.index_of::<Wrapping<u8>>(),
        types.index_of::<Saturating<u8>>(),
        types.index_of::<Reverse<u8>>(),
        types.index_of::<Cell<u8>>(),
        types.index_of::<RefCell<u8>>(),
    ] {
        assert_eq!(same, byte);
    }
    assert_eq!(describe::<NonZeroI128>(types), Type::I128);
    let list = types.index_of::<Vec<u16>>();
    assert_eq!(types.index_of::<Cow<'static, [u16]>>(), list);
}

#[test]
fn paths_are_strings_and_c_strings_are_bytes() {
    let types = &mut Types::new();
    assert_eq!(describe::<PathBuf>(types), Type::String);
    assert_eq!(describe::<Box<Path>>(types), Type::String);
    assert_eq!(describe::<CString>(types), Type::Bytes);
}

#[test]
fn shared_slices_and_heaps_are_lists() {
    let types = &mut Types::new();
    let byte = types.index_of::<u8>();
    assert_eq!(describe::<Arc<[u8]>>(types), Type::List(byte));
    assert_eq!(describe::<BinaryHeap<u8>>(types), Type::List(byte));
}

#[test]
fn addresses_are_octets_and_ports() {
    let types = &mut Types::new();
    let octets = describe::<[u8; 16]>(types);
    assert_eq!(describe::<Ipv6Addr>(types), octets);
    let v4 = types.index_of::<SocketAddrV4>();
    assert_eq!(types.text(v4), "([u8; 4], u16)");
    let v6 = types.index_of::<SocketAddrV6>();
    assert_eq!(types.text(v6), "([u8; 16], u16)");
    assert_eq!(variants(&describe::<IpAddr>(types)), ["V4", "V6"]);
}

#[test]
fn ranges_and_times_are_structs() {
    let types = &mut Types::new();
    assert_eq!(fields(&describe::<Range<u8>>(types)), ["start", "end"]);
    assert_eq!(fields(&describe::<RangeFrom<u8>>(types)), ["start"]);
    assert_eq!(fields(&describe::<RangeTo<u8>>(types)), ["end"]);
    assert_eq!(
        fields(&describe::<SystemTime>(types)),
        ["secs_since_epoch", "nanos_since_epoch"]
    );
    let bound = describe::<Bound<u8>>(types);
    assert_eq!(variants(&bound), ["Unbounded", "Included", "Excluded"]);
}

#[test]
fn tuples_have_up_to_sixteen_elements() {
    type Long = (
        u8,
        u8,
        u8,
        u8,
        u8,
        u8,
        u8,
        u8,
        u8,
        u8,
        u8,
        u8,
        u8,
        u8,
        u8,
        String,
    );
    let types = &mut Types::new();
    let Type::Tuple(elements) = describe::<Long>(types) else {
        panic!("not a tuple");
    };
    assert_eq!(elements.len(), 16);
    assert_eq!(types.get(elements[15]), &Type::String);
}

fn fields(ty: &Type) -> Vec<&str> {
    match ty {
        Type::Struct(it) => match &it.kind {
            StructKind::Named(fields) => fields.iter().map(|field| &*field.wire_name).collect(),
            kind => panic!("{kind:?}"),
        },
        ty => panic!("{ty:?}"),
    }
}

fn variants(ty: &Type) -> Vec<&str> {
    match ty {
        Type::Enum(it) => it
            .variants
            .iter()
            .inspect(|it| assert!(matches!(it.payload, Payload::Unit | Payload::Newtype(_))))
            .map(|it| &*it.wire_name)
            .collect(),
        ty => panic!("{ty:?}"),
    }
}
