//! Model of a type: its declaration with serde's attributes applied.

use syn::{Generics, Ident, Type};

use crate::common::CratePath;

pub(super) struct Described {
    pub(super) krate: CratePath,
    pub(super) ident: Ident,
    /// The name shown to readers: serde's `rename`, if any.
    pub(super) name: String,
    pub(super) doc: String,
    pub(super) generics: Generics,
    pub(super) shape: Shape,
}

pub(super) enum Shape {
    /// Described as this other type.
    Same(Box<Type>),
    Struct(Fields),
    Enum(Vec<Variant>),
}

/// The fields of a struct or a variant, without skipped ones.
pub(super) enum Fields {
    Unit,
    Unnamed(Vec<Type>),
    Named(Vec<Field>),
}

pub(super) struct Field {
    pub(super) name: String,
    pub(super) wire_name: String,
    pub(super) doc: String,
    pub(super) ty: Type,
}

pub(super) struct Variant {
    pub(super) name: String,
    pub(super) wire_name: String,
    pub(super) doc: String,
    /// Declared as `A(T)`, not as `A(T, U)` with one of them skipped.
    pub(super) newtype: bool,
    pub(super) fields: Fields,
}

impl Shape {
    /// Returns the types of all fields.
    pub(super) fn types(&self) -> Vec<&Type> {
        match self {
            Self::Same(ty) => vec![ty],
            Self::Struct(fields) => fields.types(),
            Self::Enum(variants) => variants
                .iter()
                .flat_map(|variant| variant.fields.types())
                .collect(),
        }
    }
}

impl Fields {
    fn types(&self) -> Vec<&Type> {
        match self {
            Self::Unit => Vec::new(),
            Self::Unnamed(types) => types.iter().collect(),
            Self::Named(fields) => fields.iter().map(|field| &field.ty).collect(),
        }
    }
}
