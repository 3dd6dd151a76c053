//! Python's argument binding, in one pass over the message.
//!
//! A method's expansion spells a slot for each parameter ([`Slots`]). [`Binder`] walks the payload
//! once and decodes each value straight into its slot: positionals in order, keywords by name, the
//! rest into `*args` and `**kwargs`. Codecs drive it; nothing here knows JSON.

mod binder;
mod envelope;
mod slots;
mod words;

pub(crate) use binder::{Binder, Failure};
pub use slots::Slots;

/// How a parameter takes its value from the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterKind {
    /// By position or by name.
    Plain,
    /// By name only.
    Keyword,
    /// All positionals that are left.
    Args,
    /// All keywords that are left.
    Kwargs,
}

/// One parameter of a method as callers see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// The name on the wire.
    pub name: &'static str,
    /// How it takes its value.
    pub kind: ParameterKind,
    /// Whether its value is a secret, which neither a log nor an error may quote.
    pub sensitive: bool,
}
