//! All that an expansion may name. Not part of the public interface: it changes without notice.

#[cfg(feature = "server")]
pub use bytes::Bytes;
pub use serde::Serialize;

#[cfg(feature = "server")]
pub use crate::bind::{Parameter, ParameterKind, Slots};
pub use crate::client::typed::{
    Asked, Base64, Decoded, Otherwise, Returned, Returns, Sent, TypedCall, begin, bytes, debug,
    text,
};
pub use crate::client::{Idempotent, Plain};
#[cfg(feature = "server")]
pub use crate::context::Context;
#[cfg(feature = "server")]
pub use crate::endpoint::{Endpoint, EndpointSpec, Handler, HandlerFuture, Options, WhenFull};
#[cfg(feature = "server")]
pub use crate::entrypoint::{
    Ended, Entrypoints, EventHandler, EventMode, Hook, HookFuture, Schedule, Timer,
};
#[cfg(feature = "server")]
pub use crate::extract::{end, from_context};
#[cfg(feature = "server")]
pub use crate::outcome::{PlainKind, Probe, ReplyKind, ResultKind, UnitKind, ValueKind};
pub use crate::protocol::RpcError;
#[cfg(feature = "server")]
pub use crate::protocol::WireReply;
pub use crate::route::HttpRoute;
#[cfg(feature = "server")]
pub use crate::schema::{
    Describe, DescribeAny, DescribeResult, DescribeType, DescribeValueOfResult, ParameterSchema,
    SchemaProbe, Signature, literal,
};
#[cfg(feature = "server")]
pub use crate::service::{Contract, Service};
#[cfg(feature = "server")]
pub use crate::slot::{args, is_required, kwargs, maybe, one};
#[cfg(feature = "server")]
pub use crate::text::{Blob, Text, from_text};
pub use crate::wire_error::{
    Cause, Detail, IntoCause, WireError, internal, message, rebuilt, service_error, with_details,
    with_named_details, with_source,
};
pub use crate::{__client as client, __cron as cron, __server as server};

#[cfg(feature = "server")]
use crate::codec::{Codec, json};

/// Writes the part of an expansion that serves calls: a macro cannot see which features the library
/// has.
#[cfg(feature = "server")]
#[doc(hidden)]
#[macro_export]
macro_rules! __server {
    ($($items:tt)*) => { $($items)* };
}

/// Leaves that part out.
#[cfg(not(feature = "server"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __server {
    ($($items:tt)*) => {};
}

/// Decodes the arguments of a call into the slots of a method.
///
/// The empty `slots` say which type each parameter has; that they are an argument is for the
/// compiler, which then reports a type that cannot be decoded under the element it is in.
///
/// # Errors
/// What is wrong with the payload, worded for the caller.
#[cfg(feature = "server")]
pub fn decode<'de, S: Slots<'de>>(
    context: &Context,
    payload: &'de Bytes,
    parameters: &'static [Parameter],
    _slots: S,
) -> Result<S, RpcError> {
    match context.codec()? {
        Codec::Json => json::decode(payload, parameters),
    }
}

/// Boxes the future of one run of a timer or a hook, which must be fit for a task of its own.
#[cfg(feature = "server")]
pub fn hook(
    run: impl Future<Output = Result<(), Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
) -> HookFuture {
    Box::pin(run)
}

/// Writes the schedule of a `#[cron]`.
#[cfg(feature = "cron")]
#[doc(hidden)]
#[macro_export]
macro_rules! __cron {
    ($expression:literal, $zone:literal) => {
        $crate::__private::Schedule::Cron {
            expression: $expression,
            zone: $zone,
        }
    };
}

/// Says that there are no schedules.
#[cfg(not(feature = "cron"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __cron {
    ($expression:literal, $zone:literal) => {
        ::core::compile_error!("`#[cron]` needs the feature `cron` of rpc-core")
    };
}

/// Boxes the future of one call, which must be fit for a task of its own.
///
/// It is not when the method holds something across an `.await` that cannot move to another thread.
#[cfg(feature = "server")]
pub fn spawnable(
    call: impl Future<Output = Result<WireReply, RpcError>> + Send + 'static,
) -> HandlerFuture {
    Box::pin(call)
}
