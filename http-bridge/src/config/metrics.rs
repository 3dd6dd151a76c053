//! Where `/metrics` is.

use std::net::SocketAddr;

/// Where `/metrics` is served, when it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricsAt {
    /// Beside everything else, and so behind the same token, where tokens are asked for.
    MainPort,
    /// On an address of its own, in plain HTTP and for everybody who reaches it: choose one that
    /// the internet does not.
    Listener(SocketAddr),
}
