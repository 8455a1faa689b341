//! TypeScript types of received values (outputs) and of values to send (inputs).

use std::collections::HashSet;

use roam_core::schema::{Field, ServiceDescriptor, StructKind, Type, TypeIndex, Types, Visitor};

use crate::identifiers::{property, quoted};
use crate::names::Names;

/// A writer for the types of one service.
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

    /// Returns the type of values received from the peer.
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

    /// Returns the type accepted for values to send.
    pub(crate) fn input(&self, index: TypeIndex) -> String {
        let output = self.output(index);
        match self.types.get(index) {
            Type::Tx(_) => output,
            Type::Rx(inner) => format!("roam.Source<{}>", self.output(*inner)),
            _ if !self.accepts_more(index) => output,
            wide if is_wide(wide) => format!("{output} | number"),
            _ if output == BYTES => "Uint8Array".into(),
            Type::Option(inner) if !is_nullable(self.types, *inner) => {
                format!("{} | null | undefined", self.input(*inner))
            }
            _ => format!("roam.Input<{output}>"),
        }
    }

    /// Returns the output types of `elements`, separated by commas.
    pub(crate) fn outputs(&self, elements: &[TypeIndex]) -> String {
        let elements: Vec<_> = elements
            .iter()
            .map(|&element| self.output(element))
            .collect();
        elements.join(", ")
    }

    /// Returns the declaration of a field in an interface.
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

    /// Returns whether `roam.Input` widens the type or any type inside it.
    fn accepts_more(&self, index: TypeIndex) -> bool {
        let mut search = Search::default();
        self.types.walk(index, &mut search);
        search.found
    }
}

const BYTES: &str = "Uint8Array<ArrayBuffer>";

/// Returns an object type on one line.
pub(crate) fn object(members: &[String]) -> String {
    format!("{{ {} }}", members.join("; "))
}

/// Returns whether `null` or `undefined` is a value of the type, so that `null` cannot mean that
/// the value is missing.
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

/// A search for types that `roam.Input` widens.
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
        // `roam.Input` leaves the elements of a `Tx` alone.
        !self.found && !matches!(ty, Type::Tx(_)) && self.seen.insert(index)
    }
}

/// Returns whether the integer type needs a `bigint`.
fn is_wide(ty: &Type) -> bool {
    matches!(
        ty,
        Type::U64 | Type::U128 | Type::Usize | Type::I64 | Type::I128 | Type::Isize
    )
}
