//! Types as readable text.

use super::{Payload, StructKind, Type, TypeIndex, Types};

/// How many nested types are written; deeper ones become `…`. A received type may contain itself.
const DEPTH: usize = 4;
/// How many elements of a tuple are written.
const ELEMENTS: usize = 8;
/// How many characters of a name are written. A received name can have any length.
const NAME: usize = 64;

impl Types {
    /// Returns the type at `index`, roughly as Rust writes it: `Vec<Job>`, `(u8, String)`.
    pub fn text(&self, index: TypeIndex) -> String {
        self.text_within(index, DEPTH)
    }

    /// Returns what a variant holds, as text.
    pub(super) fn payload_text(&self, payload: &Payload) -> String {
        match payload {
            Payload::Unit => "nothing".to_owned(),
            Payload::Newtype(inner) => self.text(*inner),
            Payload::Tuple(elements) => self.tuple_text(elements, DEPTH),
            Payload::Struct(_) => "named fields".to_owned(),
        }
    }

    fn text_within(&self, index: TypeIndex, depth: usize) -> String {
        let Some(depth) = depth.checked_sub(1) else {
            return "…".to_owned();
        };
        let of = |inner: &TypeIndex| self.text_within(*inner, depth);
        let leaf = match self.get(index) {
            Type::List(inner) => return format!("Vec<{}>", of(inner)),
            Type::Set(inner) => return format!("Set<{}>", of(inner)),
            Type::Option(inner) => return format!("Option<{}>", of(inner)),
            Type::Array { element, len } => return format!("[{}; {len}]", of(element)),
            Type::Map { key, value } => return format!("Map<{}, {}>", of(key), of(value)),
            Type::Tuple(elements) => return self.tuple_text(elements, depth),
            Type::Tx(inner) => return format!("Tx<{}>", of(inner)),
            Type::Rx(inner) => return format!("Rx<{}>", of(inner)),
            Type::Result { ok, err } => return format!("Result<{}, {}>", of(ok), of(err)),
            Type::Struct(it) => return clipped(&it.name),
            Type::Enum(it) => return clipped(&it.name),
            Type::Bool => "bool",
            Type::U8 => "u8",
            Type::U16 => "u16",
            Type::U32 => "u32",
            Type::U64 => "u64",
            Type::U128 => "u128",
            Type::Usize => "usize",
            Type::I8 => "i8",
            Type::I16 => "i16",
            Type::I32 => "i32",
            Type::I64 => "i64",
            Type::I128 => "i128",
            Type::Isize => "isize",
            Type::F32 => "f32",
            Type::F64 => "f64",
            Type::Char => "char",
            Type::String => "String",
            Type::Unit => "()",
            Type::Bytes => "Vec<u8>",
            Type::Duration => "Duration",
        };
        leaf.to_owned()
    }

    fn tuple_text(&self, elements: &[TypeIndex], depth: usize) -> String {
        let mut texts: Vec<_> = elements
            .iter()
            .take(ELEMENTS)
            .map(|element| self.text_within(*element, depth))
            .collect();
        if elements.len() > ELEMENTS {
            texts.push("…".to_owned());
        }
        format!("({})", texts.join(", "))
    }
}

impl Type {
    /// Returns the element types of a tuple or a tuple struct.
    pub(super) fn elements(&self) -> Option<&[TypeIndex]> {
        match self {
            Self::Tuple(elements) => Some(elements),
            Self::Struct(it) => match &it.kind {
                StructKind::Tuple(elements) => Some(elements),
                StructKind::Unit | StructKind::Named(_) => None,
            },
            _ => None,
        }
    }
}

/// Returns `name`, truncated if it is too long to show.
pub(crate) fn clipped(name: &str) -> String {
    match name.char_indices().nth(NAME) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}
