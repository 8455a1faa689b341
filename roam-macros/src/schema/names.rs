//! Check of the names that serde's attributes give to fields and variants. They name the parts of
//! values in TypeScript, as in every format with names.

use std::collections::HashMap;

use syn::{Error, Ident};

use crate::common::Errors;

/// JavaScript sets an object's prototype when this property is assigned.
const PROTOTYPE: &str = "__proto__";

/// The names of the fields of one struct or variant, or of the variants of one enum.
pub(super) struct Names {
    /// `field` or `variant`.
    what: &'static str,
    taken: HashMap<String, Ident>,
}

impl Names {
    pub(super) fn of_fields() -> Self {
        Self::new("field")
    }

    pub(super) fn of_variants() -> Self {
        Self::new("variant")
    }

    fn new(what: &'static str) -> Self {
        Self {
            what,
            taken: HashMap::new(),
        }
    }

    /// Records that `ident` has the name `wire_name`, or the error if it cannot have it.
    pub(super) fn add(&mut self, ident: &Ident, wire_name: &str, errors: &mut Errors) {
        let what = self.what;
        if what == "field" && wire_name == PROTOTYPE {
            errors.add(Error::new_spanned(
                ident,
                "a field cannot be named `__proto__`: in JavaScript that is the object's \
                 prototype; rename the field, or add `#[serde(rename = \"…\")]` with another name",
            ));
        }
        if let Some(other) = self.taken.get(wire_name) {
            errors.add(Error::new_spanned(
                ident,
                format!(
                    "{what} `{ident}` collides with {what} `{other}`: both are `{wire_name}` in \
                     TypeScript and other formats with names; rename one of them, or add \
                     `#[serde(rename = \"…\")]` with another name"
                ),
            ));
        } else {
            self.taken.insert(wire_name.to_owned(), ident.clone());
        }
    }
}
