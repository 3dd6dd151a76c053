//! One process, many services: connect, subscribe, prove, serve, stop.

use std::io::Write as _;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::client::{CallError, Client};
use crate::config::{self, Config};
use crate::endpoint::Endpoint;
use crate::error::RunError;
use crate::instance::Instance;
use crate::middleware::{Layer, Layers, Next, RpcService};
use crate::protocol::RpcError;
use crate::serve::{Serving, serve};
use crate::service::Service;
use crate::signals::stop_signal;

/// Runs services until the process is told to stop.
///
/// # Examples
/// ```no_run
/// use rpc_core::prelude::*;
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
/// #[tokio::main]
/// async fn main() -> rpc_core::Result<()> {
///     Runner::from_env()?.service(GreetingService).run().await
/// }
/// ```
pub struct Runner {
    config: Config,
    #[cfg(feature = "embedded")]
    broker: Option<rpc_broker::Handle>,
    services: Vec<Declared>,
    layers: Layers<RpcError>,
    client_layers: Layers<CallError>,
    drain: Duration,
}

/// A service that will run as soon as there is a client to give to it.
struct Declared {
    subjects: Vec<String>,
    name: &'static str,
    /// Its name and the id of its instance.
    instance: String,
    bind: Bind,
}

/// Binds a service, inside the layers, to the client of its calls and to what ends them.
type Bind = Box<dyn FnOnce(&Layers<RpcError>, &Client, CancellationToken) -> Instance + Send>;

impl Runner {
    /// Creates a runner on the servers that `config` names.
    pub fn new(config: Config) -> Self {
        Self {
            config,
            #[cfg(feature = "embedded")]
            broker: None,
            services: Vec::new(),
            layers: Layers::default(),
            client_layers: Layers::default(),
            drain: Duration::from_secs(30),
        }
    }

    /// Creates a runner on the servers of `NATS_URL`. Where that is unset, it starts the embedded
    /// broker on 127.0.0.1:4222 and says so; without the feature `embedded` it expects a server
    /// there.
    ///
    /// Logs go to standard error, as `RUST_LOG` says, unless the program has set up its own.
    ///
    /// # Errors
    /// [`RunError::Broker`] when the embedded broker cannot start.
    pub fn from_env() -> Result<Self, RunError> {
        crate::log::init();
        match config::url_from_env() {
            Some(url) => Ok(Self::new(Config::new(&url))),
            None => Self::on_default_server(),
        }
    }

    #[cfg(feature = "embedded")]
    fn on_default_server() -> Result<Self, RunError> {
        let broker = rpc_broker::EmbeddedBroker::start(rpc_broker::Config::default())?;
        info!(
            "NATS_URL is not set: started the embedded broker on {}",
            broker.url()
        );
        let mut runner = Self::new(Config::new(&broker.url()));
        runner.broker = Some(broker);
        Ok(runner)
    }

    #[cfg(not(feature = "embedded"))]
    #[expect(
        clippy::unnecessary_wraps,
        reason = "fails with the feature `embedded`"
    )]
    fn on_default_server() -> Result<Self, RunError> {
        Ok(Self::new(Config::new(Config::DEFAULT_SERVER)))
    }

    /// Adds a service.
    #[must_use]
    pub fn service<S: Service>(self, service: S) -> Self {
        self.declare(service, Layers::default())
    }

    /// Adds a service whose methods have a layer of their own, inside those of the runner; a tuple
    /// makes several of it.
    #[must_use]
    pub fn service_with<S, L>(self, service: S, layer: L) -> Self
    where
        S: Service,
        L: Layer<Next<RpcError>, Service: RpcService<Error = RpcError>> + Send + Sync + 'static,
    {
        let mut layers = Layers::default();
        layers.push(layer);
        self.declare(service, layers)
    }

    fn declare<S: Service>(mut self, service: S, own: Layers<RpcError>) -> Self {
        let id = Instance::new_id();
        self.services.push(Declared {
            instance: format!("{}/{id}", S::NAME),
            subjects: S::endpoints().iter().map(Endpoint::subject).collect(),
            name: S::NAME,
            bind: Box::new(move |layers, client, cut| {
                Instance::new(service, id, &layers.with_inside(&own), client, cut)
            }),
        });
        self
    }

    /// Puts a layer around the methods of all services, also of those that are added before it.
    ///
    /// What is added first is outermost. A deadline, the limits of a method and the counting of its
    /// calls are outside of all layers, the check of its `scopes` is inside them. [`Layer::layer`]
    /// is called once for each method: what all of them share belongs into the layer.
    #[must_use]
    pub fn layer<L>(mut self, layer: L) -> Self
    where
        L: Layer<Next<RpcError>, Service: RpcService<Error = RpcError>> + Send + Sync + 'static,
    {
        self.layers.push(layer);
        self
    }

    /// Puts a layer around the requests that methods send through [`Context::client`], as
    /// [`Client::layer`] does.
    ///
    /// [`Context::client`]: crate::Context::client
    #[must_use]
    pub fn client_layer<L>(mut self, layer: L) -> Self
    where
        L: Layer<Next<CallError>, Service: RpcService<Error = CallError>> + Send + Sync + 'static,
    {
        self.client_layers.push(layer);
        self
    }

    /// Sets how long running calls may take to end when the runner stops; 30 s by default.
    #[must_use]
    pub fn drain_timeout(mut self, limit: Duration) -> Self {
        self.drain = limit;
        self
    }

    /// Connects and serves; returns when every subscription is proved to work.
    ///
    /// # Errors
    /// [`RunError`], before anything is served.
    pub async fn start(mut self) -> Result<Running, RunError> {
        self.check_declarations()?;
        let names: Vec<_> = self.services.iter().map(|service| service.name).collect();
        let instances: Vec<_> = self.services.iter().map(|it| &*it.instance).collect();
        self.config.name = instances.join(",");
        let client = Client::connect(self.config).await?;
        let client = client.with_layers(self.client_layers);
        let (stop, _) = watch::channel(false);
        // Also ends what runs already when a later service cannot start.
        let cut = CancellationToken::new();
        let guard = cut.clone().drop_guard();
        let mut serving = Vec::new();
        for declared in self.services {
            let instance = Arc::new((declared.bind)(&self.layers, &client, cut.child_token()));
            let calls = Serving::new(instance, client.clone(), stop.subscribe(), self.drain);
            serving.push(serve(calls).await?);
        }
        Ok(Running {
            names,
            client,
            stop,
            cut: guard.disarm(),
            serving,
            #[cfg(feature = "embedded")]
            _broker: self.broker,
        })
    }

    /// Connects, serves, and stops without losing a call on SIGTERM or Ctrl-C.
    ///
    /// Prints a line `READY <services>` to standard output once, when every subscription is proved
    /// to work, for whoever started the process and waits for it.
    ///
    /// # Errors
    /// [`RunError`], before anything is served.
    pub async fn run(self) -> Result<(), RunError> {
        crate::log::init();
        let mut stop = pin!(stop_signal());
        let running = tokio::select! {
            running = self.start() => running?,
            // Told to stop while it still waited for a server: there is nothing to finish.
            () = &mut stop => return Ok(()),
        };
        // Whoever started the process may not read its output; that is no reason to end it.
        let _ = writeln!(std::io::stdout(), "READY {}", running.names.join(", "));
        stop.await;
        info!("stopping");
        running.stop().await;
        info!("stopped");
        Ok(())
    }

    fn check_declarations(&self) -> Result<(), RunError> {
        if self.services.is_empty() {
            let text = "there is nothing to run: add a service with `.service(…)`";
            return Err(RunError::Declaration(text.to_owned()));
        }
        let mut owners = std::collections::HashMap::new();
        for service in &self.services {
            for subject in &service.subjects {
                if let Some(owner) = owners.insert(subject, service.name) {
                    let name = service.name;
                    let text =
                        format!("subject `{subject}` of `{name}` is already used by `{owner}`");
                    return Err(RunError::Declaration(text));
                }
            }
        }
        Ok(())
    }
}

/// Services that run; dropping it ends them at once.
pub struct Running {
    names: Vec<&'static str>,
    client: Client,
    stop: watch::Sender<bool>,
    cut: CancellationToken,
    serving: Vec<JoinHandle<()>>,
    #[cfg(feature = "embedded")]
    _broker: Option<rpc_broker::Handle>,
}

impl Running {
    /// Returns a client on the services' own connection.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Returns the names of the services.
    pub fn names(&self) -> &[&'static str] {
        &self.names
    }

    /// Stops: takes no more calls without losing one, finishes the running ones, says goodbye.
    ///
    /// Calls that still run after [`Runner::drain_timeout`] are ended and answered `unavailable`.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        for serving in self.serving.drain(..) {
            // A panic there is a bug that its own log line tells; the others still stop.
            let _ = serving.await;
        }
        self.client.flush().await;
        self.client.connection().closing();
    }

    /// Ends the services at once; returns when the server knows.
    ///
    /// Running calls are ended and answered `unavailable`; those that the server has sent and no
    /// method has seen yet are lost.
    pub async fn abort(self) {
        self.cut.cancel();
        self.stop().await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.cut.cancel();
        self.serving.iter().for_each(JoinHandle::abort);
    }
}
