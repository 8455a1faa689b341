//! Names in TypeScript.

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

/// Names of types that the generated file uses, and those that TypeScript keeps for itself.
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

/// Whether this can stand where an identifier is expected.
pub(crate) fn is_identifier(name: &str) -> bool {
    let mut chars = name.chars();
    let letter = |c: char| c.is_ascii_alphabetic() || c == '_' || c == '$';
    chars.next().is_some_and(letter) && chars.all(|c| letter(c) || c.is_ascii_digit())
}

/// The name of a property as it is written: quoted where it has to be.
pub(crate) fn property(name: &str) -> String {
    if is_identifier(name) {
        name.to_owned()
    } else {
        quoted(name)
    }
}

/// A string literal. JSON's strings are strings of TypeScript.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Camel-case names for methods or parameters, one for each of `names`, all different.
pub(crate) fn members<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut taken = Taken::default();
    names
        .map(|name| {
            let camel = name.to_lower_camel_case();
            taken.unique(if is_identifier(&camel) { &camel } else { "_" })
        })
        .collect()
}

/// As [`members`], and none of them a keyword or the name of a parameter that is added.
pub(crate) fn parameters<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut taken = Taken::default();
    taken.0.extend(["context", "options"].map(str::to_owned));
    let mut names = members(names);
    for name in &mut names {
        if KEYWORDS.contains(&name.as_str()) {
            name.push('_');
        }
        *name = taken.unique(name);
    }
    names
}

/// Names that stand already.
#[derive(Debug, Default)]
pub(crate) struct Taken(HashSet<String>);

impl Taken {
    /// Nothing yet but what no type of a generated file can be called.
    pub(crate) fn by_language() -> Self {
        Self(
            [KEYWORDS, TYPES]
                .concat()
                .into_iter()
                .map(str::to_owned)
                .collect(),
        )
    }

    /// Takes `name`, or the first of `name2`, `name3`, … that is free.
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

/// The name of a type as it comes from Rust, made fit for TypeScript.
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
