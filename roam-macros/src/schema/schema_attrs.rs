//! `#[schema(…)]`.

use syn::{Attribute, Error};

use crate::common::CratePath;

/// Returns the path in `#[schema(crate = path)]` on a declaration, or the default one.
pub(super) fn crate_path(attrs: &[Attribute]) -> syn::Result<CratePath> {
    let mut krate = CratePath::default();
    for attr in schema_attrs(attrs) {
        attr.parse_nested_meta(|meta| {
            krate = CratePath::parse(&meta)?;
            Ok(())
        })?;
    }
    Ok(krate)
}

/// Rejects `#[schema(…)]` on a field or a variant.
pub(super) fn reject(attrs: &[Attribute]) -> syn::Result<()> {
    match schema_attrs(attrs).next() {
        Some(attr) => Err(Error::new_spanned(
            attr,
            "`#[schema(…)]` belongs to the whole struct or enum: move it there",
        )),
        None => Ok(()),
    }
}

fn schema_attrs(attrs: &[Attribute]) -> impl Iterator<Item = &Attribute> {
    attrs.iter().filter(|attr| attr.path().is_ident("schema"))
}
