//! How the type of a parameter is decoded, and how the value is handed to the method.
//!
//! | parameter | decoded | handed over |
//! |---|---|---|
//! | `&str` | `Text` | `&x` |
//! | `Cow<str>` | `Text` | `x.0` |
//! | `&[u8]` | `Blob` | `&x` |
//! | `Cow<[u8]>` | `Blob` | `x.0` |
//! | `&RawValue` | itself | `x` |
//! | `&[T]` | `Vec<T>` | `&x` |
//! | `&T` | `T` | `&x` |
//! | anything else | itself | `x` |
//!
//! An `Option` of a row is decoded and handed over as that row, inside an `Option`.

mod given;

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{Error, Expr, ExprLit, GenericArgument, Lit, PathArguments, PathSegment, Result, Type};

use crate::borrows;
use crate::spans::respanned;

pub(crate) use given::{Given, Presence, is_plain, lifetime as sent_lifetime};

/// The shape of a parameter's type.
#[derive(Clone)]
pub(crate) struct Shape {
    /// The user's type, its lifetimes elided.
    ty: Type,
    form: Form,
    /// Whether `form` is inside an `Option`.
    optional: bool,
}

#[derive(Clone)]
enum Form {
    Text(Handed),
    Blob(Handed),
    Raw(Type),
    Slice(Type),
    Lent(Type),
    Owned(Type),
}

/// How text and bytes are handed over.
#[derive(Clone, Copy)]
enum Handed {
    Lent,
    Cow,
}

impl Shape {
    /// Reads the type of a parameter that takes one value; `lifetimes` are those that the method
    /// declares.
    ///
    /// # Errors
    /// When no value of that type can come from a message.
    pub(crate) fn of_value(ty: &Type, lifetimes: &[Ident]) -> Result<Self> {
        let ty = borrows::elided(ty, lifetimes)?;
        let inner = type_argument(&ty, "Option").map(Form::of).transpose()?;
        let (form, optional) = match inner {
            Some(form) if !matches!(form, Form::Owned(_)) => (form, true),
            _ => (Form::of(&ty)?, false),
        };
        form.refuse_inner_borrows()?;
        Ok(Self { ty, form, optional })
    }

    /// Reads the type of a parameter that collects values: here `&[u8]` is a list of numbers.
    ///
    /// # Errors
    /// When no value of that type can come from a message.
    pub(crate) fn of_collection(ty: &Type, lifetimes: &[Ident]) -> Result<Self> {
        let ty = borrows::elided(ty, lifetimes)?;
        let form = match Form::of(&ty)? {
            Form::Blob(_) => Form::Slice(syn::parse_quote!(u8)),
            form => form,
        };
        form.refuse_inner_borrows()?;
        Ok(Self {
            ty,
            form,
            optional: false,
        })
    }

    /// Returns whether the type is an `Option`, as far as its spelling tells.
    pub(crate) fn is_optional(&self) -> bool {
        self.optional || type_argument(&self.ty, "Option").is_some()
    }

    /// Returns the type that the message is decoded into.
    pub(crate) fn decoded(&self, private: &TokenStream) -> TokenStream {
        let span = self.ty.span();
        let decoded = match &self.form {
            Form::Text(_) => quote_spanned!(span=> #private::Text<'_>),
            Form::Blob(_) => quote_spanned!(span=> #private::Blob<'_>),
            Form::Slice(item) => quote_spanned!(span=> ::std::vec::Vec<#item>),
            Form::Raw(ty) | Form::Lent(ty) | Form::Owned(ty) => ty.to_token_stream(),
        };
        match self.optional {
            true => quote_spanned!(span=> ::core::option::Option<#decoded>),
            false => decoded,
        }
    }

    /// Returns the expression that hands the decoded `value` to the method.
    pub(crate) fn hand_over(&self, value: &TokenStream) -> TokenStream {
        match (&self.form, self.optional) {
            (Form::Raw(_) | Form::Owned(_), _) => value.clone(),
            (Form::Text(Handed::Cow) | Form::Blob(Handed::Cow), false) => quote!(#value.0),
            (Form::Text(Handed::Cow) | Form::Blob(Handed::Cow), true) => {
                quote!(#value.map(|value| value.0))
            }
            (_, false) => quote!(&#value),
            (Form::Lent(_), true) => quote!(#value.as_ref()),
            (_, true) => quote!(#value.as_deref()),
        }
    }

    /// Returns the expression that turns the value of `default = …` into what is decoded.
    pub(crate) fn default_value(&self, value: &Expr, private: &TokenStream) -> TokenStream {
        let span = value.span();
        let into = match &self.form {
            Form::Text(_) => quote_spanned!(span=> #private::Text),
            Form::Blob(_) => quote_spanned!(span=> #private::Blob),
            _ => return self.plain_default(value, private),
        };
        let into =
            |value: TokenStream| quote_spanned!(span=> #into(::core::convert::Into::into(#value)));
        if !self.optional {
            return into(value.to_token_stream());
        }
        if is_text(value) {
            let some = into(value.to_token_stream());
            return quote_spanned!(span=> ::core::option::Option::Some(#some));
        }
        // Typed as the user sees it, so that a mere `None` says enough.
        let ty = &self.ty;
        let some = into(quote!(value));
        quote_spanned!(span=> {
            let value: #ty = #value;
            value.map(|value| #some)
        })
    }

    /// The same for what is neither text nor bytes. Text is meant as the text of a `String` and its
    /// like, also where that is optional; any other value is of the very type.
    fn plain_default(&self, value: &Expr, private: &TokenStream) -> TokenStream {
        if !is_text(value) {
            return value.to_token_stream();
        }
        let library = respanned(private.clone(), value.span());
        let text = quote_spanned!(value.span()=> #library::from_text(#value));
        match self.is_optional() {
            true => quote_spanned!(value.span()=> ::core::option::Option::Some(#text)),
            false => text,
        }
    }
}

fn is_text(value: &Expr) -> bool {
    matches!(
        value,
        Expr::Lit(ExprLit {
            lit: Lit::Str(_),
            ..
        })
    )
}

impl Form {
    fn of(ty: &Type) -> Result<Self> {
        let ty = peel(ty);
        // A `Cow<'static, str>` borrows nothing: serde decodes it as it is.
        if let Some(inner) = type_argument(ty, "Cow")
            && !borrows::is_static(ty)
        {
            match inner {
                Type::Path(inner) if inner.path.is_ident("str") => {
                    return Ok(Self::Text(Handed::Cow));
                }
                Type::Slice(inner) if is_u8(&inner.elem) => return Ok(Self::Blob(Handed::Cow)),
                _ => {}
            }
        }
        let Type::Reference(reference) = ty else {
            return Ok(Self::Owned(ty.clone()));
        };
        if reference.mutability.is_some() {
            let text =
                "an rpc argument cannot be borrowed mutably: take it by value, as in `mut name: T`";
            return Err(Error::new_spanned(ty, text));
        }
        Ok(match peel(&reference.elem) {
            Type::Path(inner) if inner.path.is_ident("str") => Self::Text(Handed::Lent),
            Type::Slice(inner) if is_u8(&inner.elem) => Self::Blob(Handed::Lent),
            Type::Slice(inner) => Self::Slice((*inner.elem).clone()),
            inner if is_named(inner, "RawValue") => Self::Raw(ty.clone()),
            Type::TraitObject(_) => {
                let text = "a trait object cannot be an rpc argument: a message does not say which type to decode";
                return Err(Error::new_spanned(ty, text));
            }
            inner => Self::Lent(inner.clone()),
        })
    }

    /// Refuses what cannot be borrowed inside another type.
    fn refuse_inner_borrows(&self) -> Result<()> {
        match self {
            Self::Slice(ty) | Self::Lent(ty) | Self::Owned(ty) => borrows::refuse_inner(ty),
            Self::Text(_) | Self::Blob(_) | Self::Raw(_) => Ok(()),
        }
    }
}

/// Returns whether a type is the context of the call: `&Context`.
pub(crate) fn is_context(ty: &Type) -> bool {
    match peel(ty) {
        Type::Reference(reference) => {
            reference.mutability.is_none() && is_named(&reference.elem, "Context")
        }
        _ => false,
    }
}

/// Returns whether the last segment of a type's path is `name`.
pub(crate) fn is_named(ty: &Type, name: &str) -> bool {
    last_segment(ty).is_some_and(|segment| segment.ident == name)
}

/// Returns the last segment of a type that is a path.
pub(crate) fn last_segment(ty: &Type) -> Option<&PathSegment> {
    match peel(ty) {
        Type::Path(path) => path.path.segments.last(),
        _ => None,
    }
}

/// Returns the one type argument of a type whose last path segment is `name`.
fn type_argument<'a>(ty: &'a Type, name: &str) -> Option<&'a Type> {
    let segment = last_segment(ty).filter(|segment| segment.ident == name)?;
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else {
        return None;
    };
    let mut types = arguments.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(peel(ty)),
        _ => None,
    });
    match (types.next(), types.next()) {
        (Some(ty), None) => Some(ty),
        _ => None,
    }
}

/// Returns whether a type is `u8`.
pub(crate) fn is_u8(ty: &Type) -> bool {
    matches!(peel(ty), Type::Path(path) if path.path.is_ident("u8"))
}

/// Looks through parentheses and the invisible groups that other macros leave.
pub(crate) fn peel(mut ty: &Type) -> &Type {
    loop {
        ty = match ty {
            Type::Paren(paren) => &paren.elem,
            Type::Group(group) => &group.elem,
            _ => return ty,
        };
    }
}
