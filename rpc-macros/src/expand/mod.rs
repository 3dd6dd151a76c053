//! From the model to code.

mod client;
mod contract;
mod entrypoints;
mod schema;
mod server;

use proc_macro2::TokenStream;
use quote::{ToTokens as _, quote};
use syn::Path;

use crate::errors::Errors;
use crate::item::{self, Block, ImplBlock, Member, TraitBlock};
use crate::{parse, validate};

/// Expands the attribute: the user's item as it is but for our attributes, then what makes it a
/// service, then every mistake.
pub(crate) fn rpc(argument: TokenStream, tokens: TokenStream) -> TokenStream {
    match item::read(tokens) {
        Ok(Block::Service(block)) => service(argument, block),
        Ok(Block::Contract(block)) => contract(argument, *block),
        Ok(Block::Implementation(block)) => implementation(argument, block),
        Err((error, tokens)) => {
            let error = error.into_compile_error();
            quote!(#tokens #error)
        }
    }
}

fn service(argument: TokenStream, mut block: ImplBlock) -> TokenStream {
    let mut errors = Errors::default();
    let service = parse::service(argument, &mut block, &mut errors);
    validate::service(&service, &block, &mut errors);
    let expansion = match errors.into_compile_errors() {
        None => {
            // A client of nothing would only take a name.
            let client = (!service.methods.is_empty()).then(|| client::client(&service));
            let service = server::implementation(&service);
            quote!(#service #client)
        }
        Some(errors) => {
            // A type that cannot be a service would only bring more errors.
            let stub = validate::can_be_service(&service.self_ty).then(|| server::stub(&service));
            let client = client::stub(&service);
            quote!(#stub #client #errors)
        }
    };
    let block = block.into_token_stream();
    quote!(#block #expansion)
}

fn contract(argument: TokenStream, mut block: TraitBlock) -> TokenStream {
    let mut errors = Errors::default();
    let service = parse::contract(argument, &mut block, &mut errors);
    validate::contract(&service, &block, &mut errors);
    let idents: Vec<_> = service.methods.iter().map(|it| &it.sig.ident).collect();
    for member in &mut block.members {
        if let Member::Fn(function) = member
            && idents.contains(&&function.sig.ident)
        {
            function.promise_send();
        }
    }
    block.ask_for_a_service();
    let expansion = match errors.into_compile_errors() {
        None => {
            block.hidden = contract::hidden(&service);
            client::client(&service)
        }
        Some(errors) => {
            block.hidden = contract::stub(&service);
            let client = client::stub(&service);
            quote!(#client #errors)
        }
    };
    let block = block.into_token_stream();
    quote!(#block #expansion)
}

fn implementation(argument: TokenStream, mut block: ImplBlock) -> TokenStream {
    let mut errors = Errors::default();
    let implementation = parse::implementation(argument, &mut block, &mut errors);
    if let Some(implementation) = &implementation {
        validate::implementation(implementation, &mut errors);
    }
    let service = implementation.as_ref().map(contract::implementation);
    let errors = errors.into_compile_errors();
    let block = block.into_token_stream();
    quote!(#block #service #errors)
}

/// Returns the path of all that an expansion may name.
fn private(library: &Path) -> TokenStream {
    quote!(#library::__private)
}

#[cfg(test)]
mod tests;
