//! Reads a trait, and says what a service cannot have.

use std::collections::HashMap;

use heck::ToKebabCase;
use proc_macro2::Span;
use quote::{ToTokens, quote};
use syn::punctuated::Punctuated;
use syn::{
    Attribute, Error, FnArg, GenericArgument, Generics, Ident, ItemTrait, Pat, PatIdent, PatType,
    PathArguments, PathSegment, ReceiverKind, ReturnType, Safety, Signature, Token, TraitItem,
    TraitItemFn, Type, parse_quote_spanned, spanned::Spanned,
};

use crate::common::{Errors, doc_of, name_of};

use super::model::{Arg, Method, Options, Output, ResultTypes, Service};
use super::owned::owned;

/// serde knows tuples up to this size, and a request is the tuple of its arguments.
const MAX_ARGS: usize = 16;

pub(super) fn service(item: ItemTrait) -> syn::Result<Service> {
    let mut errors = Errors::default();
    errors.take(plain_trait(&item));
    let methods = item
        .items
        .into_iter()
        .filter_map(|item| errors.take(method(item)))
        .collect::<Vec<_>>();
    distinct_names(&methods, &mut errors);

    let supertraits = item.supertraits.iter();
    errors.finish(Service {
        doc: doc_of(&item.attrs),
        attrs: item.attrs,
        vis: item.vis,
        ident: item.ident,
        supertraits: quote!(#(#supertraits +)*),
        methods,
    })
}

fn plain_trait(item: &ItemTrait) -> syn::Result<()> {
    if let Some(token) = &item.unsafety {
        return Err(Error::new_spanned(token, "a service is a safe trait"));
    }
    if let Some(token) = &item.modifiers.auto_token {
        return Err(Error::new_spanned(token, "a service is not an auto trait"));
    }
    not_generic(
        &item.generics,
        "a service cannot be generic: its types are known to both peers",
    )
}

fn not_generic(generics: &Generics, message: &str) -> syn::Result<()> {
    if !generics.params.is_empty() {
        return Err(Error::new_spanned(&generics.params, message));
    }
    match &generics.where_clause {
        Some(clause) => Err(Error::new_spanned(clause, message)),
        None => Ok(()),
    }
}

/// Names are compared as ids see them: `get_it` and `getIt` are the same.
fn distinct_names(methods: &[Method], errors: &mut Errors) {
    let mut first: HashMap<String, &Ident> = HashMap::new();
    for Method { ident, .. } in methods {
        let kebab = name_of(ident).to_kebab_case();
        if let Some(other) = first.get(&kebab) {
            errors.add(Error::new_spanned(
                ident,
                format!("`{ident}` and `{other}` have the same name on the wire, `{kebab}`"),
            ));
        } else {
            first.insert(kebab, ident);
        }
        if ident == "new" {
            errors.add(Error::new_spanned(
                ident,
                "a method cannot be called `new`: the client is made by `new`",
            ));
        }
    }
}

fn method(item: TraitItem) -> syn::Result<Method> {
    let TraitItem::Fn(item) = item else {
        return Err(Error::new_spanned(item, "a service has methods only"));
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
            "a method of a service has no body here: the handler gives it one",
        ));
    }
    errors.take(plain_signature(&sig));

    let doc = doc_of(&attrs);
    let (attrs, options) = errors.take(attributes(attrs)).unwrap_or_default();
    let args_span = sig.paren_token.span.join();
    let args = arguments(sig.inputs, args_span, &mut errors);
    let output = match sig.output {
        ReturnType::Default => Type::Tuple(parse_quote_spanned!(sig.ident.span()=> ())),
        ReturnType::Type(_, ty) => *ty,
    };
    owned(&output, "result", &mut errors);
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
        // Without an output there was an error.
        None => errors
            .finish(())
            .and(Err(Error::new_spanned(ident, "no result type"))),
    }
}

fn plain_signature(sig: &Signature) -> syn::Result<()> {
    let refuse =
        |token: &dyn ToTokens, message| Err(Error::new_spanned(token.to_token_stream(), message));
    if let Some(token) = &sig.constness {
        return refuse(token, "a method of a service cannot be `const`");
    }
    match &sig.safety {
        Safety::Default => {}
        Safety::Unsafe(token) => return refuse(token, "a method of a service cannot be `unsafe`"),
        Safety::Safe(token) => return refuse(token, "a method of a service cannot be `safe`"),
    }
    if let Some(abi) = &sig.abi {
        return refuse(abi, "a method of a service has no ABI");
    }
    if let Some(variadic) = &sig.variadic {
        return refuse(
            variadic,
            "a method of a service has a fixed number of arguments",
        );
    }
    if sig.asyncness.is_none() {
        return refuse(
            &sig.fn_token,
            "a method of a service is `async`: write `async fn`",
        );
    }
    not_generic(
        &sig.generics,
        "a method of a service cannot be generic: its types are known to both peers",
    )
}

/// Splits off `#[roam(…)]`.
fn attributes(attrs: Vec<Attribute>) -> syn::Result<(Vec<Attribute>, Options)> {
    let mut options = Options::default();
    let mut rest = Vec::new();
    for attr in attrs {
        if attr.path().is_ident("roam") {
            attr.parse_nested_meta(|meta| {
                if meta.path.is_ident("idempotent") {
                    options.idempotent = true;
                } else if meta.path.is_ident("inline") {
                    options.inline = true;
                } else {
                    return Err(meta.error("roam knows `idempotent` and `inline` here"));
                }
                Ok(())
            })?;
        } else if attr.path().is_ident("cfg") || attr.path().is_ident("cfg_attr") {
            return Err(Error::new_spanned(
                attr,
                "the methods of a service cannot depend on `cfg`: both peers know the same ones",
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
        errors.take(shared_self(&receiver));
    } else {
        let span = inputs.peek().map_or(span, Spanned::span);
        errors.add(Error::new(
            span,
            "a method of a service takes `&self` first",
        ));
    }
    for input in inputs {
        if let FnArg::Typed(input) = input {
            if args.len() == MAX_ARGS {
                errors.add(Error::new_spanned(
                    input,
                    "a method takes at most 16 arguments: make a struct of them",
                ));
                break;
            }
            owned(&input.ty, "argument", errors);
            args.extend(errors.take(argument(input)));
        }
    }
    args
}

fn shared_self(receiver: &FnArg) -> syn::Result<()> {
    match receiver {
        FnArg::Receiver(it)
            if matches!(it.kind, ReceiverKind::Reference(_, None, None)) && it.attrs.is_empty() =>
        {
            Ok(())
        }
        _ => Err(Error::new_spanned(
            receiver,
            "a method of a service takes `&self`: one handler answers many calls at a time",
        )),
    }
}

fn argument(input: PatType) -> syn::Result<Arg> {
    if let Some(attr) = input.attrs.first() {
        return Err(Error::new_spanned(attr, "an argument takes no attributes"));
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
            "an argument of a service has a plain name: it is part of the description",
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
