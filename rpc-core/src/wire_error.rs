//! A service's own error types on the wire and back: what `#[derive(RpcError)]` expands to.

use std::error::Error as StdError;
use std::fmt::Display;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::protocol::{Code, RpcError};

/// An error type that can be rebuilt from the reply of the call that failed with it.
///
/// [`derive(RpcError)`](derive@crate::RpcError) implements it together with the other direction,
/// `From<…> for RpcError`.
///
/// # Examples
/// ```
/// use rpc_core::{RpcError, WireError};
///
/// #[derive(Debug, RpcError)]
/// #[rpc(code = "user.gone", status = 410)]
/// struct Gone {
///     id: i64,
/// }
/// # impl std::fmt::Display for Gone {
/// #     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
/// #         write!(f, "user {} is gone", self.id)
/// #     }
/// # }
///
/// let received = RpcError::from_wire(410, "", br#"{"code": "user.gone", "details": {"id": 7}}"#);
/// assert_eq!(Gone::from_rpc_error(received).unwrap().id, 7);
/// assert!(Gone::from_rpc_error(RpcError::not_found("no such page")).is_err());
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be rebuilt from an error reply: derive `RpcError` for it",
    label = "not an error of the wire"
)]
pub trait WireError: Sized {
    /// Whether it is the type of one method or service, and not what any failure is.
    #[doc(hidden)]
    const IS_TYPED: bool = true;

    /// Returns the error that the service failed with.
    ///
    /// # Errors
    /// `error` as it came, when it is none of this type.
    fn from_rpc_error(error: RpcError) -> Result<Self, RpcError>;

    /// Returns the error as the service sent it, where it still is that.
    #[doc(hidden)]
    fn as_rpc_error(&self) -> Option<&RpcError> {
        None
    }
}

/// What a caller reads who has no type of the service: the error itself.
impl WireError for RpcError {
    const IS_TYPED: bool = false;

    fn from_rpc_error(error: RpcError) -> Result<Self, RpcError> {
        Ok(error)
    }

    fn as_rpc_error(&self) -> Option<&RpcError> {
        Some(self)
    }
}

/// A field of an error that callers get.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot travel in the details of an error: derive `serde::Serialize` and `serde::Deserialize` for it",
    label = "does not become JSON and itself again",
    note = "mark a cause, which is for the log, with `#[rpc(source)]`",
    note = "mark a variant that callers must not see with `#[rpc(internal)]`"
)]
pub trait Detail: Sized {
    /// Encodes it.
    ///
    /// # Errors
    /// What JSON cannot say: a map whose keys are no texts, a number of more than 64 bits.
    fn to_json(&self) -> serde_json::Result<Value>;

    /// Reads it from the details of an error, by its name.
    fn named(error: &RpcError, name: &str) -> Option<Self>;

    /// Reads it from the details of an error, by its place.
    fn at(error: &RpcError, index: usize) -> Option<Self>;
}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned> Detail for T {
    fn to_json(&self) -> serde_json::Result<Value> {
        serde_json::to_value(self)
    }

    fn named(error: &RpcError, name: &str) -> Option<Self> {
        read(error.details().and_then(|details| details.get(name)))
    }

    fn at(error: &RpcError, index: usize) -> Option<Self> {
        read(error.details().and_then(|details| details.get(index)))
    }
}

/// A field that is absent reads as `null`, which fits an `Option`: one that newer services send and
/// older ones do not.
fn read<T: DeserializeOwned>(value: Option<&Value>) -> Option<T> {
    T::deserialize(value.unwrap_or(&Value::Null)).ok()
}

/// An error that the log gets as it is.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot go to the log: `#[rpc(internal)]` needs an `Error` that is `Send`, `Sync` and `'static`",
    label = "implement `std::error::Error`, or derive `thiserror::Error`"
)]
pub trait Cause: StdError + Send + Sync + 'static {}

#[diagnostic::do_not_recommend]
impl<T: StdError + Send + Sync + 'static> Cause for T {}

/// A field that the log gets.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the cause of an error: it does not convert into `Box<dyn Error + Send + Sync>`",
    label = "not an error"
)]
pub trait IntoCause: Into<Box<dyn StdError + Send + Sync>> {}

#[diagnostic::do_not_recommend]
impl<T: Into<Box<dyn StdError + Send + Sync>>> IntoCause for T {}

/// Returns what callers read.
pub fn message<T: Display>(error: &T) -> String {
    error.to_string()
}

/// Creates a failure with a code of the contract or of the service.
pub fn service_error(code: &'static str, status: u16, message: String) -> RpcError {
    match Code::from_text(code) {
        Some(code) => RpcError::new(code, message),
        None => RpcError::custom(code, status, message),
    }
}

/// Creates what callers read of a failure that they must not see.
pub fn internal<E: Cause>(error: E) -> RpcError {
    RpcError::internal(error)
}

/// Keeps the cause for the log.
pub fn with_source(error: RpcError, cause: impl IntoCause) -> RpcError {
    error.with_source(cause)
}

/// Adds fields with names to an error.
pub fn with_named_details<const N: usize>(
    error: RpcError,
    fields: [(&str, serde_json::Result<Value>); N],
) -> RpcError {
    let fields = fields.into_iter();
    let fields: serde_json::Result<Map<String, Value>> = fields
        .map(|(name, value)| Ok((name.to_owned(), value?)))
        .collect();
    with_encoded(error, fields.map(Value::Object))
}

/// Adds fields without names to an error.
pub fn with_details<const N: usize>(
    error: RpcError,
    fields: [serde_json::Result<Value>; N],
) -> RpcError {
    let fields: serde_json::Result<Vec<Value>> = fields.into_iter().collect();
    with_encoded(error, fields.map(Value::Array))
}

/// The code and the message still say what failed, so details that JSON cannot say are left out.
fn with_encoded(error: RpcError, details: serde_json::Result<Value>) -> RpcError {
    match details {
        Ok(details) => error.with_details(details),
        Err(cause) => {
            tracing::error!(code = error.code(), %cause, "the details of an error could not be encoded");
            error
        }
    }
}

/// Returns what `read` makes of an error, or the error.
///
/// A failure with an outcome happened on the way there or back: the service did not word it.
///
/// # Errors
/// `error`, when `read` makes nothing of it.
pub fn rebuilt<E>(
    error: RpcError,
    read: impl FnOnce(&RpcError) -> Option<E>,
) -> Result<E, RpcError> {
    match error.outcome() {
        None => read(&error).ok_or(error),
        Some(_) => Err(error),
    }
}
