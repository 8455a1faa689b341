//! Check of the methods' names, which become names in ids, in Rust clients and in TypeScript.

use std::collections::HashMap;

use heck::{ToKebabCase, ToLowerCamelCase};
use syn::{Error, Ident};

use crate::common::{Errors, name_of};

use super::model::Method;

/// What the Rust client has besides the service's methods: a name, where it is from, and an
/// example of another name.
const RUST_CLIENT: &[(&str, &str, &str)] = &[
    ("new", "the client's constructor `new`", "create"),
    ("clone", "the client's `Clone::clone`", "duplicate"),
];

/// What a name in camel case means to JavaScript, whatever a service's interface says.
const JAVASCRIPT: &[(&str, &str)] = &[
    ("new", "which declares a constructor in an interface"),
    ("then", "which makes the client a promise: `await` calls it"),
    ("constructor", INHERITED),
    ("hasOwnProperty", INHERITED),
    ("isPrototypeOf", INHERITED),
    ("propertyIsEnumerable", INHERITED),
    ("toLocaleString", INHERITED),
    ("toString", INHERITED),
    ("valueOf", INHERITED),
];

const INHERITED: &str =
    "which every object inherits, so that a handler without the method would still answer";

/// Rejects names that collide with each other or with what clients have.
pub(super) fn check_names(methods: &[Method], errors: &mut Errors) {
    let mut on_wire = HashMap::new();
    let mut in_typescript = HashMap::new();
    for Method { ident, .. } in methods {
        let name = name_of(ident);
        let (kebab, camel) = (name.to_kebab_case(), name.to_lower_camel_case());
        let free = check_reserved(ident, &name, &camel)
            .and_then(|()| check_unique(&mut on_wire, ident, kebab, "on the wire"))
            .and_then(|()| check_unique(&mut in_typescript, ident, camel, "in TypeScript"));
        errors.take(free);
    }
}

fn check_reserved(ident: &Ident, name: &str, camel: &str) -> syn::Result<()> {
    let reject = |message| Err(Error::new_spanned(ident, message));
    if let Some((_, taken, instead)) = RUST_CLIENT.iter().find(|(taken, ..)| *taken == name) {
        return reject(format!(
            "a method cannot be named `{name}`: it collides with {taken}; rename the method, for \
             example to `{instead}`"
        ));
    }
    if let Some((_, meaning)) = JAVASCRIPT.iter().find(|(taken, _)| *taken == camel) {
        return reject(format!(
            "a method cannot be named `{name}`: it is `{camel}` in TypeScript, {meaning}; rename \
             the method"
        ));
    }
    if camel.is_empty() {
        return reject(format!(
            "a method cannot be named `{name}`: without a letter or a digit it has no name in \
             TypeScript; rename the method"
        ));
    }
    Ok(())
}

/// Rejects a name that an earlier method has `place`.
fn check_unique<'m>(
    taken: &mut HashMap<String, &'m Ident>,
    ident: &'m Ident,
    name: String,
    place: &str,
) -> syn::Result<()> {
    if let Some(other) = taken.get(&name) {
        return Err(Error::new_spanned(
            ident,
            format!(
                "method `{ident}` collides with method `{other}`: both are `{name}` {place}; \
                 rename one of them"
            ),
        ));
    }
    taken.insert(name, ident);
    Ok(())
}
