//! Which route a path means: one variant, one name and one arm each.

use bytes::Bytes;
use http_body_util::Full;
use hyper::Response;
use hyper::body::Incoming;

use crate::problem::Problem;
use crate::routes::{call, errors, health, listing, metrics, openapi, rest, welcome};
use crate::stack::Exchange;

/// Where a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route<'a> {
    /// `/`
    Welcome,
    /// `/errors`
    Errors,
    /// `/livez`
    Live,
    /// `/readyz`
    Ready,
    /// `/metrics`
    Metrics,
    /// `/routes`
    Listing,
    /// `/openapi.json`
    OpenApi,
    /// `/<service>.<method>`: the text after the slash.
    Call(&'a str),
    /// A path that a method may have of its own, such as `/v1/user/7`; every path nobody else wants.
    Rest(&'a str),
}

impl<'a> Route<'a> {
    /// Returns the route of a path, as it came.
    pub(crate) fn of(path: &'a str) -> Self {
        match path {
            "/" => Self::Welcome,
            errors::PATH => Self::Errors,
            "/livez" => Self::Live,
            "/readyz" => Self::Ready,
            metrics::PATH => Self::Metrics,
            listing::PATH => Self::Listing,
            openapi::PATH => Self::OpenApi,
            other => match other.strip_prefix('/') {
                Some(target) if is_call(target) => Self::Call(target),
                _ => Self::Rest(other),
            },
        }
    }

    /// Returns the route's name for logs: few in number, whatever clients send.
    pub(crate) fn template(self) -> &'static str {
        match self {
            Self::Welcome => "/",
            Self::Errors => errors::PATH,
            Self::Live => "/livez",
            Self::Ready => "/readyz",
            Self::Metrics => metrics::PATH,
            Self::Listing => listing::PATH,
            Self::OpenApi => openapi::PATH,
            Self::Call(_) => "/{service}.{method}",
            // The route says more, once it is found.
            Self::Rest(_) => "/{path}",
        }
    }

    /// Returns whether orchestrators ask here how the bridge is.
    pub(crate) fn is_probe(self) -> bool {
        matches!(self, Self::Live | Self::Ready)
    }
}

/// Returns whether a path without its slash reads as `<service>.<method>`: one segment with a dot.
fn is_call(target: &str) -> bool {
    !target.contains('/') && (target.contains('.') || target.contains("%2"))
}

/// Runs a route.
pub(crate) async fn dispatch(
    exchange: Exchange<'_>,
    route: Route<'_>,
    body: Incoming,
) -> Result<Response<Full<Bytes>>, Problem> {
    match route {
        Route::Welcome => welcome::serve(exchange),
        Route::Errors => errors::serve(exchange),
        Route::Live => health::live(exchange),
        Route::Ready => health::ready(exchange).await,
        Route::Metrics => metrics::serve(exchange),
        Route::Listing => listing::serve(exchange).await,
        Route::OpenApi => openapi::serve(exchange).await,
        Route::Call(target) => call::serve(exchange, target, body).await,
        // Boxed: every call would carry the room that it takes.
        Route::Rest(path) => Box::pin(rest::serve(exchange, path, body)).await,
    }
}
