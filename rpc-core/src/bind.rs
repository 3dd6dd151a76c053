//! Python's argument binding, in one pass over the message.
//!
//! A method's expansion spells a slot for each parameter ([`Slots`]). [`Binder`] walks
//! the payload once and decodes each value straight into its slot: positionals in order, keywords
//! by name, the rest into `*args` and `**kwargs`. Codecs drive it; nothing here knows JSON.

use std::collections::HashSet;
use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::json;

use crate::protocol::RpcError;
use crate::slot::Slot;

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
}

/// The slots of one method's parameters, filled while the message is read.
///
/// An expansion spells them as nested pairs, `(one::<String>(), (one::<u8>(), ()))`, a slot for
/// each parameter: there is no limit to their number and no generated type.
pub trait Slots<'de>: Default {
    /// Decodes a value into slot `index`, or appends it there for `*args`; `key` is the keyword for
    /// the slot of `**kwargs`.
    ///
    /// # Errors
    /// The decoder's, when the value does not fit the parameter's type.
    fn fill<D: Deserializer<'de>>(
        &mut self,
        index: usize,
        key: Option<String>,
        value: D,
    ) -> Result<(), D::Error>;

    /// Returns whether slot `index` holds a value.
    fn is_filled(&self, index: usize) -> bool;

    /// Tells the slots that no more values come.
    fn close(&mut self);
}

impl<'de> Slots<'de> for () {
    fn fill<D: Deserializer<'de>>(
        &mut self,
        _: usize,
        _: Option<String>,
        _: D,
    ) -> Result<(), D::Error> {
        Err(D::Error::custom(
            "the binder filled a slot that no parameter has",
        ))
    }

    fn is_filled(&self, _: usize) -> bool {
        false
    }

    fn close(&mut self) {}
}

impl<'de, Head: Slot<'de>, Tail: Slots<'de>> Slots<'de> for (Head, Tail) {
    #[inline]
    fn fill<D: Deserializer<'de>>(
        &mut self,
        index: usize,
        key: Option<String>,
        value: D,
    ) -> Result<(), D::Error> {
        match index {
            0 => self.0.fill(key, value),
            _ => self.1.fill(index - 1, key, value),
        }
    }

    #[inline]
    fn is_filled(&self, index: usize) -> bool {
        match index {
            0 => self.0.is_filled(),
            _ => self.1.is_filled(index - 1),
        }
    }

    #[inline]
    fn close(&mut self) {
        self.0.close();
        self.1.close();
    }
}

/// What stopped the binding, for codecs to turn into an error with the payload at hand.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The payload is not `[args, kwargs]`; the codec knows how to say what was meant.
    Envelope,
    /// The arguments do not fit the signature; complete as it is.
    Arguments(RpcError),
    /// The value of this parameter is of the wrong type; `path` leads into it, where tracked.
    Value { parameter: String, path: String },
}

/// Walks one payload and fills the slots.
pub(crate) struct Binder<S> {
    parameters: &'static [Parameter],
    slots: S,
    /// How many values `*args` has taken.
    rest: usize,
    /// Where the walk is when a decoder fails, or why it stopped by itself.
    failure: Option<Failure>,
    /// Whether paths into values are followed: only on the second walk, which words an error.
    follow_paths: bool,
    /// Whether an object held the keywords, so that codecs can tell it from nested ones.
    pub(crate) saw_keywords: bool,
}

impl<'de, S: Slots<'de>> Binder<S> {
    pub(crate) fn new(parameters: &'static [Parameter], follow_paths: bool) -> Self {
        Self {
            parameters,
            slots: S::default(),
            rest: 0,
            failure: None,
            follow_paths,
            saw_keywords: false,
        }
    }

    pub(crate) fn into_slots(mut self) -> S {
        self.slots.close();
        self.slots
    }

    pub(crate) fn take_failure(&mut self) -> Option<Failure> {
        self.failure.take()
    }

    fn stop<E: serde::de::Error>(&mut self, failure: Failure) -> E {
        self.failure = Some(failure);
        E::custom("binding stopped")
    }

    fn refuse<E: serde::de::Error>(&mut self, message: String, parameter: Option<&str>) -> E {
        let mut error = RpcError::invalid_argument(message);
        if let Some(parameter) = parameter {
            error = error.with_details(json!({ "parameter": parameter }));
        }
        self.stop(Failure::Arguments(error))
    }

    fn given_twice<E: serde::de::Error>(&mut self, name: &str) -> E {
        self.refuse(format!("argument `{name}` is given twice"), Some(name))
    }

    /// Decodes `value` into slot `index`; a `key` means that the slot is the one of `**kwargs`.
    fn fill<D: Deserializer<'de>>(
        &mut self,
        index: usize,
        key: Option<String>,
        value: D,
    ) -> Result<(), D::Error> {
        let label = key.clone();
        let mut track = serde_path_to_error::Track::new();
        let slots = &mut self.slots;
        let result = match self.follow_paths {
            false => slots.fill(index, key, value),
            true => {
                let tracked = serde_path_to_error::Deserializer::new(value, &mut track);
                slots.fill(index, key, tracked)
            }
        };
        if result.is_err() {
            let path = match self.follow_paths {
                true => track.path().to_string(),
                false => String::new(),
            };
            let Parameter { name, kind } = self.parameters[index];
            let parameter = match kind {
                ParameterKind::Args => format!("{name}[{}]", self.rest),
                _ => label.unwrap_or_else(|| name.to_owned()),
            };
            self.failure = Some(Failure::Value { parameter, path });
        }
        result
    }

    fn positionals<A: SeqAccess<'de>>(&mut self, mut seq: A) -> Result<(), A::Error> {
        for (index, parameter) in self.parameters.iter().enumerate() {
            if parameter.kind == ParameterKind::Plain
                && seq
                    .next_element_seed(Value {
                        binder: self,
                        index,
                        key: None,
                    })?
                    .is_none()
            {
                return Ok(());
            }
        }
        match position_of(self.parameters, ParameterKind::Args) {
            Some(index) => {
                // Counted so that an error can say which one of them is at fault.
                while seq
                    .next_element_seed(Value {
                        binder: self,
                        index,
                        key: None,
                    })?
                    .is_some()
                {
                    self.rest += 1;
                }
                Ok(())
            }
            None => match seq.next_element::<IgnoredAny>()? {
                None => Ok(()),
                Some(_) => {
                    let mut extra = 1;
                    while seq.next_element::<IgnoredAny>()?.is_some() {
                        extra += 1;
                    }
                    Err(self.refuse(too_many(self.parameters, extra), None))
                }
            },
        }
    }

    fn keywords<A: MapAccess<'de>>(&mut self, mut map: A) -> Result<(), A::Error> {
        self.saw_keywords = true;
        let rest = position_of(self.parameters, ParameterKind::Kwargs);
        let mut collected = HashSet::new();
        while let Some(key) = map.next_key_seed(Key(self.parameters))? {
            let (index, key) = match (key, rest) {
                (Ok(index), _) if self.slots.is_filled(index) => {
                    return Err(self.given_twice(self.parameters[index].name));
                }
                (Ok(index), _) => (index, None),
                (Err(name), Some(_)) if !collected.insert(name.clone()) => {
                    return Err(self.given_twice(&name));
                }
                (Err(name), Some(rest)) => (rest, Some(name)),
                (Err(name), None) => {
                    return Err(self.refuse(unknown(self.parameters, &name), Some(&name)));
                }
            };
            map.next_value_seed(Value {
                binder: self,
                index,
                key,
            })?;
        }
        Ok(())
    }
}

/// The whole payload: nothing, `[]`, `[args]`, `[args, kwargs]` or bare `kwargs`.
impl<'de, S: Slots<'de>> Visitor<'de> for &mut Binder<S> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`[args, kwargs]`")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        // An element of the wrong shape fails in its seed; then the envelope is at fault.
        self.failure = Some(Failure::Envelope);
        if seq.next_element_seed(Args(self))?.is_some()
            && seq.next_element_seed(Kwargs(self))?.is_some()
            && seq.next_element::<IgnoredAny>()?.is_some()
        {
            return Err(self.stop(Failure::Envelope));
        }
        self.failure = None;
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        self.keywords(map)
    }

    fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<(), E> {
        Err(self.stop(Failure::Envelope))
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<(), E> {
        Err(self.stop(Failure::Envelope))
    }

    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<(), E> {
        Err(self.stop(Failure::Envelope))
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<(), E> {
        Err(self.stop(Failure::Envelope))
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<(), E> {
        Err(self.stop(Failure::Envelope))
    }
}

/// The first element: the positionals.
struct Args<'a, S>(&'a mut Binder<S>);

impl<'de, S: Slots<'de>> DeserializeSeed<'de> for Args<'_, S> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, S: Slots<'de>> Visitor<'de> for Args<'_, S> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of positional arguments")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<(), A::Error> {
        self.0.positionals(seq)
    }
}

/// The second element: the keywords.
struct Kwargs<'a, S>(&'a mut Binder<S>);

impl<'de, S: Slots<'de>> DeserializeSeed<'de> for Kwargs<'_, S> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, S: Slots<'de>> Visitor<'de> for Kwargs<'_, S> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of keyword arguments")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        self.0.keywords(map)
    }
}

/// One value, decoded into its slot.
struct Value<'a, S> {
    binder: &'a mut Binder<S>,
    index: usize,
    key: Option<String>,
}

impl<'de, S: Slots<'de>> DeserializeSeed<'de> for Value<'_, S> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.binder.fill(self.index, self.key, deserializer)
    }
}

/// One keyword: the index of the parameter it names, or the text itself.
struct Key(&'static [Parameter]);

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Result<usize, String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key {
    type Value = Result<usize, String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a parameter")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Self::Value, E> {
        let named = |parameter: &Parameter| {
            parameter.name == name
                && matches!(
                    parameter.kind,
                    ParameterKind::Plain | ParameterKind::Keyword
                )
        };
        Ok(self.0.iter().position(named).ok_or_else(|| name.to_owned()))
    }
}

/// A parameter whose value is absent: `Option` becomes none, whatever the user calls it, and every
/// other type reports that it is missing.
pub(crate) struct Absent;

impl<'de> Deserializer<'de> for Absent {
    type Error = serde::de::value::Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
        Err(Self::Error::custom("absent"))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_none()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

fn position_of(parameters: &[Parameter], kind: ParameterKind) -> Option<usize> {
    parameters
        .iter()
        .position(|parameter| parameter.kind == kind)
}

fn too_many(parameters: &[Parameter], extra: usize) -> String {
    let names: Vec<_> = parameters
        .iter()
        .filter(|parameter| parameter.kind == ParameterKind::Plain)
        .map(|parameter| format!("`{}`", parameter.name))
        .collect();
    let given = names.len() + extra;
    match names.len() {
        0 => format!("expected no positional arguments, got {given}"),
        1 => format!(
            "expected at most 1 positional argument ({}), got {given}",
            names[0]
        ),
        most => format!(
            "expected at most {most} positional arguments ({}), got {given}",
            names.join(", ")
        ),
    }
}

fn unknown(parameters: &[Parameter], name: &str) -> String {
    let names: Vec<_> = parameters
        .iter()
        .filter(|p| matches!(p.kind, ParameterKind::Plain | ParameterKind::Keyword))
        .map(|p| p.name)
        .collect();
    // The name may be as long as a message; neither the comparison nor the text should be.
    let shown: String = name.chars().take(64).collect();
    let distance = |known: &str| strsim::damerau_levenshtein(known, &shown);
    match names.iter().min_by_key(|known| distance(known)) {
        Some(nearest) if distance(nearest) <= nearest.len().max(3) / 3 => {
            format!("unknown argument `{shown}`, did you mean `{nearest}`?")
        }
        Some(_) => format!(
            "unknown argument `{shown}`, expected one of: `{}`",
            names.join("`, `")
        ),
        None => format!("unknown argument `{shown}`, the method takes no keyword arguments"),
    }
}
