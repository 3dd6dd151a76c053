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
use tokio_util::task::TaskTracker;

use crate::admission::Admission;
use crate::config::Config;
use crate::connection;
use crate::edge::Edge;

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
}

impl BindError {
    /// Returns the address that was asked for.
    pub fn address(&self) -> SocketAddr {
        match self {
            Self::AddressInUse { address } | Self::Listen { address, .. } => *address,
        }
    }
}

impl Bridge {
    /// Listens. Connections wait from here on, and are answered once [`serve`](Self::serve) runs.
    ///
    /// # Errors
    /// [`BindError::AddressInUse`], or [`BindError::Listen`] for any other reason.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub fn bind(config: Config, client: Client) -> Result<Self, BindError> {
        let address = config.listen;
        let (listener, local) = listen(address).map_err(|source| match source.kind() {
            io::ErrorKind::AddrInUse => BindError::AddressInUse { address },
            _ => BindError::Listen { address, source },
        })?;
        let loopback = local.ip().to_canonical().is_loopback();
        Ok(Self {
            listener,
            address: local,
            edge: Arc::new(Edge::new(config, client, loopback)),
        })
    }

    /// Returns the address it listens on, with the port that was taken for port 0.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Answers requests until `shutdown` completes, then drains: takes no new connections, finishes
    /// the running requests up to [`Config::drain_timeout`], closes idle connections, and returns.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) {
        let limits = &self.edge.config.limits;
        let doors = Doors {
            admission: Admission::new(limits.connections, limits.connections_per_address),
            edge: self.edge,
            connections: TaskTracker::new(),
        };
        let mut shutdown = pin!(shutdown);
        loop {
            tokio::select! {
                biased;
                () = &mut shutdown => break,
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
}

impl Doors {
    fn open(&self, stream: TcpStream, peer: SocketAddr) {
        let Some(admitted) = self.admission.admit(peer.ip()) else {
            return turn_away(stream);
        };
        // A reply is written in one piece; waiting for more of it only costs time.
        let _ = stream.set_nodelay(true);
        let served = connection::serve(self.edge.clone(), stream, peer.ip());
        self.connections.spawn(async move {
            served.await;
            drop(admitted);
        });
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
