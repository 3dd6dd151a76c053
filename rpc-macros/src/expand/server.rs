//! `impl Service for …`: the metadata of a service, and a handler for each method.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens as _, format_ident, quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{LitStr, ReturnType};

use super::entrypoints::entrypoints;
use super::{private, schema};
use crate::model::{DefaultValue, Handed, Input, Kind, Method, Parameter, Provided, Service};
use crate::spans::respanned;

/// Expands a service.
pub(crate) fn implementation(service: &Service) -> TokenStream {
    let private = private(&service.library);
    let Declared {
        name,
        version,
        doc,
        prefix,
        queue_group,
    } = declared(service);
    let endpoints = endpoints(service, &private);
    let entrypoints = entrypoints(service);
    impl_service(
        service,
        quote! {
            const NAME: &'static str = #name;
            const VERSION: &'static str = #version;
            const DOC: &'static str = #doc;
            const PREFIX: &'static str = #prefix;
            const QUEUE_GROUP: &'static str = #queue_group;

            fn endpoints() -> ::std::vec::Vec<#private::Endpoint<Self>> {
                #endpoints
            }

            #entrypoints
        },
    )
}

/// What a service says of itself, each an expression.
pub(crate) struct Declared {
    pub(crate) name: TokenStream,
    pub(crate) version: TokenStream,
    pub(crate) doc: TokenStream,
    pub(crate) prefix: TokenStream,
    pub(crate) queue_group: TokenStream,
}

/// Returns what a service says of itself.
pub(crate) fn declared(service: &Service) -> Declared {
    let (name, doc) = (&service.name.text, &service.doc);
    let text = |text: &Option<LitStr>, default: &str| {
        let text = text.as_ref().map(LitStr::value);
        text.unwrap_or_else(|| default.to_owned()).to_token_stream()
    };
    Declared {
        name: name.to_token_stream(),
        version: match &service.version {
            Some(version) => version.to_token_stream(),
            // That of the crate that the service is in.
            None => quote!(::core::env!("CARGO_PKG_VERSION")),
        },
        doc: doc.to_token_stream(),
        prefix: text(&service.prefix, ""),
        queue_group: text(&service.queue_group, "q"),
    }
}

/// Expands the list of methods; `Self` is the service.
pub(crate) fn endpoints(service: &Service, private: &TokenStream) -> TokenStream {
    let endpoints = service.methods.iter().map(|method| {
        let (cfg, endpoint) = (&method.cfg, endpoint(method, private));
        quote!(#(#cfg)* #endpoint)
    });
    quote!(::core::convert::From::from([#(#endpoints),*]))
}

/// Expands a service that has mistakes: enough to keep what uses it from reporting more.
pub(crate) fn stub(service: &Service) -> TokenStream {
    let private = private(&service.library);
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

fn impl_service(service: &Service, items: TokenStream) -> TokenStream {
    let private = private(&service.library);
    let self_ty = &service.self_ty;
    let (generics, _, where_clause) = service.generics.split_for_impl();
    quote! {
        #private::server! {
            #[automatically_derived]
            #[allow(deprecated, clippy::all, clippy::pedantic)]
            impl #generics #private::Service for #self_ty #where_clause {
                #items
            }
        }
    }
}

/// Expands what is known of a method, and the function that makes its futures.
pub(super) fn endpoint(method: &Method, private: &TokenStream) -> TokenStream {
    let name = &method.name.text;
    let doc = &method.doc;
    let parameters = method.parameters().map(|parameter| {
        let (name, sensitive) = (&parameter.name.text, parameter.sensitive);
        let kind = match parameter.kind {
            Kind::Plain => quote!(Plain),
            Kind::Keyword => quote!(Keyword),
            Kind::Args => quote!(Args),
            Kind::Kwargs => quote!(Kwargs),
        };
        quote! {
            #private::Parameter {
                name: #name,
                kind: #private::ParameterKind::#kind,
                sensitive: #sensitive,
            }
        }
    });
    let options = options(method, private);
    let signature = schema::signature(method, private);
    let handler = handler(method, private);
    quote! {
        {
            const __PARAMETERS: &[#private::Parameter] = &[#(#parameters),*];
            #private::Endpoint {
                spec: #private::EndpointSpec {
                    name: #name,
                    doc: #doc,
                    parameters: __PARAMETERS,
                    signature: #signature,
                    options: #options,
                },
                handler: #handler,
            }
        }
    }
}

fn options(method: &Method, private: &TokenStream) -> TokenStream {
    let options = &method.options;
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
    if options.step_aside {
        fields.push(quote!(when_full: #private::WhenFull::StepAside));
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
    if !options.scopes.is_empty() {
        let scopes = &options.scopes;
        fields.push(quote!(scopes: &[#(#scopes),*]));
    }
    if !options.routes.is_empty() {
        let routes = options.routes.iter().map(|it| it.expand(method, private));
        fields.push(quote!(http: {
            const __ROUTES: &[#private::HttpRoute] = &[#(#routes),*];
            __ROUTES
        }));
    }
    let others = match options.blocking {
        true => quote!(#private::Options::blocking()),
        false => quote!(#private::Options::DEFAULT),
    };
    match fields.is_empty() {
        true => others,
        false => quote!(#private::Options { #(#fields,)* ..#others }),
    }
}

/// Expands the function that makes the future of one call: owners first, borrows inside.
///
/// What the compiler may complain of is spanned by the user's tokens: a call by the name of the
/// method, its result by the type. It points into an argument only from a call in the same context,
/// so a call's whole path is spanned, too.
fn handler(method: &Method, private: &TokenStream) -> TokenStream {
    let ident = &method.sig.ident;
    let site = ident.span();
    let output = match &method.sig.output {
        ReturnType::Default => site,
        ReturnType::Type(_, ty) => ty.span(),
    };
    let [service, context, payload] = ["service", "context", "payload"].map(local);
    // No expression of the user's comes after these, so none can see them.
    let [result, value] = ["result", "value"].map(|name| Ident::new(name, output));

    let library = respanned(private.clone(), site);
    let slots = nested(site, method.parameters().map(|it| slot(it, private)));
    let bindings = nested(
        site,
        method
            .parameters()
            .map(|it| argument(it).into_token_stream()),
    );
    let decode = quote_spanned! {site=>
        #library::decode(&#context, &#payload, __PARAMETERS, #slots)?
    };
    let taken = method
        .parameters()
        .map(|parameter| take(parameter, private));
    let inputs = method.inputs.iter().map(|input| match input {
        Input::Context => quote!(&#context),
        Input::Provided(it) => {
            let value = provided(it);
            match it.handed {
                Handed::Over => quote!(#value),
                Handed::Lent => quote!(&#value),
                Handed::LentMutably => quote!(&mut #value),
            }
        }
        Input::Parameter(parameter) => parameter
            .shape
            .hand_over(&argument(parameter).into_token_stream()),
    });
    let value_of = quote_spanned! {output=>
        (&#private::Probe(&#result)).outcome_kind().into_result(#result)?
    };
    let reply_of = quote_spanned! {output=>
        (&#private::Probe(&#value)).value_kind().into_reply(&#context, #value)
    };
    let run = quote! {
        let #result = Self::#ident(&#service, #(#inputs),*).await;
        let #value = #value_of;
        #reply_of
    };
    let run = with_provided(method, private, [&service, &context], run);
    let call = quote! {
        use #private::{PlainKind as _, ReplyKind as _, ResultKind as _, UnitKind as _, ValueKind as _};
        let #bindings = #decode;
        #(#taken)*
        #run
    };
    let future = quote_spanned!(site=> #library::spawnable(async move { #call }));
    quote!(|#service, #context, #payload| #future)
}

/// Expands what comes around a method's run: its provided values are made before it, and those that
/// it was lent are ended after it, the last first.
fn with_provided(
    method: &Method,
    private: &TokenStream,
    [service, context]: [&Ident; 2],
    run: TokenStream,
) -> TokenStream {
    let made = method.provided().map(|it| {
        let (value, ty) = (provided(it), &it.ty);
        let library = respanned(private.clone(), ty.span());
        let mutability = (it.handed == Handed::LentMutably).then(|| quote!(mut));
        let make = quote_spanned! {ty.span()=>
            #library::from_context::<#ty, Self>(&#service, &#context).await?
        };
        quote!(let #mutability #value = #make;)
    });
    let lent = method
        .provided()
        .rev()
        .filter(|it| it.handed != Handed::Over);
    let reply = local("reply");
    let ended: Vec<_> = lent
        .map(|it| {
            let (value, ty) = (provided(it), &it.ty);
            let library = respanned(private.clone(), ty.span());
            // In one span with what makes the value: the compiler reports a wrong type only once.
            quote_spanned! {ty.span()=>
                let #reply = #library::end::<#ty, Self>(#reply, #value, &#service, &#context).await;
            }
        })
        .collect();
    if ended.is_empty() {
        return quote!(#(#made)* #run);
    }
    quote! {
        #(#made)*
        // A block of its own: an error inside of it must not pass by what ends the values.
        let #reply = async { #run }.await;
        #(#ended)*
        #reply
    }
}

/// Expands the call that creates a parameter's slot.
fn slot(parameter: &Parameter, private: &TokenStream) -> TokenStream {
    let create = match (parameter.kind, &parameter.default) {
        (Kind::Args, _) => quote!(args),
        (Kind::Kwargs, _) => quote!(kwargs),
        (_, None) => quote!(one),
        (_, Some(_)) => quote!(maybe),
    };
    of_type(quote!(#private::#create), parameter.shape.decoded(private))
}

/// Expands the call of a function of a parameter's type.
///
/// It spans the very tokens of the type: a type that does not fit is found more than once, and the
/// compiler drops the later reports where all have one span.
pub(super) fn of_type(function: TokenStream, ty: TokenStream) -> TokenStream {
    let mut spans = ty.clone().into_iter().map(|token| token.span());
    let first = spans.next().unwrap_or_else(Span::call_site);
    let last = spans.last().unwrap_or(first);
    let function = respanned(quote!(#function::), first);
    let call = respanned(quote!(()), last);
    let (open, close) = (respanned(quote!(<), first), respanned(quote!(>), last));
    quote!(#function #open #ty #close #call)
}

/// Expands the statement that turns a slot into its value.
fn take(parameter: &Parameter, private: &TokenStream) -> TokenStream {
    let argument = argument(parameter);
    let name = &parameter.name.text;
    let value = match (&parameter.kind, &parameter.default) {
        (Kind::Args | Kind::Kwargs, _) => quote!(#argument.0),
        (_, None) => quote!(#argument.required(#name)?),
        (_, Some(DefaultValue::OfType(key))) => {
            let default = quote_spanned!(*key=> ::core::default::Default::default());
            quote!(#argument.or_else(|| #default))
        }
        (_, Some(DefaultValue::Value(value))) => {
            let value = parameter.shape.default_value(value, private);
            quote!(#argument.or_else(|| #value))
        }
    };
    quote!(let #argument = #value;)
}

/// Nests a list as pairs, `(a, (b, ()))`, which has no limit on its length.
fn nested(site: Span, items: impl Iterator<Item = TokenStream>) -> TokenStream {
    let items: Vec<_> = items.collect();
    let pairs = items.into_iter().rev();
    pairs.fold(
        quote_spanned!(site=> ()),
        |rest, item| quote_spanned!(site=> (#item, #rest)),
    )
}

/// Names a variable of ours; the user's expressions cannot see it.
pub(super) fn local(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}

/// Names the variable of a provided value, apart from those of [`local`].
fn provided(provided: &Provided) -> Ident {
    format_ident!("from_{}", provided.ident, span = Span::mixed_site())
}

/// Names the variable of a parameter, apart from those of [`local`].
fn argument(parameter: &Parameter) -> Ident {
    format_ident!("arg_{}", parameter.ident, span = Span::mixed_site())
}
