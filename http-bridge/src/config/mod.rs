//! Settings, with defaults that are safe to put on the web.

mod auth;
mod cors;
mod idempotency;
mod metrics;
mod proxies;
mod rate;
mod tls;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use rpc_core::Method;
use thiserror::Error;

use crate::auth::{Gate, KeysError};
use crate::pattern::Pattern;
use crate::tls::{Acceptor, CertificateError};

pub use auth::{Algorithm, AlgorithmError, Auth, KeySource, TokenRequired};
pub use cors::{Cors, Origin, OriginError};
pub use idempotency::Idempotency;
pub use metrics::MetricsAt;
pub use proxies::{ForwardedHeader, Network, NetworkError, Proxies};
pub use rate::{Rate, RateError};
pub use tls::Tls;

/// How a [`Bridge`](crate::Bridge) listens, calls and limits.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use http_bridge::{Config, Limits};
///
/// let config = Config {
///     listen: "127.0.0.1:8080".parse().unwrap(),
///     limits: Limits { body_time: Duration::from_secs(5), ..Limits::default() },
///     ..Config::default()
/// };
/// assert_eq!(config.call_timeout, Duration::from_secs(30));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The address to listen on; port 0 takes a free one. `127.0.0.1:5000` by default.
    pub listen: SocketAddr,
    /// The longest a call may take, and what it gets when the client asks for nothing. 30 s.
    pub call_timeout: Duration,
    /// How long running requests may go on once the bridge was told to stop. 30 s.
    pub drain_timeout: Duration,
    /// Host names that a bridge on a loopback address answers to besides `localhost`: those a
    /// proxy on the same machine passes on. None by default.
    pub allowed_hosts: Vec<String>,
    /// The methods that the web may call; all that are announced and not `internal` when empty, as
    /// by default. Whatever is left out is answered like a method that does not exist.
    pub expose: Vec<Pattern>,
    /// The methods that the web may not call, although `expose` has them. None by default.
    pub deny: Vec<Pattern>,
    /// TLS on the port; plain HTTP without it, as by default.
    pub tls: Option<Tls>,
    /// Asks callers for a token; everybody may call without it, as by default.
    pub auth: Option<Auth>,
    /// The pages of other sites that may call. None by default.
    pub cors: Cors,
    /// The proxies whose word on a client's address is taken. None by default.
    pub proxies: Proxies,
    /// How often one client may call: the subject of a verified token, else an address; past it
    /// 429. No limit by default.
    pub rate_limit: Option<Rate>,
    /// Whether large answers are compressed for clients that take it. They are.
    pub compression: bool,
    /// How long replies are kept for repeats with the same `Idempotency-Key`. 10 minutes.
    pub idempotency: Idempotency,
    /// Where `/metrics` is. Nowhere by default, and then nothing is counted.
    pub metrics: Option<MetricsAt>,
    /// What one client, and all of them together, may use.
    pub limits: Limits,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 5000)),
            call_timeout: Duration::from_secs(30),
            drain_timeout: Duration::from_secs(30),
            allowed_hosts: Vec::new(),
            expose: Vec::new(),
            deny: Vec::new(),
            tls: None,
            auth: None,
            cors: Cors::default(),
            proxies: Proxies::default(),
            rate_limit: None,
            compression: true,
            idempotency: Idempotency::default(),
            metrics: None,
            limits: Limits::default(),
        }
    }
}

impl Config {
    /// Checks what the settings name, without listening: the certificate and the file of keys.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), ConfigError> {
        if let Some(tls) = &self.tls {
            Acceptor::new(tls.clone(), self.limits.header_time)?;
        }
        if let Some(auth) = &self.auth {
            Gate::new(auth.clone())?;
        }
        Ok(())
    }

    /// Returns whether the web may call a method, and know that there is one.
    pub(crate) fn offers(&self, method: &Method) -> bool {
        !method.internal && self.exposes(&method.subject)
    }

    /// Returns whether `expose` and `deny` let the web call the method on `subject`.
    pub(crate) fn exposes(&self, subject: &str) -> bool {
        let any = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.matches(subject));
        (self.expose.is_empty() || any(&self.expose)) && !any(&self.deny)
    }

    /// Returns the same with times that can be added to a clock: `Duration::MAX` means "never" to
    /// who writes it, and a year is as good.
    pub(crate) fn bounded(mut self) -> Self {
        const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
        let limits = &mut self.limits;
        for time in [
            &mut self.call_timeout,
            &mut self.drain_timeout,
            &mut limits.header_time,
            &mut limits.body_time,
            &mut limits.idle_time,
        ] {
            *time = YEAR.min(*time);
        }
        self
    }
}

/// What is wrong with what the settings name.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The certificate or its key cannot be used.
    #[error("the certificate: {0}")]
    Certificate(String),
    /// The keys for tokens cannot be used.
    #[error("{0}")]
    Keys(String),
}

impl From<CertificateError> for ConfigError {
    fn from(error: CertificateError) -> Self {
        Self::Certificate(error.to_string())
    }
}

impl From<KeysError> for ConfigError {
    fn from(error: KeysError) -> Self {
        Self::Keys(error.to_string())
    }
}

/// What one client, and all of them together, may use.
///
/// Times are totals: a byte a second does not extend them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a request's body; past it 413. 1 MiB, and never more than the NATS server takes.
    pub body_bytes: usize,
    /// Bytes of a request's header names and values; past it 431. 16 KiB.
    pub header_bytes: usize,
    /// Number of a request's headers; past it 431. 64.
    pub headers: usize,
    /// Bytes of a request's path and query; past it 414. 8 KiB.
    pub uri_bytes: usize,
    /// From the first byte of a request, or from the accepted connection, to the end of its
    /// headers; past it 408. 10 s.
    pub header_time: Duration,
    /// From the end of the headers to the end of the body; past it 408. The client has as long
    /// again to take the answer; past that its connection is closed. 30 s.
    pub body_time: Duration,
    /// How long a connection may wait for its next request; past it the connection is closed. 75 s,
    /// longer than common balancers keep theirs, so that they do not send into a closed one.
    pub idle_time: Duration,
    /// Open connections in all; past it 503 and closed. 4,096.
    pub connections: usize,
    /// Open connections of one address (of one /64 network for IPv6); past it 503 and closed.
    /// 4,096.
    pub connections_per_address: usize,
    /// Requests between their headers and their answer; past it 503. 2,048.
    pub requests_in_flight: usize,
    /// Concurrent requests on one HTTP/2 connection. 100.
    pub http2_streams: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 1024 * 1024,
            header_bytes: 16 * 1024,
            headers: 64,
            uri_bytes: 8 * 1024,
            header_time: Duration::from_secs(10),
            body_time: Duration::from_secs(30),
            idle_time: Duration::from_secs(75),
            connections: 4_096,
            connections_per_address: 4_096,
            requests_in_flight: 2_048,
            http2_streams: 100,
        }
    }
}
