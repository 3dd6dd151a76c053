//! The description of a method's parameters and result, from which the library makes its schema.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::visit_mut::{self, VisitMut};
use syn::{Expr, ExprLit, ExprUnary, Lifetime, Lit, LitInt, ReturnType, Type, TypeImplTrait, UnOp};

use super::server::of_type;
use crate::model::{DefaultValue, Kind, Method, Parameter};

/// Expands the function that describes a method.
pub(super) fn signature(method: &Method, private: &TokenStream) -> TokenStream {
    let parameters = method.parameters().map(|it| parameter(it, private));
    let result = match &method.sig.output {
        ReturnType::Default => describe(&quote!(()), private),
        ReturnType::Type(_, ty) => match named(ty) {
            Some(ty) => describe(&quote!(#ty), private),
            None => quote!(|_| true.into()),
        },
    };
    quote! {
        || {
            use #private::{
                DescribeAny as _, DescribeResult as _, DescribeType as _, DescribeValueOfResult as _,
            };
            #private::Signature {
                parameters: ::core::convert::From::from([#(#parameters),*]),
                result: #result,
            }
        }
    }
}

fn parameter(parameter: &Parameter, private: &TokenStream) -> TokenStream {
    let ty = parameter.shape.decoded(private);
    let describe = describe(&ty, private);
    let required = match (parameter.kind, &parameter.default) {
        (Kind::Args | Kind::Kwargs, _) | (_, Some(_)) => quote!(false),
        (_, None) => of_type(quote!(#private::is_required), ty),
    };
    let literal = match &parameter.default {
        Some(DefaultValue::Value(value)) => literal(value),
        _ => None,
    };
    let default = match literal {
        Some(value) => quote!(#private::literal(&#value)),
        None => quote!(::core::option::Option::None),
    };
    quote! {
        #private::ParameterSchema {
            describe: #describe,
            required: #required,
            default: #default,
        }
    }
}

/// Expands what describes a type: method resolution finds out whether it has a schema.
fn describe(ty: &TokenStream, private: &TokenStream) -> TokenStream {
    let span = ty.span();
    quote_spanned!(span=> (&&&&#private::SchemaProbe::<#ty>::NEW).describe())
}

/// Returns the type of a result as an expansion may name it: its lifetimes elided; nothing for an
/// `impl Trait`, which has no name.
fn named(ty: &Type) -> Option<Type> {
    struct Elide {
        nameless: bool,
    }
    impl VisitMut for Elide {
        fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
            if lifetime.ident != "static" {
                *lifetime = Lifetime::new("'_", lifetime.span());
            }
        }

        fn visit_type_impl_trait_mut(&mut self, ty: &mut TypeImplTrait) {
            self.nameless = true;
            visit_mut::visit_type_impl_trait_mut(self, ty);
        }
    }
    let (mut ty, mut elide) = (ty.clone(), Elide { nameless: false });
    elide.visit_type_mut(&mut ty);
    (!elide.nameless).then_some(ty)
}

/// Returns a default that is the same for every call, and has a type without its parameter's.
fn literal(value: &Expr) -> Option<Expr> {
    match value {
        Expr::Lit(ExprLit { lit, .. }) => match lit {
            // Wide enough for whatever the parameter's own type holds.
            Lit::Int(number) if number.suffix().is_empty() => {
                let number = LitInt::new(&format!("{}i128", number.base10_digits()), number.span());
                Some(syn::parse_quote!(#number))
            }
            Lit::Str(_) | Lit::Int(_) | Lit::Float(_) | Lit::Bool(_) => Some(value.clone()),
            _ => None,
        },
        Expr::Unary(ExprUnary {
            op: op @ UnOp::Neg(_),
            expr,
            ..
        }) => {
            let number = literal(expr)?;
            Some(syn::parse_quote!(#op #number))
        }
        Expr::Group(group) => literal(&group.expr),
        _ => None,
    }
}
