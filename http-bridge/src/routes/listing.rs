//! `GET /routes`: what can be called, and which claims were refused.

use bytes::Bytes;
use http_body_util::Full;
use hyper::Response;
use rpc_core::{Conflict, HttpRoute, KnownService, Method as RpcMethod};
use serde::Serialize;
use serde_json::json;

use crate::config::Config;
use crate::problem::Problem;
use crate::routes::{json, read_only};
use crate::stack::Exchange;

/// Where the list is.
pub(crate) const PATH: &str = "/routes";

/// One service as the list shows it.
#[derive(Serialize)]
struct Service<'a> {
    name: &'a str,
    version: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    doc: &'a str,
    /// How many are there; none when the service is known and gone.
    instances: usize,
    methods: Vec<Method<'a>>,
}

/// One method that HTTP may call.
#[derive(Serialize)]
struct Method<'a> {
    subject: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    doc: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    flags: Vec<&'static str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    scopes: &'a [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    http: &'a [HttpRoute],
}

/// Lists services with their methods, and the routes and subjects that two of them claim.
pub(crate) async fn serve(exchange: Exchange<'_>) -> Result<Response<Full<Bytes>>, Problem> {
    let (edge, head) = (exchange.edge, exchange.head);
    // Nobody else may have asked yet, and nobody announces a service of another library.
    edge.catalog.refresh().await;
    let (table, snapshot) = (edge.routes.current(edge), edge.catalog.snapshot());
    let services = snapshot.services().iter();
    let services = services.map(|it| service(it, &edge.config));
    // One that offers nothing here is nobody's business.
    let services: Vec<_> = services.filter(|it| !it.methods.is_empty()).collect();
    let exposed = |conflict: &&Conflict| edge.config.exposes(&conflict.subject);
    let subjects: Vec<_> = snapshot.conflicts().iter().filter(exposed).collect();
    let subject_count = subjects.len();
    let subjects = subjects.into_iter().map(|conflict| {
        json!({ "subject": conflict.subject, "claimed_by": conflict.claimed_by,
            "reason": format!("`{}` has it", conflict.owner) })
    });
    let conflicts = table.conflicts.iter().map(|conflict| json!(conflict));
    let conflicts: Vec<_> = conflicts.chain(subjects).collect();
    let list = json!({
        "generation": snapshot.generation(),
        "services": services,
        "conflict_count": table.conflict_count + subject_count,
        "conflicts": conflicts,
    });
    read_only(head, json(list.to_string()))
}

fn service<'a>(service: &'a KnownService, config: &Config) -> Service<'a> {
    let public = service.methods.iter().filter(|it| config.offers(it));
    Service {
        name: &service.name,
        version: &service.version,
        doc: &service.doc,
        instances: service.instances.len(),
        methods: public.map(|it| method(it)).collect(),
    }
}

fn method(method: &RpcMethod) -> Method<'_> {
    let flags = [
        (method.safe, "safe"),
        (method.idempotent, "idempotent"),
        (method.deprecated, "deprecated"),
    ];
    let flags = flags.iter().filter(|(set, _)| *set);
    Method {
        subject: &method.subject,
        doc: &method.doc,
        flags: flags.map(|(_, name)| *name).collect(),
        scopes: &method.scopes,
        http: &method.routes,
    }
}
