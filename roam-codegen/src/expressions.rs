//! Types as they stand in TypeScript: as values come out, and what is taken for them.

use std::collections::HashSet;

use roam_core::schema::{Field, ServiceDescriptor, StructKind, Type, TypeIndex, Types, Visitor};

use crate::identifiers::{property, quoted};
use crate::names::Names;

/// Writes types of one service.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expressions<'a> {
    types: &'a Types,
    names: &'a Names,
}

impl<'a> Expressions<'a> {
    pub(crate) fn new(service: &'a ServiceDescriptor, names: &'a Names) -> Self {
        Self {
            types: &service.types,
            names,
        }
    }

    /// The type of values that come from the peer.
    pub(crate) fn output(&self, index: TypeIndex) -> String {
        if let Some(name) = self.names.of(index) {
            return name.to_owned();
        }
        match self.types.get(index) {
            Type::Bool => "boolean".into(),
            Type::U8
            | Type::U16
            | Type::U32
            | Type::I8
            | Type::I16
            | Type::I32
            | Type::F32
            | Type::F64 => "number".into(),
            Type::Duration => "roam.Milliseconds".into(),
            Type::U64 | Type::U128 | Type::Usize | Type::I64 | Type::I128 | Type::Isize => {
                "bigint".into()
            }
            Type::Char | Type::String => "string".into(),
            Type::Unit => "undefined".into(),
            Type::Bytes => BYTES.into(),
            Type::List(inner) | Type::Array { element: inner, .. } => self.list(*inner),
            Type::Set(inner) => format!("Set<{}>", self.output(*inner)),
            Type::Map { key, value } => {
                format!("Map<{}, {}>", self.output(*key), self.output(*value))
            }
            Type::Option(inner) if is_nullable(self.types, *inner) => {
                format!("{{ value: {} }} | null", self.output(*inner))
            }
            Type::Option(inner) => format!("{} | null", self.output(*inner)),
            Type::Tuple(elements) => format!("[{}]", self.outputs(elements)),
            Type::Tx(inner) => format!("roam.Tx<{}>", self.output(*inner)),
            Type::Rx(inner) => format!("roam.Rx<{}>", self.output(*inner)),
            Type::Result { ok, err } => format!(
                "{} | {}",
                object(&[
                    format!("tag: {}", quoted("Ok")),
                    format!("value: {}", self.output(*ok))
                ]),
                object(&[
                    format!("tag: {}", quoted("Err")),
                    format!("value: {}", self.output(*err))
                ]),
            ),
            Type::Struct(_) | Type::Enum(_) => unreachable!("structs and enums have names"),
        }
    }

    /// The type of what is taken for such a value.
    pub(crate) fn input(&self, index: TypeIndex) -> String {
        let output = self.output(index);
        match self.types.get(index) {
            Type::Tx(_) => output,
            Type::Rx(inner) => format!("roam.Source<{}>", self.output(*inner)),
            _ if !self.takes_more(index) => output,
            wide if is_wide(wide) => format!("{output} | number"),
            _ if output == BYTES => "Uint8Array".into(),
            Type::Option(inner) if !is_nullable(self.types, *inner) => {
                format!("{} | null | undefined", self.input(*inner))
            }
            _ => format!("roam.Input<{output}>"),
        }
    }

    /// Several types, as elements of a tuple.
    pub(crate) fn outputs(&self, elements: &[TypeIndex]) -> String {
        let elements: Vec<_> = elements
            .iter()
            .map(|&element| self.output(element))
            .collect();
        elements.join(", ")
    }

    /// A field as it stands in an interface.
    pub(crate) fn field(&self, field: &Field) -> String {
        format!("{}: {}", property(&field.wire_name), self.output(field.ty))
    }

    fn list(&self, element: TypeIndex) -> String {
        if matches!(self.types.get(element), Type::U8) {
            return BYTES.into();
        }
        let inner = self.output(element);
        let is_union = matches!(
            self.types.get(element),
            Type::Option(_) | Type::Result { .. }
        );
        if is_union {
            format!("({inner})[]")
        } else {
            format!("{inner}[]")
        }
    }

    /// Whether more is taken for the type than its values, anywhere in it.
    fn takes_more(&self, index: TypeIndex) -> bool {
        let mut search = Search::default();
        self.types.walk(index, &mut search);
        search.found
    }
}

const BYTES: &str = "Uint8Array<ArrayBuffer>";

/// An object type on one line.
pub(crate) fn object(members: &[String]) -> String {
    format!("{{ {} }}", members.join("; "))
}

/// Whether `null` or `undefined` is a value of the type, so that `null` cannot stand for the
/// absence of it.
pub(crate) fn is_nullable(types: &Types, index: TypeIndex) -> bool {
    match types.get(index) {
        Type::Unit | Type::Option(_) => true,
        Type::Struct(it) => match &it.kind {
            StructKind::Unit => true,
            StructKind::Tuple(elements) => {
                matches!(elements.as_slice(), [only] if is_nullable(types, *only))
            }
            StructKind::Named(_) => false,
        },
        _ => false,
    }
}

/// Looks for types of which `roam.Input` makes something else.
#[derive(Default)]
struct Search {
    seen: HashSet<TypeIndex>,
    found: bool,
}

impl Visitor for Search {
    fn enter(&mut self, index: TypeIndex, ty: &Type) -> bool {
        self.found |= match ty {
            Type::Bytes
            | Type::List(_)
            | Type::Set(_)
            | Type::Option(_)
            | Type::Array { .. }
            | Type::Map { .. }
            | Type::Tuple(_)
            | Type::Rx(_) => true,
            Type::Struct(it) => {
                matches!(&it.kind, StructKind::Tuple(elements) if elements.len() != 1)
            }
            other => is_wide(other),
        };
        // What goes through a channel is another matter.
        !self.found && !matches!(ty, Type::Tx(_)) && self.seen.insert(index)
    }
}

/// Whether it is an integer for which a number is not wide enough.
fn is_wide(ty: &Type) -> bool {
    matches!(
        ty,
        Type::U64 | Type::U128 | Type::Usize | Type::I64 | Type::I128 | Type::Isize
    )
}
