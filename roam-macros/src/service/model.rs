//! Model of a service: its parsed trait.

use proc_macro2::{Span, TokenStream};
use syn::{Attribute, Ident, Type, Visibility};

use crate::common::CratePath;

pub(super) struct Service {
    pub(super) krate: CratePath,
    /// The attributes of the trait, including its doc comment.
    pub(super) attrs: Vec<Attribute>,
    pub(super) doc: String,
    pub(super) vis: Visibility,
    pub(super) ident: Ident,
    /// Such as `Clone +`; may be empty.
    pub(super) supertraits: TokenStream,
    pub(super) methods: Vec<Method>,
}

pub(super) struct Method {
    /// Without `#[roam(…)]`, but including the doc comment.
    pub(super) attrs: Vec<Attribute>,
    pub(super) doc: String,
    pub(super) ident: Ident,
    pub(super) args: Vec<Arg>,
    /// The location of `(&self, …)`.
    pub(super) args_span: Span,
    pub(super) output: Output,
    pub(super) options: Options,
}

pub(super) struct Arg {
    pub(super) ident: Ident,
    pub(super) ty: Type,
}

/// The return type of a method.
pub(super) struct Output {
    pub(super) whole: Type,
    /// Set if `whole` is `Result<ok, err>`.
    pub(super) result: Option<ResultTypes>,
}

pub(super) struct ResultTypes {
    pub(super) ok: Type,
    pub(super) err: Type,
}

/// The options in `#[roam(…)]`.
#[derive(Default)]
pub(super) struct Options {
    pub(super) inline: bool,
    /// The names of the method's attributes, in the order in which they are written.
    pub(super) attributes: Vec<String>,
}
