//! What an embedded broker can be told: address, limits and timers.

use std::fmt;
use std::time::Duration;

/// Settings of an embedded broker.
///
/// The defaults are those of a stock NATS server, except for `host`, which is
/// always loopback, and `max_pending`, which fits a broker that shares its
/// process with an application.
///
/// # Examples
/// ```
/// use rpc_broker::Config;
///
/// let config = Config { port: 0, max_payload: 64 * 1024, ..Config::default() };
/// assert_eq!(config.host, "127.0.0.1");
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    /// Loopback name or address to listen on. Default: `127.0.0.1`.
    pub host: String,
    /// Port to listen on; 0 takes a free one. Default: 4222.
    pub port: u16,
    /// Largest message, headers included, in bytes. Default: 1 MiB.
    pub max_payload: usize,
    /// Bytes that may wait for one connection; above it the connection is
    /// closed as a slow consumer. Default: 16 MiB.
    pub max_pending: usize,
    /// Longest list of arguments of one operation, in bytes. Default: 4096.
    pub max_control_line: usize,
    /// Connections served at the same time. Default: 65,536.
    pub max_connections: usize,
    /// Subscriptions one connection may hold. Default: no limit.
    pub max_subscriptions: Option<usize>,
    /// Time between two pings to a silent connection. Default: 2 minutes.
    pub ping_interval: Duration,
    /// Pings that may stay unanswered before the connection is closed as
    /// stale. Default: 2.
    pub max_pings_out: u32,
    /// How long a write to a connection may make no progress. Default: 10 s.
    pub write_deadline: Duration,
    /// How long a client may take to authenticate. Default: 2 s.
    pub auth_timeout: Duration,
    /// Time between the lame duck notice and the end. Default: 10 s.
    pub lame_duck_grace: Duration,
    /// What clients must present in CONNECT. Default: nothing.
    pub auth: Option<Auth>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port: 4222,
            max_payload: 1024 * 1024,
            max_pending: 16 * 1024 * 1024,
            max_control_line: 4096,
            max_connections: 65_536,
            max_subscriptions: None,
            ping_interval: Duration::from_secs(120),
            max_pings_out: 2,
            write_deadline: Duration::from_secs(10),
            auth_timeout: Duration::from_secs(2),
            lame_duck_grace: Duration::from_secs(10),
            auth: None,
        }
    }
}

/// The credentials a client must present in CONNECT.
///
/// Its `Debug` form does not show the secret.
#[derive(Clone, PartialEq, Eq)]
pub enum Auth {
    /// One token, sent as `auth_token`.
    Token(String),
    /// A user name and a password, sent as `user` and `pass`.
    UserPassword {
        /// The name.
        user: String,
        /// The password.
        password: String,
    },
}

impl Auth {
    /// Tells whether the presented credentials are the configured ones.
    pub(crate) fn accepts(&self, presented: &Credentials) -> bool {
        match self {
            Self::Token(token) => same_secret(token, presented.token.as_deref()),
            Self::UserPassword { user, password } => {
                same_secret(user, presented.user.as_deref())
                    & same_secret(password, presented.password.as_deref())
            }
        }
    }
}

/// What a client presented so far.
#[derive(Default)]
pub(crate) struct Credentials {
    pub(crate) user: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) token: Option<String>,
}

/// Compares without stopping at the first difference, so that the time taken
/// does not tell how much of a guess was right.
fn same_secret(expected: &str, presented: Option<&str>) -> bool {
    let presented = presented.unwrap_or_default();
    expected.len() == presented.len()
        && expected
            .bytes()
            .zip(presented.bytes())
            .fold(0, |difference, (a, b)| difference | (a ^ b))
            == 0
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(_) => f.write_str("Token(..)"),
            Self::UserPassword { user, .. } => {
                write!(f, "UserPassword {{ user: {user:?}, .. }}")
            }
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn presented(user: &str, password: &str, token: &str) -> Credentials {
        let some = |value: &str| (!value.is_empty()).then(|| value.to_owned());
        Credentials {
            user: some(user),
            password: some(password),
            token: some(token),
        }
    }

    #[test]
    fn credentials_must_match_exactly() {
        let token = Auth::Token("secret".to_owned());
        assert!(token.accepts(&presented("", "", "secret")));
        assert!(!token.accepts(&presented("", "", "secre")));
        assert!(!token.accepts(&presented("", "", "")));
        let pair = Auth::UserPassword {
            user: "bob".to_owned(),
            password: "pw".to_owned(),
        };
        assert!(pair.accepts(&presented("bob", "pw", "")));
        assert!(!pair.accepts(&presented("bob", "no", "")));
        assert!(!pair.accepts(&presented("eve", "pw", "")));
    }

    #[test]
    fn debug_hides_the_secret() {
        let config = Config {
            auth: Some(Auth::Token("hunter2".to_owned())),
            ..Config::default()
        };
        assert!(!format!("{config:?}").contains("hunter2"));
    }
}
