//! The rules of handlers, timers and hooks, each worded for the user who broke it.

use syn::FnArg;

use super::{Fires, Handler, Hook, cron, subject};
use crate::errors::Errors;
use crate::literal;
use crate::model::Service;
use crate::shape;
use crate::validate::{parameters, signature};

/// Reports every broken rule.
pub(crate) fn validate(service: &Service, errors: &mut Errors) {
    for handler in &service.handlers {
        of_handler(handler, errors);
    }
    for hook in &service.hooks {
        of_hook(hook, errors);
    }
}

fn of_handler(handler: &Handler, errors: &mut Errors) {
    if let Some(flaw) = subject::flaw(&handler.subject.value()) {
        errors.add(&handler.subject, flaw);
    }
    if handler.is_checked_elsewhere {
        return;
    }
    let name = &handler.method.name;
    if !literal::is_token(&name.text) {
        let text = format!(
            "`{}` cannot name an event handler: use letters, digits and `_`",
            name.text
        );
        errors.at(name.span, text);
    }
    signature(&handler.method.sig, "an event handler", errors);
    parameters(&handler.method, errors);
}

fn of_hook(hook: &Hook, errors: &mut Errors) {
    let what = hook.fires.what();
    if let Fires::Cron { expression, zone } = &hook.fires {
        if let Some(flaw) = cron::flaw(&expression.value()) {
            errors.add(expression, flaw);
        }
        // Which zones there are is known where the times are computed.
        let is_name = |name: &str| {
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_/+-".contains(&byte);
            !name.is_empty() && name.bytes().all(allowed)
        };
        if let Some(zone) = zone.as_ref().filter(|zone| !is_name(&zone.value())) {
            errors.add(
                zone,
                "a time zone has a name of the IANA database, such as `Europe/Brussels`",
            );
        }
    }
    signature(&hook.sig, what, errors);
    for input in &hook.sig.inputs {
        if let FnArg::Typed(typed) = input
            && !shape::is_context(&typed.ty)
        {
            let text =
                format!("{what} gets no message: it takes `&self` and, if it likes, `&Context`");
            errors.add(typed, text);
        }
    }
}
