//! The first difference between two descriptions of a method.

use std::collections::HashSet;
use std::fmt;

use super::text::clipped;
use super::{
    Field, MethodDescriptor, Payload, ServiceDescriptor, StructKind, Type, TypeIndex, Types,
    Variant,
};

/// The first difference between two signatures, in the order of declaration.
///
/// As text: `argument 2 "jobs": element: field "n": u32 here, u64 there`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The path to it, from the outside in; empty when the signature itself differs.
    pub path: Vec<Step>,
    /// What differs there.
    pub contrast: Contrast,
}

/// A step on the path from a signature to one of its types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// An argument, counted from 1, with its name here.
    Argument(usize, String),
    /// The result of the method, the `Ok` side if it can fail.
    Returned,
    /// The method's own error.
    Error,
    /// A field of a struct or of a variant.
    Field(String),
    /// A variant of an enum.
    Variant(String),
    /// An element of a tuple, counted from 0.
    Position(usize),
    /// The element of a list, a set, an array or a channel.
    Element,
    /// The key of a map.
    Key,
    /// The value of a map or an `Option`.
    Value,
    /// The `Ok` side of a `Result` within a type.
    Ok,
    /// The `Err` side of a `Result` within a type.
    Err,
}

/// What differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contrast {
    /// The number of arguments.
    Arguments {
        /// Here.
        here: usize,
        /// At the peer.
        there: usize,
    },
    /// The types.
    Types {
        /// Here, roughly as Rust writes it.
        here: String,
        /// At the peer.
        there: String,
    },
    /// The names, as written in Rust; only their order if both peers have the same names.
    Names {
        /// What the names belong to.
        of: Named,
        /// Names that only we have.
        only_here: Vec<String>,
        /// Names that only the peer has.
        only_there: Vec<String>,
    },
}

/// What names belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// Fields of a struct or a variant.
    Fields,
    /// Variants of an enum.
    Variants,
}

/// Returns the first difference between two methods, in what determines their ids or how values are
/// decoded. Each method must belong to the service it is paired with.
///
/// A received description may have any size and shape, so only the first 64 levels of nested types
/// are compared, and at most 65,536 pairs of types.
pub fn difference(
    here: (&ServiceDescriptor, &MethodDescriptor),
    there: (&ServiceDescriptor, &MethodDescriptor),
) -> Option<Difference> {
    let (ours, theirs) = (here.1, there.1);
    if ours.args.len() != theirs.args.len() {
        return Some(Difference {
            path: Vec::new(),
            contrast: Contrast::Arguments {
                here: ours.args.len(),
                there: theirs.args.len(),
            },
        });
    }
    let search = Search {
        here: &here.0.types,
        there: &there.0.types,
        seen: HashSet::new(),
        steps: Vec::new(),
        todo: Vec::new(),
    };
    let args = (1..).zip(ours.args.iter().zip(&theirs.args));
    let mut parts: Vec<_> = args
        .map(|(number, (ours, theirs))| {
            let step = Step::Argument(number, clipped(&ours.name));
            Part::new(vec![step], ours.ty, theirs.ty)
        })
        .collect();
    parts.push(Part::new(vec![Step::Returned], ours.ok, theirs.ok));
    // Whether they can fail is compared last.
    let mut last = None;
    match (ours.err, theirs.err) {
        (Some(ours), Some(theirs)) => parts.push(Part::new(vec![Step::Error], ours, theirs)),
        (None, None) => {}
        (ours, theirs) => {
            let text = |types: &Types, err: Option<TypeIndex>| {
                err.map_or_else(|| "none".to_owned(), |err| types.text(err))
            };
            let (here, there) = (text(search.here, ours), text(search.there, theirs));
            last = Some(types_differ(vec![Step::Error], here, there));
        }
    }
    search.run(parts).or(last)
}

/// How many pairs of types are compared at most. No honest description has this many.
const MAX_PAIRS: usize = 65_536;
/// How many levels of nested types are compared.
const MAX_DEPTH: usize = 64;

/// Walks through two tables of types in parallel, in a loop so that no description overflows the
/// stack.
struct Search<'a> {
    here: &'a Types,
    there: &'a Types,
    seen: HashSet<(TypeIndex, TypeIndex)>,
    /// The steps taken, each with the index of the one before it.
    steps: Vec<(Option<usize>, Step)>,
    /// The pairs left to compare, the next one last.
    todo: Vec<Pair>,
}

struct Pair {
    here: TypeIndex,
    there: TypeIndex,
    /// The index of the step that led here.
    step: Option<usize>,
    depth: usize,
}

/// A pair of types at the same place within two types.
struct Part {
    steps: Vec<Step>,
    here: TypeIndex,
    there: TypeIndex,
}

impl Part {
    fn new(steps: Vec<Step>, here: TypeIndex, there: TypeIndex) -> Self {
        Self { steps, here, there }
    }
}

impl Search<'_> {
    fn run(mut self, parts: Vec<Part>) -> Option<Difference> {
        self.push(parts, None, 0);
        while let Some(pair) = self.todo.pop() {
            if pair.depth > MAX_DEPTH || !self.seen.insert((pair.here, pair.there)) {
                continue;
            }
            if self.seen.len() > MAX_PAIRS {
                return None;
            }
            match self.compare(&pair) {
                Ok(parts) => self.push(parts, pair.step, pair.depth + 1),
                Err(mut difference) => {
                    let inner = std::mem::take(&mut difference.path);
                    difference.path = self.path(pair.step);
                    difference.path.extend(inner);
                    return Some(difference);
                }
            }
        }
        None
    }

    fn push(&mut self, parts: Vec<Part>, before: Option<usize>, depth: usize) {
        let first = self.todo.len();
        for Part { steps, here, there } in parts {
            let mut last = before;
            for step in steps {
                self.steps.push((last, step));
                last = Some(self.steps.len() - 1);
            }
            self.todo.push(Pair {
                here,
                there,
                step: last,
                depth,
            });
        }
        self.todo[first..].reverse();
    }

    fn path(&self, mut last: Option<usize>) -> Vec<Step> {
        let mut path = Vec::new();
        while let Some(at) = last {
            let (before, step) = &self.steps[at];
            path.push(step.clone());
            last = *before;
        }
        path.reverse();
        path
    }

    /// Returns the parts of two types, or their difference.
    fn compare(&self, pair: &Pair) -> Result<Vec<Part>, Difference> {
        let (here, there) = (self.here.get(pair.here), self.there.get(pair.there));
        let one = |step, here: &TypeIndex, there: &TypeIndex| Part::new(vec![step], *here, *there);
        let parts = match (here, there) {
            (Type::List(a), Type::List(b))
            | (Type::Set(a), Type::Set(b))
            | (Type::Tx(a), Type::Tx(b))
            | (Type::Rx(a), Type::Rx(b)) => vec![one(Step::Element, a, b)],
            (Type::Option(a), Type::Option(b)) => vec![one(Step::Value, a, b)],
            (Type::Array { element: a, len: n }, Type::Array { element: b, len: m }) if n == m => {
                vec![one(Step::Element, a, b)]
            }
            (Type::Map { key: a, value: x }, Type::Map { key: b, value: y }) => {
                vec![one(Step::Key, a, b), one(Step::Value, x, y)]
            }
            (Type::Result { ok: a, err: x }, Type::Result { ok: b, err: y }) => {
                vec![one(Step::Ok, a, b), one(Step::Err, x, y)]
            }
            (Type::Enum(a), Type::Enum(b)) => return self.variants(&a.variants, &b.variants),
            _ => {
                if let (Some(a), Some(b)) = (named_fields(here), named_fields(there)) {
                    return fields(&[], a, b);
                }
                match (here.elements(), there.elements()) {
                    (Some(a), Some(b)) if a.len() == b.len() => positions(&[], a, b),
                    _ if is_same_leaf(here, there) => Vec::new(),
                    _ => {
                        let here = self.here.text(pair.here);
                        let there = self.there.text(pair.there);
                        return Err(types_differ(Vec::new(), here, there));
                    }
                }
            }
        };
        Ok(parts)
    }

    fn variants(&self, here: &[Variant], there: &[Variant]) -> Result<Vec<Part>, Difference> {
        let names = here.iter().map(|it| &*it.name);
        same_names(
            &[],
            Named::Variants,
            names,
            there.iter().map(|it| &*it.name),
        )?;
        let mut parts = Vec::new();
        for (here, there) in here.iter().zip(there) {
            let path = [Step::Variant(clipped(&here.name))];
            parts.extend(match (&here.payload, &there.payload) {
                (Payload::Unit, Payload::Unit) => Vec::new(),
                (Payload::Newtype(a), Payload::Newtype(b)) => {
                    vec![Part::new(path.to_vec(), *a, *b)]
                }
                (Payload::Tuple(a), Payload::Tuple(b)) if a.len() == b.len() => {
                    positions(&path, a, b)
                }
                (Payload::Struct(a), Payload::Struct(b)) => fields(&path, a, b)?,
                (a, b) => {
                    let (here, there) = (self.here.payload_text(a), self.there.payload_text(b));
                    return Err(types_differ(path.to_vec(), here, there));
                }
            });
        }
        Ok(parts)
    }
}

fn named_fields(ty: &Type) -> Option<&[Field]> {
    match ty {
        Type::Struct(it) => match &it.kind {
            StructKind::Named(fields) => Some(fields),
            StructKind::Unit | StructKind::Tuple(_) => None,
        },
        _ => None,
    }
}

fn fields(path: &[Step], here: &[Field], there: &[Field]) -> Result<Vec<Part>, Difference> {
    let names = here.iter().map(|it| &*it.name);
    same_names(path, Named::Fields, names, there.iter().map(|it| &*it.name))?;
    let parts = here.iter().zip(there).map(|(here, there)| {
        let step = Step::Field(clipped(&here.name));
        Part::new([path, &[step]].concat(), here.ty, there.ty)
    });
    Ok(parts.collect())
}

fn positions(path: &[Step], here: &[TypeIndex], there: &[TypeIndex]) -> Vec<Part> {
    let pairs = here.iter().zip(there).enumerate();
    pairs
        .map(|(at, (here, there))| Part::new([path, &[Step::Position(at)]].concat(), *here, *there))
        .collect()
}

fn same_names<'a>(
    path: &[Step],
    of: Named,
    here: impl Iterator<Item = &'a str>,
    there: impl Iterator<Item = &'a str>,
) -> Result<(), Difference> {
    let (here, there): (Vec<_>, Vec<_>) = (here.collect(), there.collect());
    if here == there {
        return Ok(());
    }
    let without = |names: &[&str], others: &[&str]| -> Vec<String> {
        let others: HashSet<_> = others.iter().collect();
        let missing = names.iter().filter(|name| !others.contains(name));
        missing.take(MAX_NAMES).map(|name| clipped(name)).collect()
    };
    Err(Difference {
        path: path.to_vec(),
        contrast: Contrast::Names {
            of,
            only_here: without(&here, &there),
            only_there: without(&there, &here),
        },
    })
}

/// How many unmatched names are listed on each side.
const MAX_NAMES: usize = 8;

/// Returns whether two types without parts are the same on the wire.
fn is_same_leaf(here: &Type, there: &Type) -> bool {
    let plain = |ty: &Type| match ty {
        Type::Usize => Type::U64,
        Type::Isize => Type::I64,
        Type::Struct(it) if it.kind == StructKind::Unit => Type::Unit,
        ty => ty.clone(),
    };
    plain(here) == plain(there)
}

fn types_differ(path: Vec<Step>, here: String, there: String) -> Difference {
    let contrast = Contrast::Types { here, there };
    Difference { path, contrast }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.path {
            write!(f, "{step}: ")?;
        }
        self.contrast.fmt(f)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Argument(number, name) => write!(f, "argument {number} \"{name}\""),
            Self::Returned => f.write_str("result"),
            Self::Error => f.write_str("error"),
            Self::Field(name) => write!(f, "field \"{name}\""),
            Self::Variant(name) => write!(f, "variant \"{name}\""),
            Self::Position(position) => write!(f, "element {position}"),
            Self::Element => f.write_str("element"),
            Self::Key => f.write_str("key"),
            Self::Value => f.write_str("value"),
            Self::Ok => f.write_str("Ok"),
            Self::Err => f.write_str("Err"),
        }
    }
}

impl fmt::Display for Contrast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Arguments { here, there } => {
                write!(f, "{here} arguments here, {there} there")
            }
            Self::Types { here, there } if here == there => write!(f, "a different {here}"),
            Self::Types { here, there } => write!(f, "{here} here, {there} there"),
            Self::Names {
                of,
                only_here,
                only_there,
            } => {
                let of = match of {
                    Named::Fields => "fields",
                    Named::Variants => "variants",
                };
                let list = |names: &[String]| {
                    let names = names.iter().map(|name| format!("\"{name}\""));
                    names.collect::<Vec<_>>().join(", ")
                };
                match (&only_here[..], &only_there[..]) {
                    ([], []) => write!(f, "{of} in a different order"),
                    (here, []) => write!(f, "{of} only here: {}", list(here)),
                    ([], there) => write!(f, "{of} only there: {}", list(there)),
                    (here, there) => {
                        write!(
                            f,
                            "{of} only here: {}, only there: {}",
                            list(here),
                            list(there)
                        )
                    }
                }
            }
        }
    }
}
