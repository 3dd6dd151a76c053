//! What the attribute stands on: an `impl` block whose method bodies are left unread.
//!
//! A body is none of the macro's business. Passing it through unread keeps an editor's completion
//! alive while a body is half written, accepts syntax newer than `syn`, and costs no parsing.

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use quote::{ToTokens, TokenStreamExt as _};
use syn::parse::{Parse, ParseStream, Parser as _};
use syn::{
    Attribute, Error, FnArg, ImplItem, Item, ItemImpl, Result, Signature, Token, Visibility,
};

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
    body: Group,
}

impl ImplBlock {
    /// Reads an `impl` block.
    ///
    /// # Errors
    /// What the compiler would say of it, too.
    fn parse(tokens: TokenStream) -> Result<Self> {
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
        let mut head: ItemImpl = syn::parse2(tokens.into_iter().collect())?;
        let members = (|input: ParseStream<'_>| {
            head.attrs.extend(Attribute::parse_inner(input)?);
            let mut members = Vec::new();
            while !input.is_empty() {
                members.push(input.parse()?);
            }
            Ok(members)
        })
        .parse2(members)?;
        Ok(Self { head, members })
    }

    /// Takes all `#[rpc]` attributes out and forgets them.
    fn without_rpc(mut self) -> Self {
        for member in &mut self.members {
            if let Member::Fn(function) = member {
                function.take_rpc();
            }
        }
        self
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

impl Parse for Member {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let ahead = input.fork();
        ahead.call(Attribute::parse_outer)?;
        ahead.parse::<Visibility>()?;
        if ahead.parse::<Signature>().is_err() {
            return Ok(Self::Other(input.parse::<ImplItem>()?.into_token_stream()));
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
            body: input.parse()?,
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
        self.body.to_tokens(tokens);
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
pub(crate) fn read(tokens: TokenStream) -> std::result::Result<ImplBlock, (Error, TokenStream)> {
    if !is_impl(&tokens) {
        return Err(misplaced(tokens));
    }
    let block = ImplBlock::parse(tokens.clone()).map_err(|error| (error, tokens))?;
    match &block.head.trait_ {
        None => Ok(block),
        Some((path, _)) => {
            let text =
                "`#[rpc]` goes on an `impl` block of the type itself, not on that of a trait";
            let error = Error::new_spanned(path, text);
            Err((error, block.without_rpc().into_token_stream()))
        }
    }
}

/// Returns whether the item is an `impl` block, as far as its first tokens tell.
fn is_impl(tokens: &TokenStream) -> bool {
    let head = |input: ParseStream<'_>| {
        input.call(Attribute::parse_outer)?;
        input.parse::<Option<Token![unsafe]>>()?;
        let found = input.peek(Token![impl]);
        input.parse::<TokenStream>()?;
        Ok(found)
    };
    head.parse2(tokens.clone()).unwrap_or(false)
}

/// Words why the attribute cannot stand on something that is no `impl` block.
fn misplaced(tokens: TokenStream) -> (Error, TokenStream) {
    let refuse = |text: &str| Error::new(Span::call_site(), text);
    // A method whose block lacks the attribute arrives alone.
    if let Ok(mut function) = syn::parse2::<MemberFn>(tokens.clone()) {
        function.take_rpc();
        let text = match function.sig.receiver() {
            Some(_) => "an rpc method needs `#[rpc]` on its `impl` block, too",
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
        Ok(_) => refuse("`#[rpc]` goes on an `impl` block and on its methods"),
        Err(error) => error,
    };
    (error, tokens)
}
