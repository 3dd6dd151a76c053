//! One file a route; `router.rs` says which path leads to which.

pub(crate) mod call;
pub(crate) mod errors;
pub(crate) mod health;
pub(crate) mod listing;
pub(crate) mod metrics;
pub(crate) mod openapi;
pub(crate) mod rest;
pub(crate) mod welcome;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{self, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode};

use crate::problem::Problem;
use crate::status::Refusal;

const GET_ALLOW: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");

/// Returns a successful answer in JSON.
fn json(body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    response
}

/// Returns a successful answer for people.
fn text(body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
}

/// Returns the answer to OPTIONS.
fn options(allow: HeaderValue) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(header::ALLOW, allow);
    response
}

/// Returns the answer to a method that a path does not have.
fn method_not_allowed(method: &Method, allow: HeaderValue) -> Problem {
    let expected = allow.to_str().unwrap_or_default().to_owned();
    Problem::refused(
        Refusal::MethodNotAllowed,
        format!("{method} is not available here, expected {expected}"),
    )
    .with_header(header::ALLOW, allow)
}

/// Answers a path that is only read: `answer` for GET and HEAD.
fn read_only(
    head: &Parts,
    answer: Response<Full<Bytes>>,
) -> Result<Response<Full<Bytes>>, Problem> {
    match head.method {
        Method::GET | Method::HEAD => Ok(answer),
        Method::OPTIONS => Ok(options(GET_ALLOW)),
        _ => Err(method_not_allowed(&head.method, GET_ALLOW)),
    }
}
