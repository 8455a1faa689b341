//! A type as its declaration and serde's attributes say it.

use syn::{Generics, Ident, Type};

pub(super) struct Described {
    pub(super) ident: Ident,
    /// What readers see.
    pub(super) name: String,
    pub(super) doc: String,
    pub(super) generics: Generics,
    pub(super) shape: Shape,
}

pub(super) enum Shape {
    /// The type looks like this one.
    Same(Box<Type>),
    Struct(Fields),
    Enum(Vec<Variant>),
}

/// What a struct or a variant holds, without skipped fields.
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
    /// `A(T)` and not `A(T, U)` with one of them skipped.
    pub(super) newtype: bool,
    pub(super) fields: Fields,
}

impl Shape {
    /// The types that are held.
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
