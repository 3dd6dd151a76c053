//! Parameters that come from the call and the service, not from the wire: [`FromContext`].

use std::future::Future;

use tracing::warn;

use crate::causes::Causes;
use crate::context::Context;
use crate::protocol::{RpcError, WireReply};

/// Makes the value of a `#[rpc(context)]` parameter, for one call of a service of type `S`.
///
/// It is made after the arguments were read. A parameter of type `T` is handed over to the method; one
/// of type `&T` or `&mut T` is lent, and [`finish`](Self::finish) then ends what was begun for the
/// call: a transaction commits or rolls back. A call that is dropped half-way, at its deadline or
/// because its caller gave up or a second value could not be made, drops it without `finish`.
///
/// # Examples
/// A unit of work that is kept only when the method succeeds:
/// ```
/// use std::sync::{Arc, Mutex};
/// use rpc_core::{prelude::*, testing};
/// use serde_json::json;
///
/// #[derive(Default)]
/// struct ThingService {
///     things: Mutex<Vec<String>>,
/// }
///
/// struct Tx(Vec<String>);
///
/// impl FromContext<ThingService> for Tx {
///     async fn from_context(service: &ThingService, _: &Context) -> Result<Self, RpcError> {
///         Ok(Self(service.things.lock().unwrap().clone()))
///     }
///
///     async fn finish(self, service: &ThingService, succeeded: bool) -> Result<(), RpcError> {
///         if succeeded {
///             *service.things.lock().unwrap() = self.0;
///         }
///         Ok(())
///     }
/// }
///
/// #[rpc]
/// impl ThingService {
///     #[rpc]
///     async fn create(&self, #[rpc(context)] tx: &mut Tx, name: String) -> Result<usize, RpcError> {
///         tx.0.push(name.clone());
///         match name.is_empty() {
///             true => Err(RpcError::invalid_argument("a thing needs a name")),
///             false => Ok(tx.0.len()),
///         }
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), RpcError> {
/// let service = Arc::new(ThingService::default());
/// assert_eq!(testing::call(&service, "create", json!([["lamp"]])).await?, json!([[1], {}]));
/// assert!(testing::call(&service, "create", json!([[""]])).await.is_err());
/// assert_eq!(*service.things.lock().unwrap(), ["lamp"]);
/// # Ok(())
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot come from the context of a call of `{S}`: implement `FromContext<{S}>` for it",
    label = "not from the context"
)]
pub trait FromContext<S>: Sized + Send {
    /// Makes the value for a call.
    ///
    /// # Errors
    /// What the caller reads when the method cannot run without it.
    fn from_context(
        service: &S,
        context: &Context,
    ) -> impl Future<Output = Result<Self, RpcError>> + Send;

    /// Ends what the call began with a value that the method was lent; `succeeded` is whether the
    /// caller is going to read a result. Does nothing unless it is implemented.
    ///
    /// # Errors
    /// What the caller reads instead of the result. After a method that failed it is only logged.
    fn finish(
        self,
        service: &S,
        succeeded: bool,
    ) -> impl Future<Output = Result<(), RpcError>> + Send {
        let _ = (service, succeeded);
        async { Ok(()) }
    }
}

/// Makes the value of a parameter.
///
/// # Errors
/// Those of [`FromContext::from_context`].
pub async fn from_context<T: FromContext<S>, S>(
    service: &S,
    context: &Context,
) -> Result<T, RpcError> {
    T::from_context(service, context).await
}

/// Ends a value that the method was lent, and returns how the call ends.
///
/// # Errors
/// The method's, or else that of [`FromContext::finish`].
pub async fn end<T: FromContext<S>, S>(
    reply: Result<WireReply, RpcError>,
    value: T,
    service: &S,
    context: &Context,
) -> Result<WireReply, RpcError> {
    // Asked here and not after the end of the call: what was begun for a reply that does not fit must
    // not be kept.
    let reply = reply.and_then(|reply| context.fitting(reply));
    match (value.finish(service, reply.is_ok()).await, reply) {
        (Ok(()), reply) => reply,
        (Err(failure), Ok(_)) => Err(failure),
        (Err(failure), Err(first)) => {
            let request_id = context.request_id();
            let cause = Causes::of(&failure).map(tracing::field::display);
            let text = failure.for_log();
            warn!(
                request_id,
                cause, "what a failed call began was not ended well: {text}"
            );
            Err(first)
        }
    }
}
