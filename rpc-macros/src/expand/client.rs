//! The typed client of a service: a type whose methods begin calls, and one type for the calls.
//!
//! The calls of all methods are one type, `GreetingServiceCall`, which knows of which method it is
//! by a number: so what all calls can do is written once, by the library's `client!`, and a method
//! adds no more than its setters.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens as _, format_ident, quote};
use syn::ext::IdentExt as _;
use syn::visit_mut::{self, VisitMut};
use syn::{Lifetime, ReturnType, Type, parse_quote};

use super::private;
use crate::model::{Kind, Method, Parameter, Service};
use crate::shape::{self, Given, Presence};

/// What a client's method may not be called, because all clients have it.
const OF_CLIENTS: [&str; 2] = ["new", "clone"];
/// The same for setters.
const OF_CALLS: [&str; 7] = [
    "timeout",
    "max_tries",
    "idempotent",
    "retry_not_sent",
    "hedge",
    "send",
    "into_future",
];

/// Expands the client of a service; nothing when it has none.
pub(crate) fn client(service: &Service) -> TokenStream {
    let Some(client) = &service.client else {
        return TokenStream::new();
    };
    let (types, call, lints) = (stub(service), call_type(client), lints());
    let methods = service.methods.iter().enumerate();
    let methods = methods.map(|(index, method)| self::method(service, &call, index, method));
    let setters = service.methods.iter().enumerate();
    let setters = setters.map(|(index, method)| self::setters(service, &call, index, method));
    quote! {
        #types
        #lints
        impl #client {
            #(#methods)*
        }
        #(#setters)*
    }
}

/// Expands a client without methods: of a service that has mistakes, enough to be named.
pub(crate) fn stub(service: &Service) -> TokenStream {
    let Some(client) = &service.client else {
        return TokenStream::new();
    };
    let (private, call) = (private(&service.library), call_type(client));
    let mut docs = vec![format!("Calls the methods of `{}`.", service.name.text)];
    if !service.doc.is_empty() {
        docs.extend([String::new(), service.doc.clone()]);
    }
    let calls = format!("A call of [`{client}`] that is being put together; awaiting it sends it.");
    quote!(#private::client!(#(#[doc = #docs])* #client, #call, #calls);)
}

fn call_type(client: &Ident) -> Ident {
    let name = client.unraw().to_string();
    let base = name.strip_suffix("Client").unwrap_or(&name);
    format_ident!("{base}Call", span = client.span())
}

fn lints() -> TokenStream {
    quote! {
        #[allow(
            dead_code,
            deprecated,
            elided_lifetimes_in_paths,
            missing_docs,
            non_camel_case_types,
            private_bounds,
            private_interfaces,
            trivial_bounds,
            unreachable_pub,
            clippy::all,
            clippy::pedantic,
        )]
    }
}

/// Expands the method that begins calls: it takes what must be given.
fn method(service: &Service, call: &Ident, index: usize, method: &Method) -> TokenStream {
    let private = private(&service.library);
    let (cfg, ident) = (&method.cfg, free(&method.sig.ident, &OF_CLIENTS));
    let doc = match method.doc.is_empty() {
        true => format!("Calls `{}`.", method.name.text),
        false => method.doc.clone(),
    };
    let subject = service.subject(method);
    let begin = quote!(#private::begin(&self.0, #subject));
    let (mut begin, kind) = match method.options.idempotent || method.options.safe {
        true => (quote!(#begin.idempotent()), quote!(#private::Idempotent)),
        false => (begin, quote!(#private::Plain)),
    };
    let mut inputs = Vec::new();
    let mut bounds = Vec::new();
    for (parameter, place) in places(method) {
        let name = &parameter.ident;
        let presence = match place {
            Place::Setter => continue,
            Place::Positional { or_none: true } => Presence::Open,
            Place::Positional { .. } | Place::Keyword => Presence::Known,
        };
        let Given { ty, value, bound } = given(service, parameter, presence);
        inputs.push(quote!(#name: #ty));
        bounds.extend(bound);
        begin = match place {
            Place::Keyword => {
                let key = &parameter.name.text;
                quote!(#begin.kwarg(#key, #value))
            }
            _ => quote!(#begin.arg(#value)),
        };
    }
    let (returns, chosen) = match returned(service, method) {
        Some(returns) => (returns, None),
        None => (
            quote!(#private::Returns<__FirstResult, false>),
            Some(quote!(<__FirstResult>)),
        ),
    };
    let bounds = where_clause(&bounds, &private);
    quote! {
        #(#cfg)*
        #[doc = #doc]
        pub fn #ident #chosen(&self, #(#inputs),*) -> #call<'_, #index, #returns, #kind> #bounds {
            #call(#private::TypedCall::new(#begin))
        }
    }
}

/// Expands the methods that add to a call what may be left out.
fn setters(service: &Service, call: &Ident, index: usize, method: &Method) -> TokenStream {
    let setters = places(method)
        .into_iter()
        .filter_map(|(parameter, place)| match place {
            Place::Setter => Some(setter(service, parameter)),
            _ => None,
        });
    let setters: Vec<_> = setters.collect();
    if setters.is_empty() {
        return TokenStream::new();
    }
    let (cfg, lints) = (&method.cfg, lints());
    quote! {
        #(#cfg)*
        #lints
        impl<'__call, __Returns, __Kind> #call<'__call, #index, __Returns, __Kind> {
            #(#setters)*
        }
    }
}

fn setter(service: &Service, parameter: &Parameter) -> TokenStream {
    let private = private(&service.library);
    let (name, key) = (&parameter.ident, &parameter.name.text);
    let ident = free(name, &OF_CALLS);
    let (doc, ty, set, bound) = match parameter.kind {
        Kind::Args => (
            format!("Appends positional arguments, which `{key}` collects."),
            quote!(impl ::core::iter::IntoIterator<Item = impl #private::Serialize>),
            quote!(args(#name)),
            None,
        ),
        Kind::Kwargs => (
            format!("Adds keyword arguments, which `{key}` collects."),
            quote!(
                impl ::core::iter::IntoIterator<Item = (
                    impl ::core::convert::AsRef<::core::primitive::str>,
                    impl #private::Serialize,
                )>
            ),
            quote!(kwargs(#name)),
            None,
        ),
        Kind::Plain | Kind::Keyword => {
            let Given { ty, value, bound } = given(service, parameter, Presence::Known);
            let doc = format!("Sets the argument `{key}`.");
            (doc, ty, quote!(kwarg(#key, #value)), bound)
        }
    };
    let bounds = where_clause(bound.as_slice(), &private);
    // A parameter may have that name, too.
    let call = Ident::new("call", Span::mixed_site());
    quote! {
        #[doc = #doc]
        pub fn #ident(self, #name: #ty) -> Self #bounds {
            Self(self.0.map(|#call| #call.#set))
        }
    }
}

/// How a caller gives an argument.
#[derive(Clone, Copy)]
enum Place {
    /// By an argument in its place on the wire; a parameter that is not required may be none.
    Positional { or_none: bool },
    /// By an argument that travels by its name.
    Keyword,
    /// By a setter, which also travels by its name.
    Setter,
}

/// Says of each parameter how it is given.
///
/// What `*args` collects comes after all other positionals, so a method that has it takes them all
/// in their places. Otherwise a required parameter behind one that may be left out has no place of
/// its own, and travels by its name.
fn places(method: &Method) -> Vec<(&Parameter, Place)> {
    let collects = method.parameters().any(|it| it.kind == Kind::Args);
    let mut left_out = false;
    let places = method.parameters().map(|parameter| {
        let optional = parameter.default.is_some() || parameter.shape.is_optional();
        let place = match parameter.kind {
            Kind::Args | Kind::Kwargs => Place::Setter,
            Kind::Plain if collects => Place::Positional {
                or_none: parameter.shape.is_optional(),
            },
            Kind::Plain | Kind::Keyword if optional => {
                left_out = true;
                Place::Setter
            }
            Kind::Plain if !left_out => Place::Positional { or_none: false },
            Kind::Plain | Kind::Keyword => Place::Keyword,
        };
        (parameter, place)
    });
    places.collect()
}

fn given(service: &Service, parameter: &Parameter, presence: Presence) -> Given {
    let private = private(&service.library);
    let given = parameter.shape.given(&parameter.ident, presence, &private);
    let of_service = |tokens| without_self(tokens, &service.self_ty);
    Given {
        ty: of_service(given.ty),
        value: given.value,
        bound: given
            .bound
            .map(|bound| of_service(bound.into_token_stream()))
            .map(Type::Verbatim),
    }
}

fn where_clause(bounds: &[Type], private: &TokenStream) -> Option<TokenStream> {
    let lifetime = shape::sent_lifetime();
    (!bounds.is_empty())
        .then(|| quote!(where #(for<#lifetime> #bounds: #private::Sent<#lifetime>),*))
}

/// Expands what the method returns, for the one who calls it; nothing when that cannot be said, and
/// the caller chooses what the first result is decoded into.
fn returned(service: &Service, method: &Method) -> Option<TokenStream> {
    let private = private(&service.library);
    let ReturnType::Type(_, ty) = &method.sig.output else {
        return Some(quote!(#private::Returns<(), false>));
    };
    let mut owned = Owned { opaque: false };
    let mut ty = (**ty).clone();
    owned.visit_type_mut(&mut ty);
    if owned.opaque {
        return None;
    }
    let plain = is_no_result(&ty);
    let ty = without_self(ty.into_token_stream(), &service.self_ty);
    if plain {
        return Some(quote!(#private::Returns<#ty, false>));
    }
    // Asked of the type and not of its spelling: an alias of `Result` is one, too.
    Some(quote! {
        #private::Returns<#ty, {
            use #private::Otherwise as _;
            <#private::Asked<#ty>>::IS_RESULT
        }>
    })
}

/// Returns whether a type is no `Result`, and that goes without saying.
fn is_no_result(ty: &Type) -> bool {
    let named = |name: &&str| shape::is_named(ty, name);
    match ty {
        Type::Tuple(_) | Type::Array(_) => true,
        ty => shape::is_plain(ty) || ["String", "Vec", "Option", "Value"].iter().any(named),
    }
}

/// Makes a type own what it borrows: a caller has nothing to borrow from.
struct Owned {
    /// Whether it does not say what it is: `impl Trait`, or a `Reply` of several results.
    opaque: bool,
}

impl VisitMut for Owned {
    fn visit_type_mut(&mut self, ty: &mut Type) {
        let inner = match shape::peel(ty) {
            Type::ImplTrait(_) => return self.opaque = true,
            inner if shape::is_named(inner, "Reply") => return self.opaque = true,
            Type::Reference(reference) => match shape::peel(&reference.elem) {
                Type::Path(text) if text.path.is_ident("str") => {
                    Some(parse_quote!(::std::string::String))
                }
                Type::Slice(slice) => {
                    let item = &slice.elem;
                    Some(parse_quote!(::std::vec::Vec<#item>))
                }
                inner => Some(inner.clone()),
            },
            _ => None,
        };
        if let Some(inner) = inner {
            *ty = inner;
        }
        visit_mut::visit_type_mut(self, ty);
    }

    fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
        lifetime.ident = Ident::new("static", lifetime.ident.span());
    }
}

/// Replaces `Self`, which in a client would be the client.
fn without_self(tokens: TokenStream, self_ty: &Type) -> TokenStream {
    let mut tokens = tokens.into_iter().peekable();
    let mut replaced = TokenStream::new();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Ident(ident) if ident == "Self" => {
                let path_follows = matches!(
                    tokens.peek(),
                    Some(TokenTree::Punct(punct)) if punct.as_char() == ':'
                );
                replaced.extend(match path_follows {
                    true => quote!(<#self_ty>),
                    false => quote!(#self_ty),
                });
            }
            TokenTree::Group(group) => {
                let inner = without_self(group.stream(), self_ty);
                let mut renewed = proc_macro2::Group::new(group.delimiter(), inner);
                renewed.set_span(group.span());
                replaced.extend([TokenTree::Group(renewed)]);
            }
            other => replaced.extend([other]),
        }
    }
    replaced
}

/// Returns a name that none of `taken` has: with `_` appended, if need be.
fn free(ident: &Ident, taken: &[&str]) -> Ident {
    match taken.iter().any(|taken| ident == taken) {
        true => format_ident!("{ident}_", span = ident.span()),
        false => ident.clone(),
    }
}
