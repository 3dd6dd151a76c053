//! The rules of the model, each worded for the user who broke it.

use std::collections::HashMap;

use syn::{GenericParam, Type};

use super::codes;
use super::model::{ErrorType, Status, Variant};
use crate::errors::Errors;
use crate::literal;
use crate::shape::peel;

/// Reports every broken rule.
pub(crate) fn error_type(error: &ErrorType, errors: &mut Errors) {
    for generic in &error.generics.params {
        if let GenericParam::Lifetime(lifetime) = generic {
            let text = "an error outlives its call, so it cannot borrow: let it own what it says";
            errors.add(&lifetime.lifetime, text);
        }
    }
    for variant in &error.variants {
        match &variant.internal {
            Some(_) => opaque(variant, errors),
            None => seen_by_callers(variant, errors),
        }
    }
    codes_once(error, errors);
}

/// What callers do not see has nothing to say to them.
fn opaque(variant: &Variant, errors: &mut Errors) {
    for key in variant.keys.iter().filter(|key| *key != "internal") {
        let text = format!(
            "option `{key}` makes no sense beside `internal`: callers see the code `internal`, \
             the status 500 and nothing else"
        );
        errors.add(key, text);
    }
}

fn seen_by_callers(variant: &Variant, errors: &mut Errors) {
    let code = &variant.code.text;
    if code == codes::OPAQUE {
        let text = "`internal` is the code of what callers must not see: mark it \
                    `#[rpc(internal)]`, or choose another code with `#[rpc(code = \"…\")]`";
        errors.at(variant.code.span, text);
    } else if literal::is_code(code) {
        status(variant, errors);
    } else {
        let text = format!(
            "`{code}` cannot be a code: use words of `a` to `z`, `0` to `9` and `_`, joined by \
             `.`, as in `#[rpc(code = \"user.not_found\")]`"
        );
        errors.at(variant.code.span, text);
    }
    let mut causes = variant.fields.iter().filter_map(|field| field.source);
    for second in causes.by_ref().skip(1) {
        errors.at(second, "another field is the cause already: there is one");
    }
    for field in variant.details() {
        if let Type::Reference(_) = peel(&field.ty) {
            let text = "callers cannot rebuild what borrows: own it, for example as a `String`, \
                        or as a `Cow<'static, str>` where it mostly is a literal";
            errors.add(&field.ty, text);
        }
    }
}

/// A code of the contract has its status there; any other code needs one.
fn status(variant: &Variant, errors: &mut Errors) {
    let code = &variant.code.text;
    match (variant.status, codes::status(code)) {
        (Status::Given(status, span), Some(expected)) if status != expected => {
            let text = format!(
                "`{code}` is a code of the contract and has the status {expected}: leave `status` \
                 out, or choose another code with `#[rpc(code = \"…\")]`"
            );
            errors.at(span, text);
        }
        (Status::OfCode, None) => {
            let text = format!(
                "`{code}` is a code of your own, so it needs a status from 400 to 599: \
                 `#[rpc(status = 409)]`"
            );
            errors.at(variant.site, text);
        }
        _ => {}
    }
}

/// Whoever rebuilds an error could not tell two variants of one code apart.
fn codes_once(error: &ErrorType, errors: &mut Errors) {
    let mut known: HashMap<&str, &Variant> = HashMap::new();
    for variant in error.variants.iter().filter(|it| it.internal.is_none()) {
        match known.get(variant.code.text.as_str()) {
            Some(Variant {
                ident: Some(first), ..
            }) => {
                let text = format!("code `{}` is already used by `{first}`", variant.code.text);
                errors.at(variant.code.span, text);
            }
            _ => _ = known.insert(&variant.code.text, variant),
        }
    }
}
