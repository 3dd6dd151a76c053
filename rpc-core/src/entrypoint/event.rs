//! Methods that handle events: who of a service's instances gets one.

use std::fmt;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::EntrypointReport;
use crate::client::Client;
use crate::dispatch::Dispatcher;
use crate::endpoint::Endpoint;
use crate::middleware::Layers;
use crate::protocol::RpcError;
use crate::service::Service;

/// The queue group that all singleton handlers of an event share.
const SINGLETON: &str = "evt";

/// Who of all that handle an event gets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventMode {
    /// One instance of each service.
    Pool,
    /// Every instance.
    Broadcast,
    /// One instance of one service.
    Singleton,
}

/// A method of a service that handles events.
pub struct EventHandler<S> {
    /// The subject, with wildcards.
    pub subject: &'static str,
    /// Who gets an event.
    pub mode: EventMode,
    /// The method.
    pub endpoint: Endpoint<S>,
}

impl<S> fmt::Debug for EventHandler<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventHandler")
            .field("subject", &self.subject)
            .field("mode", &self.mode)
            .field("method", &self.endpoint.spec.name)
            .finish()
    }
}

impl<S: Service> EventHandler<S> {
    pub(super) fn bind(
        &self,
        service: &Arc<S>,
        layers: &Layers<RpcError>,
        client: &Arc<Client>,
        cut: &CancellationToken,
    ) -> BoundHandler {
        let dispatcher = Dispatcher::new(
            &self.endpoint,
            service.clone(),
            layers,
            Some(client.clone()),
            cut.clone(),
        );
        BoundHandler {
            subject: self.subject,
            queue_group: match self.mode {
                // Never that of methods: services that handle one event would share it.
                EventMode::Pool => Some(format!("{SINGLETON}.{}", dispatcher.subject())),
                EventMode::Singleton => Some(SINGLETON.to_owned()),
                EventMode::Broadcast => None,
            },
            wildcards: self.subject.contains(['*', '>']),
            dispatcher: Arc::new(dispatcher),
        }
    }
}

/// A handler of one instance.
pub(crate) struct BoundHandler {
    pub(crate) subject: &'static str,
    pub(crate) queue_group: Option<String>,
    /// Whether it listens to more than one subject.
    pub(crate) wildcards: bool,
    pub(crate) dispatcher: Arc<Dispatcher>,
}

impl BoundHandler {
    pub(super) fn report(&self) -> EntrypointReport {
        let stats = self.dispatcher.stats().snapshot();
        EntrypointReport {
            name: self.dispatcher.subject().to_owned(),
            fired_by: format!("event {}", self.subject),
            runs: stats.ran,
            failures: stats.errors,
            panics: stats.panics,
            dropped: stats.rejected + stats.expired,
        }
    }
}
