//! Helpers for both macros.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::meta::ParseNestedMeta;
use syn::{Attribute, Expr, ExprLit, Ident, Lit, LitStr, Meta, Path, parse_quote};

/// Collected errors, so that the user sees all of them at once.
#[derive(Default)]
pub(crate) struct Errors(Option<syn::Error>);

impl Errors {
    pub(crate) fn add(&mut self, error: syn::Error) {
        match &mut self.0 {
            Some(first) => first.combine(error),
            none => *none = Some(error),
        }
    }

    /// Returns the value of `result`, or records its error.
    pub(crate) fn take<T>(&mut self, result: syn::Result<T>) -> Option<T> {
        result.map_err(|error| self.add(error)).ok()
    }

    /// Returns `value`, or the recorded errors.
    pub(crate) fn finish<T>(self, value: T) -> syn::Result<T> {
        self.0.map_or(Ok(value), Err)
    }
}

/// The path through which generated code reaches everything in roam-core.
pub(crate) struct CratePath(Path);

impl CratePath {
    /// Parses `crate = path`, the only option in `#[service(…)]` and `#[schema(…)]`.
    pub(crate) fn parse(meta: &ParseNestedMeta<'_>) -> syn::Result<Self> {
        if !meta.path.is_ident("crate") {
            return Err(meta.error("unknown option: expected `crate = path`"));
        }
        let value = meta.value()?;
        if value.peek(LitStr) {
            return Err(
                value.error("write the path without quotes, as in `crate = my_crate::roam`")
            );
        }
        value.call(Path::parse_mod_style).map(Self)
    }

    /// Returns the path for code that shows its errors at the user's code `written`.
    pub(crate) fn located_at(&self, written: Span) -> TokenStream {
        let tokens = self.0.to_token_stream().into_iter();
        tokens
            .map(|mut token| {
                token.set_span(token.span().located_at(written));
                token
            })
            .collect()
    }
}

impl Default for CratePath {
    fn default() -> Self {
        Self(parse_quote!(::roam_core))
    }
}

impl ToTokens for CratePath {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.0.to_tokens(tokens);
    }
}

/// Returns the name of an identifier, without `r#`.
pub(crate) fn name_of(ident: &Ident) -> String {
    ident.unraw().to_string()
}

/// Returns the doc comment in `attrs`, without the space at the start of each line.
pub(crate) fn doc_of(attrs: &[Attribute]) -> String {
    let lines: Vec<String> = attrs.iter().filter_map(doc_text).collect();
    let lines: Vec<&str> = lines.iter().flat_map(|text| text.split('\n')).collect();
    let stripped: Vec<&str> = lines
        .iter()
        .map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end())
        .collect();
    stripped.join("\n").trim_matches('\n').to_owned()
}

fn doc_text(attr: &Attribute) -> Option<String> {
    match &attr.meta {
        Meta::NameValue(meta) if meta.path.is_ident("doc") => match &meta.value {
            Expr::Lit(ExprLit {
                lit: Lit::Str(text),
                ..
            }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    }
}
