//! How a caller gives an argument to a generated client.
//!
//! | parameter | given as | encoded |
//! |---|---|---|
//! | `&str`, `Cow<str>`, `String` | `impl AsRef<str>` | `x.as_ref()` |
//! | `&[u8]`, `Cow<[u8]>` | `impl AsRef<[u8]>` | base64 of it |
//! | `&RawValue` | itself | `x` |
//! | `&[T]`, `&T` | itself | `x` |
//! | anything else | itself | `x` |
//!
//! An `Option` of a row is given as the row: one that is none is not given at all.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens as _, quote};
use syn::visit_mut::{self, VisitMut};
use syn::{Lifetime, Type, TypeReference};

use super::{Form, Shape, is_named, type_argument};

/// An argument of a client's method.
pub(crate) struct Given {
    /// The type that the method takes.
    pub(crate) ty: TokenStream,
    /// The expression that is encoded.
    pub(crate) value: TokenStream,
    /// What must be `Sent`, where that is not known.
    pub(crate) bound: Option<Type>,
}

/// Whether an `Option` is given as what is inside.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    /// It is: the caller leaves out what is none.
    Known,
    /// It is not: the argument has a place and must be given.
    Open,
}

impl Shape {
    /// Returns how a caller gives the argument `name`.
    pub(crate) fn given(&self, name: &Ident, presence: Presence, private: &TokenStream) -> Given {
        let option = self.is_optional() && presence == Presence::Open;
        let known = |ty, value| Given {
            ty,
            value,
            bound: None,
        };
        let inside = type_argument(&self.ty, "Option").filter(|_| !option);
        match &self.form {
            Form::Text(_) if option => known(
                quote!(::core::option::Option<&::core::primitive::str>),
                quote!(#name),
            ),
            Form::Blob(_) if option => known(
                quote!(::core::option::Option<&[::core::primitive::u8]>),
                quote!(#name.map(#private::Base64)),
            ),
            Form::Text(_) => known(
                quote!(impl ::core::convert::AsRef<::core::primitive::str>),
                quote!(#private::text(&#name)),
            ),
            Form::Blob(_) => known(
                quote!(impl ::core::convert::AsRef<[::core::primitive::u8]>),
                quote!(#private::bytes(&#name)),
            ),
            Form::Owned(ty) if !option && is_string(inside.unwrap_or(ty)) => known(
                quote!(impl ::core::convert::AsRef<::core::primitive::str>),
                quote!(#private::text(&#name)),
            ),
            Form::Raw(_) | Form::Lent(_) | Form::Slice(_) | Form::Owned(_) => {
                let ty = inside.unwrap_or(&self.ty);
                Given {
                    ty: ty.to_token_stream(),
                    value: quote!(#name),
                    bound: (!is_plain(ty)).then(|| with_lifetime(ty)),
                }
            }
        }
    }
}

fn is_string(ty: &Type) -> bool {
    is_named(ty, "String")
}

/// Returns whether a type is one that everybody knows can be sent.
pub(crate) fn is_plain(ty: &Type) -> bool {
    const PLAIN: [&str; 15] = [
        "bool", "char", "f32", "f64", "i8", "i16", "i32", "i64", "i128", "u8", "u16", "u32", "u64",
        "u128", "usize",
    ];
    match ty {
        Type::Path(path) => PLAIN.iter().any(|plain| path.path.is_ident(plain)),
        _ => false,
    }
}

/// The lifetime in bounds, which stands for each that the type elides.
pub(crate) fn lifetime() -> Lifetime {
    Lifetime::new("'__sent", Span::call_site())
}

fn with_lifetime(ty: &Type) -> Type {
    struct Named;
    impl VisitMut for Named {
        fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
            if lifetime.ident == "_" {
                *lifetime = self::lifetime();
            }
        }
        fn visit_type_reference_mut(&mut self, reference: &mut TypeReference) {
            reference.lifetime.get_or_insert_with(lifetime);
            visit_mut::visit_type_reference_mut(self, reference);
        }
    }
    let mut ty = ty.clone();
    Named.visit_type_mut(&mut ty);
    ty
}
