//! `#[service]`.

mod expand;
mod model;
mod names;
mod owned;
mod parse;

use proc_macro2::TokenStream;
use syn::parse::Parser;

use crate::common::CratePath;

pub(crate) fn service(args: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    let mut krate = CratePath::default();
    let options = syn::meta::parser(|meta| {
        krate = CratePath::parse(&meta)?;
        Ok(())
    });
    options.parse2(args)?;
    let service = parse::service(krate, syn::parse2(item)?)?;
    Ok(expand::service(&service))
}
