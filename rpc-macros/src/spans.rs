//! Where the compiler reports what goes wrong in an expansion.

use proc_macro2::{Span, TokenStream};

/// Returns the tokens under another span; `quote_spanned!` leaves those alone that it is given.
pub(crate) fn respanned(tokens: TokenStream, span: Span) -> TokenStream {
    let tokens = tokens.into_iter().map(|mut token| {
        token.set_span(span);
        token
    });
    tokens.collect()
}
