//! Which route a path means: one variant, one name and one arm each.

use bytes::Bytes;
use http_body_util::Full;
use hyper::Response;
use hyper::body::Incoming;

use crate::problem::Problem;
use crate::routes::{call, errors, health, metrics, welcome};
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
    /// `/<service>.<method>`, and every path nobody else wants: the text after the slash.
    Call(&'a str),
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
            other => Self::Call(other.strip_prefix('/').unwrap_or(other)),
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
            Self::Call(_) => "/{service}.{method}",
        }
    }

    /// Returns whether orchestrators ask here how the bridge is.
    pub(crate) fn is_probe(self) -> bool {
        matches!(self, Self::Live | Self::Ready)
    }
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
        Route::Call(target) => call::serve(exchange, target, body).await,
    }
}
