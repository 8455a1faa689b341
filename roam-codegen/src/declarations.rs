//! TypeScript declarations for the structs and enums of a service.

use roam_core::schema::{
    Enum, Field, Payload, ServiceDescriptor, Struct, StructKind, Type, Variant,
};

use crate::docs::comment;
use crate::expressions::{Expressions, object};
use crate::identifiers::quoted;
use crate::names::Names;

/// The line width of prettier.
pub(crate) const WIDTH: usize = 80;

/// Writes all declarations, each after an empty line.
pub(crate) fn types(service: &ServiceDescriptor, names: &Names) -> String {
    let writer = Expressions::new(service, names);
    let declared = names.named.iter().map(|&index| {
        let name = names.of(index).expect("named types have names");
        match service.types.get(index) {
            Type::Struct(it) => structure(&writer, name, it),
            Type::Enum(it) => enumeration(&writer, name, it),
            _ => unreachable!("only structs and enums have names"),
        }
    });
    declared.collect()
}

fn structure(writer: &Expressions<'_>, name: &str, it: &Struct) -> String {
    let doc = comment(&it.doc, 0);
    let declaration = match &it.kind {
        StructKind::Unit => alias(name, "undefined"),
        StructKind::Tuple(elements) => match elements.as_slice() {
            [only] => alias(name, &writer.output(*only)),
            elements => alias(name, &format!("[{}]", writer.outputs(elements))),
        },
        StructKind::Named(fields) if fields.is_empty() => {
            format!("export type {name} = Record<never, never>;\n")
        }
        StructKind::Named(fields) => {
            format!(
                "export interface {name} {{\n{}}}\n",
                lines(writer, fields, 2)
            )
        }
    };
    format!("\n{doc}{declaration}")
}

fn enumeration(writer: &Expressions<'_>, name: &str, it: &Enum) -> String {
    let doc = comment(&it.doc, 0);
    let plain = is_plain(it);
    let has_docs = it.variants.iter().any(has_docs);
    let members: Vec<String> = it
        .variants
        .iter()
        .map(|variant| member(writer, variant, plain))
        .collect();
    let line = on_one_line(name, &members).filter(|_| !has_docs);
    let members = line.unwrap_or_else(|| on_separate_lines(it, &members));
    format!("\n{doc}export type {name} ={members};\n")
}

/// Writes the members after the name or, if too long, on the next line.
///
/// Returns `None` if neither line is wide enough.
fn on_one_line(name: &str, members: &[String]) -> Option<String> {
    let line = if members.is_empty() {
        "never".to_owned()
    } else {
        members.join(" | ")
    };
    if format!("export type {name} = {line};").len() <= WIDTH {
        Some(format!(" {line}"))
    } else {
        (format!("  {line};").len() <= WIDTH).then(|| format!("\n  {line}"))
    }
}

fn on_separate_lines(it: &Enum, members: &[String]) -> String {
    if let ([only], [member]) = (it.variants.as_slice(), members) {
        // A single variant is not a union: prettier indents its lines less.
        return match comment(&only.doc, 2) {
            doc if doc.is_empty() => format!(" {}", member.replace("\n    ", "\n")),
            doc => format!("\n{doc}  {}", member.replace("\n  ", "\n")),
        };
    }
    let members = it.variants.iter().zip(members);
    let lines: Vec<_> = members
        .map(|(variant, member)| format!("\n{}  | {member}", comment(&variant.doc, 2)))
        .collect();
    lines.concat()
}

/// Returns whether the enum becomes a union of strings: no variant has a payload.
pub(crate) fn is_plain(it: &Enum) -> bool {
    it.variants
        .iter()
        .all(|variant| matches!(variant.payload, Payload::Unit))
}

/// Returns whether a field is named `tag`, so that the fields need an object of their own.
pub(crate) fn hides_tag(fields: &[Field]) -> bool {
    fields.iter().any(|field| field.wire_name == "tag")
}

fn member(writer: &Expressions<'_>, variant: &Variant, plain: bool) -> String {
    let tag = quoted(&variant.wire_name);
    if plain {
        return tag;
    }
    let tag = format!("tag: {tag}");
    match &variant.payload {
        Payload::Unit => object(&[tag]),
        Payload::Newtype(inner) => object(&[tag, format!("value: {}", writer.output(*inner))]),
        Payload::Tuple(elements) => {
            object(&[tag, format!("value: [{}]", writer.outputs(elements))])
        }
        Payload::Struct(fields) if hides_tag(fields) => {
            let fields: Vec<_> = fields.iter().map(|field| writer.field(field)).collect();
            object(&[tag, format!("value: {}", object(&fields))])
        }
        Payload::Struct(fields) => {
            let members: Vec<_> = std::iter::once(tag.clone())
                .chain(fields.iter().map(|field| writer.field(field)))
                .collect();
            let line = object(&members);
            if !has_docs_in(fields) && line.len() + "  | ".len() + ";".len() <= WIDTH {
                return line;
            }
            format!("{{\n      {tag};\n{}    }}", lines(writer, fields, 6))
        }
    }
}

fn has_docs(variant: &Variant) -> bool {
    let in_fields = matches!(&variant.payload, Payload::Struct(fields) if !hides_tag(fields) && has_docs_in(fields));
    in_fields || !variant.doc.is_empty()
}

fn has_docs_in(fields: &[Field]) -> bool {
    fields.iter().any(|field| !field.doc.is_empty())
}

fn lines(writer: &Expressions<'_>, fields: &[Field], indent: usize) -> String {
    let space = " ".repeat(indent);
    let line = |field: &Field| {
        format!(
            "{}{space}{};\n",
            comment(&field.doc, indent),
            writer.field(field)
        )
    };
    fields.iter().map(line).collect()
}

fn alias(name: &str, is: &str) -> String {
    format!("export type {name} = {is};\n")
}
