//! Where the NATS servers are, and who says it is connecting.

use std::fmt;
use std::time::Duration;

/// How to reach NATS. Written as text, it is the list of servers without their passwords.
///
/// # Examples
/// ```
/// use rpc_core::Config;
/// let config = Config::new("nats://a:4222,nats://b:4222").name("billing");
/// assert_eq!(config.servers, ["nats://a:4222", "nats://b:4222"]);
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Config {
    /// The servers' URLs; user and password, or a token, may stand inside: `nats://user:pass@host`.
    pub servers: Vec<String>,
    /// The connection's name, which operators see in `nats server report connections`. A runner
    /// names its own after its instances: `greeting_service/<id>`, joined by commas.
    pub name: String,
    /// The first token of reply inboxes; `_INBOX` by default.
    pub inbox_prefix: String,
    /// How long the first connection is retried; for ever by default.
    pub give_up_after: Option<Duration>,
}

impl Config {
    /// The server that is tried where nobody names one.
    pub const DEFAULT_SERVER: &'static str = "nats://127.0.0.1:4222";

    /// Creates a configuration for a comma-separated list of server URLs.
    pub fn new(servers: &str) -> Self {
        let listed = servers
            .split(',')
            .map(str::trim)
            .filter(|url| !url.is_empty());
        Self {
            servers: listed.map(str::to_owned).collect(),
            name: "rpc".to_owned(),
            inbox_prefix: "_INBOX".to_owned(),
            give_up_after: None,
        }
    }

    /// Reads `NATS_URL`; absent or empty means [`DEFAULT_SERVER`](Self::DEFAULT_SERVER).
    pub fn from_env() -> Self {
        Self::new(&url_from_env().unwrap_or_else(|| Self::DEFAULT_SERVER.to_owned()))
    }

    /// Sets the connection's name.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Stops retrying the first connection after `limit`; zero means one try.
    #[must_use]
    pub fn give_up_after(mut self, limit: Duration) -> Self {
        self.give_up_after = Some(limit);
        self
    }
}

/// Returns `NATS_URL` where it says something.
pub(crate) fn url_from_env() -> Option<String> {
    std::env::var("NATS_URL")
        .ok()
        .filter(|url| !url.trim().is_empty())
}

impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let servers: Vec<_> = self
            .servers
            .iter()
            .map(|url| without_password(url))
            .collect();
        f.write_str(&servers.join(","))
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("servers", &format_args!("{self}"))
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Returns a URL that may be logged.
pub(crate) fn without_password(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("nats", url));
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    format!("{scheme}://{host}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_logged() {
        assert_eq!(
            without_password("nats://bob:p@ss@host:4222"),
            "nats://host:4222"
        );
        assert_eq!(without_password("token@host"), "nats://host");
    }
}
