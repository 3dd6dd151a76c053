//! Tests of services: without a network, or on a broker of the test's own.

mod waiting;

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use tokio::sync::{Mutex, OwnedMutexGuard, oneshot};
use tokio_util::sync::CancellationToken;

use crate::client::{CallError, Client};
use crate::config::{Config, url_from_env};
use crate::dispatch::{Dispatched, Dispatcher};
use crate::error::RunError;
use crate::instance::Instance;
use crate::middleware::Layers;
use crate::protocol::{Call, Code, Headers, RpcError, WireReply};
use crate::runner::{Runner, Running};
use crate::service::Service;

pub use self::waiting::WaitFor;

/// How long a test waits for a reply.
const PATIENCE: Duration = Duration::from_secs(10);

/// Calls one method or event handler without a network and returns its results: `[[result], {}]`.
///
/// # Errors
/// The error reply of the method; `not_found` when the service has no such method.
///
/// # Examples
/// ```
/// use std::sync::Arc;
/// use rpc_core::{prelude::*, testing};
/// use serde_json::json;
///
/// struct GreetingService;
///
/// #[rpc]
/// impl GreetingService {
///     #[rpc]
///     async fn hello(&self, name: &str) -> String {
///         format!("Hello, {name}")
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), RpcError> {
/// let reply = testing::call(&Arc::new(GreetingService), "hello", json!([["Bob"], {}])).await?;
/// assert_eq!(reply, json!([["Hello, Bob"], {}]));
/// # Ok(())
/// # }
/// ```
pub async fn call<S: Service>(
    service: &Arc<S>,
    method: &str,
    payload: Value,
) -> Result<Value, RpcError> {
    let reply = call_raw(service, method, payload.to_string()).await?;
    serde_json::from_slice(&reply.payload)
        .map_err(|error| RpcError::new(Code::BadReply, error.to_string()))
}

/// Calls one method without a network: the bytes of a message in, the bytes of a reply out.
///
/// # Errors
/// The error reply of the method; `not_found` when the service has no such method.
pub async fn call_raw<S: Service>(
    service: &Arc<S>,
    method: &str,
    payload: impl Into<Bytes>,
) -> Result<WireReply, RpcError> {
    call_with_headers(service, method, Headers::new(), payload).await
}

/// Calls one method without a network: the headers and bytes of a message in, a reply out.
///
/// # Errors
/// The error reply of the method; `not_found` when the service has no such method.
pub async fn call_with_headers<S: Service>(
    service: &Arc<S>,
    method: &str,
    headers: Headers,
    payload: impl Into<Bytes>,
) -> Result<WireReply, RpcError> {
    let mut endpoints = S::endpoints();
    let handlers = S::entrypoints().events.into_iter();
    endpoints.extend(handlers.map(|handler| handler.endpoint));
    let endpoint = endpoints
        .iter()
        .find(|endpoint| endpoint.spec.name == method);
    let endpoint = endpoint
        .ok_or_else(|| RpcError::not_found(format!("`{}` has no method `{method}`", S::NAME)))?;
    let never = CancellationToken::new();
    let dispatcher = Dispatcher::new(endpoint, service.clone(), &Layers::default(), None, never);
    let reply = match Arc::new(dispatcher).dispatch(Call::new(headers, payload)) {
        Dispatched::Done(reply) => reply,
        Dispatched::Pending(call) => call.finish(std::future::pending()).await,
    };
    match reply.error() {
        Some(error) => Err(error),
        None => Ok(reply),
    }
}

/// A service that runs for one test, on a broker of its own on a free port, and a client of it.
///
/// With `NATS_URL` set, the same tests run on that server, one at a time within a test program,
/// because there they share subjects. Dropping the app stops the service and waits until the
/// server knows.
///
/// # Examples
/// ```
/// use rpc_core::{prelude::*, testing::TestApp};
///
/// struct GreetingService;
///
/// #[rpc]
/// impl GreetingService {
///     #[rpc]
///     async fn hello(&self, name: &str) -> String {
///         format!("Hello, {name}")
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let app = TestApp::start(GreetingService).await;
/// let text: String = app.client().call("greeting_service.hello").arg("Bob").await?;
/// assert_eq!(text, "Hello, Bob");
/// app.raw("greeting_service.hello", r#"[["Bob"], {}, 3]"#).await.expect_error("bad_envelope");
/// # Ok(())
/// # }
/// ```
pub struct TestApp {
    client: Client,
    url: String,
    // The fields below end in this order: the services, then their broker, then the turn.
    services: Services,
    _broker: Option<rpc_broker::Handle>,
    _turn: Option<OwnedMutexGuard<()>>,
}

impl TestApp {
    /// Starts a service; returns when it can be called.
    ///
    /// # Panics
    /// When it cannot start: a test has no use for the error but its text.
    pub async fn start<S: Service>(service: S) -> Self {
        Self::run(|runner| runner.service(service)).await
    }

    /// Starts what `declare` adds to the runner; returns when it can be called.
    ///
    /// # Panics
    /// When it cannot start: a test has no use for the error but its text.
    pub async fn run(declare: impl FnOnce(Runner) -> Runner + Send + 'static) -> Self {
        let (broker, turn, url) = match url_from_env() {
            Some(url) => (None, Some(turn().await), url),
            None => {
                let config = rpc_broker::Config {
                    port: 0,
                    ..Default::default()
                };
                let broker = rpc_broker::EmbeddedBroker::start(config)
                    .expect("a free loopback port can be listened on");
                let url = broker.url();
                (Some(broker), None, url)
            }
        };
        let config = Config::new(&url).give_up_after(PATIENCE);
        let runner = declare(Runner::new(config.clone()));
        let services = Services::start(runner)
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        let client = Client::connect(config.name("test"))
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        Self {
            client,
            url,
            services,
            _broker: broker,
            _turn: turn,
        }
    }

    /// Returns a client of the app.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Returns the URL of the app's server.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Sends bytes to a method.
    pub async fn raw(&self, subject: &str, payload: impl Into<Bytes>) -> Answer {
        self.raw_with_headers(subject, Headers::new(), payload)
            .await
    }

    /// Sends headers and bytes to a method.
    pub async fn raw_with_headers(
        &self,
        subject: &str,
        headers: Headers,
        payload: impl Into<Bytes>,
    ) -> Answer {
        Answer(
            self.client
                .request(subject, headers, payload.into(), PATIENCE)
                .await,
        )
    }

    /// Stops the service as SIGTERM would: without losing a call.
    ///
    /// # Panics
    /// When the service's own thread panicked.
    pub async fn stop(mut self) {
        self.services.end(End::Gracefully);
        self.services.join();
    }
}

/// What came back from a raw call.
#[derive(Debug)]
pub struct Answer(Result<WireReply, CallError>);

impl Answer {
    /// Returns the reply, an error reply included.
    ///
    /// # Panics
    /// When there was none.
    pub fn reply(self) -> WireReply {
        self.0
            .unwrap_or_else(|error| panic!("expected a reply, got: {error}"))
    }

    /// Checks that the reply is exactly `payload`.
    ///
    /// # Panics
    /// When it is not.
    pub fn expect(self, payload: &str) {
        let reply = self.reply();
        assert_eq!(String::from_utf8_lossy(&reply.payload), payload);
    }

    /// Checks that the reply is an error with `code`, and returns it.
    ///
    /// # Panics
    /// When it is not.
    pub fn expect_error(self, code: &str) -> RpcError {
        let reply = self.reply();
        let error = reply.error().unwrap_or_else(|| {
            panic!(
                "expected the error `{code}`, got: {}",
                String::from_utf8_lossy(&reply.payload)
            )
        });
        assert_eq!(error.code(), code, "{error}");
        error
    }
}

/// The services of one app on a thread of their own, so that neither a blocking test nor the end
/// of its runtime gets in their way.
struct Services {
    instances: Vec<Arc<Instance>>,
    end: Option<oneshot::Sender<End>>,
    thread: Option<JoinHandle<()>>,
}

enum End {
    Gracefully,
    AtOnce,
}

impl Services {
    async fn start(runner: Runner) -> Result<Self, RunError> {
        let (started, outcome) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.expect("a runtime starts").block_on(async {
                match runner.start().await {
                    Ok(running) => {
                        let _ = started.send(Ok(running.instances()));
                        run_until(running, ended).await;
                    }
                    Err(error) => {
                        let _ = started.send(Err(error));
                    }
                }
            });
        });
        let mut services = Self {
            instances: Vec::new(),
            end: Some(end),
            thread: Some(thread),
        };
        let started = outcome.await;
        services.instances = started.expect("the thread says how the start went")?;
        Ok(services)
    }

    fn instances(&self) -> &[Arc<Instance>] {
        &self.instances
    }

    fn end(&mut self, how: End) {
        if let Some(end) = self.end.take() {
            let _ = end.send(how);
        }
    }

    fn join(&mut self) {
        if let Some(thread) = self.thread.take() {
            let joined = thread.join();
            assert!(
                joined.is_ok() || std::thread::panicking(),
                "the services' thread panicked"
            );
        }
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        self.end(End::AtOnce);
        self.join();
    }
}

async fn run_until(running: Running, ended: oneshot::Receiver<End>) {
    match ended.await {
        Ok(End::Gracefully) => running.stop().await,
        Ok(End::AtOnce) | Err(_) => running.abort().await,
    }
}

/// Waits for the turn of one test on a shared server.
async fn turn() -> OwnedMutexGuard<()> {
    static TURN: std::sync::LazyLock<Arc<Mutex<()>>> = std::sync::LazyLock::new(Arc::default);
    TURN.clone().lock_owned().await
}
