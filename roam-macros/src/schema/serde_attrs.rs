//! Attributes of serde and of the compiler that affect the encoding.
//!
//! Each known attribute is supported, ignored because it does not change the encoding, or
//! rejected. Unknown attributes are rejected too, because they may change it.

use proc_macro2::Span;
use quote::ToTokens;
use syn::meta::ParseNestedMeta;
use syn::{Attribute, Error, LitStr, Token, Type};

use super::case::Case;
use super::schema_attrs;

/// The attributes of a struct or an enum.
#[derive(Default)]
pub(super) struct Container {
    pub(super) rename: Option<LitStr>,
    pub(super) rename_fields: Option<Case>,
    pub(super) rename_variants: Option<Case>,
    /// The location of `transparent`.
    pub(super) transparent: Option<Span>,
    /// The type that describes this one: `#[schema(with = …)]`.
    with: Option<Type>,
    from: Option<LitStr>,
    into: Option<LitStr>,
}

/// The attributes of a variant.
#[derive(Default)]
pub(super) struct Variant {
    pub(super) rename: Option<LitStr>,
    pub(super) rename_fields: Option<Case>,
    pub(super) skip: Option<Span>,
}

/// The attributes of a field.
#[derive(Default)]
pub(super) struct Field {
    pub(super) rename: Option<LitStr>,
    pub(super) skip: bool,
    /// The type that describes the field instead of its own: `#[schema(with = …)]`.
    pub(super) with: Option<Type>,
}

impl Container {
    /// Parses `attrs`. On an enum, `rename_all` applies to the variants.
    pub(super) fn parse(attrs: &[Attribute], is_enum: bool) -> syn::Result<Self> {
        let mut it = Self {
            with: schema_attrs::container_with(attrs)?,
            ..Self::default()
        };
        each(attrs, |key, meta| {
            match key {
                "rename" => it.rename = serialized_name(meta)?,
                "rename_all" if is_enum => it.rename_variants = case(meta)?,
                "rename_all" | "rename_all_fields" => it.rename_fields = case(meta)?,
                "transparent" => it.transparent = Some(span(meta)),
                "from" | "try_from" => it.from = Some(meta.value()?.parse()?),
                "into" => it.into = Some(meta.value()?.parse()?),
                "bound" | "crate" | "default" | "deny_unknown_fields" | "expecting" => {
                    skip_value(meta)?;
                }
                _ => return Err(unsupported(key, meta)),
            }
            Ok(())
        })?;
        for attr in attrs.iter().filter(|attr| attr.path().is_ident("repr")) {
            attr.parse_nested_meta(|meta| {
                if meta.path.is_ident("transparent") {
                    it.transparent = Some(span(&meta));
                }
                skip_value(&meta)
            })?;
        }
        Ok(it)
    }

    /// Returns the type that describes this one: the one named, or else the one that values are
    /// converted to and from.
    pub(super) fn described_as(&self) -> syn::Result<Option<Type>> {
        if let Some(with) = &self.with {
            return Ok(Some(with.clone()));
        }
        match (&self.from, &self.into) {
            (None, None) => Ok(None),
            (Some(from), Some(into)) => {
                let (read, written): (Type, Type) = (from.parse()?, into.parse()?);
                if tokens(&read) == tokens(&written) {
                    Ok(Some(written))
                } else {
                    Err(Error::new(into.span(), CONVERSION_MISMATCH))
                }
            }
            (Some(only), None) | (None, Some(only)) => {
                Err(Error::new(only.span(), CONVERSION_MISMATCH))
            }
        }
    }
}

const CONVERSION_MISMATCH: &str = "roam describes one type for both directions: `from` (or `try_from`) and `into` must name the same type";

fn tokens(ty: &Type) -> String {
    ty.to_token_stream().to_string()
}

impl Variant {
    pub(super) fn parse(attrs: &[Attribute]) -> syn::Result<Self> {
        let mut it = Self::default();
        let mut skips = Skips::default();
        each(attrs, |key, meta| {
            match key {
                "rename" => it.rename = serialized_name(meta)?,
                "rename_all" => it.rename_fields = case(meta)?,
                "alias" | "bound" | "borrow" => skip_value(meta)?,
                _ if skips.take(key, meta) => {}
                _ => return Err(unsupported(key, meta)),
            }
            Ok(())
        })?;
        it.skip = skips.both_ways()?;
        Ok(it)
    }
}

impl Field {
    pub(super) fn parse(attrs: &[Attribute]) -> syn::Result<Self> {
        let mut it = Self {
            with: schema_attrs::field_with(attrs)?,
            ..Self::default()
        };
        let mut skips = Skips::default();
        each(attrs, |key, meta| {
            match key {
                "rename" => it.rename = serialized_name(meta)?,
                "alias" | "bound" | "borrow" | "default" => skip_value(meta)?,
                "with" | "serialize_with" | "deserialize_with" if it.with.is_some() => {
                    skip_value(meta)?;
                }
                _ if skips.take(key, meta) => {}
                _ => return Err(unsupported(key, meta)),
            }
            Ok(())
        })?;
        it.skip = skips.both_ways()?.is_some();
        Ok(it)
    }
}

/// The locations of attributes that skip something, for each direction.
#[derive(Default)]
struct Skips {
    written: Option<Span>,
    read: Option<Span>,
}

impl Skips {
    /// Records `key` if it is such an attribute, and returns whether it is.
    fn take(&mut self, key: &str, meta: &ParseNestedMeta<'_>) -> bool {
        match key {
            "skip" => (self.written, self.read) = (Some(span(meta)), Some(span(meta))),
            "skip_serializing" => self.written = Some(span(meta)),
            "skip_deserializing" => self.read = Some(span(meta)),
            _ => return false,
        }
        true
    }

    fn both_ways(self) -> syn::Result<Option<Span>> {
        match (self.written, self.read) {
            (None, None) => Ok(None),
            (Some(written), Some(_)) => Ok(Some(written)),
            (Some(only), None) | (None, Some(only)) => Err(Error::new(
                only,
                "skipped in one direction only, so the peer could not decode it: use `skip`",
            )),
        }
    }
}

/// Returns the error for an unsupported attribute, located at the attribute.
fn unsupported(key: &str, meta: &ParseNestedMeta<'_>) -> Error {
    let why = match key {
        "tag" | "content" | "untagged" | "flatten" => {
            "needs field names, which are not sent on the wire"
        }
        "skip_serializing_if" => "omits a field that the peer expects",
        "with" | "serialize_with" | "deserialize_with" => {
            "changes the encoding in a way that the type does not show: \
             name a type that is encoded alike, on the field: `#[schema(with = …)]`"
        }
        "other" | "variant_identifier" | "field_identifier" => {
            "needs names, but on the wire a variant is its index"
        }
        "remote" | "getter" => "describes a different type",
        _ => "is unknown to roam and may change the encoding",
    };
    meta.error(format_args!("`{key}` {why}"))
}

/// Calls `read` for each item of each `#[serde(…)]`.
fn each(
    attrs: &[Attribute],
    mut read: impl FnMut(&str, &ParseNestedMeta<'_>) -> syn::Result<()>,
) -> syn::Result<()> {
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("serde")) {
        attr.parse_nested_meta(|meta| read(&tokens_of_path(&meta), &meta))?;
    }
    Ok(())
}

fn tokens_of_path(meta: &ParseNestedMeta<'_>) -> String {
    meta.path.to_token_stream().to_string()
}

/// Parses `= "name"`, or the `serialize` name in `(serialize = "name", deserialize = "name")`.
///
/// Names are not sent on the wire; the serialized one is what other formats show.
fn serialized_name(meta: &ParseNestedMeta<'_>) -> syn::Result<Option<LitStr>> {
    if meta.input.peek(Token![=]) {
        return meta.value()?.parse().map(Some);
    }
    let mut name = None;
    meta.parse_nested_meta(|side| {
        let value: LitStr = side.value()?.parse()?;
        if side.path.is_ident("serialize") {
            name = Some(value);
        }
        Ok(())
    })?;
    Ok(name)
}

fn case(meta: &ParseNestedMeta<'_>) -> syn::Result<Option<Case>> {
    serialized_name(meta)?
        .map(|rule| Case::parse(&rule))
        .transpose()
}

/// Skips `= value` or `(…)`.
fn skip_value(meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
    if meta.input.peek(Token![=]) {
        meta.value()?.parse::<syn::Expr>()?;
    } else if meta.input.peek(syn::token::Paren) {
        let content;
        syn::parenthesized!(content in meta.input);
        content.parse::<proc_macro2::TokenStream>()?;
    }
    Ok(())
}

fn span(meta: &ParseNestedMeta<'_>) -> Span {
    syn::spanned::Spanned::span(&meta.path)
}
