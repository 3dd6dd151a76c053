//! From what a method returns to what travels: values, `()`, `Result` and [`Reply`] told apart.
//!
//! The kind is chosen by method resolution and not by the name `Result`, so an alias or a user's
//! own `Result` works: the more specific trait wins because it needs one `&` less. An expansion
//! writes `(&Probe(&result)).outcome_kind().into_result(result)`, then
//! `(&Probe(&value)).value_kind().into_reply(&context, value)`.

use serde::Serialize;

use crate::codec::{Codec, json};
use crate::context::Context;
use crate::protocol::{Reply, RpcError, WireReply};

/// What method resolution looks at.
#[derive(Debug)]
pub struct Probe<'a, T>(pub &'a T);

/// Chosen for `Result`.
pub trait ResultKind {
    /// Returns the kind.
    fn outcome_kind(&self) -> IsResult {
        IsResult
    }
}

impl<T, E> ResultKind for Probe<'_, Result<T, E>> {}

/// Chosen for everything that is no `Result`.
pub trait PlainKind {
    /// Returns the kind.
    fn outcome_kind(&self) -> IsPlain {
        IsPlain
    }
}

impl<T> PlainKind for &Probe<'_, T> {}

/// The kind of a method that can fail.
#[derive(Debug)]
pub struct IsResult;

impl IsResult {
    /// Converts the method's own error.
    ///
    /// # Errors
    /// The method's.
    pub fn into_result<T, E: Failure>(self, result: Result<T, E>) -> Result<T, RpcError> {
        result.map_err(E::into_rpc_error)
    }
}

/// The kind of a method that cannot fail.
#[derive(Debug)]
pub struct IsPlain;

impl IsPlain {
    /// Wraps the value.
    ///
    /// # Errors
    /// None.
    pub fn into_result<T>(self, value: T) -> Result<T, RpcError> {
        Ok(value)
    }
}

/// A type that a method may fail with: anything that converts into [`RpcError`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the error of an rpc method: derive `RpcError` for it, or implement `From<{Self}> for RpcError`",
    label = "does not convert into `RpcError`"
)]
pub trait Failure {
    /// Converts it.
    fn into_rpc_error(self) -> RpcError;
}

#[diagnostic::do_not_recommend]
impl<E: Into<RpcError>> Failure for E {
    fn into_rpc_error(self) -> RpcError {
        self.into()
    }
}

/// Chosen for `()`.
pub trait UnitKind {
    /// Returns the kind.
    fn value_kind(&self) -> IsUnit {
        IsUnit
    }
}

impl UnitKind for Probe<'_, ()> {}

/// Chosen for [`Reply`].
pub trait ReplyKind {
    /// Returns the kind.
    fn value_kind(&self) -> IsReply {
        IsReply
    }
}

impl ReplyKind for Probe<'_, Reply> {}

/// Chosen for every other value.
pub trait ValueKind {
    /// Returns the kind.
    fn value_kind(&self) -> IsValue {
        IsValue
    }
}

impl<T> ValueKind for &Probe<'_, T> {}

/// The kind of a method without a result: `[[], {}]`.
#[derive(Debug)]
pub struct IsUnit;

impl IsUnit {
    /// Returns the reply without results.
    ///
    /// # Errors
    /// None.
    pub fn into_reply(self, _: &Context, (): ()) -> Result<WireReply, RpcError> {
        Ok(WireReply::success(&b"[[], {}]"[..]))
    }
}

/// The kind of a method that words its whole reply.
#[derive(Debug)]
pub struct IsReply;

impl IsReply {
    /// Returns the reply.
    ///
    /// # Errors
    /// `internal` when one of its values could not be encoded, or a header not be set.
    pub fn into_reply(self, _: &Context, reply: Reply) -> Result<WireReply, RpcError> {
        reply.into_wire().map_err(json::unencodable)
    }
}

/// The kind of a method with one result: `[[result], {}]`.
#[derive(Debug)]
pub struct IsValue;

impl IsValue {
    /// Encodes the result in the codec of the request.
    ///
    /// # Errors
    /// `internal` when it could not be encoded.
    pub fn into_reply<T: ReplyValue>(
        self,
        context: &Context,
        value: T,
    ) -> Result<WireReply, RpcError> {
        match context.codec()? {
            Codec::Json => value.encode_json().map(WireReply::success),
        }
    }
}

/// A type that can be the result of a method: anything that serde can encode.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the result of an rpc method: derive `serde::Serialize` for it",
    label = "cannot be encoded into a reply"
)]
pub trait ReplyValue {
    /// Encodes it as `[[result], {}]`.
    ///
    /// # Errors
    /// `internal` when its `Serialize` fails.
    fn encode_json(&self) -> Result<Vec<u8>, RpcError>;
}

#[diagnostic::do_not_recommend]
impl<T: Serialize> ReplyValue for T {
    fn encode_json(&self) -> Result<Vec<u8>, RpcError> {
        json::encode_result(self)
    }
}
