//! From the model to code: `From<…> for RpcError`, and `WireError` for the way back.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;
use syn::{Generics, Member, Type, WherePredicate, parse_quote_spanned};

use super::model::{ErrorType, Field, Variant};
use crate::spans::respanned;

/// Expands an error type.
pub(crate) fn implementation(error: &ErrorType) -> TokenStream {
    let private = private(error);
    let value = local("error");
    let told = error.variants.iter().any(|it| it.internal.is_none());
    let message = told.then(|| {
        let (message, told) = (local("message"), Ident::new("told", error.ident.span()));
        let library = respanned(private.clone(), error.ident.span());
        // Before the match, which may move the cause out.
        quote_spanned! {error.ident.span()=>
            let #told = &#value;
            let #message = #library::message(#told);
        }
    });
    let told = error
        .variants
        .iter()
        .map(|it| tell(it, &error.ident, &private));
    let rebuilt = error
        .variants
        .iter()
        .filter_map(|it| rebuild(it, &error.ident, &private));
    impls(
        error,
        &bounded(error, &private),
        quote!(#message match #value { #(#told)* }),
        quote! {
            #private::rebuilt(#value, |#value| match #value.code() {
                #(#rebuilt)*
                _ => ::core::option::Option::None,
            })
        },
    )
}

/// Expands an error type that has mistakes: enough to keep what uses it from reporting more.
pub(crate) fn stub(error: &ErrorType) -> TokenStream {
    let value = local("error");
    impls(
        error,
        &error.generics,
        quote! {
            let _ = #value;
            loop {}
        },
        quote!(::core::result::Result::Err(#value)),
    )
}

fn impls(
    error: &ErrorType,
    generics: &Generics,
    told: TokenStream,
    rebuilt: TokenStream,
) -> TokenStream {
    let private = private(error);
    let (ident, value) = (&error.ident, local("error"));
    let (generics, arguments, where_clause) = generics.split_for_impl();
    let head = quote! {
        #[automatically_derived]
        #[allow(deprecated, unreachable_code, clippy::all, clippy::pedantic)]
    };
    quote! {
        #head
        impl #generics ::core::convert::From<#ident #arguments> for #private::RpcError #where_clause {
            fn from(#value: #ident #arguments) -> Self {
                #told
            }
        }
        #head
        impl #generics #private::WireError for #ident #arguments #where_clause {
            fn from_rpc_error(
                #value: #private::RpcError,
            ) -> ::core::result::Result<Self, #private::RpcError> {
                #rebuilt
            }
        }
    }
}

/// Expands the arm that words a variant for callers.
fn tell(variant: &Variant, ident: &Ident, private: &TokenStream) -> TokenStream {
    let path = path(variant, ident);
    if let Some(key) = &variant.internal {
        let (value, hidden) = (local("error"), Ident::new("hidden", key.span()));
        let library = respanned(private.clone(), key.span());
        let internal = quote_spanned! {key.span()=> #library::internal(#hidden)};
        return quote!(#path { .. } => {
            let #hidden = #value;
            #internal
        });
    }
    let bindings = variant.fields.iter().enumerate().map(|(index, field)| {
        let (member, name) = (&field.member, binding(index, field));
        match field.source {
            None => quote!(#member: ref #name),
            Some(_) => quote!(#member: #name),
        }
    });
    let (code, message) = (&variant.code.text, local("message"));
    let status = variant.status();
    let mut told = quote!(#private::service_error(#code, #status, #message));
    if variant.details().next().is_some() {
        let details = variant.fields.iter().enumerate();
        let details = details.filter(|(_, field)| field.source.is_none());
        let details = details.map(|(index, field)| {
            let (name, span) = (binding(index, field), field.ty.span());
            let library = respanned(private.clone(), span);
            let detail = quote_spanned! {span=> #library::Detail::to_json(#name)};
            match key(field) {
                Key::Name(name) => quote!((#name, #detail)),
                Key::Index(_) => detail,
            }
        });
        let with_details = match variant.fields[0].member {
            Member::Named(_) => quote!(with_named_details),
            Member::Unnamed(_) => quote!(with_details),
        };
        told = quote!(#private::#with_details(#told, [#(#details),*]));
    }
    if variant.retryable {
        told = quote!(#told.with_retryable(true));
    }
    let mut fields = variant.fields.iter().enumerate();
    if let Some((index, field)) = fields.find(|(_, field)| field.source.is_some()) {
        let (name, span) = (binding(index, field), field.ty.span());
        let library = respanned(private.clone(), span);
        told = quote_spanned! {span=> #library::with_source(#told, #name)};
    }
    quote!(#path { #(#bindings),* } => #told,)
}

/// Expands the arm that rebuilds a variant; none for what the wire does not carry whole.
fn rebuild(variant: &Variant, ident: &Ident, private: &TokenStream) -> Option<TokenStream> {
    if variant.internal.is_some() || variant.fields.iter().any(|it| it.source.is_some()) {
        return None;
    }
    let value = local("error");
    let fields = variant.fields.iter().map(|field| {
        let (member, span) = (&field.member, field.ty.span());
        let library = respanned(private.clone(), span);
        let read = match key(field) {
            Key::Name(name) => quote_spanned! {span=> #library::Detail::named(#value, #name)},
            Key::Index(index) => quote_spanned! {span=> #library::Detail::at(#value, #index)},
        };
        quote!(#member: #read?)
    });
    let (path, code) = (path(variant, ident), &variant.code.text);
    Some(quote!(#code => ::core::option::Option::Some(#path { #(#fields),* }),))
}

/// How a field is found in the details.
enum Key {
    Name(String),
    Index(usize),
}

fn key(field: &Field) -> Key {
    match &field.member {
        Member::Named(name) => Key::Name(name.unraw().to_string()),
        Member::Unnamed(index) => Key::Index(index.index as usize),
    }
}

fn path(variant: &Variant, ident: &Ident) -> TokenStream {
    match &variant.ident {
        Some(variant) => quote!(#ident::#variant),
        None => quote!(#ident),
    }
}

/// Returns the generics with what the conversions need of the parameters.
fn bounded(error: &ErrorType, private: &TokenStream) -> Generics {
    let mut generics = error.generics.clone();
    let parameters: Vec<_> = generics.type_params().map(|it| it.ident.clone()).collect();
    if parameters.is_empty() {
        return generics;
    }
    let (ident, site) = (&error.ident, error.ident.span());
    let (_, arguments, _) = error.generics.split_for_impl();
    let mut predicates: Vec<WherePredicate> = Vec::new();
    if error.variants.iter().any(|it| it.internal.is_none()) {
        predicates.push(parse_quote_spanned!(site=> #ident #arguments: ::core::fmt::Display));
    }
    if error.variants.iter().any(|it| it.internal.is_some()) {
        predicates.push(parse_quote_spanned!(site=> #ident #arguments: #private::Cause));
    }
    let told = error.variants.iter().filter(|it| it.internal.is_none());
    for field in told.flat_map(|variant| &variant.fields) {
        let ty = &field.ty;
        if mentions(ty, &parameters) {
            predicates.push(match field.source {
                None => parse_quote_spanned!(site=> #ty: #private::Detail),
                Some(_) => parse_quote_spanned!(site=> #ty: #private::IntoCause),
            });
        }
    }
    generics.make_where_clause().predicates.extend(predicates);
    generics
}

/// Returns whether a type names one of the parameters, as far as its tokens tell: where they only
/// look alike, a bound too many that holds does no harm.
fn mentions(ty: &Type, parameters: &[Ident]) -> bool {
    fn any(tokens: TokenStream, parameters: &[Ident]) -> bool {
        tokens.into_iter().any(|token| match token {
            TokenTree::Ident(ident) => parameters.contains(&ident),
            TokenTree::Group(group) => any(group.stream(), parameters),
            _ => false,
        })
    }
    any(ty.to_token_stream(), parameters)
}

fn private(error: &ErrorType) -> TokenStream {
    let library = &error.library;
    quote!(#library::__private)
}

/// Names a variable of ours. What a bound may be missing for has the span of the user's token
/// instead: the compiler points into an argument only where it is from the context of the call.
fn local(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}

/// Names what the pattern of a variant binds a field to.
fn binding(index: usize, field: &Field) -> Ident {
    format_ident!("field_{index}", span = field.ty.span())
}
