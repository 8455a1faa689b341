//! Code generation for `Schema`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{GenericParam, Type, parse_quote};

use crate::common::CratePath;

use super::model::{Described, Field, Fields, Shape, Variant};

pub(super) fn schema(described: &Described) -> TokenStream {
    let Described { krate, ident, .. } = described;
    let mut generics = described.generics.clone();
    for param in generics.type_params_mut() {
        param.bounds.push(parse_quote!(#krate::schema::Schema));
    }
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
    let parts = parts(&described.shape.types());
    let describe = describe(described);
    quote! {
        #[automatically_derived]
        impl #impl_generics #krate::schema::Schema for #ident #type_generics #where_clause {
            type Parts = #parts;

            fn describe(
                types: &mut #krate::schema::Types,
            ) -> #krate::schema::TypeIndex {
                #describe
            }
        }
    }
}

/// The size of the largest tuple that can be a `Schema::Parts`.
const PARTS: usize = 16;

/// Returns the tuple of `types`, nested if it would exceed `PARTS`.
fn parts(types: &[&Type]) -> TokenStream {
    let mut parts: Vec<TokenStream> = types.iter().map(|ty| quote!(#ty)).collect();
    while parts.len() > PARTS {
        parts = parts
            .chunks(PARTS)
            .map(|some| quote!((#(#some,)*)))
            .collect();
    }
    quote!((#(#parts,)*))
}

fn describe(described: &Described) -> TokenStream {
    let Described {
        krate, name, doc, ..
    } = described;
    let generics = generics(described);
    let (kind, rest) = match &described.shape {
        Shape::Same(ty) => return index_of(ty),
        Shape::Struct(fields) => {
            let kind = struct_kind(krate, fields);
            (quote!(Struct), quote!(kind: #kind))
        }
        Shape::Enum(variants) => {
            let variants = variants.iter().map(|it| variant(krate, it));
            (quote!(Enum), quote!(variants: ::std::vec![#(#variants),*]))
        }
    };
    quote! {
        types.define::<Self>(|types| {
            // A type without parts does not use `types`.
            let _ = &types;
            #krate::schema::Type::#kind(#krate::schema::#kind {
                name: ::std::borrow::Cow::Borrowed(#name),
                doc: ::std::borrow::Cow::Borrowed(#doc),
                generics: #generics,
                #rest
            })
        })
    }
}

fn generics(described: &Described) -> TokenStream {
    let params = described
        .generics
        .params
        .iter()
        .filter_map(|param| match param {
            GenericParam::Type(param) => Some(&param.ident),
            GenericParam::Lifetime(_) | GenericParam::Const(_) => None,
        });
    quote!(::std::vec![#(types.index_of::<#params>()),*])
}

fn struct_kind(krate: &CratePath, fields: &Fields) -> TokenStream {
    match fields {
        Fields::Unit => quote!(#krate::schema::StructKind::Unit),
        Fields::Unnamed(types) => {
            let types = indices_of(types);
            quote!(#krate::schema::StructKind::Tuple(#types))
        }
        Fields::Named(fields) => {
            let fields = named(krate, fields);
            quote!(#krate::schema::StructKind::Named(#fields))
        }
    }
}

fn variant(krate: &CratePath, variant: &Variant) -> TokenStream {
    let Variant {
        name,
        wire_name,
        doc,
        ..
    } = variant;
    let payload = match &variant.fields {
        Fields::Unit => quote!(Unit),
        Fields::Unnamed(types) => match &types[..] {
            [ty] if variant.newtype => {
                let index = index_of(ty);
                quote!(Newtype(#index))
            }
            types => {
                let types = indices_of(types);
                quote!(Tuple(#types))
            }
        },
        Fields::Named(fields) => {
            let fields = named(krate, fields);
            quote!(Struct(#fields))
        }
    };
    quote! {
        #krate::schema::Variant {
            name: ::std::borrow::Cow::Borrowed(#name),
            wire_name: ::std::borrow::Cow::Borrowed(#wire_name),
            doc: ::std::borrow::Cow::Borrowed(#doc),
            payload: #krate::schema::Payload::#payload,
        }
    }
}

fn named(krate: &CratePath, fields: &[Field]) -> TokenStream {
    let fields = fields.iter().map(|field| {
        let Field {
            name,
            wire_name,
            doc,
            ty,
        } = field;
        let ty = index_of(ty);
        quote! {
            #krate::schema::Field {
                name: ::std::borrow::Cow::Borrowed(#name),
                wire_name: ::std::borrow::Cow::Borrowed(#wire_name),
                doc: ::std::borrow::Cow::Borrowed(#doc),
                ty: #ty,
            }
        }
    });
    quote!(::std::vec![#(#fields),*])
}

fn indices_of(types: &[Type]) -> TokenStream {
    let indices = types.iter().map(index_of);
    quote!(::std::vec![#(#indices),*])
}

fn index_of(ty: &Type) -> TokenStream {
    quote!(types.index_of::<#ty>())
}
