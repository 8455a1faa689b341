//! TypeScript names for the types of a service.

use std::collections::HashMap;

use roam_core::schema::{ServiceDescriptor, Type, TypeIndex, Types};

use crate::identifiers::{Taken, type_name};

/// Unique names for the structs and enums of a file.
///
/// Unless two names clash, each depends only on its type, so that adding a type to a service
/// renames no other.
#[derive(Debug)]
pub(crate) struct Names {
    by_index: HashMap<TypeIndex, String>,
    /// The exported constant, named after the service.
    pub(crate) service: String,
    pub(crate) client: String,
    pub(crate) handler: String,
    /// Structs and enums, in the order of the Rust descriptor.
    pub(crate) named: Vec<TypeIndex>,
}

impl Names {
    pub(crate) fn new(service: &ServiceDescriptor) -> Self {
        let mut taken = Taken::reserved();
        let name = taken.unique(&type_name(&service.name));
        let client = taken.unique(&format!("{name}Client"));
        let handler = taken.unique(&format!("{name}Handler"));
        let named: Vec<TypeIndex> = service
            .types
            .iter()
            .filter(|(_, ty)| is_named(ty))
            .map(|(index, _)| index)
            .collect();
        let by_index = named
            .iter()
            .map(|&index| (index, taken.unique(&label(&service.types, index))))
            .collect();
        Self {
            by_index,
            service: name,
            client,
            handler,
            named,
        }
    }

    /// Returns the name of a struct or an enum, or `None` for other types.
    pub(crate) fn of(&self, index: TypeIndex) -> Option<&str> {
        self.by_index.get(&index).map(String::as_str)
    }

    /// Returns the position of a struct or an enum in the TypeScript descriptor.
    pub(crate) fn position(&self, index: TypeIndex) -> Option<usize> {
        self.named.binary_search(&index).ok()
    }
}

fn is_named(ty: &Type) -> bool {
    matches!(ty, Type::Struct(_) | Type::Enum(_))
}

/// Returns a type's name followed by those of its parameters: `PageUser` for `Page<User>`.
fn label(types: &Types, index: TypeIndex) -> String {
    let prefixed = |prefix: &str, inner: &TypeIndex| format!("{prefix}{}", label(types, *inner));
    match types.get(index) {
        Type::Struct(it) => with_generics(types, &it.name, &it.generics),
        Type::Enum(it) => with_generics(types, &it.name, &it.generics),
        Type::List(inner) | Type::Array { element: inner, .. } => prefixed("ListOf", inner),
        Type::Set(inner) => prefixed("SetOf", inner),
        Type::Option(inner) => prefixed("Optional", inner),
        Type::Tx(inner) => prefixed("Tx", inner),
        Type::Rx(inner) => prefixed("Rx", inner),
        Type::Map { key, value } => {
            format!("MapOf{}To{}", label(types, *key), label(types, *value))
        }
        Type::Result { ok, err } => {
            format!("ResultOf{}Or{}", label(types, *ok), label(types, *err))
        }
        Type::Tuple(elements) => with_generics(types, "Tuple", elements),
        simple => format!("{simple:?}"),
    }
}

fn with_generics(types: &Types, name: &str, generics: &[TypeIndex]) -> String {
    let generics = generics.iter().map(|&index| label(types, index));
    std::iter::once(type_name(name)).chain(generics).collect()
}
