//! Code generation for the handler trait, the dispatcher, the client and the descriptor.
//!
//! Names that could clash with the user's have a `Span::mixed_site`. Lints are silenced where the
//! user cannot change the code.

use heck::ToSnakeCase;
use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::{Ident, spanned::Spanned};

use crate::common::{CratePath, name_of};

use super::model::{Method, Output, ResultTypes, Service};

pub(super) fn service(service: &Service) -> TokenStream {
    let handler = handler(service);
    let dispatcher = dispatcher(service);
    let client = client(service);
    let descriptor = descriptor(service);
    quote! {
        #handler
        #dispatcher
        #client
        #descriptor
    }
}

/// Generates the trait that handlers implement.
fn handler(service: &Service) -> TokenStream {
    let Service {
        krate,
        attrs,
        vis,
        ident,
        supertraits,
        ..
    } = service;
    let methods = service.methods.iter().map(|method| {
        let Method { attrs, ident, .. } = method;
        let args = parameters(method);
        let cx = hygienic("cx");
        let output = &method.output.whole;
        quote! {
            #(#attrs)*
            fn #ident(
                &self,
                #cx: &#krate::Context,
                #(#args),*
            ) -> impl ::core::future::Future<Output = #output> + #krate::rt::MaybeSend;
        }
    });
    quote! {
        #(#attrs)*
        #[allow(clippy::too_many_arguments)]
        #vis trait #ident:
            #supertraits #krate::rt::MaybeSend + #krate::rt::MaybeSync + 'static
        {
            #(#methods)*
        }
    }
}

fn dispatcher(service: &Service) -> TokenStream {
    let Service { vis, ident, .. } = service;
    let dispatcher = format_ident!("{ident}Dispatcher");
    let h = service.type_parameter("H");
    let service_dispatcher = service_dispatcher(service, &dispatcher, &h);
    let doc = format!("A dispatcher for [`{ident}`]: passes each call to the handler's method.");
    quote! {
        #[doc = #doc]
        #[allow(dead_code)]
        #vis struct #dispatcher<#h> {
            handler: ::std::sync::Arc<#h>,
        }

        #[allow(dead_code)]
        #[automatically_derived]
        impl<#h: #ident> #dispatcher<#h> {
            /// Creates a dispatcher that passes calls to `handler`.
            #vis fn new(handler: #h) -> Self {
                Self { handler: ::std::sync::Arc::new(handler) }
            }
        }

        #[automatically_derived]
        impl<#h> ::core::clone::Clone for #dispatcher<#h> {
            fn clone(&self) -> Self {
                Self { handler: ::std::sync::Arc::clone(&self.handler) }
            }
        }

        #[automatically_derived]
        impl<#h> ::core::fmt::Debug for #dispatcher<#h> {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.debug_struct(::core::stringify!(#dispatcher)).finish_non_exhaustive()
            }
        }

        #service_dispatcher
    }
}

/// Generates the implementation of `ServiceDispatcher`, which finds the handler's method.
fn service_dispatcher(service: &Service, dispatcher: &Ident, h: &Ident) -> TokenStream {
    let Service { krate, ident, .. } = service;
    let describe = service.describe();
    let (call, handler) = (hygienic("call"), hygienic("handler"));
    let arms = service.methods.iter().enumerate().map(|(position, method)| {
        let arm = dispatch(h, service, method);
        quote! {
            ::core::option::Option::Some(#position) => ::std::boxed::Box::pin(async move { #arm }),
        }
    });
    quote! {
        #[automatically_derived]
        #[allow(deprecated, clippy::all, clippy::pedantic)]
        impl<#h: #ident> #krate::ServiceDispatcher for #dispatcher<#h> {
            fn method(
                &self,
                id: #krate::MethodId,
            ) -> ::core::option::Option<&'static #krate::MethodDescriptor> {
                #describe().method(id)
            }

            #[allow(unused_variables, unused_mut)]
            fn dispatch(
                &self,
                mut #call: #krate::server::IncomingCall,
            ) -> #krate::rt::BoxFuture<'static, ()> {
                let #handler = ::std::sync::Arc::clone(&self.handler);
                match #describe().position(#call.method()) {
                    #(#arms)*
                    _ => ::std::boxed::Box::pin(#call.unknown_method()),
                }
            }
        }
    }
}

/// Generates the code that decodes the arguments, runs the handler and responds.
fn dispatch(h: &Ident, service: &Service, method: &Method) -> TokenStream {
    let describe = service.describe();
    let (call, handler, output) = (hygienic("call"), hygienic("handler"), hygienic("output"));
    let Service {
        krate,
        ident: service,
        ..
    } = service;
    let ident = &method.ident;
    let args = method.args.iter().map(|arg| &arg.ident).collect::<Vec<_>>();
    let types = argument_tuple(method);
    let decode = quote_spanned! {located_at(method.args_span)=>
        #call.decode::<#types>(#describe)
    };
    let answer = match &method.output {
        Output {
            result: Some(_), ..
        } => quote!(#output),
        Output { whole, .. } => quote! {
            ::core::result::Result::Ok::<#whole, #krate::macro_support::Infallible>(#output)
        },
    };
    quote! {
        let ::core::option::Option::Some((#(#args,)*)) = #decode else {
            return;
        };
        let #output =
            <#h as #service>::#ident(&#handler, #call.context(), #(#args),*).await;
        #call.respond(#answer).await;
    }
}

fn client(service: &Service) -> TokenStream {
    let Service {
        krate, vis, ident, ..
    } = service;
    let client = format_ident!("{ident}Client");
    let c = service.type_parameter("C");
    let methods = service
        .methods
        .iter()
        .enumerate()
        .map(|(position, method)| client_method(&c, service, position, method));
    let summary = format!("A client that calls the peer's [`{ident}`] handler.");
    let doc = paragraphs(&summary, &service.doc);
    quote! {
        #[doc = #doc]
        #[allow(dead_code)]
        #[derive(::core::clone::Clone, ::core::fmt::Debug)]
        #vis struct #client<#c = #krate::ConnectionHandle> {
            caller: #c,
        }

        #[allow(dead_code, clippy::all, clippy::pedantic)]
        #[automatically_derived]
        impl<#c: #krate::Caller> #client<#c> {
            /// Creates a client that calls over `caller`, for example a `ConnectionHandle`.
            #vis fn new(caller: #c) -> Self {
                Self { caller }
            }

            #(#methods)*
        }
    }
}

fn client_method(c: &Ident, service: &Service, position: usize, method: &Method) -> TokenStream {
    let Service { krate, vis, .. } = service;
    let Method { ident, doc, .. } = method;
    let doc = if doc.is_empty() {
        format!("Calls `{}`.", name_of(ident))
    } else {
        doc.clone()
    };
    let deprecated = method
        .attrs
        .iter()
        .filter(|attr| attr.path().is_ident("deprecated"));
    let describe = service.describe();
    let args = parameters(method);
    let values = method.args.iter().map(|arg| &arg.ident);
    let types = argument_tuple(method);
    let output = match &method.output.result {
        Some(ResultTypes { ok, err }) => quote!(#ok, #err),
        None => method.output.whole.to_token_stream(),
    };
    let new_call = krate.located_at(method.args_span);
    let call = quote_spanned! {located_at(method.args_span)=>
        #new_call::Call::new(
            ::core::clone::Clone::clone(&self.caller),
            &#describe().methods[#position],
            (#(#values,)*),
        )
    };
    quote! {
        #[doc = #doc]
        #(#deprecated)*
        #vis fn #ident(&self, #(#args),*) -> #krate::Call<#c, #types, #output> {
            #call
        }
    }
}

fn descriptor(service: &Service) -> TokenStream {
    let Service {
        krate,
        vis,
        ident,
        doc,
        ..
    } = service;
    let name = name_of(ident);
    let describe = service.describe();
    let summary = format!("Returns the descriptor of [`{ident}`].");
    // One constant for each method, so that an error is reported for its method.
    let names: Vec<Ident> = (0..service.methods.len())
        .map(|position| format_ident!("ROAM_METHOD_{position}"))
        .collect();
    let methods = service
        .methods
        .iter()
        .map(|method| method_source(krate, method));
    quote! {
        #[doc = #summary]
        #[allow(dead_code)]
        #vis fn #describe() -> &'static #krate::ServiceDescriptor {
            #(const #names: #krate::macro_support::MethodSource = #methods;)*
            const ROAM_SERVICE: #krate::macro_support::ServiceSource =
                #krate::macro_support::ServiceSource {
                    name: #name,
                    doc: #doc,
                    methods: &[#(#names),*],
                };
            static ROAM_DESCRIPTOR: ::std::sync::LazyLock<#krate::ServiceDescriptor> =
                ::std::sync::LazyLock::new(|| ROAM_SERVICE.describe());
            &ROAM_DESCRIPTOR
        }
    }
}

fn method_source(krate: &CratePath, method: &Method) -> TokenStream {
    let Method {
        ident,
        doc,
        options,
        ..
    } = method;
    let name = name_of(ident);
    let args = method.args.iter().map(|arg| {
        let name = name_of(&arg.ident);
        let ty = &arg.ty;
        let krate = krate.located_at(ty.span());
        quote_spanned!(located_at(ty.span())=> #krate::macro_support::arg::<#ty>(#name))
    });
    let output = match &method.output {
        Output {
            result: Some(ResultTypes { ok, err }),
            ..
        } => {
            let krate = krate.located_at(err.span());
            quote_spanned! {located_at(err.span())=>
                #krate::macro_support::can_fail::<#ok, #err>()
            }
        }
        Output { whole, .. } => {
            let krate = krate.located_at(whole.span());
            quote_spanned! {located_at(whole.span())=>
                #krate::macro_support::returns::<#whole>()
            }
        }
    };
    let (inline, attributes) = (options.inline, &options.attributes);
    quote! {
        #krate::macro_support::MethodSource {
            name: #name,
            doc: #doc,
            args: &[#(#args),*],
            output: #output,
            inline: #inline,
            attributes: &[#(#attributes),*],
        }
    }
}

impl Service {
    /// Returns the name of the function that returns the descriptor.
    fn describe(&self) -> Ident {
        let name = name_of(&self.ident).to_snake_case();
        format_ident!("{name}_service", span = self.ident.span())
    }

    /// Returns a name for a type parameter: `name`, with underscores appended if one of the
    /// user's types has that name.
    fn type_parameter(&self, name: &str) -> Ident {
        let types = self.methods.iter().flat_map(|method| {
            let args = method.args.iter().map(|arg| &arg.ty);
            args.chain([&method.output.whole])
        });
        let types: TokenStream = types.map(ToTokens::to_token_stream).collect();
        let mut name = name.to_owned();
        while mentions(types.clone(), &name) {
            name.push('_');
        }
        format_ident!("{name}")
    }
}

fn parameters(method: &Method) -> Vec<TokenStream> {
    let args = method.args.iter();
    args.map(|arg| {
        let (ident, ty) = (&arg.ident, &arg.ty);
        quote!(#ident: #ty)
    })
    .collect()
}

fn argument_tuple(method: &Method) -> TokenStream {
    let types = method.args.iter().map(|arg| &arg.ty);
    quote_spanned!(located_at(method.args_span)=> (#(#types,)*))
}

fn mentions(tokens: TokenStream, name: &str) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == name,
        TokenTree::Group(group) => mentions(group.stream(), name),
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}

/// Returns a span that shows errors in generated code at the user's code `written`. Lints still
/// treat the code as generated.
fn located_at(written: Span) -> Span {
    Span::call_site().located_at(written)
}

/// Returns a name that cannot clash with the user's.
fn hygienic(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}

fn paragraphs(first: &str, second: &str) -> String {
    if second.is_empty() {
        first.to_owned()
    } else {
        format!("{first}\n\n{second}")
    }
}
