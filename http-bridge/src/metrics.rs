//! What is counted for `/metrics`, by the names of OpenTelemetry's HTTP conventions.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use hyper::{HeaderMap, Method};
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabel as _, EncodeLabelSet, LabelSetEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::exemplar::HistogramWithExemplars;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use rpc_core::Method as RpcMethod;
use rpc_core::protocol::{TraceParent, headers};

/// What clients make up is counted under this name, and not under theirs.
const OTHER: &str = "_OTHER";
/// The bounds that OpenTelemetry gives for durations of requests, in seconds.
const BOUNDS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];
/// How many histograms there may be. Services choose statuses, and a bridge lives for long; what
/// comes after that is counted under [`OTHER`] and the hundred of its status.
const MOST_SERIES: usize = 10_000;

/// The numbers of one bridge.
pub(crate) struct Metrics {
    registry: Registry,
    durations: Family<Labels, HistogramWithExemplars<Trace>, fn() -> HistogramWithExemplars<Trace>>,
    /// How many histograms were asked for that were not there.
    series: AtomicUsize,
    active_requests: Gauge,
    open_connections: Gauge,
    refused_connections: Counter,
}

/// One request under way.
#[derive(Debug)]
pub(crate) struct Measured {
    metrics: Arc<Metrics>,
    trace: Option<Trace>,
}

/// One open connection.
#[derive(Debug)]
pub(crate) struct Open(Arc<Metrics>);

/// What a request is counted under.
#[derive(Clone, Debug)]
pub(crate) struct Labels {
    pub(crate) method: &'static str,
    pub(crate) route: &'static str,
    /// The path of a method's own route, which then stands in place of `route`.
    pub(crate) template: Option<Arc<str>>,
    /// The service's method, once discovery knows it.
    pub(crate) rpc: Option<Arc<RpcMethod>>,
    pub(crate) status: u16,
}

/// Leads from a number to one request that it counts.
#[derive(Clone, Debug)]
struct Trace(String);

impl Metrics {
    /// Creates numbers that are all zero.
    pub(crate) fn new() -> Self {
        let mut registry = Registry::default();
        let durations = Family::new_with_constructor(histogram as fn() -> _);
        registry.register_with_unit(
            "http_server_request_duration",
            "How long requests took, from their head to their answer",
            Unit::Seconds,
            durations.clone(),
        );
        let active_requests = Gauge::default();
        registry.register(
            "http_server_active_requests",
            "Requests between their head and their answer",
            active_requests.clone(),
        );
        let open_connections = Gauge::default();
        registry.register(
            "http_server_open_connections",
            "Open connections, handshakes included",
            open_connections.clone(),
        );
        let refused_connections = Counter::default();
        registry.register(
            "http_server_refused_connections",
            "Connections that were one too many",
            refused_connections.clone(),
        );
        Self {
            registry,
            durations,
            series: AtomicUsize::new(0),
            active_requests,
            open_connections,
            refused_connections,
        }
    }

    /// Counts a request in.
    pub(crate) fn begin(self: &Arc<Self>, request: &HeaderMap) -> Measured {
        self.active_requests.inc();
        let parent = request
            .get(headers::TRACEPARENT)
            .and_then(|value| value.to_str().ok());
        let parent = parent.and_then(|text| text.parse::<TraceParent>().ok());
        // A trace that nobody records leads nowhere.
        let sampled = parent.filter(|parent| parent.is_sampled());
        Measured {
            metrics: self.clone(),
            trace: sampled.map(|parent| Trace(parent.trace_id())),
        }
    }

    /// Counts a connection in.
    pub(crate) fn open(self: &Arc<Self>) -> Open {
        self.open_connections.inc();
        Open(self.clone())
    }

    /// Counts a connection that was one too many.
    pub(crate) fn refused(&self) {
        self.refused_connections.inc();
    }

    /// Returns all numbers as OpenMetrics text.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("a `String` takes everything");
        text
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Measured {
    /// Counts the request's end.
    pub(crate) fn end(mut self, mut labels: Labels, took: Duration) {
        let metrics = &self.metrics;
        if metrics.durations.get(&labels).is_none()
            && metrics.series.fetch_add(1, Relaxed) >= MOST_SERIES
        {
            labels.rpc = None;
            labels.status -= labels.status % 100;
        }
        let trace = self.trace.take();
        let durations = metrics.durations.get_or_create(&labels);
        durations.observe(took.as_secs_f64(), trace, None);
    }
}

impl Drop for Measured {
    fn drop(&mut self) {
        self.metrics.active_requests.dec();
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open_connections.dec();
    }
}

impl Labels {
    fn route(&self) -> &str {
        self.template.as_deref().unwrap_or(self.route)
    }

    fn subject(&self) -> Option<&str> {
        self.rpc.as_ref().map(|rpc| rpc.subject.as_str())
    }
}

impl PartialEq for Labels {
    fn eq(&self, other: &Self) -> bool {
        (self.method, self.route(), self.status) == (other.method, other.route(), other.status)
            && self.subject() == other.subject()
    }
}

impl Eq for Labels {}

impl Hash for Labels {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.method, self.route(), self.status, self.subject()).hash(state);
    }
}

impl EncodeLabelSet for Labels {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        let status = self.status.to_string();
        for (name, value) in [
            ("http_request_method", self.method),
            ("http_route", self.route()),
            ("http_response_status_code", &status),
            ("rpc_method", self.subject().unwrap_or(OTHER)),
        ] {
            (name, value).encode(encoder.encode_label())?;
        }
        Ok(())
    }
}

impl EncodeLabelSet for Trace {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        ("trace_id", self.0.as_str()).encode(encoder.encode_label())
    }
}

/// Returns a method by its name, where it is one that everybody knows.
pub(crate) fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::PATCH => "PATCH",
        Method::OPTIONS => "OPTIONS",
        Method::CONNECT => "CONNECT",
        Method::TRACE => "TRACE",
        _ => OTHER,
    }
}

fn histogram() -> HistogramWithExemplars<Trace> {
    HistogramWithExemplars::new(BOUNDS.into_iter())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_are_bounded() {
        let metrics = Arc::new(Metrics::new());
        let labels = |route: &'static str, status| Labels {
            method: "POST",
            route,
            template: None,
            rpc: None,
            status,
        };
        // No bridge has so many statuses; the bound is what matters.
        for status in 0..2 * MOST_SERIES as u16 {
            metrics
                .begin(&HeaderMap::new())
                .end(labels("/a", status), Duration::ZERO);
        }
        let series = metrics.text().matches("_seconds_count{").count();
        assert!(
            (MOST_SERIES..=MOST_SERIES + 200).contains(&series),
            "{series}"
        );
        assert_eq!(metrics.active_requests.get(), 0);
    }
}
