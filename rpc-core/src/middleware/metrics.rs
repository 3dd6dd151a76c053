//! How many calls there are, how they end and how long they take, for Prometheus.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant};

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::ending::{Ending, OK};
use super::{Layer, Request, RpcService};
use crate::protocol::{Code, Outcome, WireReply};

/// What is said of a method or a code that gets no label of its own.
const OTHER: &str = "_OTHER";
/// How many methods get labels of their own.
const MOST_METHODS: usize = 1_024;
/// How many codes of one method do.
const MOST_CODES: usize = 32;

/// The upper bounds of the buckets, in seconds: a call on one machine takes a tenth of a
/// millisecond.
const BUCKETS: [f64; 15] = [
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    10.0,
];

/// Makes [`Metrics`]: a histogram of the durations of calls, by method and code.
///
/// It is `rpc_server_call_duration_seconds` where calls are served and
/// `rpc_client_call_duration_seconds` where they are made, which is what OpenTelemetry's
/// `rpc.server.call.duration` and `rpc.client.call.duration` are called in Prometheus. Its labels are
/// `rpc_method`, the subject, and `rpc_response_status_code`: `ok`, or the code of the failure. Its
/// `_count` is how many calls there were.
///
/// Labels are few, whatever callers send: a method that does not exist is `_OTHER`, and so are
/// methods past 1,024 and codes of one method past 32. A client counts each try.
///
/// # Examples
/// ```
/// use rpc_core::middleware::MetricsLayer;
/// use rpc_core::middleware::prometheus_client::{encoding::text::encode, registry::Registry};
///
/// # fn example(runner: rpc_core::Runner) -> Result<(), std::fmt::Error> {
/// let mut registry = Registry::default();
/// let runner = runner.layer(MetricsLayer::server(&mut registry));
///
/// // Whenever Prometheus asks:
/// let mut text = String::new();
/// encode(&mut text, &registry)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct MetricsLayer {
    book: Arc<Book>,
}

impl MetricsLayer {
    /// Creates the layer for calls that are served, and registers its metric, which a registry takes
    /// once.
    pub fn server(registry: &mut Registry) -> Self {
        Self::new("rpc_server_call_duration", "served", registry)
    }

    /// Creates the layer for calls that are made, and registers its metric, which a registry takes
    /// once.
    pub fn client(registry: &mut Registry) -> Self {
        Self::new(
            "rpc_client_call_duration",
            "made, each try by itself",
            registry,
        )
    }

    fn new(name: &str, which: &str, registry: &mut Registry) -> Self {
        let durations = Family::new_with_constructor(histogram as fn() -> Histogram);
        let help = format!("How long calls took that were {which}");
        registry.register_with_unit(name, help, Unit::Seconds, durations.clone());
        let methods = RwLock::default();
        let book = Arc::new(Book { durations, methods });
        Self { book }
    }
}

impl<S> Layer<S> for MetricsLayer {
    type Service = Metrics<S>;

    fn layer(&self, inner: S) -> Metrics<S> {
        let (book, served) = (self.book.clone(), OnceLock::new());
        Metrics {
            inner,
            book,
            served,
        }
    }
}

/// Counts calls, and how long they take.
#[derive(Clone, Debug)]
pub struct Metrics<S> {
    inner: S,
    book: Arc<Book>,
    /// The handle of the method that is inside, where calls are served: there it is always the same.
    served: OnceLock<Arc<Method>>,
}

impl<S> Metrics<S> {
    /// Returns the handle of the method on `subject`, without a look at the book but the first time.
    fn served(&self, subject: &str) -> Arc<Method> {
        let first = self.served.get_or_init(|| self.book.method(subject, true));
        // Another layer may put one service around several methods.
        match first.name == subject {
            true => first.clone(),
            false => self.book.method(subject, true),
        }
    }
}

impl<S: RpcService> RpcService for Metrics<S> {
    type Error = S::Error;

    async fn call(&self, request: Request) -> Result<WireReply, S::Error> {
        let began = Instant::now();
        let (subject, book) = (request.subject(), &self.book);
        let method = match request.endpoint() {
            Some(_) => Ok(self.served(subject)),
            // Whether there is such a method is known afterwards.
            None => book.known(subject).ok_or_else(|| subject.to_owned()),
        };
        let ending = Ending::of(&request, move |code, outcome| {
            let reached = outcome != Some(Outcome::NotSent);
            let method = method.unwrap_or_else(|subject| book.method(&subject, reached));
            method.note(code, began.elapsed());
        });
        let result = self.inner.call(request).await;
        ending.note(&result);
        result
    }
}

/// The labels of one histogram.
type Labels = [(&'static str, String); 2];

/// What was counted, with a handle for each method, so that a call builds no labels.
struct Book {
    durations: Family<Labels, Histogram, fn() -> Histogram>,
    methods: RwLock<HashMap<String, Arc<Method>>>,
}

/// The histograms of one method.
struct Method {
    name: String,
    durations: Family<Labels, Histogram, fn() -> Histogram>,
    succeeded: Histogram,
    failed: Mutex<Vec<(String, Histogram)>>,
}

impl Book {
    /// Returns the handle of a method that has labels of its own.
    fn known(&self, subject: &str) -> Option<Arc<Method>> {
        let methods = self.methods.read().unwrap_or_else(PoisonError::into_inner);
        methods.get(subject).cloned()
    }

    /// Returns the handle of a method, which is `_OTHER` unless it is known, or `exists` and there is
    /// room for it.
    fn method(&self, subject: &str, exists: bool) -> Arc<Method> {
        if let Some(method) = self.known(subject) {
            return method;
        }
        let methods = self.methods.write();
        let mut methods = methods.unwrap_or_else(PoisonError::into_inner);
        let own = exists && methods.len() < MOST_METHODS;
        let name = if own { subject } else { OTHER };
        let method = methods.entry(name.to_owned());
        let method = method.or_insert_with(|| Arc::new(Method::new(name, &self.durations)));
        method.clone()
    }
}

impl Method {
    fn new(name: &str, durations: &Family<Labels, Histogram, fn() -> Histogram>) -> Self {
        Self {
            name: name.to_owned(),
            durations: durations.clone(),
            succeeded: durations.get_or_create_owned(&labels(name, OK)),
            failed: Mutex::default(),
        }
    }

    fn note(&self, code: &str, took: Duration) {
        let seconds = took.as_secs_f64();
        if code == OK {
            return self.succeeded.observe(seconds);
        }
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        let known = |code: &str| failed.iter().position(|(known, _)| known == code);
        let room = failed.len() < MOST_CODES;
        // The codes of the contract are few; a service may have as many of its own as it likes.
        let code = match known(code) {
            None if !room && Code::from_text(code).is_none() => OTHER,
            _ => code,
        };
        let index = known(code).unwrap_or_else(|| {
            let histogram = self
                .durations
                .get_or_create_owned(&labels(&self.name, code));
            failed.push((code.to_owned(), histogram));
            failed.len() - 1
        });
        failed[index].1.observe(seconds);
    }
}

impl fmt::Debug for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Method").field(&self.name).finish()
    }
}

impl fmt::Debug for Book {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let methods = self.methods.read().unwrap_or_else(PoisonError::into_inner);
        f.debug_struct("Book")
            .field("methods", &methods.len())
            .finish_non_exhaustive()
    }
}

fn labels(method: &str, code: &str) -> Labels {
    [
        ("rpc_method", method.to_owned()),
        ("rpc_response_status_code", code.to_owned()),
    ]
}

fn histogram() -> Histogram {
    Histogram::new(BUCKETS)
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;

    use super::*;

    #[test]
    fn neither_unknown_methods_nor_many_codes_make_many_labels() {
        let mut registry = Registry::default();
        let book = MetricsLayer::client(&mut registry).book;
        let took = Duration::from_millis(3);
        for index in 0..2 * MOST_METHODS {
            book.method(&format!("no.method{index}"), false)
                .note("not_found", took);
            book.method(&format!("a.method{index}"), true)
                .note(OK, took);
            book.method("a.method0", true)
                .note(&format!("own.{index}"), took);
        }
        // A method that has answered is known from then on.
        book.method("a.method0", false).note("unavailable", took);
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        let count = |method: &str, code: &str| {
            let labels =
                format!("_count{{rpc_method=\"{method}\",rpc_response_status_code=\"{code}\"}} ");
            let line = text.lines().find_map(|line| line.split_once(&labels));
            line.map_or(0, |(_, count)| count.parse().unwrap())
        };
        let many = 2 * MOST_METHODS;
        assert_eq!(count("_OTHER", "not_found"), many);
        assert_eq!((count("a.method0", OK), count("a.method9", OK)), (1, 1));
        // `_OTHER` has taken one of the places.
        assert_eq!(count("_OTHER", OK), many - (MOST_METHODS - 1));
        assert_eq!(count("a.method0", "own.0"), 1);
        assert_eq!(count("a.method0", "_OTHER"), many - MOST_CODES);
        assert_eq!(count("a.method0", "unavailable"), 1);
        assert_eq!(text.matches("not_found").count(), BUCKETS.len() + 3);
    }
}
