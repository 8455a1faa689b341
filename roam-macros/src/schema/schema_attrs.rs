//! `#[schema(…)]`.

use syn::meta::ParseNestedMeta;
use syn::{Attribute, Error, LitStr, Type};

use crate::common::CratePath;

/// Returns the path in `#[schema(crate = path)]` on a declaration, or the default one.
pub(super) fn crate_path(attrs: &[Attribute]) -> syn::Result<CratePath> {
    let mut krate = CratePath::default();
    each(attrs, |meta| {
        if meta.path.is_ident("with") {
            return with_type(meta).map(drop);
        }
        krate = CratePath::parse(meta)?;
        Ok(())
    })?;
    Ok(krate)
}

/// Returns the type in `#[schema(with = Type)]` on a declaration, if any.
pub(super) fn container_with(attrs: &[Attribute]) -> syn::Result<Option<Type>> {
    with(attrs, |meta| CratePath::parse(meta).map(drop))
}

/// Returns the type in `#[schema(with = Type)]` on a field, if any.
pub(super) fn field_with(attrs: &[Attribute]) -> syn::Result<Option<Type>> {
    with(attrs, |meta| {
        let error = if meta.path.is_ident("crate") {
            "`crate = path` belongs to the whole struct or enum: move it there"
        } else {
            "unknown option: on a field, `schema` takes `with = Type`"
        };
        Err(meta.error(error))
    })
}

/// Rejects `#[schema(…)]` on a variant.
pub(super) fn reject(attrs: &[Attribute]) -> syn::Result<()> {
    match schema_attrs(attrs).next() {
        Some(attr) => Err(Error::new_spanned(
            attr,
            "`#[schema(…)]` belongs to a field, or to the whole struct or enum: move it there",
        )),
        None => Ok(()),
    }
}

fn with(
    attrs: &[Attribute],
    mut other: impl FnMut(&ParseNestedMeta<'_>) -> syn::Result<()>,
) -> syn::Result<Option<Type>> {
    let mut with = None;
    each(attrs, |meta| {
        if !meta.path.is_ident("with") {
            return other(meta);
        }
        if with.is_some() {
            return Err(meta.error("`with` is given twice"));
        }
        with = Some(with_type(meta)?);
        Ok(())
    })?;
    Ok(with)
}

fn with_type(meta: &ParseNestedMeta<'_>) -> syn::Result<Type> {
    let value = meta.value()?;
    if value.peek(LitStr) {
        return Err(value.error("write the type without quotes, as in `with = u64`"));
    }
    value.parse()
}

fn each(
    attrs: &[Attribute],
    mut parse: impl FnMut(&ParseNestedMeta<'_>) -> syn::Result<()>,
) -> syn::Result<()> {
    for attr in schema_attrs(attrs) {
        attr.parse_nested_meta(|meta| parse(&meta))?;
    }
    Ok(())
}

fn schema_attrs(attrs: &[Attribute]) -> impl Iterator<Item = &Attribute> {
    attrs.iter().filter(|attr| attr.path().is_ident("schema"))
}
