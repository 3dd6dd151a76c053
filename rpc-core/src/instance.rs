//! One running instance of a service: its methods bound to it, and what discovery says of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::client::Client;
use crate::dispatch::Dispatcher;
use crate::entrypoint::Bound;
use crate::info::{EndpointInfo, FLAGS, IDEMPOTENT, INTERNAL, SAFE, SCOPES};
use crate::middleware::Layers;
use crate::protocol::RpcError;
use crate::service::Service;

/// The metadata key of a method's parameters and result.
const SCHEMA: &str = "rpc.schema";
/// The metadata key of a method's routes over plain HTTP; not there where it has none.
const HTTP: &str = "rpc.http";
/// The metadata key of a service's contract hash.
const HASH: &str = "rpc.hash";

/// One instance of one service.
pub(crate) struct Instance {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    pub(crate) id: String,
    pub(crate) queue_group: &'static str,
    pub(crate) dispatchers: Vec<Arc<Dispatcher>>,
    /// What INFO says of them; made once, because schemas take time.
    endpoints: Vec<EndpointInfo>,
    pub(crate) entrypoints: Bound,
    /// Ends the calls that still run.
    pub(crate) cut: CancellationToken,
    doc: &'static str,
    started: SystemTime,
    metadata: BTreeMap<String, String>,
}

impl Instance {
    /// Returns the id of a new instance.
    pub(crate) fn new_id() -> String {
        Uuid::now_v7().simple().to_string()
    }

    /// Binds the methods of `service`, inside the layers, to the instance `id`.
    ///
    /// # Errors
    /// Which of its entrypoints cannot work, and why.
    pub(crate) fn new<S: Service>(
        service: S,
        id: String,
        layers: &Layers<RpcError>,
        client: &Client,
        cut: CancellationToken,
    ) -> Result<Self, String> {
        let service = Arc::new(service);
        let client = Arc::new(client.of_instance(S::NAME, &id));
        let bind = |endpoint| {
            Arc::new(Dispatcher::new(
                endpoint,
                service.clone(),
                layers,
                Some(client.clone()),
                cut.clone(),
            ))
        };
        let dispatchers: Vec<_> = S::endpoints().iter().map(bind).collect();
        let endpoints: Vec<_> = dispatchers
            .iter()
            .map(|it| endpoint_info::<S>(it))
            .collect();
        let contract = serde_json::to_string(&endpoints).unwrap_or_default();
        let hash = format!("{:016x}", fnv1a(contract.as_bytes()));
        Ok(Self {
            name: S::NAME,
            version: S::VERSION,
            id,
            queue_group: S::QUEUE_GROUP,
            dispatchers,
            endpoints,
            entrypoints: Bound::new(&service, layers, &client, &cut)?,
            doc: S::DOC,
            started: SystemTime::now(),
            metadata: BTreeMap::from([(HASH.to_owned(), hash)]),
            cut: cut.clone(),
        })
    }

    /// Returns the body of a PING reply.
    pub(crate) fn ping(&self) -> Value {
        json!({
            "type": "io.nats.micro.v1.ping_response",
            "name": self.name, "id": self.id, "version": self.version, "metadata": self.metadata,
        })
    }

    /// Returns the body of an INFO reply.
    pub(crate) fn info(&self) -> Value {
        json!({
            "type": "io.nats.micro.v1.info_response",
            "name": self.name, "id": self.id, "version": self.version, "metadata": self.metadata,
            "description": self.doc, "endpoints": self.endpoints,
        })
    }

    /// Returns the body of a STATS reply.
    pub(crate) fn stats(&self) -> Value {
        let endpoints: Vec<_> = self
            .dispatchers
            .iter()
            .map(|method| self.endpoint_stats(method))
            .collect();
        json!({
            "type": "io.nats.micro.v1.stats_response",
            "name": self.name, "id": self.id, "version": self.version, "metadata": self.metadata,
            "started": humantime::format_rfc3339_millis(self.started).to_string(),
            "endpoints": endpoints,
        })
    }

    fn endpoint_stats(&self, method: &Dispatcher) -> Value {
        let stats = method.stats().snapshot();
        json!({
            "name": method.spec().name, "subject": method.subject(), "queue_group": self.queue_group,
            "num_requests": stats.requests, "num_errors": stats.errors, "last_error": stats.last_error,
            "processing_time": stats.processing_nanos,
            "average_processing_time": stats.processing_nanos.checked_div(stats.requests).unwrap_or(0),
            "data": {
                "in_flight": stats.in_flight, "queued_time": stats.queued_nanos,
                "rejected": stats.rejected, "expired": stats.expired,
                "stepped_aside": stats.stepped_aside, "cancelled": stats.cancelled, "panics": stats.panics,
            },
        })
    }

    /// Checks that the server takes the INFO reply.
    ///
    /// # Errors
    /// A text with both sizes and the methods that take most of it.
    pub(crate) fn check_info(&self, limit: usize) -> Result<(), String> {
        let size = self.info().to_string().len();
        if size <= limit {
            return Ok(());
        }
        let mut largest: Vec<_> = self.endpoints.iter().collect();
        let length = |it: &&EndpointInfo| it.metadata.as_ref().map(|it| it[SCHEMA].len());
        largest.sort_by_key(|it| std::cmp::Reverse(length(it)));
        let largest = largest.iter().take(3);
        let largest: Vec<_> = largest
            .map(|it| format!("`{}` {}", it.name, length(it).unwrap_or_default()))
            .collect();
        Err(format!(
            "its INFO has {size} bytes and the server takes at most {limit}; the largest schemas, in \
             bytes: {}. Use fewer or smaller types, or split the service",
            largest.join(", ")
        ))
    }
}

fn endpoint_info<S: Service>(method: &Dispatcher) -> EndpointInfo {
    EndpointInfo {
        name: method.spec().name.to_owned(),
        subject: method.subject().to_owned(),
        queue_group: S::QUEUE_GROUP.to_owned(),
        metadata: Some(endpoint_metadata(method)),
    }
}

fn endpoint_metadata(method: &Dispatcher) -> BTreeMap<String, String> {
    let spec = method.spec();
    let flags = [
        (spec.options.internal, INTERNAL),
        (spec.options.safe, SAFE),
        (spec.options.idempotent, IDEMPOTENT),
    ];
    let flags: Vec<_> = flags
        .iter()
        .filter(|(set, _)| *set)
        .map(|(_, name)| *name)
        .collect();
    let mut metadata = BTreeMap::from([
        ("rpc.v".to_owned(), "1".to_owned()),
        ("rpc.doc".to_owned(), spec.doc.to_owned()),
        (SCHEMA.to_owned(), spec.schema().to_string()),
        (FLAGS.to_owned(), flags.join(",")),
    ]);
    if !spec.options.scopes.is_empty() {
        metadata.insert(SCOPES.to_owned(), spec.options.scopes.join(","));
    }
    if !spec.options.http.is_empty() {
        metadata.insert(HTTP.to_owned(), json!(spec.options.http).to_string());
    }
    metadata
}

/// FNV-1a: the same on every machine and in every release, which the standard hasher is not.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
