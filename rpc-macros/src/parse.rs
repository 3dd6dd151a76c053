//! From syntax to the model: reads attributes and signatures, and takes our attributes out.

use proc_macro2::{Ident, Span, TokenStream};
use quote::format_ident;
use syn::ext::IdentExt as _;
use syn::{
    Attribute, Error, Expr, ExprLit, FnArg, Generics, Lit, LitStr, Meta, Pat, PatIdent, PatType,
    Result, Type, parse_quote,
};

use crate::borrows;
use crate::entrypoint;
use crate::errors::Errors;
use crate::item::{ImplBlock, Member, MemberFn, TraitBlock, take_rpc};
use crate::literal;
use crate::model::{
    DefaultValue, Handed, Implementation, Input, Kind, Method, MethodOptions, Name, Parameter,
    Provided, Service,
};
use crate::options::{self, Entry, Level, Value};
use crate::route::Route;
use crate::shape::{self, Shape};

/// Reads a service and leaves a plain `impl` block behind.
pub(crate) fn service(
    argument: TokenStream,
    block: &mut ImplBlock,
    errors: &mut Errors,
) -> Service {
    let head = &mut block.head;
    refuse_second(&mut head.attrs, "`impl` block", errors);
    let service = without_options(&head.self_ty, &head.generics, &head.attrs);
    read(
        Level::Service,
        argument,
        service,
        &mut block.members,
        errors,
    )
}

/// Reads a contract and leaves a trait behind whose methods are still `async`.
pub(crate) fn contract(
    argument: TokenStream,
    block: &mut TraitBlock,
    errors: &mut Errors,
) -> Service {
    let head = &mut block.head;
    refuse_second(&mut head.attrs, "trait", errors);
    let name = &head.ident;
    let service = without_options(&parse_quote!(#name), &head.generics, &head.attrs);
    read(
        Level::Contract,
        argument,
        service,
        &mut block.members,
        errors,
    )
}

/// Reads what implements a contract: all but its version is said there.
pub(crate) fn implementation(
    argument: TokenStream,
    block: &mut ImplBlock,
    errors: &mut Errors,
) -> Option<Implementation> {
    let head = &mut block.head;
    refuse_second(&mut head.attrs, "`impl` block", errors);
    let (contract, _) = head.trait_.clone()?;
    let mut implementation = Implementation {
        library: parse_quote!(::rpc_core),
        contract,
        self_ty: (*head.self_ty).clone(),
        generics: head.generics.clone(),
        version: None,
    };
    for entry in options::from_argument(Level::Implementation, argument, errors) {
        match entry.key.to_string().as_str() {
            "version" => implementation.version = errors.keep(entry.text("1.0.0")),
            "crate" => {
                let library = errors.keep(entry.path());
                implementation.library = library.unwrap_or(implementation.library);
            }
            _ => {}
        }
    }
    for member in &mut block.members {
        if let Member::Fn(function) = member {
            entrypoint::refuse(function, errors);
            let (attrs, inputs) = function.take_rpc();
            for attr in attrs.into_iter().chain(inputs.into_iter().flatten()) {
                let text = "what callers may call, and how, is said by the contract: leave out `#[rpc]` here";
                errors.add(attr, text);
            }
        }
    }
    Some(implementation)
}

fn refuse_second(attrs: &mut Vec<Attribute>, what: &str, errors: &mut Errors) {
    for attr in take_rpc(attrs) {
        let text = format!("`#[rpc]` is on this {what} already: put all options into one");
        errors.add(attr, text);
    }
}

/// Returns a service that sets no options and has no methods.
fn without_options(ty: &Type, generics: &Generics, attrs: &[Attribute]) -> Service {
    Service {
        library: parse_quote!(::rpc_core),
        self_ty: ty.clone(),
        generics: generics.clone(),
        name: name_of_type(ty),
        version: None,
        prefix: None,
        queue_group: None,
        client: name_of_client(ty, generics),
        doc: doc(attrs),
        methods: Vec::new(),
        handlers: Vec::new(),
        hooks: Vec::new(),
        has_entrypoints: false,
    }
}

fn read(
    level: Level,
    argument: TokenStream,
    mut service: Service,
    members: &mut [Member],
    errors: &mut Errors,
) -> Service {
    for entry in options::from_argument(level, argument, errors) {
        match entry.key.to_string().as_str() {
            "name" => set_name(
                &mut service.name,
                errors.keep(entry.text("greeting_service")),
            ),
            "version" => service.version = errors.keep(entry.text("1.0.0")),
            "prefix" => service.prefix = errors.keep(entry.text("v2")),
            "queue_group" => service.queue_group = errors.keep(entry.text("q")),
            "client" => {
                let name = errors.keep(entry.client());
                service.client = name.unwrap_or_default();
            }
            "crate" => service.library = errors.keep(entry.path()).unwrap_or(service.library),
            _ => {}
        }
    }
    for member in members {
        if let Member::Fn(function) = member {
            if level == Level::Contract {
                entrypoint::refuse(function, errors);
            }
            member_fn(function, &mut service, errors);
        }
    }
    service
}

/// Reads a function, if it is one of ours: a method that callers may call, one that something else
/// fires, or both.
fn member_fn(function: &mut MemberFn, service: &mut Service, errors: &mut Errors) {
    let fired = entrypoint::take(&mut function.attrs);
    entrypoint::refuse_twice(&fired, errors);
    service.has_entrypoints |= !fired.is_empty();
    let (attrs, inputs) = function.take_rpc();
    let (events, others): (Vec<_>, Vec<_>) = fired
        .iter()
        .partition(|attr| entrypoint::name_of(attr) == Some("event_handler"));
    if !attrs.is_empty() || !fired.is_empty() {
        // `async` is what the macro asks for, so a method that awaits nothing is not to blame.
        let excuse = parse_quote!(#[allow(clippy::unused_async)]);
        function.attrs.push(excuse);
    }
    let hooks = others.into_iter();
    let hooks = hooks.filter_map(|attr| entrypoint::hook(attr, function, errors));
    service.hooks.extend(hooks);
    if attrs.is_empty() && events.is_empty() {
        for attr in inputs.into_iter().flatten() {
            errors.add(attr, "this parameter has `#[rpc]`, but its method has not");
        }
        return;
    }
    let method = method(function, &attrs, &inputs, errors);
    for (index, attr) in events.into_iter().enumerate() {
        let is_checked_elsewhere = !attrs.is_empty() || index > 0;
        let handler = entrypoint::handler(attr, &method, is_checked_elsewhere, errors);
        service.handlers.extend(handler);
    }
    if !attrs.is_empty() {
        service.methods.push(method);
    }
}

/// Reads a method that takes messages.
fn method(
    function: &MemberFn,
    attrs: &[Attribute],
    inputs: &[Vec<Attribute>],
    errors: &mut Errors,
) -> Method {
    let doc = doc(&function.attrs);
    let mut cfg = function.attrs.clone();
    cfg.retain(|attr| attr.path().is_ident("cfg"));
    let mut name = Name::from(&function.sig.ident);
    let mut settings = MethodOptions::default();
    for entry in options::from_attributes(Level::Method, attrs, errors) {
        match entry.key.to_string().as_str() {
            "name" => set_name(&mut name, errors.keep(entry.text("say_hello"))),
            "timeout" => settings.timeout = errors.keep(entry.duration()),
            "limit" => settings.limit = errors.keep(entry.number(1)),
            "queue" => settings.queue = errors.keep(entry.number(0)),
            "when_full" => {
                let what = errors.keep(entry.one_of(&["busy", "step_aside"]));
                settings.step_aside = what == Some("step_aside");
            }
            "blocking" => settings.blocking = errors.keep(entry.flag()).is_some(),
            "internal" => settings.internal = errors.keep(entry.flag()).is_some(),
            "safe" => settings.safe = errors.keep(entry.flag()).is_some(),
            "idempotent" => settings.idempotent = errors.keep(entry.flag()).is_some(),
            "scopes" => {
                settings.scopes = errors.keep(entry.texts("user:write")).unwrap_or_default();
            }
            "http" => settings.routes.extend(errors.keep(Route::read(&entry))),
            _ => {}
        }
    }
    // HTTP promises of GET that it changes nothing, and browsers take it at its word.
    settings.safe |= settings.routes.iter().any(Route::is_get);
    let sig = function.sig.clone();
    let lifetimes = sig.generics.lifetimes();
    let lifetimes: Vec<_> = lifetimes.map(|it| it.lifetime.ident.clone()).collect();
    let inputs = sig.inputs.iter().zip(inputs);
    let inputs = inputs.filter_map(|(input, attrs)| match input {
        FnArg::Receiver(_) => {
            for attr in attrs {
                errors.add(attr, "`self` takes no options");
            }
            None
        }
        FnArg::Typed(typed) => self::input(typed, attrs, &lifetimes, errors),
    });
    let mut inputs: Vec<_> = inputs.collect();
    keyword_after_args(&mut inputs);
    Method {
        name,
        doc,
        cfg,
        options: settings,
        inputs,
        sig,
    }
}

/// What comes after `args` can be given by keyword only, as in Python.
fn keyword_after_args(inputs: &mut [Input]) {
    let mut after_args = false;
    for input in inputs {
        if let Input::Parameter(parameter) = input {
            match parameter.kind {
                Kind::Args => after_args = true,
                Kind::Plain if after_args => parameter.kind = Kind::Keyword,
                _ => {}
            }
        }
    }
}

/// Reads one input; nothing when it is not fit to be one.
fn input(
    typed: &PatType,
    attrs: &[Attribute],
    lifetimes: &[Ident],
    errors: &mut Errors,
) -> Option<Input> {
    if shape::is_context(&typed.ty) {
        let text = "the context comes from the call, not from the message: it takes no options";
        for attr in attrs {
            errors.add(attr, text);
        }
        return Some(Input::Context);
    }
    if shape::is_named(&typed.ty, "Context") {
        let text = "an rpc method borrows the context of its call: take `&Context`";
        errors.add(&typed.ty, text);
        return None;
    }
    if let Some(cfg) = typed.attrs.iter().find(|attr| attr.path().is_ident("cfg")) {
        let text =
            "a parameter cannot depend on `#[cfg]`: callers could not know whether to send it";
        errors.add(cfg, text);
    }
    let ident = errors.keep(name_of_pattern(&typed.pat));
    // Read even without a name, so that all mistakes are reported.
    let options = ParameterOptions::read(attrs, errors);
    if let Some(key) = options.keys.iter().find(|key| *key == "context") {
        for other in options.keys.iter().filter(|other| *other != key) {
            let text = format!(
                "option `{other}` makes no sense beside `context`: callers do not give the value"
            );
            errors.add(other, text);
        }
        return errors.keep(provided(ident?, &typed.ty, lifetimes));
    }
    let shape = errors.keep(match options.kind {
        Kind::Plain | Kind::Keyword => Shape::of_value(&typed.ty, lifetimes),
        Kind::Args | Kind::Kwargs => Shape::of_collection(&typed.ty, lifetimes),
    });
    let (ident, shape) = (ident?, shape?);
    let mut name = Name::from(&ident);
    set_name(&mut name, options.rename);
    Some(Input::Parameter(Box::new(Parameter {
        ident,
        name,
        kind: options.kind,
        keys: options.keys,
        default: options.default,
        sensitive: options.sensitive,
        body: options.body,
        shape,
    })))
}

/// Reads a parameter that does not come from the message.
fn provided(ident: Ident, ty: &Type, lifetimes: &[Ident]) -> Result<Input> {
    let ty = borrows::elided(ty, lifetimes)?;
    let (ty, handed) = match shape::peel(&ty) {
        Type::Reference(it) => {
            let handed = match it.mutability {
                None => Handed::Lent,
                Some(_) => Handed::LentMutably,
            };
            ((*it.elem).clone(), handed)
        }
        ty => (ty.clone(), Handed::Over),
    };
    Ok(Input::Provided(Box::new(Provided { ident, ty, handed })))
}

fn name_of_pattern(pattern: &Pat) -> Result<Ident> {
    match pattern {
        Pat::Ident(PatIdent {
            by_ref: None,
            subpat: None,
            ident,
            ..
        }) => Ok(ident.clone()),
        pattern => {
            let text = "an rpc parameter needs a name, which callers use: write `name: T` and take it apart in the body";
            Err(Error::new_spanned(pattern, text))
        }
    }
}

/// The options of a parameter.
struct ParameterOptions {
    rename: Option<LitStr>,
    kind: Kind,
    default: Option<DefaultValue>,
    sensitive: bool,
    body: bool,
    keys: Vec<Ident>,
}

impl ParameterOptions {
    fn read(attrs: &[Attribute], errors: &mut Errors) -> Self {
        let mut options = Self {
            rename: None,
            kind: Kind::Plain,
            default: None,
            sensitive: false,
            body: false,
            keys: Vec::new(),
        };
        for entry in options::from_attributes(Level::Parameter, attrs, errors) {
            match entry.key.to_string().as_str() {
                "default" => options.default = errors.keep(default_value(&entry)),
                "keyword" => options.set_kind(Kind::Keyword, errors.keep(entry.flag())),
                "args" => options.set_kind(Kind::Args, errors.keep(entry.flag())),
                "kwargs" => options.set_kind(Kind::Kwargs, errors.keep(entry.flag())),
                "rename" => options.rename = errors.keep(entry.text("from")),
                "context" => _ = errors.keep(entry.flag()),
                "sensitive" => options.sensitive = errors.keep(entry.flag()).is_some(),
                "body" => options.body = errors.keep(entry.flag()).is_some(),
                _ => {}
            }
            options.keys.push(entry.key);
        }
        options
    }

    fn set_kind(&mut self, kind: Kind, flag: Option<()>) {
        if flag.is_some() {
            self.kind = kind;
        }
    }
}

fn default_value(entry: &Entry) -> Result<DefaultValue> {
    match &entry.value {
        Value::None => Ok(DefaultValue::OfType(entry.key.span())),
        Value::Expr(value) => Ok(DefaultValue::Value(value.clone())),
        Value::List(span, _) => {
            let text = "option `default` takes its value after `=`: `default = 10`";
            Err(Error::new(*span, text))
        }
    }
}

impl From<&Ident> for Name {
    fn from(ident: &Ident) -> Self {
        Self {
            text: ident.unraw().to_string(),
            span: ident.span(),
        }
    }
}

fn set_name(name: &mut Name, text: Option<LitStr>) {
    if let Some(text) = text {
        *name = Name {
            text: text.value(),
            span: text.span(),
        };
    }
}

/// Returns the type's name in snake case; empty for a type without a name.
fn name_of_type(ty: &Type) -> Name {
    match shape::last_segment(ty) {
        Some(last) => Name {
            text: literal::snake_case(&last.ident.unraw().to_string()),
            span: last.ident.span(),
        },
        None => Name {
            text: String::new(),
            span: Span::call_site(),
        },
    }
}

/// Returns the name of a type's client; none for a generic type, whose client would not know of
/// which service it is.
fn name_of_client(ty: &Type, generics: &Generics) -> Option<Ident> {
    let last = shape::last_segment(ty)?;
    let name = format_ident!("{}Client", last.ident.unraw(), span = last.ident.span());
    generics.params.is_empty().then_some(name)
}

/// Returns the text of doc comments.
fn doc(attrs: &[Attribute]) -> String {
    let lines = attrs.iter().filter_map(|attr| match &attr.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(ExprLit {
                lit: Lit::Str(text),
                ..
            }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    });
    let lines: Vec<_> = lines
        .map(|line| line.strip_prefix(' ').unwrap_or(&line).to_owned())
        .collect();
    lines.join("\n").trim().to_owned()
}
