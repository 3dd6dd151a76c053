//! The shape of a payload, `[args, kwargs]`, as serde's visitors see it.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{Binder, Failure, Parameter, ParameterKind, Slots};

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
pub(super) struct Value<'a, S> {
    pub(super) binder: &'a mut Binder<S>,
    pub(super) index: usize,
    pub(super) key: Option<String>,
}

impl<'de, S: Slots<'de>> DeserializeSeed<'de> for Value<'_, S> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.binder.fill(self.index, self.key, deserializer)
    }
}

/// One keyword: the index of the parameter it names, or the text itself.
pub(super) struct Key(pub(super) &'static [Parameter]);

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
