//! One walk over one payload: which value goes into which slot.

use std::collections::HashSet;

use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess};
use serde_json::json;

use super::envelope::{Key, Value};
use super::words::{too_many, unknown};
use super::{Parameter, ParameterKind, Slots};
use crate::protocol::RpcError;

/// What stopped the binding, for codecs to turn into an error with the payload at hand.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The payload is not `[args, kwargs]`; the codec knows how to say what was meant.
    Envelope,
    /// The arguments do not fit the signature; complete as it is.
    Arguments(RpcError),
    /// The value of this parameter is of the wrong type; `path` leads into it, where tracked.
    Value {
        parameter: String,
        path: String,
        /// Whether nothing of the value may be told.
        sensitive: bool,
    },
}

/// Walks one payload and fills the slots.
pub(crate) struct Binder<S> {
    parameters: &'static [Parameter],
    slots: S,
    /// How many values `*args` has taken.
    rest: usize,
    /// Where the walk is when a decoder fails, or why it stopped by itself.
    pub(super) failure: Option<Failure>,
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

    pub(super) fn stop<E: serde::de::Error>(&mut self, failure: Failure) -> E {
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
    pub(super) fn fill<D: Deserializer<'de>>(
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
            let Parameter {
                name,
                kind,
                sensitive,
            } = self.parameters[index];
            let parameter = match kind {
                ParameterKind::Args => format!("{name}[{}]", self.rest),
                _ => label.unwrap_or_else(|| name.to_owned()),
            };
            self.failure = Some(Failure::Value {
                parameter,
                path,
                sensitive,
            });
        }
        result
    }

    pub(super) fn positionals<A: SeqAccess<'de>>(&mut self, mut seq: A) -> Result<(), A::Error> {
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

    pub(super) fn keywords<A: MapAccess<'de>>(&mut self, mut map: A) -> Result<(), A::Error> {
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

fn position_of(parameters: &[Parameter], kind: ParameterKind) -> Option<usize> {
    parameters
        .iter()
        .position(|parameter| parameter.kind == kind)
}
