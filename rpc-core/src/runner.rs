//! One process, many services: connect, subscribe, prove, serve, stop.

use std::convert::Infallible;
use std::io::Write as _;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::client::{CallError, Client};
use crate::config::{self, Config};
use crate::context::after;
use crate::endpoint::Endpoint;
use crate::entrypoint::{self, EntrypointReport};
use crate::error::RunError;
use crate::instance::Instance;
use crate::middleware::{Layer, Layers, Next, RpcService};
use crate::origin::instance_name;
use crate::protocol::RpcError;
use crate::serve::{Serving, serve};
use crate::service::Service;
use crate::signals::stop_signal;

/// How many instances the name of a connection tells of. It is part of the first line that a server
/// gets, of which it takes 4,096 bytes with the credentials in it.
const MOST_NAMED: usize = 32;

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
    /// What is wrong with its entrypoints.
    flaw: Option<String>,
    bind: Bind,
}

/// Binds a service, inside the layers, to the client of its calls and to what ends them.
type Bind = Box<
    dyn FnOnce(&Layers<RpcError>, &Client, CancellationToken) -> Result<Instance, String> + Send,
>;

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
            instance: instance_name(S::NAME, &id),
            subjects: S::endpoints().iter().map(Endpoint::subject).collect(),
            name: S::NAME,
            flaw: entrypoint::check::<S>().err(),
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

    /// Sets how long running calls may take to end when the runner stops, those of all services
    /// together; 30 s by default. `#[on_stop]` methods have what is left of it, and at least 5 s.
    #[must_use]
    pub fn drain_timeout(mut self, limit: Duration) -> Self {
        self.drain = limit;
        self
    }

    /// Connects and serves; returns when every subscription is proved to work.
    ///
    /// Services start in the order in which they were added: each runs its `#[on_start]` methods and
    /// is served before the next one starts. Timers begin when all are served.
    ///
    /// # Errors
    /// [`RunError`]; what was started already is stopped first.
    pub async fn start(self) -> Result<Running, RunError> {
        let never = std::future::pending::<Infallible>();
        self.start_unless(never)
            .await?
            .map_err(|never| match never {})
    }

    /// Starts, unless somebody says first that nothing shall run.
    async fn start_unless<T>(
        mut self,
        told: impl Future<Output = T>,
    ) -> Result<Result<Running, T>, RunError> {
        self.check_declarations()?;
        let mut told = pin!(told);
        let names: Vec<_> = self.services.iter().map(|service| service.name).collect();
        let instances: Vec<_> = self.services.iter().map(|it| &*it.instance).collect();
        self.config.name = connection_name(&instances);
        let client = tokio::select! {
            client = Client::connect(self.config) => client?,
            said = &mut told => return Ok(Err(said)),
        };
        let client = client.with_layers(self.client_layers);
        let mut running = Running {
            names,
            client,
            // Also ends what runs already when this is given up half-way.
            cut: CancellationToken::new(),
            drain: self.drain,
            served: Vec::new(),
            #[cfg(feature = "embedded")]
            _broker: self.broker,
        };
        for declared in self.services {
            let cut = running.cut.child_token();
            let bound =
                (declared.bind)(&self.layers, &running.client, cut).map_err(RunError::Declaration);
            let started = match bound {
                Ok(instance) => tokio::select! {
                    started = instance.on_start() => started.map(|()| Arc::new(instance)),
                    said = &mut told => {
                        running.stop().await;
                        return Ok(Err(said));
                    }
                },
                Err(error) => Err(error),
            };
            let served = match started {
                Ok(instance) => running.serve(instance).await,
                Err(error) => Err(error),
            };
            if let Err(error) = served {
                running.stop().await;
                return Err(error);
            }
        }
        // Who is told that we are up may call through a bridge, which hears it from the server.
        running.client.flush().await;
        for served in &running.served {
            served.serving.start_timers();
        }
        Ok(Ok(running))
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
        let Ok(running) = self.start_unless(&mut stop).await? else {
            // Told to stop while it still started: what had started is stopped.
            return Ok(());
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
            if let Some(flaw) = &service.flaw {
                return Err(RunError::Declaration(flaw.clone()));
            }
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

/// A service that is served.
struct Served {
    serving: Arc<Serving>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Served {
    /// Says that it shall stop, in the time until `end`.
    fn stop(&self, end: Instant) {
        self.serving.end_by(end);
        self.stop.send_replace(true);
    }
}

/// Services that run; dropping it ends them at once.
pub struct Running {
    names: Vec<&'static str>,
    client: Client,
    cut: CancellationToken,
    drain: Duration,
    /// In the order in which they started.
    served: Vec<Served>,
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

    /// Returns the instances of the services.
    #[cfg(feature = "testing")]
    pub(crate) fn instances(&self) -> Vec<Arc<Instance>> {
        let instances = self.served.iter().map(|served| served.serving.instance());
        instances.cloned().collect()
    }

    /// Returns what the handlers and timers of the services have done.
    pub fn entrypoints(&self) -> Vec<EntrypointReport> {
        let instances = self.served.iter().map(|served| served.serving.instance());
        instances
            .flat_map(|instance| instance.entrypoints.report())
            .collect()
    }

    /// Serves an instance that has run its `#[on_start]` methods.
    async fn serve(&mut self, instance: Arc<Instance>) -> Result<(), RunError> {
        let (stop, stopped) = watch::channel(false);
        let serving = Serving::new(instance.clone(), self.client.clone(), stopped);
        match serve(serving.clone()).await {
            Ok(task) => {
                self.served.push(Served {
                    serving,
                    stop,
                    task,
                });
                Ok(())
            }
            Err(error) => {
                instance.on_stop(self.drain).await;
                Err(error)
            }
        }
    }

    /// Stops: takes no more calls without losing one, finishes the running ones, runs `#[on_stop]`,
    /// says goodbye. Services stop one after the other, the last that started first, so that those
    /// which a service calls are there until it has ended.
    ///
    /// Calls that still run after [`Runner::drain_timeout`] are ended and answered `unavailable`.
    pub async fn stop(mut self) {
        let end = after(Instant::now(), self.drain);
        if self.cut.is_cancelled() {
            for served in &self.served {
                served.stop(end);
            }
        }
        // Taken out one by one: those that are left when this is given up end with `self`.
        while let Some(served) = self.served.last_mut() {
            served.stop(end);
            // A panic there is a bug that its own log line tells; the others still stop.
            let _ = (&mut served.task).await;
            self.served.pop();
        }
        self.client.flush().await;
        self.client.connection().closing();
    }

    /// Ends the services at once; returns when the server knows.
    ///
    /// Running calls are ended and answered `unavailable`, `#[on_stop]` does not run; calls that the server has sent and no
    /// method has seen yet are lost.
    pub async fn abort(self) {
        self.cut.cancel();
        self.stop().await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.cut.cancel();
        self.served.iter().for_each(|served| served.task.abort());
    }
}

/// Returns the name of the connection of these instances: their ids, as far as there is room.
fn connection_name(instances: &[&str]) -> String {
    let (named, more) = instances.split_at(instances.len().min(MOST_NAMED));
    let named = named.join(",");
    match more.len() {
        0 => named,
        more => format!("{named} … and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_connection_fits_however_many_instances_it_has() {
        // With some 120 the server closed the connection, over and over.
        let instances: Vec<_> = (0..92).map(|_| Instance::new_id()).collect();
        let instances: Vec<_> = instances.iter().map(String::as_str).collect();
        assert_eq!(connection_name(&instances[..2]), instances[..2].join(","));
        let all = instances[..32].join(",");
        assert_eq!(connection_name(&instances[..32]), all);
        let name = connection_name(&instances);
        assert_eq!(name, format!("{all} … and 60 more"));
        assert!(name.len() < 1_100, "{}", name.len());
    }
}
