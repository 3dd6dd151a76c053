//! `impl Service for …`: the metadata of a service, and a handler for each method.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::ReturnType;
use syn::spanned::Spanned as _;

use crate::model::{DefaultValue, Input, Kind, Method, MethodOptions, Parameter, Service};

/// Expands a service.
pub(crate) fn implementation(service: &Service) -> TokenStream {
    let private = private(service);
    let name = &service.name.text;
    let doc = &service.doc;
    let version = match &service.version {
        Some(version) => quote!(#version),
        // That of the crate that the service is in.
        None => quote!(::core::env!("CARGO_PKG_VERSION")),
    };
    let prefix = service
        .prefix
        .as_ref()
        .map_or_else(String::new, |prefix| prefix.value());
    let queue_group = service
        .queue_group
        .as_ref()
        .map_or_else(|| "q".to_owned(), |it| it.value());
    let endpoints = service
        .methods
        .iter()
        .map(|method| endpoint(method, &private));
    impl_service(
        service,
        quote! {
            const NAME: &'static str = #name;
            const VERSION: &'static str = #version;
            const DOC: &'static str = #doc;
            const PREFIX: &'static str = #prefix;
            const QUEUE_GROUP: &'static str = #queue_group;

            fn endpoints() -> ::std::vec::Vec<#private::Endpoint<Self>> {
                ::std::vec::Vec::from([#(#endpoints),*])
            }
        },
    )
}

/// Expands a service that has mistakes: enough to keep what uses it from reporting more.
pub(crate) fn stub(service: &Service) -> TokenStream {
    let private = private(service);
    impl_service(
        service,
        quote! {
            const NAME: &'static str = "";
            const VERSION: &'static str = "";
            const DOC: &'static str = "";
            const PREFIX: &'static str = "";
            const QUEUE_GROUP: &'static str = "";

            fn endpoints() -> ::std::vec::Vec<#private::Endpoint<Self>> {
                ::std::vec::Vec::new()
            }
        },
    )
}

fn private(service: &Service) -> TokenStream {
    let library = &service.library;
    quote!(#library::__private)
}

fn impl_service(service: &Service, items: TokenStream) -> TokenStream {
    let private = private(service);
    let self_ty = &service.self_ty;
    let (generics, _, where_clause) = service.generics.split_for_impl();
    quote! {
        #[automatically_derived]
        #[allow(deprecated, clippy::all, clippy::pedantic)]
        impl #generics #private::Service for #self_ty #where_clause {
            #items
        }
    }
}

fn endpoint(method: &Method, private: &TokenStream) -> TokenStream {
    let cfg = &method.cfg;
    let name = &method.name.text;
    let doc = &method.doc;
    let parameters = method.parameters().map(|parameter| {
        let name = &parameter.name.text;
        let kind = match parameter.kind {
            Kind::Plain => quote!(Plain),
            Kind::Keyword => quote!(Keyword),
            Kind::Args => quote!(Args),
            Kind::Kwargs => quote!(Kwargs),
        };
        quote!(#private::Parameter { name: #name, kind: #private::ParameterKind::#kind })
    });
    let options = options(&method.options, private);
    let handler = handler(method, private);
    quote! {
        #(#cfg)*
        {
            const PARAMETERS: &[#private::Parameter] = &[#(#parameters),*];
            #private::Endpoint {
                spec: #private::EndpointSpec {
                    name: #name,
                    doc: #doc,
                    parameters: PARAMETERS,
                    options: #options,
                },
                handler: #handler,
            }
        }
    }
}

fn options(options: &MethodOptions, private: &TokenStream) -> TokenStream {
    let mut fields = Vec::new();
    if let Some(timeout) = options.timeout {
        let millis = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        fields.push(quote!(timeout: ::core::time::Duration::from_millis(#millis)));
    }
    if let Some(limit) = &options.limit {
        fields.push(quote!(limit: #limit));
    }
    if let Some(queue) = &options.queue {
        fields.push(quote!(queue: #queue));
    }
    if options.internal {
        fields.push(quote!(internal: true));
    }
    if options.safe {
        fields.push(quote!(safe: true));
    }
    // What changes nothing may be repeated.
    if options.idempotent || options.safe {
        fields.push(quote!(idempotent: true));
    }
    match fields.is_empty() {
        true => quote!(#private::Options::DEFAULT),
        false => quote!(#private::Options { #(#fields,)* ..#private::Options::DEFAULT }),
    }
}

/// Expands the function that makes the future of one call: owners first, borrows inside.
fn handler(method: &Method, private: &TokenStream) -> TokenStream {
    let [service, context, payload, result, value] =
        ["service", "context", "payload", "result", "value"].map(local);
    let slots = method
        .parameters()
        .map(|parameter| slot_type(parameter, private));
    let slots = nested(slots.collect());
    let bindings = nested(
        method
            .parameters()
            .map(|it| {
                let it = argument(it);
                quote!(#it)
            })
            .collect(),
    );
    let taken = method
        .parameters()
        .map(|parameter| take(parameter, private));
    let inputs = method.inputs.iter().map(|input| match input {
        Input::Context => quote!(&#context),
        Input::Parameter(parameter) => {
            let argument = argument(parameter);
            parameter.shape.hand_over(&quote!(#argument))
        }
    });
    let ident = &method.sig.ident;
    let output = match &method.sig.output {
        ReturnType::Default => ident.span(),
        ReturnType::Type(_, ty) => ty.span(),
    };
    let into_result = quote_spanned!(output=> into_result);
    let into_reply = quote_spanned!(output=> into_reply);
    let future = quote_spanned!(ident.span()=> #private::boxed);
    quote! {
        |#service, #context, #payload| #future(async move {
            use #private::{PlainKind as _, ReplyKind as _, ResultKind as _, UnitKind as _, ValueKind as _};
            let #bindings = #private::decode::<#slots>(&#context, &#payload, PARAMETERS)?;
            #(#taken)*
            let #result = Self::#ident(&#service, #(#inputs),*).await;
            let #value = (&#private::Probe(&#result)).outcome_kind().#into_result(#result)?;
            (&#private::Probe(&#value)).value_kind().#into_reply(&#context, #value)
        })
    }
}

fn slot_type(parameter: &Parameter, private: &TokenStream) -> TokenStream {
    let ty = parameter.shape.decoded(private);
    match parameter.kind {
        Kind::Plain | Kind::Keyword => quote!(#private::One<#ty>),
        Kind::Args => quote!(#private::Args<#ty>),
        Kind::Kwargs => quote!(#private::Kwargs<#ty>),
    }
}

/// Expands the statement that turns a slot into its value.
fn take(parameter: &Parameter, private: &TokenStream) -> TokenStream {
    let argument = argument(parameter);
    let name = &parameter.name.text;
    let value = match (&parameter.kind, &parameter.default) {
        (Kind::Args | Kind::Kwargs, _) => quote!(#argument.0),
        (_, None) => quote!(#argument.required(#name)?),
        (_, Some(DefaultValue::OfType(key))) => {
            let default = quote_spanned!(*key=> ::core::default::Default::default);
            quote!(#argument.or_else(#default))
        }
        (_, Some(DefaultValue::Value(value))) => {
            let value = parameter.shape.default_value(value, private);
            quote!(#argument.or_else(|| #value))
        }
    };
    quote!(let #argument = #value;)
}

/// Nests a list as pairs, `(a, (b, ()))`, which has no limit on its length.
fn nested(items: Vec<TokenStream>) -> TokenStream {
    items
        .into_iter()
        .rev()
        .fold(quote!(()), |rest, item| quote!((#item, #rest)))
}

/// Names a variable of ours; the user's expressions cannot see it.
fn local(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}

/// Names the variable of a parameter, apart from those of [`local`].
fn argument(parameter: &Parameter) -> Ident {
    format_ident!("arg_{}", parameter.ident, span = Span::mixed_site())
}
