//! Routes that methods have of their own: `GET /v1/user/7`.
//!
//! The catalog knows them from discovery. Path, query and body become keyword arguments, and the
//! answer is the bare result. What a path holds becomes an argument and nothing else: the subject is
//! the method's own.

mod arguments;
mod escape;
mod result;
mod shape;
pub(crate) mod table;

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body as _, Incoming};
use hyper::{Method, Response};
use rpc_core::protocol::{Outcome, WireReply};
use rpc_core::{Code, Method as RpcMethod, RpcError};

use self::arguments::{Keywords, Place};
use self::table::{Route, Table};
use crate::edge::Edge;
use crate::problem::Problem;
use crate::routes::call::{self, body, content, deadline, target};
use crate::routes::{method_not_allowed, options};
use crate::stack::Exchange;
use crate::status::Refusal;

/// Calls the method that a path and a verb mean.
pub(crate) async fn serve(
    exchange: Exchange<'_>,
    path: &str,
    incoming: Incoming,
) -> Result<Response<Full<Bytes>>, Problem> {
    let (edge, head) = (exchange.edge, exchange.head);
    let normal = target::decode_unreserved(path);
    let table = find(edge, &normal).await?;
    let (place, values) = table.find(&normal).ok_or_else(|| unknown(&normal))?;
    exchange.log.template = Some(place.template.clone());
    let Some(route) = place.route(&head.method) else {
        return match head.method {
            Method::OPTIONS => Ok(options(place.allow.clone())),
            _ => Err(method_not_allowed(&head.method, place.allow.clone())),
        };
    };
    exchange.log.rpc = Some(route.method.clone());

    let mut keywords = Keywords::new();
    let pairs = route.names.iter().zip(values);
    let pairs = pairs.map(|(name, value)| Ok((name.clone(), escape::segment(value)?)));
    let pairs = pairs.collect::<Result<Vec<_>, Problem>>()?;
    keywords.texts(&pairs, &route.parameters, Place::Path)?;
    let query = escape::pairs(head.uri.query().unwrap_or_default())?;
    keywords.texts(&query, &route.parameters, Place::Query)?;
    match head.method {
        // Nothing that a body could say would be heard.
        Method::GET | Method::HEAD => {
            if incoming.size_hint().lower() > 0 {
                let text = format!("a {} request has no body here", head.method);
                return Err(Problem::refused(Refusal::BadRequest, text).closing());
            }
        }
        _ => {
            let kind = content::check(head, &edge.config.cors)?;
            let limit = edge.config.limits.body_bytes.min(edge.client.max_payload());
            let by = exchange.log.started() + edge.config.limits.body_time;
            let body = body::read(incoming, limit, by).await?;
            add_body(&mut keywords, route, &body, kind)?;
        }
    }
    let timeout = deadline::of(&head.headers, edge.config.call_timeout)?;
    let (caller, arguments) = (exchange.caller(), keywords.finish());
    let sent = call::send(edge, head, caller, &route.method, arguments, timeout);
    result::answer(sent.await?, route.status)
}

/// Calls a `safe` method with the arguments of a query: `GET /user_service.get?id=7`.
pub(crate) async fn call_by_query(
    exchange: Exchange<'_>,
    method: &RpcMethod,
) -> Result<WireReply, Problem> {
    let (edge, head) = (exchange.edge, exchange.head);
    let table = edge.routes.current(edge);
    let mut keywords = Keywords::new();
    let query = escape::pairs(head.uri.query().unwrap_or_default())?;
    match table.by_query(&method.subject) {
        Some(parameters) => keywords.texts(&query, parameters, Place::Query)?,
        // It was found a moment ago, and has changed since.
        None => return Err(unknown(&method.subject)),
    }
    let timeout = deadline::of(&head.headers, edge.config.call_timeout)?;
    let (caller, arguments) = (exchange.caller(), keywords.finish());
    call::send(edge, head, caller, method, arguments, timeout).await
}

/// Returns a table that has the path, asking all services when the current one has not.
async fn find(edge: &Edge, path: &str) -> Result<Arc<Table>, Problem> {
    let table = edge.routes.current(edge);
    if table.find(path).is_some() {
        return Ok(table);
    }
    edge.catalog.refresh().await;
    let table = edge.routes.current(edge);
    if table.find(path).is_none() && !edge.readiness.check(&edge.client).await {
        // Nobody could have told us of a service while NATS is away.
        let away = RpcError::new(Code::Unavailable, "NATS does not answer");
        return Err(away.with_outcome(Outcome::NotSent).into());
    }
    Ok(table)
}

fn unknown(path: &str) -> Problem {
    match target::subject(path.strip_prefix('/').unwrap_or(path)) {
        Err(problem) => problem,
        Ok(subject) => RpcError::not_found(format!("no service offers `{subject}`")).into(),
    }
}

/// Adds what a body says, if there is one.
fn add_body(
    keywords: &mut Keywords,
    route: &Route,
    body: &Bytes,
    kind: content::Kind,
) -> Result<(), Problem> {
    let first = content::first_byte(body);
    // What `curl -d '{…}'` sends is JSON, whatever it is called.
    let is_form = kind == content::Kind::Form && !matches!(first, Some(b'{' | b'['));
    match (&route.body, first) {
        (_, None) => Ok(()),
        (None, Some(_)) if is_form => {
            let pairs = escape::pairs(form(body)?)?;
            keywords.texts(&pairs, &route.parameters, Place::Body)
        }
        (None, Some(_)) => keywords.members(body),
        (Some((name, parameters)), Some(_)) if is_form => {
            let mut members = Keywords::new();
            let pairs = escape::pairs(form(body)?)?;
            members.texts(&pairs, parameters, Place::Body)?;
            let members = members.finish();
            let json = std::str::from_utf8(&members).expect("JSON that we wrote is text");
            keywords.value(name, json, Place::Body)
        }
        (Some((name, _)), Some(_)) => keywords.value(name, arguments::whole(body)?, Place::Body),
    }
}

fn form(body: &[u8]) -> Result<&str, Problem> {
    std::str::from_utf8(body)
        .map_err(|_| Problem::refused(Refusal::BadRequest, "a form is text in UTF-8"))
}
