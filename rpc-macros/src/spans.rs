//! Where the compiler reports what goes wrong in an expansion.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};

/// Returns the tokens under another span; `quote_spanned!` leaves those alone that it is given.
pub(crate) fn respanned(tokens: TokenStream, span: Span) -> TokenStream {
    let tokens = tokens.into_iter().map(|mut token| {
        token.set_span(span);
        token
    });
    tokens.collect()
}

/// Returns the first identifier of a name, at any depth.
pub(crate) fn find(tokens: TokenStream, name: &str) -> Option<Ident> {
    tokens.into_iter().find_map(|token| match token {
        TokenTree::Ident(ident) if ident == name => Some(ident),
        TokenTree::Group(group) => find(group.stream(), name),
        _ => None,
    })
}
