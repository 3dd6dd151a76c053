//! What fires a method besides a call: `#[event_handler]`, `#[timer]`, `#[cron]`, `#[on_start]`,
//! `#[on_stop]`.
//!
//! They stand on methods of an `impl` block with `#[rpc]`, which reads them and takes them out. Where
//! the compiler meets one by itself, it stands somewhere else, and says so.

mod cron;
mod parse;
mod subject;
mod validate;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens as _, quote};
use syn::{Attribute, Error, LitStr, Signature};

pub(crate) use self::parse::{handler, hook};
pub(crate) use self::validate::validate;
use crate::errors::Errors;
use crate::item::MemberFn;
use crate::model::Method;

/// The names of the attributes.
const NAMES: [&str; 5] = ["event_handler", "timer", "cron", "on_start", "on_stop"];

/// A method that handles events.
pub(crate) struct Handler {
    pub(crate) subject: LitStr,
    pub(crate) mode: Mode,
    /// With the options of the handler.
    pub(crate) method: Method,
    /// Whether the method has `#[rpc]` or another handler as well, with which it is checked.
    pub(crate) is_checked_elsewhere: bool,
}

/// Who of all that handle an event gets it; the library's `EventMode`.
#[derive(Clone, Copy)]
pub(crate) enum Mode {
    Pool,
    Broadcast,
    Singleton,
}

/// A method that takes no message.
pub(crate) struct Hook {
    pub(crate) fires: Fires,
    /// The `#[cfg]` attributes, which its entry shares.
    pub(crate) cfg: Vec<Attribute>,
    pub(crate) sig: Signature,
}

/// What makes a [`Hook`] run.
pub(crate) enum Fires {
    /// A timer: its interval in milliseconds, and whether it fires at the start.
    Every {
        millis: u64,
        eager: bool,
    },
    /// A schedule, and the name of its time zone.
    Cron {
        expression: LitStr,
        zone: Option<LitStr>,
    },
    Start,
    Stop,
}

impl Fires {
    /// Names the method in messages.
    pub(crate) const fn what(&self) -> &'static str {
        match self {
            Self::Every { .. } | Self::Cron { .. } => "a timer",
            Self::Start => "an `#[on_start]` method",
            Self::Stop => "an `#[on_stop]` method",
        }
    }
}

/// Takes these attributes out of a list.
pub(crate) fn take(attrs: &mut Vec<Attribute>) -> Vec<Attribute> {
    attrs
        .extract_if(.., |attr| name_of(attr).is_some())
        .collect()
}

/// Takes these attributes off a method of a contract, which says what callers may call and no more.
pub(crate) fn refuse(function: &mut MemberFn, errors: &mut Errors) {
    for attr in take(&mut function.attrs) {
        let name = name_of(&attr).unwrap_or_default();
        let text = format!(
            "`#[{name}]` goes on a method of the type's own `impl` block with `#[rpc]`: a contract is \
             about calls only"
        );
        errors.add(attr, text);
    }
}

/// Reports a hook that would run twice.
pub(crate) fn refuse_twice(attrs: &[Attribute], errors: &mut Errors) {
    for (index, attr) in attrs.iter().enumerate() {
        let name = name_of(attr).filter(|name| name.starts_with("on_"));
        if let Some(name) = name
            && attrs[..index]
                .iter()
                .any(|earlier| name_of(earlier) == Some(name))
        {
            errors.add(attr, format!("`#[{name}]` is on this method already"));
        }
    }
}

/// Returns which of these attributes one is, under whatever path: `#[timer]`, `#[rpc_core::timer]`.
pub(crate) fn name_of(attr: &Attribute) -> Option<&'static str> {
    let last: &Ident = &attr.path().segments.last()?.ident;
    NAMES.into_iter().find(|name| last == name)
}

/// Expands an attribute that stands on something else than a method of a service.
pub(crate) fn misplaced(name: &str, item: TokenStream) -> TokenStream {
    let (text, item) = match syn::parse2::<MemberFn>(item.clone()) {
        Ok(mut function) => {
            function.take_rpc();
            take(&mut function.attrs);
            let text = match function.sig.receiver() {
                Some(_) => format!("a method with `#[{name}]` needs `#[rpc]` on its `impl` block"),
                None => format!(
                    "`#[{name}]` goes on a method: move this function into an `impl` block with `#[rpc]`"
                ),
            };
            (text, function.into_token_stream())
        }
        Err(_) => {
            let text = format!("`#[{name}]` goes on a method of an `impl` block with `#[rpc]`");
            (text, item)
        }
    };
    let error = Error::new(Span::call_site(), text).into_compile_error();
    quote!(#item #error)
}
