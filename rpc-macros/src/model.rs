//! What a service is, once its attributes and signatures have been read.

use std::time::Duration;

use proc_macro2::Span;
use syn::{Attribute, Expr, Generics, Ident, LitInt, LitStr, Path, Signature, Type};

use crate::entrypoint::{Handler, Hook};
use crate::route::Route;
use crate::shape::Shape;

/// An `impl` block with `#[rpc]`, or a trait, which is a service without a type.
pub(crate) struct Service {
    /// Where the library is: `::rpc_core`, or what `crate = …` says.
    pub(crate) library: Path,
    /// The type; of a contract, the trait's name.
    pub(crate) self_ty: Type,
    pub(crate) generics: Generics,
    pub(crate) name: Name,
    pub(crate) version: Option<LitStr>,
    pub(crate) prefix: Option<LitStr>,
    pub(crate) queue_group: Option<LitStr>,
    /// The name of the typed client, if there is to be one.
    pub(crate) client: Option<Ident>,
    pub(crate) doc: String,
    pub(crate) methods: Vec<Method>,
    pub(crate) handlers: Vec<Handler>,
    pub(crate) hooks: Vec<Hook>,
    /// Whether something else than calls was meant to fire a method, mistakes included.
    pub(crate) has_entrypoints: bool,
}

/// An `impl` block of a trait with `#[rpc]`: a type that keeps to a contract.
pub(crate) struct Implementation {
    pub(crate) library: Path,
    pub(crate) contract: Path,
    pub(crate) self_ty: Type,
    pub(crate) generics: Generics,
    pub(crate) version: Option<LitStr>,
}

/// A name on the wire, and where the user wrote it.
#[derive(Clone)]
pub(crate) struct Name {
    pub(crate) text: String,
    pub(crate) span: Span,
}

/// A method with `#[rpc]`.
#[derive(Clone)]
pub(crate) struct Method {
    pub(crate) name: Name,
    pub(crate) doc: String,
    /// The `#[cfg]` attributes, which its endpoint shares.
    pub(crate) cfg: Vec<Attribute>,
    pub(crate) options: MethodOptions,
    pub(crate) sig: Signature,
    pub(crate) inputs: Vec<Input>,
}

/// The options of a method; what is not set keeps the library's default.
#[derive(Clone, Default)]
pub(crate) struct MethodOptions {
    pub(crate) timeout: Option<Duration>,
    pub(crate) limit: Option<LitInt>,
    pub(crate) queue: Option<LitInt>,
    /// `when_full = "step_aside"`.
    pub(crate) step_aside: bool,
    pub(crate) blocking: bool,
    pub(crate) internal: bool,
    pub(crate) safe: bool,
    pub(crate) idempotent: bool,
    /// What callers must be allowed to do.
    pub(crate) scopes: Vec<LitStr>,
    /// Where it answers over plain HTTP.
    pub(crate) routes: Vec<Route>,
}

/// Where an input of a method comes from.
#[derive(Clone)]
pub(crate) enum Input {
    /// The context of the call.
    Context,
    /// A value that is made of the service and the context: `#[rpc(context)]`.
    Provided(Box<Provided>),
    /// The message.
    Parameter(Box<Parameter>),
}

/// A parameter that is made of the service and the context of the call.
#[derive(Clone)]
pub(crate) struct Provided {
    pub(crate) ident: Ident,
    /// The type, without the reference of one that is lent.
    pub(crate) ty: Type,
    pub(crate) handed: Handed,
}

/// How a provided value reaches the method.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Handed {
    /// `T`
    Over,
    /// `&T`
    Lent,
    /// `&mut T`
    LentMutably,
}

/// A parameter that comes from the message.
#[derive(Clone)]
pub(crate) struct Parameter {
    pub(crate) ident: Ident,
    pub(crate) name: Name,
    pub(crate) kind: Kind,
    /// The options that it was given.
    pub(crate) keys: Vec<Ident>,
    pub(crate) default: Option<DefaultValue>,
    pub(crate) sensitive: bool,
    /// Whether it is the whole body of a route.
    pub(crate) body: bool,
    pub(crate) shape: Shape,
}

/// How a parameter takes its value; the library's `ParameterKind`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Plain,
    Keyword,
    Args,
    Kwargs,
}

/// What an absent argument becomes.
#[derive(Clone)]
pub(crate) enum DefaultValue {
    /// The default of the type; the key is where its absence is reported.
    OfType(Span),
    /// The value of an expression.
    Value(Box<Expr>),
}

impl Service {
    /// Returns the subject of a method.
    pub(crate) fn subject(&self, method: &Method) -> String {
        let prefix = self.prefix.iter().map(|prefix| prefix.value() + ".");
        let prefix: String = prefix.collect();
        format!("{prefix}{}.{}", self.name.text, method.name.text)
    }
}

impl Method {
    /// Returns the parameters that come from the message.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = &Parameter> {
        self.inputs.iter().filter_map(|input| match input {
            Input::Parameter(parameter) => Some(&**parameter),
            Input::Context | Input::Provided(_) => None,
        })
    }

    /// Returns the parameters that are made of the service and the context.
    pub(crate) fn provided(&self) -> impl DoubleEndedIterator<Item = &Provided> {
        self.inputs.iter().filter_map(|input| match input {
            Input::Provided(provided) => Some(&**provided),
            Input::Context | Input::Parameter(_) => None,
        })
    }
}
