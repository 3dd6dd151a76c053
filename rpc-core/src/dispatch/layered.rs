//! What a call runs: the method, behind its scopes and inside its layers, where it has some.

use std::sync::Arc;

use bytes::Bytes;

use super::running::of_method;
use crate::context::Context;
use crate::endpoint::{Endpoint, Handler, HandlerFuture};
use crate::middleware::{Layers, Request, RpcService, Served, require_scopes};
use crate::protocol::{RpcError, WireReply};
use crate::service::Service;

/// Makes the future of one call, which does nothing before it is polled.
pub(super) type Invoke = Box<dyn Fn(Arc<Context>, Bytes) -> HandlerFuture + Send + Sync>;

/// Returns whether something stands between a call and its method.
pub(super) fn has_chain<S>(endpoint: &Endpoint<S>, layers: &Layers<RpcError>) -> bool {
    !layers.is_empty() || !endpoint.spec.options.scopes.is_empty()
}

/// Returns what the calls of a method run. Whether there are layers or scopes is asked here and not
/// by each call, so that a method without any pays for none.
pub(super) fn invoke<S: Service>(
    endpoint: &Endpoint<S>,
    service: Arc<S>,
    layers: &Layers<RpcError>,
) -> Invoke {
    let handler = endpoint.handler;
    let spec = endpoint.spec;
    if !has_chain(endpoint, layers) {
        return Box::new(move |context, payload| handler(service.clone(), context, payload));
    }
    let served = Arc::new(Served {
        subject: endpoint.subject(),
        spec,
    });
    // Scopes are asked for inside the layers, so that those who count or log calls see refused ones.
    let chain = layers.around(Method { handler, service });
    Box::new(move |context, payload| {
        let request = Request::incoming(served.clone(), context, payload);
        chain.begin(request)
    })
}

/// The end of a chain: the method itself.
struct Method<S> {
    handler: Handler<S>,
    service: Arc<S>,
}

impl<S: Service> RpcService for Method<S> {
    type Error = RpcError;

    async fn call(&self, request: Request) -> Result<WireReply, RpcError> {
        if let (Some(context), Some(endpoint)) = (request.context(), request.endpoint()) {
            let scopes = endpoint.options.scopes.iter().copied();
            require_scopes(context, request.subject(), scopes)?;
        }
        let Some((context, payload)) = request.into_incoming() else {
            let text = "a request that goes out came to a method";
            return Err(RpcError::internal(text));
        };
        of_method((self.handler)(self.service.clone(), context, payload).await)
    }
}
