//! Calls from pages of other sites: who may, and how browsers learn it.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode};

use crate::config::Cors;

/// What routes may answer to; whether a path has the method, the request itself is told.
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");
/// What the bridge reads of a request.
const HEADERS: HeaderValue = HeaderValue::from_static(
    "Authorization, Content-Type, Idempotency-Key, If-None-Match, Rpc-Timeout, traceparent, \
     tracestate, baggage, X-Request-Id",
);
/// What a page may read of an answer, besides what every page may.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "ETag, Location, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id",
);
/// How long a browser needs not ask again, in seconds; some keep it for two hours at most.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");
const VARY_PREFLIGHT: HeaderValue = HeaderValue::from_static(
    "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
);
const VARY: HeaderValue = HeaderValue::from_static("Origin");

/// Answers a browser that asks whether a page of an allowed origin may call.
///
/// Pages of other origins are not told no, but nothing: what answers `OPTIONS` for everybody
/// answers them, and without permission in it the browser keeps the call.
pub(crate) fn preflight(head: &Parts, cors: &Cors) -> Option<Response<Full<Bytes>>> {
    let asks = cors.is_on()
        && head.method == Method::OPTIONS
        && head
            .headers
            .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    if !asks || cors.allows(sole_origin(&head.headers)?).is_none() {
        return None;
    }
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    headers.insert(header::VARY, VARY_PREFLIGHT);
    Some(response)
}

/// Lets pages of allowed origins read an answer, whatever it says.
///
/// The origin that is written is the configured one. Caches learn that the answer depends on it,
/// also from answers to requests without an origin.
pub(crate) fn mark(request: &HeaderMap, cors: &Cors, answer: &mut HeaderMap) {
    if !cors.is_on() {
        return;
    }
    if !answer.contains_key(header::VARY) {
        answer.insert(header::VARY, VARY);
    } else if answer.get(header::VARY) != Some(&VARY_PREFLIGHT) {
        answer.append(header::VARY, VARY);
    }
    let Some(origin) = sole_origin(request).and_then(|named| cors.allows(named)) else {
        return;
    };
    answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.to_header());
    answer.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    if cors.credentials {
        let yes = HeaderValue::from_static("true");
        answer.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, yes);
    }
}

/// Returns the origin that a request names; of two, neither is believed.
pub(crate) fn sole_origin(headers: &HeaderMap) -> Option<&HeaderValue> {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let origin = origins.next()?;
    origins.next().is_none().then_some(origin)
}
