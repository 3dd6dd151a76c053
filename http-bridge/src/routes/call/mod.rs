//! `POST /<service>.<method>`: the call.
//!
//! The body is `[args, kwargs]`. Its bytes go to NATS as they came, and the bytes of the reply come
//! back as they came: nothing is decoded but the first character. A `safe` method answers
//! `GET /<service>.<method>?name=value` as well.

pub(crate) mod body;
pub(crate) mod content;
pub(crate) mod deadline;
mod forward;
pub(crate) mod target;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::HeaderValue;
use hyper::http::request::Parts;
use hyper::{Method, Response};
use rpc_core::protocol::{Outcome, WireReply};
use rpc_core::{CallError, Code, Method as RpcMethod, RpcError};
use tokio::time::Instant;

use crate::auth::{self, Principal};
use crate::edge::Edge;
use crate::idempotency::{self, Name};
use crate::layers::request_id::RequestId;
use crate::problem::Problem;
use crate::routes::{json, method_not_allowed, options, rest};
use crate::stack::Exchange;

/// What a method's path answers to.
pub(crate) const ALLOW: HeaderValue = HeaderValue::from_static("POST");
/// What the path of a method answers to that changes nothing.
const ALLOW_SAFE: HeaderValue = HeaderValue::from_static("GET, HEAD, POST");

/// What the way to the call may take before the services are told of it: telling costs a header.
const NEGLIGIBLE: Duration = Duration::from_millis(100);

/// Makes the call and returns its reply.
pub(crate) async fn serve(
    exchange: Exchange<'_>,
    path: &str,
    body: Incoming,
) -> Result<Response<Full<Bytes>>, Problem> {
    let (edge, head) = (exchange.edge, exchange.head);
    let method = find(edge, &target::subject(path)?).await?;
    exchange.log.rpc = Some(method.clone());
    match head.method {
        Method::POST => {}
        // Boxed: every call would carry the room that it takes.
        Method::GET | Method::HEAD if method.safe => {
            return answer(Box::pin(rest::call_by_query(exchange, &method)).await?);
        }
        Method::OPTIONS => return Ok(options(allow(&method))),
        _ => return Err(method_not_allowed(&head.method, allow(&method))),
    }

    let kind = content::check(head, &edge.config.cors)?;
    let timeout = deadline::of(&head.headers, edge.config.call_timeout)?;
    let limit = edge.config.limits.body_bytes.min(edge.client.max_payload());
    let started = exchange.log.started();
    let body = body::read(body, limit, started + edge.config.limits.body_time).await?;
    content::check_shape(&body, kind)?;
    let caller = exchange.caller();
    answer(send(edge, head, caller, &method, body, timeout).await?)
}

/// Who waits for a call, and since when.
#[derive(Clone, Copy)]
pub(crate) struct Caller<'a> {
    pub(crate) id: &'a RequestId,
    pub(crate) principal: Option<&'a Principal>,
    /// When the request's head was complete.
    pub(crate) started: Instant,
}

/// Sends a call.
pub(crate) async fn send(
    edge: &Edge,
    head: &Parts,
    caller: Caller<'_>,
    method: &RpcMethod,
    arguments: Bytes,
    timeout: Duration,
) -> Result<WireReply, Problem> {
    auth::permit(edge.gate.as_ref(), caller.principal, method)?;

    // The deadline counts from the request's head; a body that came with it cost nothing.
    let spent = caller.started.elapsed();
    let left = match spent < NEGLIGIBLE {
        true => timeout,
        false => timeout.saturating_sub(spent),
    };
    if left.is_zero() {
        let late = RpcError::new(
            Code::DeadlineExceeded,
            "the time ran out before the call was made",
        );
        return Err(late.with_outcome(Outcome::NotSent).into());
    }
    let headers = forward::headers(&head.headers, caller.id, caller.principal, left);
    if head.method == Method::POST
        && let Some(store) = &edge.idempotency
        && let Some(key) = idempotency::key(&head.headers)?
    {
        let name = Name::new(caller.principal, &method.subject, key);
        // What outlives the request owns what it needs.
        let (client, subject) = (edge.client.clone(), method.subject.clone());
        let body = arguments.clone();
        let call = async move { client.request(&subject, headers, body, left).await };
        return Box::pin(store.once(name, &arguments, call)).await;
    }
    let reply = edge
        .client
        .request(&method.subject, headers, arguments, left)
        .await;
    reply.map_err(|error| {
        if matches!(error, CallError::Unavailable(_)) {
            // Whoever was there has gone without a word.
            edge.catalog.doubt();
        }
        RpcError::from(error).into()
    })
}

/// Returns what the path of a method answers to.
fn allow(method: &RpcMethod) -> HeaderValue {
    match method.safe {
        true => ALLOW_SAFE,
        false => ALLOW,
    }
}

/// Finds the method that a subject names; only what services announce for everybody is callable.
async fn find(edge: &Edge, subject: &str) -> Result<Arc<RpcMethod>, Problem> {
    // Without looking: what is not exposed costs no question to the services.
    if !edge.config.exposes(subject) {
        return Err(unknown(subject));
    }
    match edge.catalog.lookup(subject).await {
        Some(method) if !method.internal => Ok(method),
        // The same words for a method that is internal: its existence is nobody's business.
        Some(_) => Err(unknown(subject)),
        // Nobody could have told us of a service while NATS is away.
        None if !edge.readiness.check(&edge.client).await => {
            let away = RpcError::new(Code::Unavailable, "NATS does not answer");
            Err(away.with_outcome(Outcome::NotSent).into())
        }
        None => Err(unknown(subject)),
    }
}

fn unknown(subject: &str) -> Problem {
    RpcError::not_found(format!("no service offers `{subject}`")).into()
}

/// Returns the reply's bytes, or the failure it reports.
fn answer(reply: WireReply) -> Result<Response<Full<Bytes>>, Problem> {
    if let Some(error) = reply.error() {
        return Err(error.into());
    }
    match content::first_byte(&reply.payload) {
        Some(b'[') => Ok(json(reply.payload)),
        _ => {
            Err(RpcError::new(Code::BadReply, "the service's reply is not `[results, {}]`").into())
        }
    }
}
