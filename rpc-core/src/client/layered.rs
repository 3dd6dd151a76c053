//! Requests that pass layers on their way to the network.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::call::timeout_header;
use super::{CallError, Client};
use crate::middleware::{Layer, Layers, Next, NextFuture, Outgoing, Request, RpcService};
use crate::protocol::{Headers, RpcError, WireReply};

/// The layers of a client, and the chain that they are.
pub(super) struct Layered {
    layers: Layers<CallError>,
    chain: Next<CallError>,
}

impl Client {
    /// Returns a client whose requests pass a layer, inside those that they pass already.
    ///
    /// What is added first is outermost. A call passes the layers with each try: retries, hedges and
    /// the deadline of the call are outside of them. So a circuit breaker hears of each failure, a
    /// timeout leaves time for a retry, and a header is made anew. Clients that methods get from
    /// [`Context::client`] have the layers of [`Runner::client_layer`](crate::Runner::client_layer).
    ///
    /// # Examples
    /// ```no_run
    /// # use std::time::Duration;
    /// use rpc_core::middleware::{CircuitBreakerLayer, TimeoutLayer};
    /// # fn example(client: rpc_core::Client) {
    /// let client = client
    ///     .layer(CircuitBreakerLayer::default())
    ///     .layer(TimeoutLayer::new(Duration::from_secs(2)));
    /// # }
    /// ```
    ///
    /// [`Context::client`]: crate::Context::client
    #[must_use]
    pub fn layer<L>(self, layer: L) -> Self
    where
        L: Layer<Next<CallError>, Service: RpcService<Error = CallError>> + Send + Sync + 'static,
    {
        let layered = self.layered.as_deref();
        let mut layers = layered.map_or_else(Layers::default, |it| it.layers.clone());
        layers.push(layer);
        self.with_layers(layers)
    }

    /// Returns a client whose requests pass these layers and no others.
    pub(crate) fn with_layers(mut self, layers: Layers<CallError>) -> Self {
        self.layered = None;
        if !layers.is_empty() {
            let chain = layers.around(Wire(self.clone()));
            self.layered = Some(Arc::new(Layered { layers, chain }));
        }
        self
    }
}

impl Layered {
    /// Takes one request through the layers. The `headers` have no deadline yet; a request that goes
    /// `one_way` gets an empty reply.
    ///
    /// What this returns is small: calls that pass no layers carry the room that it takes, too.
    pub(super) fn send(
        &self,
        subject: &str,
        headers: Headers,
        payload: Bytes,
        timeout: Duration,
        one_way: bool,
    ) -> NextFuture<CallError> {
        let outgoing = Outgoing {
            subject: subject.to_owned(),
            headers,
            began: Instant::now(),
            timeout,
            one_way,
        };
        self.chain.begin(Request::outgoing(outgoing, payload))
    }
}

/// The end of a chain: the network, by way of a client without layers.
struct Wire(Client);

impl RpcService for Wire {
    type Error = CallError;

    async fn call(&self, request: Request) -> Result<WireReply, CallError> {
        let Some((outgoing, payload)) = request.into_outgoing() else {
            let text = "a request that came in was sent on";
            return Err(CallError::Service(RpcError::internal(text)));
        };
        let Outgoing {
            subject,
            mut headers,
            began,
            timeout,
            one_way,
        } = outgoing;
        // Layers may have shortened the deadline, and taken their time.
        timeout_header(&mut headers, timeout, began.elapsed());
        let (client, subject) = (&self.0, subject.as_str());
        if one_way {
            let left = timeout.saturating_sub(began.elapsed());
            client.publish(subject, headers, payload, left).await?;
            return Ok(WireReply::default());
        }
        client
            .try_once(subject, headers, payload, began, timeout)
            .await
    }
}
