//! The table of types.

use std::any::TypeId;
use std::borrow::Cow;
use std::collections::HashMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Schema;

/// The types of a service, each described once. They refer to each other by index, so a recursive
/// type is finite.
#[derive(Debug, Clone, Default)]
pub struct Types {
    table: Vec<Type>,
    /// Empty in a received description.
    known: HashMap<TypeId, TypeIndex>,
}

/// The index of a type in its [`Types`].
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Schema,
)]
pub struct TypeIndex(usize);

impl TypeIndex {
    /// Returns the position in the table, counted from 0.
    pub fn position(self) -> usize {
        self.0
    }
}

impl Types {
    /// Creates an empty table.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the type at `index`.
    ///
    /// # Panics
    /// If `index` comes from another, longer table.
    pub fn get(&self, index: TypeIndex) -> &Type {
        &self.table[index.position()]
    }

    /// Returns all types with their indices, in the order they were added.
    pub fn iter(&self) -> impl Iterator<Item = (TypeIndex, &Type)> {
        (0..).map(TypeIndex).zip(&self.table)
    }

    /// Returns the index of `T`; describes it if it is not in the table yet.
    pub fn index_of<T: Schema>(&mut self) -> TypeIndex {
        let identity = TypeId::of::<T>();
        if let Some(&index) = self.known.get(&identity) {
            return index;
        }
        let index = T::describe(self);
        self.known.insert(identity, index);
        index
    }

    /// Adds `T`, and after it the types that `build` adds.
    ///
    /// The index is taken before `build` runs, so that a recursive type can refer to itself.
    pub fn define<T: 'static>(&mut self, build: impl FnOnce(&mut Types) -> Type) -> TypeIndex {
        let index = TypeIndex(self.table.len());
        self.known.insert(TypeId::of::<T>(), index);
        // A placeholder, which nothing reads before `build` returns.
        self.table.push(Type::Unit);
        self.table[index.position()] = build(self);
        index
    }
}

/// A type, as serde writes it on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub enum Type {
    /// `bool`
    Bool,
    /// `u8`
    U8,
    /// `u16`
    U16,
    /// `u32`
    U32,
    /// `u64`
    U64,
    /// `u128`
    U128,
    /// `usize`, 64 bits wide on the wire
    Usize,
    /// `i8`
    I8,
    /// `i16`
    I16,
    /// `i32`
    I32,
    /// `i64`
    I64,
    /// `i128`
    I128,
    /// `isize`, 64 bits wide on the wire
    Isize,
    /// `f32`
    F32,
    /// `f64`
    F64,
    /// `char`
    Char,
    /// `String`
    String,
    /// `()`
    Unit,
    /// `Vec<u8>` and `bytes::Bytes`
    Bytes,
    /// `Duration`: seconds as `u64` and nanoseconds as `u32`
    Duration,
    /// A sequence of any length.
    List(TypeIndex),
    /// A sequence without repetition.
    Set(TypeIndex),
    /// `Option`
    Option(TypeIndex),
    /// `[T; N]`
    Array {
        /// The element type.
        element: TypeIndex,
        /// The number of elements.
        len: usize,
    },
    /// A map, in any order.
    Map {
        /// The key type.
        key: TypeIndex,
        /// The value type.
        value: TypeIndex,
    },
    /// A tuple of one element or more.
    Tuple(Vec<TypeIndex>),
    /// The sending half of a channel.
    Tx(TypeIndex),
    /// The receiving half of a channel.
    Rx(TypeIndex),
    /// `Result`
    Result {
        /// The type in `Ok`.
        ok: TypeIndex,
        /// The type in `Err`.
        err: TypeIndex,
    },
    /// A struct.
    Struct(Struct),
    /// An enum.
    Enum(Enum),
}

/// A struct.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub struct Struct {
    /// Its name for readers, after serde's `rename`. Different types may share a name.
    pub name: Cow<'static, str>,
    /// Its doc comment, without indentation; empty when there is none.
    pub doc: Cow<'static, str>,
    /// Its type arguments, in order: they tell `Page<User>` from `Page<Tick>`.
    pub generics: Vec<TypeIndex>,
    /// Its fields.
    pub kind: StructKind,
}

/// The fields of a struct.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub enum StructKind {
    /// `struct A;`
    Unit,
    /// `struct A(…);`
    Tuple(Vec<TypeIndex>),
    /// `struct A { … }`
    Named(Vec<Field>),
}

/// A named field of a struct or of a variant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub struct Field {
    /// The name as written in Rust, without `r#`.
    pub name: Cow<'static, str>,
    /// The name that serde sees, after `rename` and `rename_all`.
    pub wire_name: Cow<'static, str>,
    /// Its doc comment; empty when there is none.
    pub doc: Cow<'static, str>,
    /// Its type.
    pub ty: TypeIndex,
}

/// An enum. On the wire a variant is its position in `variants`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub struct Enum {
    /// Its name for readers, after serde's `rename`. Different types may share a name.
    pub name: Cow<'static, str>,
    /// Its doc comment; empty when there is none.
    pub doc: Cow<'static, str>,
    /// Its type arguments, in order.
    pub generics: Vec<TypeIndex>,
    /// Its variants in order of declaration.
    pub variants: Vec<Variant>,
}

/// A variant of an enum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub struct Variant {
    /// The name as written in Rust, without `r#`.
    pub name: Cow<'static, str>,
    /// The name that serde sees.
    pub wire_name: Cow<'static, str>,
    /// Its doc comment; empty when there is none.
    pub doc: Cow<'static, str>,
    /// Its fields.
    pub payload: Payload,
}

/// The fields of a variant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub enum Payload {
    /// `A`
    Unit,
    /// `A(T)`
    Newtype(TypeIndex),
    /// `A(T, U)` and `A()`
    Tuple(Vec<TypeIndex>),
    /// `A { … }`
    Struct(Vec<Field>),
}

impl Serialize for Types {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.table.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Types {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let types = Self {
            table: Vec::deserialize(deserializer)?,
            known: HashMap::new(),
        };
        types.check().map_err(serde::de::Error::custom)?;
        Ok(types)
    }
}

/// The error when a received description refers to a type that it does not contain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("type index {index} is out of range in a description of {len} types")]
pub struct DanglingIndex {
    /// The index out of range.
    pub index: usize,
    /// The number of types.
    pub len: usize,
}

impl Types {
    /// Checks that every type refers only to types in this table.
    fn check(&self) -> Result<(), DanglingIndex> {
        self.table
            .iter()
            .flat_map(Type::references)
            .try_for_each(|index| self.check_index(index))
    }

    /// Checks that a received `index` is in this table.
    pub(super) fn check_index(&self, index: TypeIndex) -> Result<(), DanglingIndex> {
        let len = self.table.len();
        if index.position() < len {
            Ok(())
        } else {
            Err(DanglingIndex {
                index: index.0,
                len,
            })
        }
    }
}
