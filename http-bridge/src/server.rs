//! The listener: accept, count, spawn; and the way to a clean stop.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use rpc_core::{Client, Code, RpcError};
use thiserror::Error;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use crate::admission::Admission;
use crate::config::{Config, ConfigError, MetricsAt};
use crate::connection;
use crate::edge::Edge;
use crate::metrics::Metrics;
use crate::routes::metrics;
use crate::tls::Acceptor;

/// How long accepting pauses when the process is out of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How many connections the system keeps for us between two accepts: a burst of clients.
const BACKLOG: u32 = 1_024;

/// A bridge that listens; [`serve`](Self::serve) makes it answer.
///
/// # Examples
/// ```no_run
/// use http_bridge::{Bridge, Config};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let client = rpc_core::Client::connect(rpc_core::Config::from_env()).await?;
/// let bridge = Bridge::bind(Config::default(), client)?;
/// println!("http://{}", bridge.local_addr());
/// bridge.serve(async { let _ = tokio::signal::ctrl_c().await; }).await;
/// # Ok(())
/// # }
/// ```
pub struct Bridge {
    listener: TcpListener,
    address: SocketAddr,
    edge: Arc<Edge>,
    tls: Option<Arc<Acceptor>>,
    metrics: Option<(TcpListener, SocketAddr)>,
}

/// Why a bridge could not listen.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BindError {
    /// Something else listens there.
    #[error("{address} is already in use: stop what listens on port {port}, or choose another with `--listen`", port = .address.port())]
    AddressInUse {
        /// The address, as configured.
        address: SocketAddr,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}, chosen with `--listen`: {source}")]
    Listen {
        /// The address, as configured.
        address: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },
    /// What the settings name cannot be used.
    #[error("{source}")]
    Config {
        /// The address, as configured.
        address: SocketAddr,
        /// What is wrong.
        source: ConfigError,
    },
}

impl BindError {
    /// Returns the address that was asked for.
    pub fn address(&self) -> SocketAddr {
        match self {
            Self::AddressInUse { address }
            | Self::Listen { address, .. }
            | Self::Config { address, .. } => *address,
        }
    }
}

impl Bridge {
    /// Listens. Connections wait from here on, and are answered once [`serve`](Self::serve) runs.
    ///
    /// # Errors
    /// [`BindError::Config`] when a certificate or key cannot be used, [`BindError::AddressInUse`],
    /// or [`BindError::Listen`] for any other reason.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub fn bind(config: Config, client: Client) -> Result<Self, BindError> {
        let address = config.listen;
        let misconfigured = |source| BindError::Config { address, source };
        let patience = config.limits.header_time;
        let acceptor = |tls| Acceptor::new(tls, patience).map(Arc::new);
        let tls = config.tls.clone().map(acceptor).transpose();
        let tls = tls.map_err(|error| misconfigured(error.into()))?;
        let (listener, local) = bind(address)?;
        let metrics = match config.metrics {
            Some(MetricsAt::Listener(address)) => Some(bind(address)?),
            Some(MetricsAt::MainPort) | None => None,
        };
        let loopback = local.ip().to_canonical().is_loopback();
        let edge = Edge::new(config, client, loopback).map_err(misconfigured)?;
        Ok(Self {
            listener,
            address: local,
            edge: Arc::new(edge),
            tls,
            metrics,
        })
    }

    /// Returns the address it listens on, with the port that was taken for port 0.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Returns the address of `/metrics`, where that has one of its own.
    pub fn metrics_addr(&self) -> Option<SocketAddr> {
        self.metrics.as_ref().map(|(_, address)| *address)
    }

    /// Returns where clients find it: `https://127.0.0.1:5000`.
    pub fn url(&self) -> String {
        let scheme = match self.tls {
            Some(_) => "https",
            None => "http",
        };
        format!("{scheme}://{}", self.address)
    }

    /// Answers requests until `shutdown` completes, then drains: takes no new connections, finishes
    /// the running requests up to [`Config::drain_timeout`], closes idle connections, and returns.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) {
        let limits = &self.edge.config.limits;
        let doors = Doors {
            admission: Admission::new(limits.connections, limits.connections_per_address),
            edge: self.edge,
            connections: TaskTracker::new(),
            tls: self.tls,
        };
        // To the end: how a drain goes is worth a look.
        let _metrics =
            self.metrics
                .zip(doors.edge.metrics.clone())
                .map(|((listener, _), metrics)| {
                    AbortOnDropHandle::new(tokio::spawn(metrics::listen(listener, metrics)))
                });
        let mut shutdown = pin!(shutdown);
        let mut watch = pin!(watch(doors.tls.clone()));
        loop {
            tokio::select! {
                biased;
                () = &mut shutdown => break,
                () = &mut watch => {}
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, peer)) => doors.open(stream, peer),
                    Err(error) => pause_after(error).await,
                },
            }
        }
        // Who is in the system's queue was told that it is connected, and may have sent already.
        while let Some(Ok((stream, peer))) = self.listener.accept().now_or_never() {
            doors.open(stream, peer);
        }
        drop(self.listener);
        doors.close().await;
    }
}

impl std::fmt::Debug for Bridge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bridge")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// What becomes of accepted connections.
struct Doors {
    admission: Arc<Admission>,
    edge: Arc<Edge>,
    connections: TaskTracker,
    tls: Option<Arc<Acceptor>>,
}

impl Doors {
    fn open(&self, stream: TcpStream, peer: SocketAddr) {
        let Some(admitted) = self.admission.admit(peer.ip()) else {
            if let Some(metrics) = &self.edge.metrics {
                metrics.refused();
            }
            // Words outside of TLS would be noise.
            if self.tls.is_none() {
                turn_away(stream);
            }
            return;
        };
        let counted = self.edge.metrics.as_ref().map(Metrics::open);
        // A reply is written in one piece; waiting for more of it only costs time.
        let _ = stream.set_nodelay(true);
        match self.tls.clone() {
            None => {
                let served = connection::serve(self.edge.clone(), stream, peer.ip(), None);
                self.connections.spawn(async move {
                    served.await;
                    drop((admitted, counted));
                });
            }
            Some(tls) => {
                let edge = self.edge.clone();
                self.connections.spawn(async move {
                    // Whoever drains waits for no handshake: nothing was asked yet.
                    let accepted = tokio::select! {
                        accepted = tls.accept(stream) => accepted,
                        () = edge.draining.cancelled() => return,
                    };
                    match accepted {
                        Ok((stream, protocol)) => {
                            connection::serve(edge, stream, peer.ip(), Some(protocol)).await;
                        }
                        Err(error) => tracing::debug!("a TLS handshake failed: {error}"),
                    }
                    drop((admitted, counted));
                });
            }
        }
    }

    async fn close(self) {
        let connections = self.connections.len();
        tracing::info!(connections, "draining");
        self.edge.draining.cancel();
        self.connections.close();
        self.connections.wait().await;
    }
}

impl Drop for Doors {
    /// Whoever drops [`Bridge::serve`] half-way leaves no connection behind that nobody ends.
    fn drop(&mut self) {
        self.edge.draining.cancel();
    }
}

/// Sees to the certificate where there is one; never ends.
async fn watch(tls: Option<Arc<Acceptor>>) {
    match tls {
        Some(tls) => tls.watch().await,
        None => std::future::pending().await,
    }
}

/// Says why in as far as that needs no waiting: whoever is turned away gets no task.
fn turn_away(stream: TcpStream) {
    let full = RpcError::new(Code::Unavailable, "too many connections");
    let _ = stream.try_write(&crate::problem::bare_response(&full.into()));
}

async fn pause_after(error: io::Error) {
    // The client that went away before it was accepted is no reason to wait.
    if !matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    ) {
        tracing::warn!("accepting a connection failed: {error}");
        tokio::time::sleep(ACCEPT_PAUSE).await;
    }
}

fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), BindError> {
    listen(address).map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => BindError::AddressInUse { address },
        _ => BindError::Listen { address, source },
    })
}

fn listen(address: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // A restart does not have to wait for the last connections of the process before to time out.
    // (On Windows the option means another thing: taking the port from whoever has it.)
    #[cfg(not(windows))]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    let listener = socket.listen(BACKLOG)?;
    let local = listener.local_addr()?;
    Ok((listener, local))
}
