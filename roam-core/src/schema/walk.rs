//! Traversal of types.

use std::collections::HashSet;

use super::{Field, Payload, StructKind, Type, TypeIndex, Types, Variant};

/// A visitor for [`Types::walk`].
///
/// [`enter`](Self::enter) decides how far the walk goes. If it never enters a type that is still
/// being visited, the walk ends on every description, even a recursive or received one.
pub trait Visitor {
    /// Visits a type, and returns whether to enter it.
    fn enter(&mut self, index: TypeIndex, ty: &Type) -> bool;

    /// Visits a part of a struct or an enum. The type of a field, or the payload of a variant, is
    /// visited next.
    fn part(&mut self, part: Part<'_>) {
        let _ = part;
    }

    /// Leaves a type that was entered, after everything in it was visited.
    fn leave(&mut self, index: TypeIndex, ty: &Type) {
        let _ = (index, ty);
    }
}

/// A part of a type that has a name or a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part<'a> {
    /// A variant of an enum.
    Variant(&'a Variant),
    /// A named field of a struct or of a variant.
    Field(&'a Field),
    /// An unnamed field of a variant with several, counted from 0.
    Position(usize),
}

enum Step<'a> {
    Type(TypeIndex),
    Part(Part<'a>),
    Leave(TypeIndex),
}

impl Types {
    /// Walks `visitor` through the type at `root` and everything in it: depth first, in order of
    /// declaration, which is the order of the values on the wire.
    ///
    /// It is a loop, so that no description overflows the stack.
    pub fn walk(&self, root: TypeIndex, visitor: &mut impl Visitor) {
        // A stack: the next step is the last one.
        let mut steps = vec![Step::Type(root)];
        while let Some(step) = steps.pop() {
            match step {
                Step::Type(index) => {
                    let ty = self.get(index);
                    if visitor.enter(index, ty) {
                        steps.push(Step::Leave(index));
                        let first = steps.len();
                        ty.steps(&mut steps);
                        steps[first..].reverse();
                    }
                }
                Step::Part(part) => visitor.part(part),
                Step::Leave(index) => visitor.leave(index, self.get(index)),
            }
        }
    }

    /// Returns whether the type at `root` is or contains a channel.
    pub fn contains_channel(&self, root: TypeIndex) -> bool {
        let mut search = ChannelSearch::default();
        self.walk(root, &mut search);
        search.found
    }
}

#[derive(Default)]
struct ChannelSearch {
    seen: HashSet<TypeIndex>,
    found: bool,
}

impl Visitor for ChannelSearch {
    fn enter(&mut self, index: TypeIndex, ty: &Type) -> bool {
        self.found |= matches!(ty, Type::Tx(_) | Type::Rx(_));
        !self.found && self.seen.insert(index)
    }
}

impl Type {
    /// Returns the types that this one refers to, in order, and then its type arguments.
    pub(super) fn references(&self) -> Vec<TypeIndex> {
        let mut steps = Vec::new();
        self.steps(&mut steps);
        let held = steps.into_iter().filter_map(|step| match step {
            Step::Type(index) => Some(index),
            Step::Part(_) | Step::Leave(_) => None,
        });
        held.chain(self.generics().iter().copied()).collect()
    }

    /// Returns the type arguments of a struct or an enum.
    pub fn generics(&self) -> &[TypeIndex] {
        match self {
            Self::Struct(it) => &it.generics,
            Self::Enum(it) => &it.generics,
            _ => &[],
        }
    }

    /// Appends the steps through what this type contains.
    fn steps<'a>(&'a self, steps: &mut Vec<Step<'a>>) {
        match self {
            Self::List(inner)
            | Self::Set(inner)
            | Self::Option(inner)
            | Self::Array { element: inner, .. }
            | Self::Tx(inner)
            | Self::Rx(inner) => steps.push(Step::Type(*inner)),
            Self::Map { key: a, value: b } | Self::Result { ok: a, err: b } => {
                steps.extend([Step::Type(*a), Step::Type(*b)]);
            }
            Self::Tuple(elements) => steps.extend(elements.iter().copied().map(Step::Type)),
            Self::Struct(it) => match &it.kind {
                StructKind::Unit => {}
                StructKind::Tuple(elements) => {
                    steps.extend(elements.iter().copied().map(Step::Type));
                }
                StructKind::Named(fields) => push_fields(fields, steps),
            },
            Self::Enum(it) => {
                for variant in &it.variants {
                    steps.push(Step::Part(Part::Variant(variant)));
                    push_payload(&variant.payload, steps);
                }
            }
            Self::Bool
            | Self::U8
            | Self::U16
            | Self::U32
            | Self::U64
            | Self::U128
            | Self::Usize
            | Self::I8
            | Self::I16
            | Self::I32
            | Self::I64
            | Self::I128
            | Self::Isize
            | Self::F32
            | Self::F64
            | Self::Char
            | Self::String
            | Self::Unit
            | Self::Bytes
            | Self::Duration => {}
        }
    }
}

fn push_payload<'a>(payload: &'a Payload, steps: &mut Vec<Step<'a>>) {
    match payload {
        Payload::Unit => {}
        Payload::Newtype(inner) => steps.push(Step::Type(*inner)),
        Payload::Tuple(elements) => {
            for (position, &element) in elements.iter().enumerate() {
                steps.push(Step::Part(Part::Position(position)));
                steps.push(Step::Type(element));
            }
        }
        Payload::Struct(fields) => push_fields(fields, steps),
    }
}

fn push_fields<'a>(fields: &'a [Field], steps: &mut Vec<Step<'a>>) {
    for field in fields {
        steps.push(Step::Part(Part::Field(field)));
        steps.push(Step::Type(field.ty));
    }
}
