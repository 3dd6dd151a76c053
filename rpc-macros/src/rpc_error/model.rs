//! What an error type is, once its attributes and fields have been read.

use proc_macro2::Span;
use syn::{Generics, Ident, Member, Path, Type};

use super::codes;
use crate::model::Name;

/// A type with `#[derive(RpcError)]`.
pub(crate) struct ErrorType {
    /// Where the library is: `::rpc_core`, or what `crate = …` says.
    pub(crate) library: Path,
    pub(crate) ident: Ident,
    pub(crate) generics: Generics,
    /// The variants of an enum; of a struct, the one that it is.
    pub(crate) variants: Vec<Variant>,
}

/// One way to fail.
pub(crate) struct Variant {
    /// Its name in an enum; none for a struct.
    pub(crate) ident: Option<Ident>,
    /// Where mistakes of the whole variant are reported: its name, or the struct's.
    pub(crate) site: Span,
    pub(crate) code: Name,
    pub(crate) status: Status,
    pub(crate) retryable: bool,
    /// The key that marks it, when callers are not to see it.
    pub(crate) internal: Option<Ident>,
    /// The options that it was given.
    pub(crate) keys: Vec<Ident>,
    pub(crate) fields: Vec<Field>,
}

/// What a variant says of its status.
#[derive(Clone, Copy)]
pub(crate) enum Status {
    /// Nothing: the code has one.
    OfCode,
    /// A number.
    Given(u16, Span),
    /// Something that is no status, which is reported already.
    Mistaken,
}

/// A field of a variant.
pub(crate) struct Field {
    pub(crate) member: Member,
    pub(crate) ty: Type,
    /// The attribute that marks it as the cause, which is for the log.
    pub(crate) source: Option<Span>,
}

impl Variant {
    /// Returns the status, unless there is none.
    pub(crate) fn status(&self) -> Option<u16> {
        match self.status {
            Status::Given(status, _) => Some(status),
            Status::OfCode | Status::Mistaken => codes::status(&self.code.text),
        }
    }

    /// Returns the fields that travel.
    pub(crate) fn details(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().filter(|field| field.source.is_none())
    }
}
