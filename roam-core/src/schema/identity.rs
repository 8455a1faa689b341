//! Method ids (`protocol.md`, "Method identity"), and hashes of whole signatures.

use std::collections::HashSet;
use std::fmt;

use heck::ToKebabCase;

use crate::MethodId;

use super::{MethodDescriptor, Part, Payload, StructKind, Type, TypeIndex, Types, Visitor};

/// Returns the id of the method `method` of `service` (both as written in Rust), which takes `args`
/// and returns `ret`: a [`Type::Result`] if it can fail.
pub fn method_id(
    service: &str,
    method: &str,
    types: &Types,
    args: &[TypeIndex],
    ret: TypeIndex,
) -> MethodId {
    let signature = blake3::hash(&signature(types, args, ret));
    let id = blake3::Hasher::new()
        .update(service.to_kebab_case().as_bytes())
        .update(b".")
        .update(method.to_kebab_case().as_bytes())
        .update(signature.as_bytes())
        .finalize();
    MethodId(first_bytes(&id))
}

/// The hash of a method's whole signature: of its arguments and its result with everything inside
/// them. Peers whose hashes agree decode each other's values.
///
/// A [method id](method_id) does not cover what a `Result` holds, nor tells a `Duration` from `()`,
/// so that methods with the same id may differ in them. As there, the names of types and serde's
/// renames do not count, and `usize` is `u64`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SignatureHash(pub u64);

impl fmt::Debug for SignatureHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignatureHash({self})")
    }
}

impl fmt::Display for SignatureHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#018x}", self.0)
    }
}

/// The longest encoding of a whole signature, in bytes. Types that share others can make it
/// exponentially longer than their table, which a peer may have sent.
const MAX_WHOLE: usize = 1 << 20;

/// How long the encodings of all signatures of a service are together before the rest gets no hash, in
/// bytes: received descriptions take bounded time.
const MAX_TOTAL: usize = 4 << 20;

/// Sets the hashes of the signatures of all methods of a service.
pub(super) fn hash_signatures(types: &Types, methods: &mut [MethodDescriptor]) {
    let mut left = MAX_TOTAL;
    for method in methods {
        let encoded = encode_signature(types, method);
        let is_whole = encoded.len() <= MAX_WHOLE;
        method.signature = is_whole.then(|| SignatureHash(first_bytes(&blake3::hash(&encoded))));
        left = left.saturating_sub(encoded.len());
        if left == 0 {
            return;
        }
    }
}

fn encode_signature(types: &Types, method: &MethodDescriptor) -> Vec<u8> {
    let mut out = vec![TUPLE];
    varint(method.args.len(), &mut out);
    for arg in &method.args {
        encode(types, arg.ty, Depth::Whole, &mut out);
    }
    if method.err.is_some() {
        out.push(RESULT);
    }
    for part in [Some(method.ok), method.err].into_iter().flatten() {
        encode(types, part, Depth::Whole, &mut out);
    }
    out
}

fn first_bytes(hash: &blake3::Hash) -> u64 {
    let hash = hash.as_bytes();
    u64::from_le_bytes(std::array::from_fn(|at| hash[at]))
}

/// How much of a type is encoded.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// What method ids cover: a `Result` or a `Duration` is encoded like `()`.
    Identity,
    /// Everything, up to [`MAX_WHOLE`] bytes and what the type entered last adds.
    Whole,
}

fn signature(types: &Types, args: &[TypeIndex], ret: TypeIndex) -> Vec<u8> {
    let mut out = vec![TUPLE];
    varint(args.len(), &mut out);
    for &ty in args.iter().chain([&ret]) {
        encode(types, ty, Depth::Identity, &mut out);
    }
    out
}

/// Appends the encoding of the type at `root` that is hashed.
pub(super) fn encode(types: &Types, root: TypeIndex, depth: Depth, out: &mut Vec<u8>) {
    let mut encoder = Encoder {
        out,
        depth,
        seen: HashSet::new(),
    };
    types.walk(root, &mut encoder);
}

const UNIT: u8 = 0x10;
const LIST: u8 = 0x20;
const OPTION: u8 = 0x21;
const ARRAY: u8 = 0x22;
const MAP: u8 = 0x23;
const SET: u8 = 0x24;
const TUPLE: u8 = 0x25;
const TX: u8 = 0x26;
const RX: u8 = 0x27;
/// Only in whole signatures.
const RESULT: u8 = 0x28;
/// Only in whole signatures.
const DURATION: u8 = 0x12;
const STRUCT: u8 = 0x30;
const ENUM: u8 = 0x31;
const SEEN_BEFORE: u8 = 0x32;

/// The top bit of a varint's byte: another byte follows.
const MORE_FOLLOWS: u8 = 0x80;

const UNIT_VARIANT: u8 = 0x00;
const NEWTYPE_VARIANT: u8 = 0x01;
const STRUCT_VARIANT: u8 = 0x02;

struct Encoder<'a> {
    out: &'a mut Vec<u8>,
    depth: Depth,
    seen: HashSet<TypeIndex>,
}

impl Visitor for Encoder<'_> {
    fn enter(&mut self, index: TypeIndex, ty: &Type) -> bool {
        if self.depth == Depth::Identity && matches!(ty, Type::Result { .. } | Type::Duration) {
            self.out.push(UNIT);
            return false;
        }
        if self.depth == Depth::Whole && self.out.len() > MAX_WHOLE {
            return false;
        }
        if !self.seen.insert(index) {
            self.out.push(SEEN_BEFORE);
            return false;
        }
        self.out.push(tag(ty));
        if let Some(len) = len(ty) {
            varint(len, self.out);
        }
        true
    }

    fn part(&mut self, part: Part<'_>) {
        match part {
            Part::Field(field) => self.name(&field.name),
            Part::Position(position) => self.name(&position.to_string()),
            Part::Variant(variant) => {
                self.name(&variant.name);
                self.payload(&variant.payload);
            }
        }
    }

    fn leave(&mut self, index: TypeIndex, ty: &Type) {
        // A list is written each time, except within itself (a transparent struct can be a list
        // of itself).
        if !is_written_once(ty) {
            self.seen.remove(&index);
        }
    }
}

impl Encoder<'_> {
    fn name(&mut self, name: &str) {
        varint(name.len(), self.out);
        self.out.extend_from_slice(name.as_bytes());
    }

    fn payload(&mut self, payload: &Payload) {
        let len = match payload {
            Payload::Unit => return self.out.push(UNIT_VARIANT),
            Payload::Newtype(_) => return self.out.push(NEWTYPE_VARIANT),
            Payload::Tuple(elements) => elements.len(),
            Payload::Struct(fields) => fields.len(),
        };
        self.out.push(STRUCT_VARIANT);
        varint(len, self.out);
    }
}

fn tag(ty: &Type) -> u8 {
    match ty {
        Type::Bool => 0x01,
        Type::U8 => 0x02,
        Type::U16 => 0x03,
        Type::U32 => 0x04,
        Type::U64 | Type::Usize => 0x05,
        Type::U128 => 0x06,
        Type::I8 => 0x07,
        Type::I16 => 0x08,
        Type::I32 => 0x09,
        Type::I64 | Type::Isize => 0x0a,
        Type::I128 => 0x0b,
        Type::F32 => 0x0c,
        Type::F64 => 0x0d,
        Type::Char => 0x0e,
        Type::String => 0x0f,
        Type::Unit => UNIT,
        Type::Duration => DURATION,
        Type::Result { .. } => RESULT,
        Type::Bytes => 0x11,
        Type::List(_) => LIST,
        Type::Set(_) => SET,
        Type::Option(_) => OPTION,
        Type::Array { .. } => ARRAY,
        Type::Map { .. } => MAP,
        Type::Tuple(_) => TUPLE,
        Type::Tx(_) => TX,
        Type::Rx(_) => RX,
        Type::Struct(it) => match it.kind {
            StructKind::Unit => UNIT,
            StructKind::Tuple(_) => TUPLE,
            StructKind::Named(_) => STRUCT,
        },
        Type::Enum(_) => ENUM,
    }
}

/// Returns the count that follows the tag, if any.
fn len(ty: &Type) -> Option<usize> {
    match ty {
        Type::Array { len, .. } => Some(*len),
        Type::Tuple(elements) => Some(elements.len()),
        Type::Enum(it) => Some(it.variants.len()),
        Type::Struct(it) => match &it.kind {
            StructKind::Unit => None,
            StructKind::Tuple(elements) => Some(elements.len()),
            StructKind::Named(fields) => Some(fields.len()),
        },
        _ => None,
    }
}

/// Returns whether further occurrences are written as a reference to the first.
fn is_written_once(ty: &Type) -> bool {
    matches!(ty, Type::Struct(_) | Type::Enum(_) | Type::Tuple(_))
}

/// Appends `value` as LEB128.
fn varint(value: usize, out: &mut Vec<u8>) {
    let mut rest = value;
    loop {
        let [low, ..] = rest.to_le_bytes();
        rest >>= 7;
        if rest == 0 {
            return out.push(low);
        }
        out.push(low | MORE_FOLLOWS);
    }
}
