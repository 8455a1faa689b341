//! The attributes of serde, and of the compiler, that tell what is on the wire.
//!
//! Each one is known to be followed, to change nothing on the wire, or to be refused. What is
//! not known is refused too, since it may change the wire.

use proc_macro2::Span;
use quote::ToTokens;
use syn::meta::ParseNestedMeta;
use syn::{Attribute, Error, LitStr, Token, Type};

use super::case::Case;

/// On a struct or an enum.
#[derive(Default)]
pub(super) struct Container {
    pub(super) rename: Option<LitStr>,
    pub(super) rename_fields: Option<Case>,
    pub(super) rename_variants: Option<Case>,
    /// Where `transparent` stands.
    pub(super) transparent: Option<Span>,
    from: Option<LitStr>,
    into: Option<LitStr>,
}

/// On a variant.
#[derive(Default)]
pub(super) struct Variant {
    pub(super) rename: Option<LitStr>,
    pub(super) rename_fields: Option<Case>,
    pub(super) skip: Option<Span>,
}

/// On a field.
#[derive(Default)]
pub(super) struct Field {
    pub(super) rename: Option<LitStr>,
    pub(super) skip: bool,
}

impl Container {
    /// `is_enum` because `rename_all` means the variants there.
    pub(super) fn parse(attrs: &[Attribute], is_enum: bool) -> syn::Result<Self> {
        let mut it = Self::default();
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
                _ => return Err(refusal(key, meta)),
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

    /// The type that values are turned into and made from, if there is one.
    pub(super) fn stand_in(&self) -> syn::Result<Option<Type>> {
        match (&self.from, &self.into) {
            (None, None) => Ok(None),
            (Some(from), Some(into)) => {
                let (read, written): (Type, Type) = (from.parse()?, into.parse()?);
                if tokens(&read) == tokens(&written) {
                    Ok(Some(written))
                } else {
                    Err(Error::new(into.span(), ONE_WAY_STAND_IN))
                }
            }
            (Some(only), None) | (None, Some(only)) => {
                Err(Error::new(only.span(), ONE_WAY_STAND_IN))
            }
        }
    }
}

const ONE_WAY_STAND_IN: &str = "roam describes one type for both directions: use `from` (or `try_from`) and `into` of the same type";

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
                _ => return Err(refusal(key, meta)),
            }
            Ok(())
        })?;
        it.skip = skips.both_ways()?;
        Ok(it)
    }
}

impl Field {
    pub(super) fn parse(attrs: &[Attribute]) -> syn::Result<Self> {
        let mut it = Self::default();
        let mut skips = Skips::default();
        each(attrs, |key, meta| {
            match key {
                "rename" => it.rename = serialized_name(meta)?,
                "alias" | "bound" | "borrow" | "default" => skip_value(meta)?,
                _ if skips.take(key, meta) => {}
                _ => return Err(refusal(key, meta)),
            }
            Ok(())
        })?;
        it.skip = skips.both_ways()?.is_some();
        Ok(it)
    }
}

/// Where something is left out.
#[derive(Default)]
struct Skips {
    written: Option<Span>,
    read: Option<Span>,
}

impl Skips {
    /// Whether `key` is one of them.
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
                "skipped one way only, it could not be read as it is written: use `skip`",
            )),
        }
    }
}

/// Why an attribute cannot be described, on the attribute.
fn refusal(key: &str, meta: &ParseNestedMeta<'_>) -> Error {
    let why = match key {
        "tag" | "content" | "untagged" | "flatten" => {
            "needs a format that names its fields; on the wire there are no names"
        }
        "skip_serializing_if" => "leaves out a field that the reader expects",
        "with" | "serialize_with" | "deserialize_with" => {
            "puts on the wire what the type does not tell: \
             use a type of its own, and implement `Schema` for that by hand"
        }
        "other" | "variant_identifier" | "field_identifier" => {
            "needs names; on the wire a variant is its position"
        }
        "remote" | "getter" => "describes another type than this one",
        _ => "is not known to roam, and may change what is on the wire",
    };
    meta.error(format_args!("`{key}` {why}"))
}

/// Runs `read` on each item of each `#[serde(…)]`.
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

/// `= "name"`, or what is said of `serialize` in `(serialize = "name", deserialize = "name")`:
/// the wire has no names, and the written one is what others show.
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

/// Passes over `= value` or `(…)`.
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
