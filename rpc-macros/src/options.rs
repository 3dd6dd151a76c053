//! Option lists, `#[rpc(name = "greeter", internal)]`: which keys exist, and their typed values.

use std::time::Duration;

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream, Parser as _};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned as _;
use syn::{
    Attribute, Error, Expr, ExprLit, ExprPath, Ident, Lit, LitInt, LitStr, Meta, Path, Result,
    Token,
};

use crate::errors::Errors;
use crate::literal;

/// What an option list stands on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    Service,
    Contract,
    Implementation,
    Method,
    Parameter,
    EventHandler,
    Timer,
    Cron,
    ErrorEnum,
    ErrorVariant,
    ErrorStruct,
    ErrorField,
}

impl Level {
    const ALL: [Self; 12] = [
        Self::Service,
        Self::Contract,
        Self::Implementation,
        Self::Method,
        Self::Parameter,
        Self::EventHandler,
        Self::Timer,
        Self::Cron,
        Self::ErrorEnum,
        Self::ErrorVariant,
        Self::ErrorStruct,
        Self::ErrorField,
    ];

    /// Returns the keys, in the order in which messages list them.
    const fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Service | Self::Contract => &[
                "name",
                "version",
                "prefix",
                "queue_group",
                "client",
                "crate",
            ],
            Self::Implementation => &["version", "crate"],
            Self::Method => &[
                "name",
                "timeout",
                "limit",
                "queue",
                "when_full",
                "blocking",
                "internal",
                "safe",
                "idempotent",
                "scopes",
                "http",
            ],
            Self::Parameter => &[
                "default",
                "keyword",
                "args",
                "kwargs",
                "rename",
                "context",
                "sensitive",
                "body",
            ],
            Self::EventHandler => &["mode", "timeout", "limit", "queue", "blocking"],
            Self::Timer => &["eager"],
            Self::Cron => &["tz"],
            Self::ErrorEnum => &["crate"],
            Self::ErrorVariant => &["code", "status", "retryable", "internal"],
            Self::ErrorStruct => &["code", "status", "retryable", "internal", "crate"],
            Self::ErrorField => &["source"],
        }
    }

    const fn place(self) -> &'static str {
        match self {
            Self::Service => "the `impl` block",
            Self::Contract => "a contract",
            Self::Implementation => "the `impl` block of a contract",
            Self::Method => "a method",
            Self::Parameter => "a parameter",
            Self::EventHandler => "an event handler",
            Self::Timer => "a timer",
            Self::Cron => "a `#[cron]` timer",
            Self::ErrorEnum => "an error enum",
            Self::ErrorVariant => "a variant",
            Self::ErrorStruct => "an error struct",
            Self::ErrorField => "a field",
        }
    }
}

/// The one option that may be given several times: a method may have many routes.
const REPEATABLE: &str = "http";

/// One option as it was written.
pub(crate) struct Entry {
    pub(crate) key: Ident,
    pub(crate) value: Value,
}

/// What follows a key.
pub(crate) enum Value {
    /// Nothing: `internal`.
    None,
    /// `= value`.
    Expr(Box<Expr>),
    /// `(…)`, and what is inside.
    List(Span, TokenStream),
}

impl Parse for Entry {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        // A keyword may be a key: `crate`.
        let key = input.call(Ident::parse_any);
        let key =
            key.map_err(|error| Error::new(error.span(), "expected the name of an option"))?;
        let value = match input.cursor().token_tree() {
            Some((TokenTree::Punct(punct), _)) if punct.as_char() == '=' => {
                input.parse::<Token![=]>()?;
                Value::Expr(Box::new(input.parse()?))
            }
            Some((TokenTree::Group(group), _)) => {
                input.parse::<TokenTree>()?;
                Value::List(group.span(), group.stream())
            }
            _ => Value::None,
        };
        Ok(Self { key, value })
    }
}

impl Entry {
    /// Words what the option expects, under its value or, when there is none, under its key.
    fn wrong<T>(&self, expected: &str) -> Result<T> {
        let text = format!("option `{}` {expected}", self.key);
        Err(match &self.value {
            Value::None => Error::new_spanned(&self.key, text),
            Value::Expr(value) => Error::new_spanned(value, text),
            Value::List(span, _) => Error::new(*span, text),
        })
    }

    /// Returns where the value stands, or the key when there is none.
    pub(crate) fn span(&self) -> Span {
        match &self.value {
            Value::None => self.key.span(),
            Value::Expr(value) => value.span(),
            Value::List(span, _) => *span,
        }
    }

    /// Returns that the option is set.
    pub(crate) fn flag(&self) -> Result<()> {
        match self.value {
            Value::None => Ok(()),
            _ => self.wrong(&format!("takes no value: write `{}`", self.key)),
        }
    }

    /// Returns the value as text.
    pub(crate) fn text(&self, example: &str) -> Result<LitStr> {
        match self.literal() {
            Some(Lit::Str(text)) => Ok(text.clone()),
            _ => self.wrong(&format!("expects a string: `{} = \"{example}\"`", self.key)),
        }
    }

    /// Returns the value as a number of at least `least`. It has no more than 32 bits, so that a
    /// service means the same on every machine.
    pub(crate) fn number(&self, least: u32) -> Result<LitInt> {
        if let Some(Lit::Int(number)) = self.literal()
            && let Ok(value) = number.base10_parse::<u32>()
            && value >= least
        {
            return Ok(LitInt::new(number.base10_digits(), number.span()));
        }
        let bound = if least > 0 { " above 0" } else { "" };
        self.wrong(&format!(
            "expects a whole number{bound}: `{} = 100`",
            self.key
        ))
    }

    /// Returns the value as the status of a failure.
    pub(crate) fn status(&self) -> Result<u16> {
        if let Some(Lit::Int(number)) = self.literal()
            && let Ok(status @ 400..600) = number.base10_parse::<u16>()
        {
            return Ok(status);
        }
        self.wrong("expects a number from 400 to 599: `status = 404`")
    }

    /// Returns the value as a duration.
    pub(crate) fn duration(&self) -> Result<Duration> {
        let duration = match self.literal() {
            Some(Lit::Str(text)) => literal::duration(&text.value()),
            _ => None,
        };
        match duration {
            Some(duration) => Ok(duration),
            None => self.wrong("expects a duration such as `\"500ms\"`, `\"15s\"` or `\"2m\"`"),
        }
    }

    /// Returns which of some texts the value is.
    pub(crate) fn one_of(&self, texts: &[&'static str]) -> Result<&'static str> {
        let value = match self.literal() {
            Some(Lit::Str(text)) => text.value(),
            _ => String::new(),
        };
        match texts.iter().find(|text| **text == value) {
            Some(text) => Ok(text),
            None => {
                let quoted: Vec<_> = texts.iter().map(|text| format!("`\"{text}\"`")).collect();
                let (last, others) = quoted.split_last().expect("there are texts to choose from");
                self.wrong(&format!("expects {} or {last}", others.join(", ")))
            }
        }
    }

    /// Returns the name of the client; none for `client = false`.
    pub(crate) fn client(&self) -> Result<Option<Ident>> {
        match self.literal() {
            Some(Lit::Bool(wanted)) if !wanted.value => Ok(None),
            Some(Lit::Str(name)) if name.parse::<Ident>().is_ok() => name.parse().map(Some),
            _ => {
                self.wrong("expects the name of a type, or `false`: `client = \"GreetingClient\"`")
            }
        }
    }

    /// Returns the texts of a list: `scopes("user:read", "user:write")`.
    pub(crate) fn texts(&self, example: &str) -> Result<Vec<LitStr>> {
        let expected = format!("expects a list of strings: `{}(\"{example}\")`", self.key);
        let Value::List(_, inside) = &self.value else {
            return self.wrong(&expected);
        };
        let texts = Punctuated::<Lit, Token![,]>::parse_terminated.parse2(inside.clone());
        let texts = texts.ok().and_then(|literals| {
            let text = |literal| match literal {
                Lit::Str(text) => Some(text),
                _ => None,
            };
            literals.into_iter().map(text).collect::<Option<Vec<_>>>()
        });
        match texts {
            Some(texts) if !texts.is_empty() => Ok(texts),
            _ => self.wrong(&expected),
        }
    }

    /// Returns what is inside the parentheses after the key.
    pub(crate) fn inside(&self, expected: &str) -> Result<TokenStream> {
        match &self.value {
            Value::List(_, inside) => Ok(inside.clone()),
            Value::None | Value::Expr(_) => self.wrong(expected),
        }
    }

    /// Returns the value as a path.
    pub(crate) fn path(&self) -> Result<Path> {
        if let Some(Expr::Path(ExprPath {
            qself: None, path, ..
        })) = self.expr()
        {
            return Ok(path.clone());
        }
        self.wrong("expects a path: `crate = my_rpc`")
    }

    fn literal(&self) -> Option<&Lit> {
        match self.expr()? {
            Expr::Lit(ExprLit { lit, .. }) => Some(lit),
            _ => None,
        }
    }

    /// Returns the expression after `=`, out of the invisible groups that other macros leave.
    fn expr(&self) -> Option<&Expr> {
        let Value::Expr(value) = &self.value else {
            return None;
        };
        let mut value = &**value;
        while let Expr::Group(group) = value {
            value = &group.expr;
        }
        Some(value)
    }
}

/// Returns the options in the argument of a macro attribute.
pub(crate) fn from_argument(level: Level, tokens: TokenStream, errors: &mut Errors) -> Vec<Entry> {
    let mut entries = Vec::new();
    read(level, tokens, &mut entries, errors);
    entries
}

/// Returns the options of all the `#[rpc]` attributes of one item.
pub(crate) fn from_attributes(
    level: Level,
    attrs: &[Attribute],
    errors: &mut Errors,
) -> Vec<Entry> {
    let mut entries = Vec::new();
    for attr in attrs {
        match &attr.meta {
            Meta::Path(_) => {}
            Meta::List(list) => read(level, list.tokens.clone(), &mut entries, errors),
            Meta::NameValue(pair) => {
                errors.add(pair, "expected `#[rpc]` or `#[rpc(option, …)]`");
            }
        }
    }
    entries
}

/// Adds the options of one list that are known and new; a bad one does not hide the others.
fn read(level: Level, tokens: TokenStream, entries: &mut Vec<Entry>, errors: &mut Errors) {
    let list = |input: ParseStream<'_>| {
        while !input.is_empty() {
            match input.parse::<Entry>() {
                Ok(entry) if !level.keys().iter().any(|key| entry.key == key) => {
                    errors.add(&entry.key, unknown(level, &entry.key.to_string()));
                }
                Ok(entry)
                    if entry.key != REPEATABLE
                        && entries.iter().any(|known| known.key == entry.key) =>
                {
                    let text = format!("option `{}` is given twice", entry.key);
                    errors.add(&entry.key, text);
                }
                Ok(entry) => entries.push(entry),
                Err(error) => {
                    errors.push(error);
                    skip_to_comma(input)?;
                }
            }
            if !input.is_empty() && !input.peek(Token![,]) {
                errors.push(input.error("expected `,` between options"));
                skip_to_comma(input)?;
            }
            input.parse::<Option<Token![,]>>()?;
        }
        Ok(())
    };
    let read = list.parse2(tokens);
    errors.keep(read);
}

fn skip_to_comma(input: ParseStream<'_>) -> Result<()> {
    while !input.is_empty() && !input.peek(Token![,]) {
        input.parse::<TokenTree>()?;
    }
    Ok(())
}

/// Words that `key` is no option here, and what was meant.
fn unknown(level: Level, key: &str) -> String {
    let keys = level.keys();
    let distance = |known: &&&str| strsim::damerau_levenshtein(known, key);
    if let Some(nearest) = keys.iter().min_by_key(distance)
        && distance(&nearest) <= nearest.len().max(3) / 3
    {
        return format!("unknown option `{key}`, did you mean `{nearest}`?");
    }
    let mut levels = Level::ALL;
    if level == Level::Implementation {
        // The contract is where such an option belongs.
        levels.swap(0, 1);
    }
    let elsewhere = levels.into_iter().find(|other| other.keys().contains(&key));
    let expected = format!("expected one of: `{}`", keys.join("`, `"));
    match elsewhere {
        Some(other) => format!(
            "`{key}` is an option of {}, not of {}; {expected}",
            other.place(),
            level.place()
        ),
        None => format!("unknown option `{key}`, {expected}"),
    }
}
