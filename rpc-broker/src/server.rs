//! Starting and stopping: the listener, the thread, the handle.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::runtime;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::broker::Broker;
use crate::config::Config;
use crate::connection;
use crate::start_error::StartError;

/// Filters nest one frame per token, and a control line holds 2,000 of them.
const STACK_SIZE: usize = 8 * 1024 * 1024;

/// How long connections may take to end when the broker stops.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(1);

/// How long accepting pauses when the process is out of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Starts brokers inside the running process.
///
/// # Examples
/// ```
/// use rpc_broker::{Config, EmbeddedBroker};
///
/// let broker = EmbeddedBroker::start(Config { port: 0, ..Config::default() })?;
/// assert_eq!(broker.url(), format!("nats://127.0.0.1:{}", broker.port()));
/// broker.shutdown();
/// # Ok::<_, rpc_broker::StartError>(())
/// ```
#[derive(Debug)]
pub struct EmbeddedBroker;

/// What the broker's thread is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Serving,
    LameDuck,
    Stopping,
}

/// A running broker, which stops when this is dropped.
#[derive(Debug)]
pub struct Handle {
    address: SocketAddr,
    phase: watch::Sender<Phase>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl EmbeddedBroker {
    /// Starts a broker on a thread of its own and returns once it listens.
    ///
    /// The thread has its own single-threaded runtime, so neither the caller's
    /// runtime nor blocking code on it can hold the broker up.
    ///
    /// # Errors
    /// [`StartError::AddressInUse`] and [`StartError::Bind`] when it cannot
    /// listen, [`StartError::NotLoopback`] when others could reach it,
    /// [`StartError::Production`] when the environment variable `APP_ENV` is
    /// `production`, [`StartError::Thread`] when the system is out of
    /// resources.
    pub fn start(config: Config) -> Result<Handle, StartError> {
        let environment = std::env::var("APP_ENV").unwrap_or_default();
        refuse_production(&environment, &config)?;
        let listener = bind(&config)?;
        let bound = |source| StartError::Bind {
            address: display_address(&config),
            source,
        };
        listener.set_nonblocking(true).map_err(bound)?;
        let address = listener.local_addr().map_err(bound)?;
        let runtime = runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()
            .map_err(StartError::Thread)?;
        let (phase, phases) = watch::channel(Phase::Serving);
        let broker = Arc::new(Broker::new(config, address));
        let listener = {
            // The runtime has to know the listener before its thread runs.
            let _entered = runtime.enter();
            tokio::net::TcpListener::from_std(listener).map_err(StartError::Thread)?
        };
        let thread = thread::Builder::new()
            .name("rpc-broker".to_owned())
            .stack_size(STACK_SIZE)
            .spawn(move || runtime.block_on(serve(broker, listener, phases)))
            .map_err(StartError::Thread)?;
        tracing::warn!(
            %address,
            "embedded broker started: for development and tests only, it keeps nothing and is not clustered"
        );
        Ok(Handle {
            address,
            phase,
            thread: Mutex::new(Some(thread)),
        })
    }
}

impl Handle {
    /// Returns the URL clients connect to, such as `nats://127.0.0.1:4222`.
    pub fn url(&self) -> String {
        format!("nats://{}", self.address)
    }

    /// Returns the port the broker listens on, never 0.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Returns the address the broker listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops accepting, tells clients to go elsewhere, and stops after
    /// [`Config::lame_duck_grace`] or when the last client has left.
    ///
    /// Returns at once.
    pub fn lame_duck(&self) {
        self.phase.send_if_modified(|phase| {
            let serving = *phase == Phase::Serving;
            if serving {
                *phase = Phase::LameDuck;
            }
            serving
        });
    }

    /// Stops the broker: stops accepting, closes all connections once what
    /// waits for them is written, and waits for the thread to end.
    ///
    /// Takes a second at most, for clients that do not read. Does nothing
    /// when the broker has stopped already.
    pub fn shutdown(&self) {
        self.phase.send_replace(Phase::Stopping);
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the broker's thread panicked");
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shutdown();
    }
}

fn refuse_production(environment: &str, config: &Config) -> Result<(), StartError> {
    if environment == "production" {
        let address = display_address(config);
        return Err(StartError::Production { address });
    }
    Ok(())
}

/// Listens on the first of the host's addresses.
fn bind(config: &Config) -> Result<TcpListener, StartError> {
    let failed = |source: io::Error| {
        let address = display_address(config);
        match source.kind() {
            io::ErrorKind::AddrInUse => StartError::AddressInUse { address },
            _ => StartError::Bind { address, source },
        }
    };
    let host = config.host.trim_start_matches('[').trim_end_matches(']');
    let addresses: Vec<_> = (host, config.port)
        .to_socket_addrs()
        .map_err(failed)?
        .collect();
    if addresses.iter().any(|address| !address.ip().is_loopback()) {
        let address = display_address(config);
        return Err(StartError::NotLoopback { address });
    }
    TcpListener::bind(addresses.as_slice()).map_err(failed)
}

fn display_address(config: &Config) -> String {
    match config.host.parse::<IpAddr>() {
        Ok(ip) => SocketAddr::new(ip, config.port).to_string(),
        Err(_) => format!("{}:{}", config.host, config.port),
    }
}

/// Accepts connections until told to stop, and then sees them off.
async fn serve(
    broker: Arc<Broker>,
    listener: tokio::net::TcpListener,
    mut phases: watch::Receiver<Phase>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection::run(Arc::clone(&broker), stream));
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(ended) = connections.join_next() => {
                if let Err(error) = ended {
                    tracing::error!(%error, "a connection failed");
                }
            }
            // An error means that the handle is gone.
            _ = phases.changed() => break,
        }
    }
    drop(listener);
    if *phases.borrow_and_update() == Phase::LameDuck {
        broker.announce_lame_duck();
        tokio::select! {
            () = all_ended(&mut connections) => {}
            () = tokio::time::sleep(broker.config.lame_duck_grace) => {}
            _ = phases.changed() => {}
        }
    }
    broker.end_connections();
    // Connections that do not end in time end with the runtime.
    let _ = tokio::time::timeout(SHUTDOWN_GRACE, all_ended(&mut connections)).await;
}

async fn all_ended(connections: &mut JoinSet<()>) {
    while connections.join_next().await.is_some() {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn production_is_refused() {
        let config = Config::default();
        assert!(refuse_production("development", &config).is_ok());
        let error = refuse_production("production", &config).expect_err("refused");
        assert!(error.to_string().contains("127.0.0.1:4222"), "{error}");
    }

    #[test]
    fn addresses_are_shown_as_they_are_written_in_a_url() {
        for (host, shown) in [
            ("127.0.0.1", "127.0.0.1:4222"),
            ("localhost", "localhost:4222"),
            ("::1", "[::1]:4222"),
        ] {
            let config = Config {
                host: host.to_owned(),
                ..Config::default()
            };
            assert_eq!(display_address(&config), shown);
        }
    }
}
