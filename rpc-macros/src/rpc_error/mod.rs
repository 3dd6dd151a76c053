//! `#[derive(RpcError)]`: parse → model → validate → expand, as for `#[rpc]`.

mod codes;
mod expand;
mod model;
mod parse;
mod validate;

use proc_macro2::TokenStream;
use quote::quote;
use syn::DeriveInput;

use crate::errors::Errors;

/// Expands the derive: both conversions, or stand-ins for them and every mistake.
pub(crate) fn derive(item: TokenStream) -> TokenStream {
    let input = match syn::parse2::<DeriveInput>(item) {
        Ok(input) => input,
        Err(error) => return error.into_compile_error(),
    };
    let mut errors = Errors::default();
    let error = parse::error_type(&input, &mut errors);
    validate::error_type(&error, &mut errors);
    match errors.into_compile_errors() {
        None => expand::implementation(&error),
        Some(errors) => {
            let stub = expand::stub(&error);
            quote!(#stub #errors)
        }
    }
}

#[cfg(test)]
mod tests;
