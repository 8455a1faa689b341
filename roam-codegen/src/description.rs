//! The service descriptor that the npm package uses to encode and decode values.
//!
//! `description.ts` in the package defines its format.

use roam_core::schema::{
    Enum, Field, MethodDescriptor, Payload, ServiceDescriptor, Struct, StructKind, Type, TypeIndex,
};

use crate::declarations::{hides_tag, is_plain};
use crate::docs::comment;
use crate::expressions::is_nullable;
use crate::identifiers::{members, parameters};
use crate::literal::Literal;
use crate::names::Names;

/// The format version. The package rejects any other.
const VERSION: usize = 1;

/// Writes the exported constant.
pub(crate) fn constant(service: &ServiceDescriptor, names: &Names) -> String {
    let shapes = Shapes { service, names };
    let types = names
        .named
        .iter()
        .map(|&index| shapes.named(index))
        .collect();
    let method_names = members(service.methods.iter().map(|method| &*method.name));
    let methods = service.methods.iter().zip(&method_names);
    let methods = methods
        .map(|(method, name)| shapes.method(method, name))
        .collect();
    let description = Literal::Object(vec![
        ("version", Literal::Number(VERSION)),
        ("name", Literal::text(&service.name)),
        ("types", Literal::Array(types)),
        ("methods", Literal::Array(methods)),
    ]);
    let Names {
        service: name,
        client,
        handler,
        ..
    } = names;
    format!(
        "\n{}export const {name}: roam.Service<{client}, {handler}> = {};\n",
        comment(&service.doc, 0),
        // No space is left on the line, so the object is always broken.
        description.print(0, crate::declarations::WIDTH),
    )
}

struct Shapes<'a> {
    service: &'a ServiceDescriptor,
    names: &'a Names,
}

impl Shapes<'_> {
    fn method(&self, method: &MethodDescriptor, name: &str) -> Literal {
        let parameters = parameters(method.args.iter().map(|arg| &*arg.name));
        let args = parameters
            .iter()
            .zip(&method.args)
            .map(|(name, arg)| pair(name, self.shape(arg.ty)));
        let mut parts = vec![
            ("name", Literal::text(name)),
            ("id", Literal::Text(method.id.to_string())),
            ("args", Literal::Array(args.collect())),
            ("ok", self.shape(method.ok)),
        ];
        parts.extend(method.err.map(|err| ("err", self.shape(err))));
        parts.extend((method.signature).map(|hash| ("signature", Literal::Text(hash.to_string()))));
        if !method.attributes.is_empty() {
            let names = method.attributes.iter().map(|it| Literal::text(it.name()));
            parts.push(("attributes", Literal::Array(names.collect())));
        }
        Literal::Object(parts)
    }

    fn named(&self, index: TypeIndex) -> Literal {
        let name = self.names.of(index).expect("named types have names");
        let shape = match self.service.types.get(index) {
            Type::Struct(it) => self.structure(it),
            Type::Enum(it) => self.enumeration(it),
            _ => unreachable!("only structs and enums have names"),
        };
        Literal::Object(vec![("name", Literal::text(name)), ("shape", shape)])
    }

    fn shape(&self, index: TypeIndex) -> Literal {
        if let Some(position) = self.names.position(index) {
            return Literal::Number(position);
        }
        let of = |name: &str, inner: TypeIndex| {
            Literal::Array(vec![Literal::text(name), self.shape(inner)])
        };
        let types = &self.service.types;
        let is_byte = |index: TypeIndex| matches!(types.get(index), Type::U8);
        match types.get(index) {
            Type::Bool => Literal::text("bool"),
            Type::U8 => Literal::text("u8"),
            Type::U16 => Literal::text("u16"),
            Type::U32 => Literal::text("u32"),
            Type::U64 | Type::Usize => Literal::text("u64"),
            Type::U128 => Literal::text("u128"),
            Type::I8 => Literal::text("i8"),
            Type::I16 => Literal::text("i16"),
            Type::I32 => Literal::text("i32"),
            Type::I64 | Type::Isize => Literal::text("i64"),
            Type::I128 => Literal::text("i128"),
            Type::F32 => Literal::text("f32"),
            Type::F64 => Literal::text("f64"),
            Type::Char => Literal::text("char"),
            Type::String => Literal::text("string"),
            Type::Unit => Literal::text("unit"),
            Type::Duration => Literal::text("duration"),
            Type::Bytes => Literal::text("bytes"),
            Type::List(inner) if is_byte(*inner) => Literal::text("bytes"),
            Type::List(inner) => of("list", *inner),
            Type::Set(inner) => of("set", *inner),
            Type::Option(inner) if is_nullable(types, *inner) => of("some", *inner),
            Type::Option(inner) => of("option", *inner),
            Type::Array { element, len } if is_byte(*element) => {
                Literal::Array(vec![Literal::text("bytes"), Literal::Number(*len)])
            }
            Type::Array { element, len } => Literal::Array(vec![
                Literal::text("array"),
                self.shape(*element),
                Literal::Number(*len),
            ]),
            Type::Map { key, value } => Literal::Array(vec![
                Literal::text("map"),
                self.shape(*key),
                self.shape(*value),
            ]),
            Type::Tuple(elements) => self.tuple(elements),
            Type::Tx(inner) => of("tx", *inner),
            Type::Rx(inner) => of("rx", *inner),
            Type::Result { ok, err } => variants(vec![
                variant("Ok", Some(("value", self.shape(*ok)))),
                variant("Err", Some(("value", self.shape(*err)))),
            ]),
            Type::Struct(_) | Type::Enum(_) => {
                unreachable!("structs and enums have a position")
            }
        }
    }

    fn tuple(&self, elements: &[TypeIndex]) -> Literal {
        let elements = elements.iter().map(|&element| self.shape(element));
        Literal::Array(
            std::iter::once(Literal::text("tuple"))
                .chain(elements)
                .collect(),
        )
    }

    fn structure(&self, it: &Struct) -> Literal {
        match &it.kind {
            StructKind::Unit => Literal::text("unit"),
            StructKind::Tuple(elements) => match elements.as_slice() {
                [only] => self.shape(*only),
                elements => self.tuple(elements),
            },
            StructKind::Named(fields) => Literal::Object(vec![("fields", self.fields(fields))]),
        }
    }

    fn enumeration(&self, it: &Enum) -> Literal {
        if is_plain(it) {
            let names = it
                .variants
                .iter()
                .map(|variant| Literal::text(&variant.wire_name));
            return Literal::Object(vec![("names", Literal::Array(names.collect()))]);
        }
        let all = it.variants.iter().map(|it| {
            let payload = match &it.payload {
                Payload::Unit => None,
                Payload::Newtype(inner) => Some(("value", self.shape(*inner))),
                Payload::Tuple(elements) => Some(("value", self.tuple(elements))),
                Payload::Struct(fields) if hides_tag(fields) => Some((
                    "value",
                    Literal::Object(vec![("fields", self.fields(fields))]),
                )),
                Payload::Struct(fields) => Some(("fields", self.fields(fields))),
            };
            variant(&it.wire_name, payload)
        });
        variants(all.collect())
    }

    fn fields(&self, fields: &[Field]) -> Literal {
        let fields = fields
            .iter()
            .map(|field| pair(&field.wire_name, self.shape(field.ty)));
        Literal::Array(fields.collect())
    }
}

fn pair(name: &str, shape: Literal) -> Literal {
    Literal::Array(vec![Literal::text(name), shape])
}

fn variant(tag: &str, payload: Option<(&'static str, Literal)>) -> Literal {
    let tag = ("tag", Literal::text(tag));
    Literal::Object(std::iter::once(tag).chain(payload).collect())
}

fn variants(all: Vec<Literal>) -> Literal {
    Literal::Object(vec![("variants", Literal::Array(all))])
}
