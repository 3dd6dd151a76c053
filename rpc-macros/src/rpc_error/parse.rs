//! From syntax to the model: reads the attributes and fields of an error type.

use proc_macro2::Span;
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;
use syn::{Attribute, Data, DeriveInput, Fields, Ident, Member, parse_quote};

use super::model::{ErrorType, Field, Status, Variant};
use crate::errors::Errors;
use crate::literal;
use crate::model::Name;
use crate::options::{self, Entry, Level};

/// Reads an error type.
pub(crate) fn error_type(input: &DeriveInput, errors: &mut Errors) -> ErrorType {
    let level = match &input.data {
        Data::Enum(_) => Level::ErrorEnum,
        Data::Struct(_) | Data::Union(_) => Level::ErrorStruct,
    };
    let attrs = rpc_attributes(&input.attrs);
    let mut entries = options::from_attributes(level, &attrs, errors);
    let mut library = None;
    entries.retain(|entry| {
        let found = entry.key == "crate";
        if found {
            library = errors.keep(entry.path());
        }
        !found
    });
    let variants = match &input.data {
        Data::Enum(data) => {
            let variants = data.variants.iter().map(|it| {
                let attrs = rpc_attributes(&it.attrs);
                let entries = options::from_attributes(Level::ErrorVariant, &attrs, errors);
                variant(&it.ident, true, &entries, &it.fields, errors)
            });
            variants.collect()
        }
        Data::Struct(data) => {
            let whole = variant(&input.ident, false, &entries, &data.fields, errors);
            vec![whole]
        }
        Data::Union(data) => {
            let text = "an error is an enum or a struct: a union does not say what it holds";
            errors.add(data.union_token, text);
            Vec::new()
        }
    };
    ErrorType {
        library: library.unwrap_or_else(|| parse_quote!(::rpc_core)),
        ident: input.ident.clone(),
        generics: input.generics.clone(),
        variants,
    }
}

/// Reads a variant, or a struct as the only one.
fn variant(
    ident: &Ident,
    of_enum: bool,
    entries: &[Entry],
    fields: &Fields,
    errors: &mut Errors,
) -> Variant {
    let mut variant = Variant {
        ident: of_enum.then(|| ident.clone()),
        site: ident.span(),
        code: Name {
            text: literal::snake_case(&ident.unraw().to_string()),
            span: ident.span(),
        },
        status: Status::OfCode,
        retryable: false,
        internal: None,
        keys: entries.iter().map(|entry| entry.key.clone()).collect(),
        fields: Vec::new(),
    };
    for entry in entries {
        match entry.key.to_string().as_str() {
            "code" => {
                if let Some(code) = errors.keep(entry.text("user.not_found")) {
                    variant.code = Name {
                        text: code.value(),
                        span: code.span(),
                    };
                }
            }
            "status" => {
                variant.status = match errors.keep(entry.status()) {
                    Some(status) => Status::Given(status, entry.span()),
                    None => Status::Mistaken,
                }
            }
            "retryable" => variant.retryable = errors.keep(entry.flag()).is_some(),
            "internal" => {
                variant.internal = errors.keep(entry.flag()).map(|()| entry.key.clone());
            }
            _ => {}
        }
    }
    let fields = fields.iter().zip(fields.members());
    variant.fields = fields
        .map(|(it, member)| field(it, member, errors))
        .collect();
    variant
}

fn field(field: &syn::Field, member: Member, errors: &mut Errors) -> Field {
    let mut source = cause_for_others(&field.attrs);
    let attrs = rpc_attributes(&field.attrs);
    for entry in options::from_attributes(Level::ErrorField, &attrs, errors) {
        if errors.keep(entry.flag()).is_some() {
            source = source.or(Some(entry.key.span()));
        }
    }
    Field {
        member,
        ty: field.ty.clone(),
        source,
    }
}

/// Returns where `#[source]` or `#[from]` stands, by which `thiserror` knows a cause: it would be
/// a trap if what is a cause there were sent to callers here.
fn cause_for_others(attrs: &[Attribute]) -> Option<Span> {
    let cause = |attr: &&Attribute| attr.path().is_ident("source") || attr.path().is_ident("from");
    attrs.iter().find(cause).map(|attr| attr.path().span())
}

fn rpc_attributes(attrs: &[Attribute]) -> Vec<Attribute> {
    let ours = attrs.iter().filter(|attr| attr.path().is_ident("rpc"));
    ours.cloned().collect()
}
