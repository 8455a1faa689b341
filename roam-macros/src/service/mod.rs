//! `#[service]`.

mod expand;
mod model;
mod names;
mod owned;
mod parse;

use proc_macro2::TokenStream;

pub(crate) fn service(args: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    if !args.is_empty() {
        return Err(syn::Error::new_spanned(
            args,
            "`#[service]` takes no arguments",
        ));
    }
    let service = parse::service(syn::parse2(item)?)?;
    Ok(expand::service(&service))
}
