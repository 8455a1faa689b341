//! TypeScript identifiers.

use std::collections::HashSet;

use heck::{ToLowerCamelCase, ToUpperCamelCase};

/// Words that cannot name a parameter or a type.
const KEYWORDS: &[&str] = &[
    "arguments",
    "as",
    "async",
    "await",
    "break",
    "case",
    "catch",
    "class",
    "const",
    "continue",
    "debugger",
    "default",
    "delete",
    "do",
    "else",
    "enum",
    "eval",
    "export",
    "extends",
    "false",
    "finally",
    "for",
    "function",
    "if",
    "implements",
    "import",
    "in",
    "instanceof",
    "interface",
    "let",
    "new",
    "null",
    "package",
    "private",
    "protected",
    "public",
    "return",
    "static",
    "super",
    "switch",
    "this",
    "throw",
    "true",
    "try",
    "typeof",
    "undefined",
    "var",
    "void",
    "while",
    "with",
    "yield",
];

/// Type names that the generated file uses or that TypeScript reserves.
const TYPES: &[&str] = &[
    "any",
    "bigint",
    "boolean",
    "never",
    "number",
    "object",
    "string",
    "symbol",
    "unknown",
    "roam",
    "ArrayBuffer",
    "Map",
    "Set",
    "Uint8Array",
    "__proto__",
];

/// Returns whether `name` is an ASCII identifier.
pub(crate) fn is_identifier(name: &str) -> bool {
    let mut chars = name.chars();
    let letter = |c: char| c.is_ascii_alphabetic() || c == '_' || c == '$';
    chars.next().is_some_and(letter) && chars.all(|c| letter(c) || c.is_ascii_digit())
}

/// Returns a property name, quoted if necessary.
pub(crate) fn property(name: &str) -> String {
    if is_identifier(name) {
        name.to_owned()
    } else {
        quoted(name)
    }
}

/// Returns a string literal. JSON strings are valid in TypeScript.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Returns a unique camel-case name for each of the methods `names`; not all are identifiers.
///
/// `#[service]` rejects names that clash. A number is added only to those in a descriptor from
/// elsewhere.
pub(crate) fn members<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut taken = Taken::default();
    names
        .map(|name| match name.to_lower_camel_case() {
            empty if empty.is_empty() => taken.unique("_"),
            camel => taken.unique(&camel),
        })
        .collect()
}

/// Returns a unique camel-case identifier for each of the parameters `names`. Avoids keywords and
/// the names of added parameters.
pub(crate) fn parameters<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut taken = Taken::default();
    taken.0.extend(["context", "options"].map(str::to_owned));
    names
        .map(|name| {
            let camel = name.to_lower_camel_case();
            if KEYWORDS.contains(&camel.as_str()) {
                taken.unique(&format!("{camel}_"))
            } else {
                taken.unique(if is_identifier(&camel) { &camel } else { "_" })
            }
        })
        .collect()
}

/// Names already in use.
#[derive(Debug, Default)]
pub(crate) struct Taken(HashSet<String>);

impl Taken {
    /// Returns the names that no generated type can have.
    pub(crate) fn reserved() -> Self {
        Self(
            [KEYWORDS, TYPES]
                .concat()
                .into_iter()
                .map(str::to_owned)
                .collect(),
        )
    }

    /// Reserves and returns `name` or, if that is taken, the first free of `name2`, `name3`, …
    pub(crate) fn unique(&mut self, name: &str) -> String {
        let numbered = (2..).map(|number: u32| format!("{name}{number}"));
        let free = std::iter::once(name.to_owned())
            .chain(numbered)
            .find(|candidate| !self.0.contains(candidate))
            .expect("there are more numbers than names");
        self.0.insert(free.clone());
        free
    }
}

/// Turns the name of a Rust type into a TypeScript identifier.
pub(crate) fn type_name(name: &str) -> String {
    if is_identifier(name) {
        return name.to_owned();
    }
    let camel = name.to_upper_camel_case();
    if is_identifier(&camel) {
        camel
    } else {
        format!("Type{camel}")
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .collect()
    }
}
