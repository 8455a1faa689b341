//! Parser for service traits. Reports what a service cannot have.

use proc_macro2::Span;
use quote::{ToTokens, quote};
use syn::punctuated::Punctuated;
use syn::{
    Attribute, Error, FnArg, GenericArgument, Generics, ItemTrait, Pat, PatIdent, PatType,
    PathArguments, PathSegment, ReceiverKind, ReturnType, Safety, Signature, Token, TraitItem,
    TraitItemFn, Type, parse_quote_spanned, spanned::Spanned,
};

use crate::common::{CratePath, Errors, doc_of};

use super::model::{Arg, Method, Options, Output, ResultTypes, Service};
use super::names::check_names;
use super::owned::check_owned;

/// The arguments are encoded as one tuple, and serde implements tuples up to this size.
const MAX_ARGS: usize = 16;

pub(super) fn service(krate: CratePath, item: ItemTrait) -> syn::Result<Service> {
    let mut errors = Errors::default();
    errors.take(check_trait(&item));
    let methods = item
        .items
        .into_iter()
        .filter_map(|item| errors.take(method(item)))
        .collect::<Vec<_>>();
    check_names(&methods, &mut errors);

    let supertraits = item.supertraits.iter();
    errors.finish(Service {
        krate,
        doc: doc_of(&item.attrs),
        attrs: item.attrs,
        vis: item.vis,
        ident: item.ident,
        supertraits: quote!(#(#supertraits +)*),
        methods,
    })
}

fn check_trait(item: &ItemTrait) -> syn::Result<()> {
    if let Some(token) = &item.unsafety {
        return Err(Error::new_spanned(
            token,
            "a service trait cannot be `unsafe`",
        ));
    }
    if let Some(token) = &item.modifiers.auto_token {
        return Err(Error::new_spanned(
            token,
            "a service trait cannot be `auto`",
        ));
    }
    check_not_generic(
        &item.generics,
        "a service trait cannot be generic: both peers must know its types",
    )
}

fn check_not_generic(generics: &Generics, message: &str) -> syn::Result<()> {
    if !generics.params.is_empty() {
        return Err(Error::new_spanned(&generics.params, message));
    }
    match &generics.where_clause {
        Some(clause) => Err(Error::new_spanned(clause, message)),
        None => Ok(()),
    }
}

fn method(item: TraitItem) -> syn::Result<Method> {
    let TraitItem::Fn(item) = item else {
        return Err(Error::new_spanned(
            item,
            "a service trait can only have methods",
        ));
    };
    let TraitItemFn {
        attrs,
        sig,
        default,
        ..
    } = item;
    let mut errors = Errors::default();
    if let Some(body) = &default {
        errors.add(Error::new_spanned(
            body,
            "a service method cannot have a body: handlers implement it",
        ));
    }
    errors.take(check_signature(&sig));

    let doc = doc_of(&attrs);
    let (attrs, options) = errors.take(attributes(attrs)).unwrap_or_default();
    let args_span = sig.paren_token.span.join();
    let args = arguments(sig.inputs, args_span, &mut errors);
    let output = match sig.output {
        ReturnType::Default => Type::Tuple(parse_quote_spanned!(sig.ident.span()=> ())),
        ReturnType::Type(_, ty) => *ty,
    };
    check_owned(&output, "result", &mut errors);
    let output = errors.take(self::output(output));
    let ident = sig.ident;
    match output {
        Some(output) => errors.finish(Method {
            attrs,
            doc,
            ident,
            args,
            args_span,
            output,
            options,
        }),
        // `output` is missing because of an error, which `finish` returns.
        None => errors
            .finish(())
            .and(Err(Error::new_spanned(ident, "missing result type"))),
    }
}

fn check_signature(sig: &Signature) -> syn::Result<()> {
    let reject =
        |token: &dyn ToTokens, message| Err(Error::new_spanned(token.to_token_stream(), message));
    if let Some(token) = &sig.constness {
        return reject(token, "a service method cannot be `const`");
    }
    match &sig.safety {
        Safety::Default => {}
        Safety::Unsafe(token) => return reject(token, "a service method cannot be `unsafe`"),
        Safety::Safe(token) => return reject(token, "a service method cannot be `safe`"),
    }
    if let Some(abi) = &sig.abi {
        return reject(abi, "a service method cannot have an ABI");
    }
    if let Some(variadic) = &sig.variadic {
        return reject(variadic, "a service method cannot be variadic");
    }
    if sig.asyncness.is_none() {
        return reject(
            &sig.fn_token,
            "a service method must be `async`: write `async fn`",
        );
    }
    check_not_generic(
        &sig.generics,
        "a service method cannot be generic: both peers must know its types",
    )
}

const UNKNOWN_OPTION: &str = "unknown option: expected `idempotent`, `inline` or `resumable`";

/// Separates `#[roam(…)]` from the other attributes.
fn attributes(attrs: Vec<Attribute>) -> syn::Result<(Vec<Attribute>, Options)> {
    let mut options = Options::default();
    let mut rest = Vec::new();
    for attr in attrs {
        if attr.path().is_ident("roam") {
            attr.parse_nested_meta(|meta| {
                let name = meta
                    .path
                    .get_ident()
                    .map(syn::Ident::to_string)
                    .unwrap_or_default();
                match &*name {
                    "inline" => options.inline = true,
                    "idempotent" | "resumable" if options.attributes.contains(&name) => {
                        return Err(meta.error("this option is given twice"));
                    }
                    "idempotent" | "resumable" => options.attributes.push(name),
                    _ => return Err(meta.error(UNKNOWN_OPTION)),
                }
                Ok(())
            })?;
        } else if attr.path().is_ident("cfg") || attr.path().is_ident("cfg_attr") {
            return Err(Error::new_spanned(
                attr,
                "a service method cannot depend on `cfg`: both peers must know the same methods",
            ));
        } else {
            rest.push(attr);
        }
    }
    Ok((rest, options))
}

fn arguments(inputs: Punctuated<FnArg, Token![,]>, span: Span, errors: &mut Errors) -> Vec<Arg> {
    let mut args = Vec::new();
    let mut inputs = inputs.into_iter().peekable();
    if let Some(receiver) = inputs.next_if(|input| matches!(input, FnArg::Receiver(_))) {
        errors.take(check_receiver(&receiver));
    } else {
        let span = inputs.peek().map_or(span, Spanned::span);
        errors.add(Error::new(span, "a service method must take `&self` first"));
    }
    for input in inputs {
        if let FnArg::Typed(input) = input {
            if args.len() == MAX_ARGS {
                errors.add(Error::new_spanned(
                    input,
                    "a service method can take at most 16 arguments: group them in a struct",
                ));
                break;
            }
            check_owned(&input.ty, "argument", errors);
            args.extend(errors.take(argument(input)));
        }
    }
    args
}

fn check_receiver(receiver: &FnArg) -> syn::Result<()> {
    match receiver {
        FnArg::Receiver(it)
            if matches!(it.kind, ReceiverKind::Reference(_, None, None)) && it.attrs.is_empty() =>
        {
            Ok(())
        }
        _ => Err(Error::new_spanned(
            receiver,
            "a service method must take `&self`: one handler answers many calls at a time",
        )),
    }
}

fn argument(input: PatType) -> syn::Result<Arg> {
    if let Some(attr) = input.attrs.first() {
        return Err(Error::new_spanned(
            attr,
            "an argument cannot have attributes",
        ));
    }
    match *input.pat {
        Pat::Ident(PatIdent {
            by_ref: None,
            mutability: None,
            subpat: None,
            ident,
            ..
        }) => Ok(Arg {
            ident,
            ty: *input.ty,
        }),
        pat => Err(Error::new_spanned(
            pat,
            "an argument must have a plain name: the name is part of the descriptor",
        )),
    }
}

fn output(whole: Type) -> syn::Result<Output> {
    let result = match &whole {
        Type::Path(path) => match path.path.segments.last() {
            Some(last) if last.ident == "Result" => Some(result_types(last)?),
            _ => None,
        },
        _ => None,
    };
    Ok(Output { whole, result })
}

fn result_types(result: &PathSegment) -> syn::Result<ResultTypes> {
    let types: Vec<&Type> = match &result.arguments {
        PathArguments::AngleBracketed(args) => args.args.iter().filter_map(type_of).collect(),
        PathArguments::None | PathArguments::Parenthesized(_) => Vec::new(),
    };
    match types[..] {
        [ok, err] => Ok(ResultTypes {
            ok: ok.clone(),
            err: err.clone(),
        }),
        _ => Err(Error::new_spanned(
            result,
            "write the error type out, `Result<T, E>`: the macro cannot see through an alias",
        )),
    }
}

fn type_of(argument: &GenericArgument) -> Option<&Type> {
    match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    }
}
