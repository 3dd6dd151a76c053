//! The `#[rpc]` attribute of the rpc framework.

mod errors;
mod expand;
mod item;
mod literal;
mod model;
mod options;
mod parse;
mod shape;
mod spans;
mod validate;

use proc_macro::TokenStream;

/// Makes a service.
#[proc_macro_attribute]
pub fn rpc(argument: TokenStream, item: TokenStream) -> TokenStream {
    expand::rpc(argument.into(), item.into()).into()
}
