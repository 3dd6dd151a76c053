//! Tests of services: without a network, or on a broker of the test's own.

use std::sync::Arc;

use bytes::Bytes;

use crate::dispatch::{Dispatched, Dispatcher};
use crate::protocol::{Call, Headers, RpcError, WireReply};
use crate::service::Service;

/// Calls one method without a network: the bytes of a message in, the bytes of a reply out.
///
/// # Errors
/// The error reply of the method, `not_found` when it has no such method.
pub async fn call_raw<S: Service>(
    service: &Arc<S>,
    method: &str,
    payload: impl Into<Bytes>,
) -> Result<WireReply, RpcError> {
    let endpoints = S::endpoints();
    let endpoint = endpoints
        .iter()
        .find(|endpoint| endpoint.spec.name == method);
    let endpoint = endpoint
        .ok_or_else(|| RpcError::not_found(format!("`{}` has no method `{method}`", S::NAME)))?;
    let dispatcher = Arc::new(Dispatcher::new(endpoint, service.clone(), None));
    let reply = match dispatcher.dispatch(Call::new(Headers::new(), payload)) {
        Dispatched::Done(reply) => reply,
        Dispatched::Pending(running) => running.await,
    };
    match reply.error() {
        Some(error) => Err(error),
        None => Ok(reply),
    }
}
