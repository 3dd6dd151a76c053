//! The list of layers: everything a request passes on its way to a route, in this order.
//!
//! They are plain function calls. Each may end the request with a [`Problem`], which becomes the
//! answer at the bottom of the list.

use std::net::IpAddr;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response};

use crate::auth::Principal;
use crate::edge::Edge;
use crate::layers::access_log::AccessLog;
use crate::layers::request_id::{self, RequestId};
use crate::layers::{client_address, compression, cors, etag, framing, host, rate_limit, size};
use crate::problem::Problem;
use crate::router::{self, Route};
use crate::routes::call::Caller;

/// One request on its way through the bridge.
pub(crate) struct Exchange<'a> {
    pub(crate) edge: &'a Edge,
    pub(crate) head: &'a Parts,
    pub(crate) id: &'a RequestId,
    pub(crate) log: &'a mut AccessLog,
    /// Who calls, where tokens are asked for.
    pub(crate) principal: Option<Principal>,
}

impl Exchange<'_> {
    /// Returns who waits for the call that the request becomes.
    pub(crate) fn caller(&self) -> Caller<'_> {
        Caller {
            id: self.id,
            principal: self.principal.as_ref(),
            started: self.log.started(),
        }
    }
}

/// Answers one request that came from `peer`.
pub(crate) async fn handle(
    edge: &Edge,
    peer: IpAddr,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let route = Route::of(head.uri.path());

    // The id comes first, so that whatever is refused below can be asked about.
    let id = RequestId::of(&head.headers);

    // Who connected, unless that is a proxy whose word is taken.
    let client = client_address::of(peer, &head.headers, &edge.config.proxies);

    // Around all that follows: the line is written, and the request counted, even when the client
    // goes away in between.
    let mut log = AccessLog::new(head.method.clone(), route.template(), client, id.clone());
    log.measured = edge
        .metrics
        .as_ref()
        .map(|metrics| metrics.begin(&head.headers));

    let exchange = Exchange {
        edge,
        head: &head,
        id: &id,
        log: &mut log,
        principal: None,
    };
    let answer = pass(exchange, route, body).await;

    let mut response = match answer {
        Ok(mut response) => {
            response
                .headers_mut()
                .insert(request_id::HEADER, id.to_header());
            response
        }
        Err(problem) => {
            log.failed(problem.code(), problem.request_id(&id));
            problem.into_response(&id, &head)
        }
    };
    // Before compression, so that whoever has an answer already pays for none.
    if etag::concerns(&head.method) && !route.is_probe() {
        response = etag::apply(&head, response);
    }

    // Last of what touches bodies: it needs them whole, and none of the others would know them.
    // Boxed, as whatever waits and is not for every call: each would carry the room that it takes.
    if edge.config.compression && compression::is_worth_it(&response) {
        response = Box::pin(compression::apply(&head.method, &head.headers, response)).await;
    }

    // Replies hold what services were told by others; no browser may guess a type for them.
    response.headers_mut().insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    // Errors too: a page that may call has to learn what went wrong.
    cors::mark(&head.headers, &edge.config.cors, response.headers_mut());
    log.answered(response.status().as_u16());
    match head.method {
        Method::HEAD => without_body(response),
        _ => response,
    }
}

async fn pass(
    mut exchange: Exchange<'_>,
    route: Route<'_>,
    body: Incoming,
) -> Result<Response<Full<Bytes>>, Problem> {
    let Exchange { edge, head, .. } = exchange;
    let client = exchange.log.client();

    // Before anything looks at headers one by one: there may be too many of them.
    size::check(head, &edge.config.limits)?;

    // What a proxy in front may have understood differently is not worth understanding.
    framing::check(head)?;

    // Probes come by address and are served even when the bridge is full: a probe that fails
    // under load makes an orchestrator restart what was only busy.
    if route.is_probe() {
        return router::dispatch(exchange, route, body).await;
    }

    // Before any effect: a page elsewhere may have pointed its own name at this address.
    host::check(head, edge.loopback, &edge.config.allowed_hosts)?;

    // A browser asks before it calls, and shows no token then.
    if let Some(permission) = cors::preflight(head, &edge.config.cors) {
        return Ok(permission);
    }

    // Who calls. Services are told, and the limit below counts by it.
    let principal = match &edge.gate {
        Some(gate) => Box::pin(gate.check(&head.headers)).await,
        None => Ok(None),
    };

    // Before a request takes one of the places that all clients share. Whoever guesses tokens is
    // counted too, by address.
    let quota = match &edge.rate_limiter {
        Some(limiter) => {
            let principal = principal.as_ref().ok().and_then(Option::as_ref);
            Some(limiter.take(rate_limit::Client::of(principal, client))?)
        }
        None => None,
    };
    exchange.principal = principal?;

    // Last, so that what is refused above takes nobody's place. Held until the answer is known.
    let _permit = edge.admit()?;

    let answer = router::dispatch(exchange, route, body).await;
    match quota {
        Some(quota) => quota.mark(answer),
        None => answer,
    }
}

/// HEAD is answered like GET, its length included.
fn without_body(response: Response<Full<Bytes>>) -> Response<Full<Bytes>> {
    let (mut head, body) = response.into_parts();
    let length = hyper::body::Body::size_hint(&body).exact().unwrap_or(0);
    head.headers
        .insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    Response::from_parts(head, Full::default())
}
