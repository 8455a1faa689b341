//! `#[derive(Schema)]`.

mod case;
mod expand;
mod model;
mod names;
mod parse;
mod schema_attrs;
mod serde_attrs;

use proc_macro2::TokenStream;

pub(crate) fn schema(item: TokenStream) -> syn::Result<TokenStream> {
    let described = parse::described(syn::parse2(item)?)?;
    Ok(expand::schema(&described))
}
