//! A service as its trait says it.

use proc_macro2::{Span, TokenStream};
use syn::{Attribute, Ident, Type, Visibility};

pub(super) struct Service {
    /// Those of the trait, with its doc comment.
    pub(super) attrs: Vec<Attribute>,
    pub(super) doc: String,
    pub(super) vis: Visibility,
    pub(super) ident: Ident,
    /// `Clone +` and so on; may be empty.
    pub(super) supertraits: TokenStream,
    pub(super) methods: Vec<Method>,
}

pub(super) struct Method {
    /// Without `#[roam(…)]`, with its doc comment.
    pub(super) attrs: Vec<Attribute>,
    pub(super) doc: String,
    pub(super) ident: Ident,
    pub(super) args: Vec<Arg>,
    /// Where they stand: `(&self, …)`.
    pub(super) args_span: Span,
    pub(super) output: Output,
    pub(super) options: Options,
}

pub(super) struct Arg {
    pub(super) ident: Ident,
    pub(super) ty: Type,
}

/// What a method returns.
pub(super) struct Output {
    pub(super) whole: Type,
    /// When `whole` is `Result<ok, err>`.
    pub(super) result: Option<ResultTypes>,
}

pub(super) struct ResultTypes {
    pub(super) ok: Type,
    pub(super) err: Type,
}

/// `#[roam(…)]`.
#[derive(Default)]
pub(super) struct Options {
    pub(super) idempotent: bool,
    pub(super) inline: bool,
}
