//! Descriptions of types of the standard library.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet, LinkedList};
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use crate::schema::{Schema, Type, TypeIndex, Types};

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
