//! Slots of parameters: where a value waits between the message and the method.

use std::collections::{BTreeMap, HashMap};

use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error as _, Visitor};
use serde_json::{Map, Value};

use crate::protocol::RpcError;

/// A type that can be an argument: anything that serde can decode.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an rpc argument: derive `serde::Deserialize` for it",
    label = "cannot be decoded from a message"
)]
pub trait Argument<'de>: Sized {
    /// Decodes the value.
    ///
    /// # Errors
    /// The decoder's.
    fn decode<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error>;
}

#[diagnostic::do_not_recommend]
impl<'de, T: Deserialize<'de>> Argument<'de> for T {
    #[inline]
    fn decode<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer)
    }
}

/// A place for what one parameter takes from the wire.
pub trait Slot<'de>: Default {
    /// Decodes `value` into the slot; `key` is the keyword it came under, for `**kwargs`.
    ///
    /// # Errors
    /// The decoder's, when the value does not fit.
    fn fill<D: Deserializer<'de>>(&mut self, key: Option<String>, value: D)
    -> Result<(), D::Error>;

    /// Returns whether a second value would be one too many.
    fn is_filled(&self) -> bool;

    /// Learns that no more values come.
    #[inline]
    fn close(&mut self) {}
}

/// The slot of a parameter that takes one value and has no default.
#[derive(Debug)]
pub struct One<T>(Option<T>);

/// Creates the slot of a parameter that takes one value and has no default.
///
/// The functions that create slots repeat the bounds of `Slot`, so that the compiler reports a
/// type which does not fit once, and under the user's own type.
#[inline]
pub fn one<'de, T: Argument<'de>>() -> One<T> {
    One(None)
}

/// Returns whether a call without a value of this type fails: it does not for an `Option`.
pub fn is_required<'de, T: Argument<'de>>() -> bool {
    T::decode(Absent).is_err()
}

impl<T> Default for One<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de, T: Argument<'de>> Slot<'de> for One<T> {
    #[inline]
    fn fill<D: Deserializer<'de>>(&mut self, _: Option<String>, value: D) -> Result<(), D::Error> {
        self.0 = Some(T::decode(value)?);
        Ok(())
    }

    #[inline]
    fn is_filled(&self) -> bool {
        self.0.is_some()
    }

    #[inline]
    fn close(&mut self) {
        if self.0.is_none() {
            // Asked of the type and not of its spelling: an alias of `Option` is optional too.
            self.0 = T::decode(Absent).ok();
        }
    }
}

impl<T> One<T> {
    /// Returns the value; an absent one is none for an `Option`.
    ///
    /// # Errors
    /// `invalid_argument` when the value is absent and the type has no word for that.
    #[inline]
    pub fn required(self, name: &str) -> Result<T, RpcError> {
        self.0.ok_or_else(|| {
            RpcError::invalid_argument(format!("missing argument `{name}`"))
                .with_details(serde_json::json!({ "parameter": name }))
        })
    }
}

/// The slot of a parameter that takes one value and has a default.
#[derive(Debug)]
pub struct Maybe<T>(Option<T>);

/// Creates the slot of a parameter that takes one value and has a default.
#[inline]
pub fn maybe<'de, T: Argument<'de>>() -> Maybe<T> {
    Maybe(None)
}

impl<T> Default for Maybe<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de, T: Argument<'de>> Slot<'de> for Maybe<T> {
    #[inline]
    fn fill<D: Deserializer<'de>>(&mut self, _: Option<String>, value: D) -> Result<(), D::Error> {
        self.0 = Some(T::decode(value)?);
        Ok(())
    }

    #[inline]
    fn is_filled(&self) -> bool {
        self.0.is_some()
    }
}

impl<T> Maybe<T> {
    /// Returns the value, or the default when it is absent.
    #[inline]
    pub fn or_else(self, default: impl FnOnce() -> T) -> T {
        self.0.unwrap_or_else(default)
    }
}

/// The slot of `*args`.
#[derive(Debug, Default)]
pub struct Args<C>(pub C);

/// Creates the slot of `*args`.
#[inline]
pub fn args<'de, C: Gather<'de>>() -> Args<C> {
    Args(C::default())
}

impl<'de, C: Gather<'de>> Slot<'de> for Args<C> {
    fn fill<D: Deserializer<'de>>(&mut self, _: Option<String>, value: D) -> Result<(), D::Error> {
        self.0.gather(value)
    }

    fn is_filled(&self) -> bool {
        false
    }
}

/// A list that can be a `*args` parameter.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot collect positional arguments",
    label = "expected `Vec<T>`, where `T` derives `serde::Deserialize`"
)]
pub trait Gather<'de>: Default {
    /// Decodes one more argument.
    ///
    /// # Errors
    /// The decoder's.
    fn gather<D: Deserializer<'de>>(&mut self, value: D) -> Result<(), D::Error>;
}

#[diagnostic::do_not_recommend]
impl<'de, T: Deserialize<'de>> Gather<'de> for Vec<T> {
    fn gather<D: Deserializer<'de>>(&mut self, value: D) -> Result<(), D::Error> {
        self.push(T::deserialize(value)?);
        Ok(())
    }
}

/// The slot of `**kwargs`.
#[derive(Debug, Default)]
pub struct Kwargs<C>(pub C);

/// Creates the slot of `**kwargs`.
#[inline]
pub fn kwargs<C: Collect>() -> Kwargs<C> {
    Kwargs(C::default())
}

impl<'de, C: Collect> Slot<'de> for Kwargs<C> {
    fn fill<D: Deserializer<'de>>(
        &mut self,
        key: Option<String>,
        value: D,
    ) -> Result<(), D::Error> {
        self.0
            .collect(key.unwrap_or_default(), C::Item::deserialize(value)?);
        Ok(())
    }

    fn is_filled(&self) -> bool {
        false
    }
}

/// A map that can be a `**kwargs` parameter.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot collect keyword arguments",
    label = "expected `Map<String, Value>`, `HashMap<String, T>` or `BTreeMap<String, T>`"
)]
pub trait Collect: Default {
    /// What it holds.
    type Item: DeserializeOwned;

    /// Adds one keyword argument.
    fn collect(&mut self, key: String, value: Self::Item);
}

impl Collect for Map<String, Value> {
    type Item = Value;

    fn collect(&mut self, key: String, value: Value) {
        self.insert(key, value);
    }
}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned> Collect for HashMap<String, T> {
    type Item = T;

    fn collect(&mut self, key: String, value: T) {
        self.insert(key, value);
    }
}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned> Collect for BTreeMap<String, T> {
    type Item = T;

    fn collect(&mut self, key: String, value: T) {
        self.insert(key, value);
    }
}

/// A parameter whose value is absent: `Option` becomes none, whatever the user calls it, and every
/// other type reports that it is missing.
struct Absent;

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
