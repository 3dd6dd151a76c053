//! What the attribute stands on: an `impl` block or a trait, whose method bodies are left unread.
//!
//! A body is none of the macro's business. Passing it through unread keeps an editor's completion
//! alive while a body is half written, accepts syntax newer than `syn`, and costs no parsing.

mod contract;

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use quote::{ToTokens, TokenStreamExt as _};
use syn::parse::{Parse, ParseStream, Parser as _};
use syn::{
    Attribute, Error, FnArg, ImplItem, Item, ItemImpl, Result, Signature, Token, Visibility,
};

pub(crate) use contract::TraitBlock;

use crate::entrypoint;

/// What the attribute can stand on.
pub(crate) enum Block {
    /// An `impl` block of a type: a service.
    Service(ImplBlock),
    /// A trait: a contract.
    Contract(Box<TraitBlock>),
    /// An `impl` block of a trait: a service that keeps to a contract.
    Implementation(ImplBlock),
}

/// An `impl` block.
pub(crate) struct ImplBlock {
    /// All but the members.
    pub(crate) head: ItemImpl,
    /// The members, in source order.
    pub(crate) members: Vec<Member>,
}

/// A member of an `impl` block.
pub(crate) enum Member {
    /// A function.
    Fn(Box<MemberFn>),
    /// Anything else, passed through.
    Other(TokenStream),
}

/// A function of an `impl` block.
pub(crate) struct MemberFn {
    pub(crate) attrs: Vec<Attribute>,
    vis: Visibility,
    pub(crate) sig: Signature,
    body: Body,
}

/// What follows a signature.
enum Body {
    /// `{…}`
    Block(Group),
    /// `;`, in a contract.
    None(Token![;]),
}

impl ImplBlock {
    /// Reads an `impl` block.
    ///
    /// # Errors
    /// What the compiler would say of it, too.
    fn parse(tokens: TokenStream) -> Result<Self> {
        let (head, members) = split(tokens);
        let mut head: ItemImpl = syn::parse2(head)?;
        let members = (|input: ParseStream<'_>| {
            head.attrs.extend(Attribute::parse_inner(input)?);
            let mut members = Vec::new();
            while !input.is_empty() {
                members.push(Member::parse(input, |input| {
                    ImplItem::parse(input).map(ToTokens::into_token_stream)
                })?);
            }
            Ok(members)
        })
        .parse2(members)?;
        Ok(Self { head, members })
    }
}

impl MemberFn {
    /// Takes the `#[rpc]` attributes out: those of the function, then those of each input.
    pub(crate) fn take_rpc(&mut self) -> (Vec<Attribute>, Vec<Vec<Attribute>>) {
        let inputs = self.sig.inputs.iter_mut().map(|input| match input {
            FnArg::Receiver(receiver) => take_rpc(&mut receiver.attrs),
            FnArg::Typed(parameter) => take_rpc(&mut parameter.attrs),
        });
        let inputs = inputs.collect();
        (take_rpc(&mut self.attrs), inputs)
    }
}

impl Member {
    /// Reads a member; `other` reads one that is no function.
    fn parse(
        input: ParseStream<'_>,
        other: impl FnOnce(ParseStream<'_>) -> Result<TokenStream>,
    ) -> Result<Self> {
        let ahead = input.fork();
        ahead.call(Attribute::parse_outer)?;
        ahead.parse::<Visibility>()?;
        if ahead.parse::<Signature>().is_err() {
            return other(input).map(Self::Other);
        }
        input.parse().map(|function| Self::Fn(Box::new(function)))
    }
}

impl Parse for MemberFn {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        Ok(Self {
            attrs: input.call(Attribute::parse_outer)?,
            vis: input.parse()?,
            sig: input.parse()?,
            body: match input.peek(Token![;]) {
                true => Body::None(input.parse()?),
                false => Body::Block(input.parse()?),
            },
        })
    }
}

impl ToTokens for ImplBlock {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let mut whole = self.head.clone();
        let members = self.members.iter().map(ToTokens::to_token_stream);
        whole.items = members.map(ImplItem::Verbatim).collect();
        whole.to_tokens(tokens);
    }
}

impl ToTokens for Member {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Self::Other(other) => other.to_tokens(tokens),
            Self::Fn(function) => function.to_tokens(tokens),
        }
    }
}

impl ToTokens for MemberFn {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        tokens.append_all(&self.attrs);
        self.vis.to_tokens(tokens);
        self.sig.to_tokens(tokens);
        match &self.body {
            Body::Block(block) => block.to_tokens(tokens),
            Body::None(semicolon) => semicolon.to_tokens(tokens),
        }
    }
}

/// Takes the `#[rpc]` attributes out of a list.
pub(crate) fn take_rpc(attrs: &mut Vec<Attribute>) -> Vec<Attribute> {
    attrs.extract_if(.., |attr| is_rpc(attr)).collect()
}

/// Returns whether an attribute is ours, under whatever path: `#[rpc]`, `#[rpc_core::rpc]`.
fn is_rpc(attr: &Attribute) -> bool {
    let last = attr.path().segments.last();
    last.is_some_and(|segment| segment.ident == "rpc")
}

/// Reads the item that the attribute stands on.
///
/// # Errors
/// What is wrong, and the item without attributes of ours.
pub(crate) fn read(tokens: TokenStream) -> std::result::Result<Block, (Error, TokenStream)> {
    let read = match keyword(&tokens) {
        Some(Keyword::Impl) => {
            ImplBlock::parse(tokens.clone()).map(|block| match block.head.trait_ {
                None => Block::Service(block),
                Some(_) => Block::Implementation(block),
            })
        }
        Some(Keyword::Trait) => {
            TraitBlock::parse(tokens.clone()).map(|block| Block::Contract(Box::new(block)))
        }
        None => return Err(misplaced(tokens)),
    };
    read.map_err(|error| (error, tokens))
}

/// What says which item it is.
enum Keyword {
    Impl,
    Trait,
}

/// Returns which item it is, as far as its first tokens tell.
fn keyword(tokens: &TokenStream) -> Option<Keyword> {
    let head = |input: ParseStream<'_>| {
        input.call(Attribute::parse_outer)?;
        input.parse::<Visibility>()?;
        input.parse::<Option<Token![unsafe]>>()?;
        let found = match () {
            () if input.peek(Token![impl]) => Some(Keyword::Impl),
            () if input.peek(Token![trait]) => Some(Keyword::Trait),
            () => None,
        };
        input.parse::<TokenStream>()?;
        Ok(found)
    };
    head.parse2(tokens.clone()).ok().flatten()
}

/// Takes the members out of an item, and leaves its braces empty.
fn split(tokens: TokenStream) -> (TokenStream, TokenStream) {
    let mut tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let members = match tokens.pop() {
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
            let mut emptied = Group::new(Delimiter::Brace, TokenStream::new());
            emptied.set_span(group.span());
            tokens.push(emptied.into());
            group.stream()
        }
        _ => TokenStream::new(),
    };
    (tokens.into_iter().collect(), members)
}

/// Words why the attribute cannot stand on something that is no `impl` block.
fn misplaced(tokens: TokenStream) -> (Error, TokenStream) {
    let refuse = |text: &str| Error::new(Span::call_site(), text);
    // A method whose block lacks the attribute arrives alone.
    if let Ok(mut function) = syn::parse2::<MemberFn>(tokens.clone()) {
        function.take_rpc();
        entrypoint::take(&mut function.attrs);
        let text = match function.sig.receiver() {
            Some(_) => "an rpc method needs `#[rpc]` on its `impl` block or its trait, too",
            None => {
                "an rpc method lives in an `impl` block: move this function into one with `#[rpc]`"
            }
        };
        return (refuse(text), function.into_token_stream());
    }
    let error = match syn::parse2::<Item>(tokens.clone()) {
        Ok(Item::Struct(_) | Item::Enum(_) | Item::Union(_)) => {
            refuse("`#[rpc]` goes on the `impl` block of a type, not on the type itself")
        }
        Ok(_) => refuse("`#[rpc]` goes on an `impl` block or a trait, and on its methods"),
        Err(error) => error,
    };
    (error, tokens)
}
