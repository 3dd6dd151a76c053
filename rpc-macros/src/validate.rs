//! The rules of the model, each worded for the user who broke it.

use std::collections::HashMap;

use quote::ToTokens as _;
use syn::{
    FnArg, GenericParam, LitStr, Receiver, ReceiverKind, ReturnType, Safety, Signature, Type,
};

use crate::borrows;
use crate::entrypoint;
use crate::errors::Errors;
use crate::item::{ImplBlock, TraitBlock};
use crate::literal;
use crate::model::{Implementation, Kind, Method, Name, Parameter, Service};
use crate::route;
use crate::shape;
use crate::spans;

/// The longest subject in bytes; the wire contract says so.
const MAX_SUBJECT: usize = 200;

/// What the first token of a service's queue group may not be: a service that shared one with handlers
/// of its events would get some of these instead of calls.
const EVENT_GROUPS: &str = "evt";

/// What the first token of a subject may not be: the bridge speaks WAMP under it.
const RESERVED_FIRST: &str = "wamp";

const CANNOT_BORROW: &str = "a service outlives its calls, so it cannot borrow: let it own what it needs, for example in an `Arc`";

/// Reports every broken rule of a service.
pub(crate) fn service(service: &Service, block: &ImplBlock, errors: &mut Errors) {
    type_of(block, errors);
    client_of(service, errors);
    if service.methods.is_empty() && !service.has_entrypoints {
        let text =
            "this `impl` block has no rpc methods: put `#[rpc]` on those that callers may call";
        errors.at(block.head.impl_token.span, text);
    }
    names_and_methods(service, errors);
}

/// Reports every broken rule of a contract.
pub(crate) fn contract(service: &Service, block: &TraitBlock, errors: &mut Errors) {
    let head = &block.head;
    if let Some(unsafety) = &head.unsafety {
        errors.add(unsafety, "a contract is not an `unsafe` trait");
    }
    if let Some(first) = head.generics.params.first() {
        let text = "a contract cannot be generic: its client would not know of which service it is";
        errors.add(first, text);
    }
    if service.methods.is_empty() {
        let text = "this trait has no rpc methods: put `#[rpc]` on those that callers may call";
        errors.at(head.trait_token.span, text);
    }
    names_and_methods(service, errors);
    for method in &service.methods {
        without_self(method, errors);
    }
}

/// Reports every broken rule of what implements a contract.
pub(crate) fn implementation(implementation: &Implementation, errors: &mut Errors) {
    version_of(implementation.version.as_ref(), errors);
    if let Some(lifetime) = borrows::lifetime(&implementation.self_ty) {
        errors.add(lifetime, CANNOT_BORROW);
    }
}

fn names_and_methods(service: &Service, errors: &mut Errors) {
    names_of(service, errors);
    for method in &service.methods {
        signature(&method.sig, "an rpc method", errors);
        scopes(&method.options.scopes, errors);
        parameters(method, errors);
        route::of_method(method, errors);
    }
    subjects(service, errors);
    route::distinct(service, errors);
    entrypoint::validate(service, errors);
}

/// A client has the contract and no type that implements it.
fn without_self(method: &Method, errors: &mut Errors) {
    let inputs = method.sig.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(typed) if !shape::is_context(&typed.ty) => Some(typed.ty.to_token_stream()),
        _ => None,
    });
    let output = match &method.sig.output {
        ReturnType::Type(_, ty) => Some(ty.to_token_stream()),
        ReturnType::Default => None,
    };
    for tokens in inputs.chain(output) {
        if let Some(found) = spans::find(tokens, "Self") {
            let text = "a contract's arguments and results cannot name `Self`: clients do not know which type implements it";
            errors.add(found, text);
        }
    }
}

/// Returns whether a type could be a service, once its other mistakes are mended.
pub(crate) fn can_be_service(ty: &Type) -> bool {
    shape::last_segment(ty).is_some() && borrows::lifetime(ty).is_none()
}

/// A service is a type of its own that outlives its calls.
fn type_of(block: &ImplBlock, errors: &mut Errors) {
    let head = &block.head;
    if let Some(unsafety) = &head.unsafety {
        errors.add(unsafety, "a service is not an `unsafe` block");
    }
    if shape::last_segment(&head.self_ty).is_none() {
        errors.add(
            &head.self_ty,
            "a service is a struct or an enum of your own",
        );
    }
    if let Some(lifetime) = borrows::lifetime(&head.self_ty) {
        errors.add(lifetime, CANNOT_BORROW);
    }
}

fn names_of(service: &Service, errors: &mut Errors) {
    let tokens = |text: &LitStr| text.value().split('.').all(literal::is_token);
    let words = "letters, digits, `_` and `-`";
    if let Some(prefix) = &service.prefix
        && !tokens(prefix)
    {
        let text = format!("a prefix is made of {words}, its parts joined by `.`, as in `eu.v2`");
        errors.add(prefix, text);
    }
    if let Some(group) = &service.queue_group
        && !tokens(group)
    {
        let text = format!("a queue group is made of {words}, its parts joined by `.`");
        errors.add(group, text);
    }
    if let Some(group) = &service.queue_group
        && group.value().split('.').next() == Some(EVENT_GROUPS)
    {
        let text = "queue groups that begin with `evt` are those of event handlers";
        errors.add(group, text);
    }
    version_of(service.version.as_ref(), errors);
    if !service.name.text.is_empty() {
        name("service", &service.name, errors);
    }
    for method in &service.methods {
        name("method", &method.name, errors);
    }
    let (first, span) = match &service.prefix {
        Some(prefix) => {
            let value = prefix.value();
            (
                value.split('.').next().unwrap_or_default().to_owned(),
                prefix.span(),
            )
        }
        None => (service.name.text.clone(), service.name.span),
    };
    if first.starts_with('_') {
        let text =
            format!("a subject cannot begin with `_`, which NATS keeps for itself: `{first}`");
        errors.at(span, text);
    }
    if first == RESERVED_FIRST {
        errors.at(
            span,
            "a subject cannot begin with `wamp`, which the HTTP bridge keeps for itself",
        );
    }
}

fn version_of(version: Option<&LitStr>, errors: &mut Errors) {
    if let Some(version) = version
        && !literal::is_version(&version.value())
    {
        let text = format!(
            "`{}` is not a semantic version, such as `1.0.0`",
            version.value()
        );
        errors.add(version, text);
    }
}

/// A client names the types of its service, which are not known where they are parameters.
fn client_of(service: &Service, errors: &mut Errors) {
    if let Some(client) = &service.client
        && !service.generics.params.is_empty()
    {
        let text = "a generic service has no typed client: write a `#[rpc]` trait and implement it, or call it by name";
        errors.add(client, text);
    }
}

fn name(what: &str, name: &Name, errors: &mut Errors) {
    if !literal::is_token(&name.text) {
        let text = format!(
            "`{}` cannot name a {what}: use letters, digits, `_` and `-`, as in `#[rpc(name = \"…\")]`",
            name.text
        );
        errors.at(name.span, text);
    }
}

/// Checks what all methods that the library runs have in common; `what` names them.
pub(crate) fn signature(sig: &Signature, what: &str, errors: &mut Errors) {
    if sig.asyncness.is_none() {
        errors.add(sig.fn_token, format!("{what} must be `async`"));
    }
    if let Safety::Unsafe(unsafety) = &sig.safety {
        let text = format!("{what} cannot be `unsafe`: what runs it cannot see to its conditions");
        errors.add(unsafety, text);
    }
    match sig.receiver() {
        None => errors.add(&sig.ident, format!("{what} takes `&self`")),
        Some(receiver) => check_receiver(receiver, what, errors),
    }
    for generic in &sig.generics.params {
        let text = format!("{what} cannot be generic: nothing says which type is meant");
        match generic {
            GenericParam::Type(generic) => errors.add(&generic.ident, text),
            GenericParam::Const(generic) => errors.add(&generic.ident, text),
            GenericParam::Lifetime(_) => {}
        }
    }
}

fn check_receiver(receiver: &Receiver, what: &str, errors: &mut Errors) {
    match &receiver.kind {
        ReceiverKind::Reference(_, _, None) => {}
        ReceiverKind::Reference(_, _, Some(_)) => errors.add(
            receiver,
            format!(
                "{what} takes `&self`, because calls run at the same time: \
                 keep what changes in a `Mutex` or an atomic"
            ),
        ),
        ReceiverKind::Typed(_, ty) if matches!(&**ty, Type::Reference(it) if it.mutability.is_none()) =>
            {}
        _ => errors.add(
            receiver.self_token,
            format!("{what} takes `&self`, because the next call needs the service, too"),
        ),
    }
}

/// Scopes are words of a token (RFC 6749), which separates them by spaces; discovery does by commas.
fn scopes(scopes: &[LitStr], errors: &mut Errors) {
    for (index, scope) in scopes.iter().enumerate() {
        let value = scope.value();
        if !literal::is_scope(&value) {
            let text = format!(
                "`{value}` is not a scope: use letters, digits and signs other than spaces, commas, \
                 quotation marks and backslashes, as in `user:write`; \
                 several are several strings"
            );
            errors.add(scope, text);
        }
        if scopes[..index].iter().any(|first| first.value() == value) {
            errors.add(scope, format!("scope `{value}` is given twice"));
        }
    }
}

pub(crate) fn parameters(method: &Method, errors: &mut Errors) {
    for parameter in method.parameters() {
        lone_collector(parameter, errors);
    }
    at_most_one(method, Kind::Args, errors);
    at_most_one(method, Kind::Kwargs, errors);
    distinct_names(method, errors);
    required_first(method, errors);
}

/// `args` and `kwargs` have no name on the wire, no default, and no other way to be given.
fn lone_collector(parameter: &Parameter, errors: &mut Errors) {
    let Some(collector) = parameter
        .keys
        .iter()
        .find(|key| *key == "args" || *key == "kwargs")
    else {
        return;
    };
    for other in parameter.keys.iter().filter(|key| *key != collector) {
        let text = format!(
            "option `{other}` makes no sense beside `{collector}`, which collects whatever is left"
        );
        errors.add(other, text);
    }
}

fn at_most_one(method: &Method, kind: Kind, errors: &mut Errors) {
    let mut collectors = method
        .parameters()
        .filter(|parameter| parameter.kind == kind);
    let Some(first) = collectors.next() else {
        return;
    };
    for second in collectors {
        let what = match kind {
            Kind::Args => "positional",
            _ => "keyword",
        };
        let text = format!(
            "`{}` collects all the {what} arguments already",
            first.ident
        );
        errors.add(&second.ident, text);
    }
}

fn distinct_names(method: &Method, errors: &mut Errors) {
    let mut known: HashMap<&str, &Parameter> = HashMap::new();
    for parameter in method.parameters() {
        if let Kind::Args | Kind::Kwargs = parameter.kind {
            continue;
        }
        let name = &parameter.name;
        if name.text.is_empty() {
            errors.at(name.span, "callers cannot use an empty name");
        }
        if let Some(first) = known.insert(&name.text, parameter) {
            let text = format!(
                "argument `{}` is already taken by parameter `{}`",
                name.text, first.ident
            );
            errors.at(name.span, text);
        }
    }
}

/// A default that no positional caller can make use of is a mistake, in Python as well. An `Option`
/// may come first all the same: such a caller gives `null`.
fn required_first(method: &Method, errors: &mut Errors) {
    let positional = method
        .parameters()
        .filter(|parameter| parameter.kind == Kind::Plain);
    let mut defaulted = None;
    for parameter in positional {
        match (defaulted, &parameter.default) {
            (None, Some(_)) => defaulted = Some(&parameter.ident),
            (Some(earlier), None) if !parameter.shape.is_optional() => {
                let text = format!(
                    "`{}` is required, but `{earlier}` before it has a default: move it before \
                     `{earlier}`, or mark it `#[rpc(keyword)]`",
                    parameter.ident
                );
                errors.add(&parameter.ident, text);
            }
            _ => {}
        }
    }
}

/// Two methods cannot answer on one subject, and a server cuts connections over long ones.
fn subjects(service: &Service, errors: &mut Errors) {
    let mut known: HashMap<String, &Method> = HashMap::new();
    for method in &service.methods {
        let subject = service.subject(method);
        if subject.len() > MAX_SUBJECT {
            let text = format!(
                "the subject `{}…` has {} bytes, at most {MAX_SUBJECT} are allowed",
                subject.chars().take(40).collect::<String>(),
                subject.len()
            );
            errors.at(method.name.span, text);
        }
        // Of two methods under `#[cfg]`, the compiler may see only one.
        let first = known.get(subject.as_str()).copied();
        match first.filter(|first| first.cfg.is_empty() || method.cfg.is_empty()) {
            Some(first) => {
                let text = format!(
                    "subject `{subject}` is already used by `{}`",
                    first.sig.ident
                );
                errors.at(method.name.span, text);
            }
            None => _ = known.insert(subject, method),
        }
    }
}

#[cfg(test)]
mod tests {
    use proc_macro2::TokenStream;
    use quote::quote;

    use super::*;
    use crate::{item, parse};

    /// Returns the mistakes of a service, in the order in which they are found.
    fn mistakes(argument: TokenStream, members: TokenStream) -> Vec<String> {
        let mut errors = Errors::default();
        let Ok(item::Block::Service(mut block)) = item::read(quote!(impl Greeter { #members }))
        else {
            return vec!["not an impl block".to_owned()];
        };
        let model = parse::service(argument, &mut block, &mut errors);
        service(&model, &block, &mut errors);
        errors.into_messages()
    }

    fn of_parameters(parameters: TokenStream) -> Vec<String> {
        mistakes(
            quote!(),
            quote!(#[rpc] async fn hello(&self, #parameters) {}),
        )
    }

    #[test]
    fn what_python_allows_passes() {
        for parameters in [
            quote!(),
            quote!(a: u8, b: Option<u8>, #[rpc(default)] c: u8, d: Option<u8>),
            quote!(a: Option<u8>, b: u8),
            quote!(#[rpc(default)] a: u8, #[rpc(keyword)] b: u8),
            quote!(#[rpc(default)] a: u8, #[rpc(args)] rest: Vec<u8>, b: u8),
            quote!(#[rpc(kwargs)] extra: Map, a: u8),
            quote!(#[rpc(args)] a: Vec<u8>, #[rpc(kwargs)] b: Map, context: &Context),
        ] {
            assert_eq!(of_parameters(parameters.clone()), [""; 0], "{parameters}");
        }
    }

    #[test]
    fn the_last_allowed_subject_is_200_bytes_long() {
        let subject_of = |length: usize| {
            let name = "h".repeat(length - "greeter.".len());
            mistakes(
                quote!(),
                quote!(
                    #[rpc(name = #name)]
                    async fn hello(&self) {}
                ),
            )
        };
        assert_eq!(subject_of(200), [""; 0]);
        assert_eq!(subject_of(201).len(), 1);
    }

    #[test]
    fn a_prefix_takes_over_the_rules_of_the_first_token() {
        let hello = quote!(
            #[rpc]
            async fn hello(&self) {}
        );
        assert_eq!(
            mistakes(quote!(name = "_x", prefix = "v2"), hello.clone()),
            [""; 0]
        );
        assert_eq!(mistakes(quote!(prefix = "wamp"), hello.clone()).len(), 1);
        assert_eq!(mistakes(quote!(prefix = "v2..x"), hello).len(), 1);
    }

    #[test]
    fn methods_under_cfg_may_share_a_subject() {
        let both = quote! {
            #[cfg(unix)] #[rpc] async fn hello(&self) {}
            #[cfg(not(unix))] #[rpc] async fn hello(&self) {}
        };
        assert_eq!(mistakes(quote!(), both), [""; 0]);
    }

    #[test]
    fn types_that_other_macros_wrap_in_groups_are_seen_through() {
        let group = proc_macro2::Group::new(proc_macro2::Delimiter::None, quote!(&mut u8));
        assert_eq!(of_parameters(quote!(a: #group)).len(), 1);
    }
}
