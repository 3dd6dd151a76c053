//! What a type may borrow: nothing in a service, and in a parameter only from the message.

use proc_macro2::Ident;
use quote::ToTokens;
use syn::visit_mut::{self, VisitMut};
use syn::{Error, Lifetime, Result, Type, TypeImplTrait, TypeReference};

use crate::shape::{is_u8, peel};

/// Returns the first lifetime that a type names, other than `'static`.
pub(crate) fn lifetime(ty: &Type) -> Option<Lifetime> {
    let mut lifetimes = lifetimes(ty).into_iter();
    lifetimes.find(|lifetime| lifetime.ident != "static")
}

/// Returns whether a type names `'static`.
pub(crate) fn is_static(ty: &Type) -> bool {
    lifetimes(ty)
        .iter()
        .any(|lifetime| lifetime.ident == "static")
}

fn lifetimes(ty: &Type) -> Vec<Lifetime> {
    struct Lifetimes(Vec<Lifetime>);
    impl VisitMut for Lifetimes {
        fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
            self.0.push(lifetime.clone());
        }
    }
    let mut lifetimes = Lifetimes(Vec::new());
    lifetimes.visit_type_mut(&mut ty.clone());
    lifetimes.0
}

/// Returns a type as an expansion may name it, outside of the method: its lifetimes elided.
///
/// # Errors
/// When no message can give a value of that type.
pub(crate) fn elided(ty: &Type, lifetimes: &[Ident]) -> Result<Type> {
    let mut ty = ty.clone();
    let mut elide = Elide {
        lifetimes,
        refused: None,
    };
    elide.visit_type_mut(&mut ty);
    match elide.refused {
        None => Ok(ty),
        Some(refused) => Err(refused),
    }
}

/// Replaces the lifetimes of a method by `'_`, because an expansion names the type elsewhere, and
/// finds what no message can give.
struct Elide<'a> {
    lifetimes: &'a [Ident],
    refused: Option<Error>,
}

impl Elide<'_> {
    fn refuse(&mut self, tokens: impl ToTokens, text: &str) {
        self.refused
            .get_or_insert_with(|| Error::new_spanned(tokens, text));
    }
}

impl VisitMut for Elide<'_> {
    fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
        if self.lifetimes.contains(&lifetime.ident) {
            lifetime.ident = Ident::new("_", lifetime.ident.span());
        }
    }

    fn visit_type_reference_mut(&mut self, reference: &mut TypeReference) {
        if let Some(lifetime) = &reference.lifetime
            && lifetime.ident == "static"
        {
            let text = "an rpc argument is borrowed from the message, which ends with the call: leave out `'static`";
            self.refuse(lifetime.clone(), text);
        }
        visit_mut::visit_type_reference_mut(self, reference);
    }

    fn visit_type_impl_trait_mut(&mut self, ty: &mut TypeImplTrait) {
        let text = "an rpc argument needs a concrete type: a message does not say which one `impl Trait` is";
        self.refuse(ty, text);
    }
}

/// Refuses `Vec<&str>` and its like: text with escapes cannot be borrowed, so such a method would
/// fail on some texts and not on others.
///
/// # Errors
/// Under the first such borrow.
pub(crate) fn refuse_inner(ty: &Type) -> Result<()> {
    let mut borrows = InnerBorrows(None);
    borrows.visit_type_mut(&mut ty.clone());
    borrows.0.map_or(Ok(()), Err)
}

/// Finds text and bytes that are borrowed inside another type.
struct InnerBorrows(Option<Error>);

impl VisitMut for InnerBorrows {
    fn visit_type_reference_mut(&mut self, reference: &mut TypeReference) {
        let text = match peel(&reference.elem) {
            Type::Path(inner) if inner.path.is_ident("str") => {
                "a `&str` inside another type cannot hold text with escapes: use `String`"
            }
            Type::Slice(inner) if is_u8(&inner.elem) => {
                "a `&[u8]` inside another type cannot be decoded from base64: use `String` and decode it"
            }
            _ => return visit_mut::visit_type_reference_mut(self, reference),
        };
        self.0
            .get_or_insert_with(|| Error::new_spanned(reference, text));
    }
}
