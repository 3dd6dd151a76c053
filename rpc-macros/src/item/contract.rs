//! A contract: a trait whose rpc methods are rewritten so that their futures may move between threads.

use proc_macro2::{Delimiter, Group, TokenStream};
use quote::{ToTokens, quote};
use syn::parse::{Parse as _, ParseStream, Parser as _};
use syn::spanned::Spanned as _;
use syn::{Attribute, ItemTrait, Result, ReturnType, TraitItem, parse_quote, parse_quote_spanned};

use super::{Body, Member, MemberFn, split};

/// A trait.
pub(crate) struct TraitBlock {
    /// All but the members.
    pub(crate) head: ItemTrait,
    /// The members, in source order.
    pub(crate) members: Vec<Member>,
    /// Members of ours.
    pub(crate) hidden: TokenStream,
}

impl TraitBlock {
    /// Reads a trait.
    ///
    /// # Errors
    /// What the compiler would say of it, too.
    pub(super) fn parse(tokens: TokenStream) -> Result<Self> {
        let (head, members) = split(tokens);
        let mut head: ItemTrait = syn::parse2(head)?;
        let members = (|input: ParseStream<'_>| {
            head.attrs.extend(Attribute::parse_inner(input)?);
            let mut members = Vec::new();
            while !input.is_empty() {
                members.push(Member::parse(input, |input| {
                    TraitItem::parse(input).map(ToTokens::into_token_stream)
                })?);
            }
            Ok(members)
        })
        .parse2(members)?;
        Ok(Self {
            head,
            members,
            hidden: TokenStream::new(),
        })
    }

    /// Adds what every contract asks of the type that implements it.
    pub(crate) fn ask_for_a_service(&mut self) {
        let head = &mut self.head;
        head.colon_token.get_or_insert_default();
        head.supertraits.push(parse_quote!(::core::marker::Sized));
        head.supertraits.push(parse_quote!(::core::marker::Send));
        head.supertraits.push(parse_quote!(::core::marker::Sync));
        head.supertraits.push(parse_quote!('static));
    }
}

impl MemberFn {
    /// Writes `async fn f() -> T` as the function it stands for, whose future is `Send`: of an
    /// `async fn` in a trait nobody could say so.
    pub(crate) fn promise_send(&mut self) {
        if self.sig.asyncness.take().is_none() {
            return;
        }
        let output = match &self.sig.output {
            ReturnType::Default => quote!(()),
            ReturnType::Type(_, ty) => ty.to_token_stream(),
        };
        let span = self.sig.ident.span();
        self.sig.output = parse_quote_spanned! {span=>
            -> impl ::core::future::Future<Output = #output> + ::core::marker::Send
        };
        if let Body::Block(body) = &mut self.body {
            let mut whole = Group::new(Delimiter::Brace, quote!(async move #body));
            whole.set_span(body.span());
            *body = whole;
        }
    }
}

impl ToTokens for TraitBlock {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let mut whole = self.head.clone();
        let members = self.members.iter().map(ToTokens::to_token_stream);
        let hidden = (!self.hidden.is_empty()).then(|| self.hidden.clone());
        whole.items = members.chain(hidden).map(TraitItem::Verbatim).collect();
        whole.to_tokens(tokens);
    }
}
