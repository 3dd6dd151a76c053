//! From the model to code.

mod client;
mod schema;
mod server;

use proc_macro2::TokenStream;
use quote::{ToTokens as _, quote};

use crate::errors::Errors;
use crate::item;
use crate::model::Service;
use crate::{parse, validate};

/// Expands the attribute: the user's item as it is but for our attributes, then what makes it a
/// service, then every mistake.
pub(crate) fn rpc(argument: TokenStream, tokens: TokenStream) -> TokenStream {
    let mut block = match item::read(tokens) {
        Ok(block) => block,
        Err((error, tokens)) => {
            let error = error.into_compile_error();
            return quote!(#tokens #error);
        }
    };
    let mut errors = Errors::default();
    let service = parse::service(argument, &mut block, &mut errors);
    validate::service(&service, &block, &mut errors);
    let expansion = match errors.into_compile_errors() {
        None => {
            let (service, client) = (server::implementation(&service), client::client(&service));
            quote!(#service #client)
        }
        Some(errors) => {
            // A type that cannot be a service would only bring more errors.
            let stub = validate::can_be_service(&service.self_ty).then(|| server::stub(&service));
            quote!(#stub #errors)
        }
    };
    let block = block.into_token_stream();
    quote!(#block #expansion)
}

/// Returns the path of all that an expansion may name.
fn private(service: &Service) -> TokenStream {
    let library = &service.library;
    quote!(#library::__private)
}

#[cfg(test)]
mod tests;
