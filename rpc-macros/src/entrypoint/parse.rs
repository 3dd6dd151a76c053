//! From attributes to the model.

use proc_macro2::TokenStream;
use syn::parse::{ParseStream, Parser as _};
use syn::{Attribute, Error, LitStr, Meta, Result, Token};

use super::{Fires, Handler, Hook, Mode, name_of};
use crate::errors::Errors;
use crate::item::MemberFn;
use crate::literal;
use crate::model::{Method, MethodOptions};
use crate::options::{self, Level};

/// Reads the `#[event_handler]` of a method; nothing when it does not say which events.
pub(crate) fn handler(
    attr: &Attribute,
    method: &Method,
    is_checked_elsewhere: bool,
    errors: &mut Errors,
) -> Option<Handler> {
    let example = "thing_service.thing_created";
    let (subject, rest) = errors.keep(first_text(attr, "the subject of the events", example))?;
    let mut mode = Mode::Pool;
    let mut settings = MethodOptions::default();
    for entry in options::from_argument(Level::EventHandler, rest, errors) {
        match entry.key.to_string().as_str() {
            "mode" => match errors.keep(entry.one_of(&["pool", "broadcast", "singleton"])) {
                Some("broadcast") => mode = Mode::Broadcast,
                Some("singleton") => mode = Mode::Singleton,
                _ => {}
            },
            "timeout" => settings.timeout = errors.keep(entry.duration()),
            "limit" => settings.limit = errors.keep(entry.number(1)),
            "queue" => settings.queue = errors.keep(entry.number(0)),
            "blocking" => settings.blocking = errors.keep(entry.flag()).is_some(),
            _ => {}
        }
    }
    let mut method = method.clone();
    method.options = settings;
    // Its handler is no method that callers name.
    method.name = (&method.sig.ident).into();
    Some(Handler {
        subject,
        mode,
        method,
        is_checked_elsewhere,
    })
}

/// Reads any other of the attributes.
pub(crate) fn hook(attr: &Attribute, function: &MemberFn, errors: &mut Errors) -> Option<Hook> {
    let fires = match name_of(attr)? {
        "timer" => timer(attr, errors)?,
        "cron" => cron(attr, errors)?,
        "on_start" => bare(attr, Fires::Start, errors),
        "on_stop" => bare(attr, Fires::Stop, errors),
        _ => return None,
    };
    let mut cfg = function.attrs.clone();
    cfg.retain(|attr| attr.path().is_ident("cfg"));
    Some(Hook {
        fires,
        cfg,
        sig: function.sig.clone(),
    })
}

fn timer(attr: &Attribute, errors: &mut Errors) -> Option<Fires> {
    let (text, rest) = errors.keep(first_text(attr, "the time between two ticks", "5s"))?;
    let eager = options::from_argument(Level::Timer, rest, errors)
        .iter()
        .any(|entry| errors.keep(entry.flag()).is_some());
    let Some(interval) = literal::duration(&text.value()) else {
        let expected = "a timer expects a duration such as `\"500ms\"`, `\"15s\"` or `\"2m\"`";
        errors.add(&text, expected);
        return None;
    };
    let millis = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX);
    Some(Fires::Every { millis, eager })
}

fn cron(attr: &Attribute, errors: &mut Errors) -> Option<Fires> {
    let (expression, rest) = errors.keep(first_text(attr, "a schedule", "0 3 * * *"))?;
    let mut zone = None;
    for entry in options::from_argument(Level::Cron, rest, errors) {
        zone = errors.keep(entry.text("Europe/Brussels"));
    }
    Some(Fires::Cron { expression, zone })
}

fn bare(attr: &Attribute, fires: Fires, errors: &mut Errors) -> Fires {
    if !matches!(attr.meta, Meta::Path(_)) {
        let name = name_of(attr).unwrap_or_default();
        errors.add(&attr.meta, format!("`#[{name}]` takes no options"));
    }
    fires
}

/// Splits `"text", option, …` into the text and the options.
fn first_text(attr: &Attribute, what: &str, example: &str) -> Result<(LitStr, TokenStream)> {
    let name = name_of(attr).unwrap_or_default();
    let missing = format!("`#[{name}]` needs {what}: `#[{name}(\"{example}\")]`");
    let tokens = match &attr.meta {
        Meta::List(list) if !list.tokens.is_empty() => list.tokens.clone(),
        meta => return Err(Error::new_spanned(meta, missing)),
    };
    let split = |input: ParseStream<'_>| {
        let text: LitStr = match input.parse() {
            Ok(text) => text,
            Err(error) => {
                input.parse::<TokenStream>()?;
                return Err(Error::new(error.span(), &missing));
            }
        };
        if !input.is_empty() && input.parse::<Token![,]>().is_err() {
            let error = input.error("expected `,` before the options");
            input.parse::<TokenStream>()?;
            return Err(error);
        }
        Ok((text, input.parse::<TokenStream>()?))
    };
    split.parse2(tokens)
}
