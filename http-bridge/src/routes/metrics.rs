//! `GET /metrics`: what is counted, for Prometheus and what reads like it.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::config::MetricsAt;
use crate::metrics::Metrics;
use crate::problem::Problem;
use crate::routes::call::target;
use crate::routes::read_only;
use crate::stack::Exchange;

/// Where the numbers are.
pub(crate) const PATH: &str = "/metrics";

const OPEN_METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

/// How many connections the listener of its own has at a time; one more waits.
const MOST_SCRAPERS: usize = 16;
/// How long a scraper may take to ask.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long accepting pauses when the process is out of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Answers on the main port, if the numbers are to be found there.
pub(crate) fn serve(exchange: Exchange<'_>) -> Result<Response<Full<Bytes>>, Problem> {
    let edge = exchange.edge;
    match (&edge.metrics, edge.config.metrics) {
        (Some(metrics), Some(MetricsAt::MainPort)) => read_only(exchange.head, answer(metrics)),
        _ => Err(target::no_method("the path names none")),
    }
}

fn answer(metrics: &Metrics) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(metrics.text()));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, OPEN_METRICS);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Serves nothing else on a listener of its own; never ends.
///
/// It stands beside the stack and its limits, so that a bridge that is full can still be asked why.
pub(crate) async fn listen(listener: TcpListener, metrics: Arc<Metrics>) {
    let mut scrapers = JoinSet::new();
    loop {
        if scrapers.len() >= MOST_SCRAPERS {
            scrapers.join_next().await;
        }
        while scrapers.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, _)) => {
                let metrics = metrics.clone();
                let service = service_fn(move |request: Request<Incoming>| {
                    let response = alone(&request, &metrics);
                    async { Ok::<_, Infallible>(response) }
                });
                let connection = http1::Builder::new()
                    .timer(TokioTimer::new())
                    // Between two scrapes as well: whoever asks each minute connects anew.
                    .header_read_timeout(PATIENCE)
                    .serve_connection(TokioIo::new(stream), service);
                scrapers.spawn(async move { drop(connection.await) });
            }
            Err(error) => pause_after(error).await,
        }
    }
}

fn alone(request: &Request<Incoming>, metrics: &Metrics) -> Response<Full<Bytes>> {
    let status = match (request.uri().path(), request.method()) {
        (PATH, &Method::GET) => return answer(metrics),
        (PATH, _) => StatusCode::METHOD_NOT_ALLOWED,
        _ => StatusCode::NOT_FOUND,
    };
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

async fn pause_after(error: io::Error) {
    tracing::warn!("accepting a connection for /metrics failed: {error}");
    tokio::time::sleep(ACCEPT_PAUSE).await;
}
