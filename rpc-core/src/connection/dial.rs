//! How a link is made.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use async_nats::{ConnectErrorKind, ConnectOptions, ServerAddr};
use tokio::time::sleep;
use tracing::warn;

use super::events::Events;
use super::link::Link;
use super::servers::{LONGEST_DELAY, delay, parse_servers, percent_decoded};
use crate::config::Config;
use crate::error::ConnectError;

/// The heartbeat notices much sooner that a server does not answer. The pings of the client below
/// would cut the connection then, and with it calls that a frozen server hands over when it thaws.
const PINGS: Duration = Duration::from_secs(60);
/// How long one server may take to answer.
const ONE_TRY: Duration = Duration::from_secs(2);

/// Makes the links of one connection.
#[derive(Clone)]
pub(super) struct Dialler {
    config: Config,
    servers: Vec<ServerAddr>,
    inbox: String,
    pub(super) events: Arc<Events>,
}

impl Dialler {
    /// Reads the servers of `config`.
    pub(super) fn new(
        config: &Config,
        inbox: &str,
        events: &Arc<Events>,
    ) -> Result<Self, ConnectError> {
        Ok(Self {
            servers: parse_servers(&config.servers)?,
            config: config.clone(),
            inbox: inbox.to_owned(),
            events: events.clone(),
        })
    }

    /// Connects to one of the servers, retrying with jitter and saying so.
    pub(super) async fn connect(
        &self,
        generation: u64,
        give_up_after: Option<Duration>,
    ) -> Result<Link, ConnectError> {
        let started = Instant::now();
        let servers = self.config.to_string();
        for attempt in 1_usize.. {
            let reason = match self.options(generation).connect(&self.servers[..]).await {
                Ok(nats) => match self.listen(nats, generation).await {
                    Some(link) => return Ok(link),
                    None => "the connection broke at once".to_owned(),
                },
                Err(error) => {
                    let reason = error.to_string();
                    if is_refusal(error.kind()) {
                        return Err(ConnectError::Refused { servers, reason });
                    }
                    reason
                }
            };
            if give_up_after.is_some_and(|limit| started.elapsed() >= limit) {
                return Err(ConnectError::Unreachable { servers, reason });
            }
            // Twice a second for hours would be too many lines.
            if attempt.is_power_of_two() {
                warn!(servers, attempt, "waiting for NATS: {reason}");
            }
            sleep(delay(attempt)).await;
        }
        unreachable!("the loop above ends only by returning")
    }

    /// Connects for as long as it takes, also while the credentials are refused.
    pub(super) async fn connect_again(&self, generation: u64) -> Link {
        loop {
            match self.connect(generation, None).await {
                Ok(link) => return link,
                Err(error) => self.events.credentials_refused(&error.to_string()),
            }
            sleep(LONGEST_DELAY).await;
        }
    }

    /// Returns a dialler that knows the servers, too, that `link`'s server has told of.
    pub(super) fn with_announced(&self, link: &Link) -> Self {
        let mut wider = self.clone();
        let announced = link.nats.server_info().connect_urls;
        let announced = announced.iter().filter_map(|url| url.parse().ok());
        wider.servers.extend(announced);
        wider
    }

    /// Subscribes to the reply inbox.
    async fn listen(&self, nats: async_nats::Client, generation: u64) -> Option<Link> {
        // One token below the inbox, so that what callers publish deeper is not heard here.
        let replies = nats.subscribe(format!("{}.*", self.inbox)).await.ok()?;
        self.events.connected.store(true, Relaxed);
        Some(Link::new(nats, generation, replies))
    }

    fn options(&self, generation: u64) -> ConnectOptions {
        let events = self.events.clone();
        let mut options = ConnectOptions::new()
            .name(&self.config.name)
            .custom_inbox_prefix(&self.config.inbox_prefix)
            .ping_interval(PINGS)
            .connection_timeout(ONE_TRY)
            .request_timeout(None)
            .reconnect_delay_callback(delay)
            .event_callback(move |event| {
                if events.generation.load(Relaxed) == generation {
                    events.note(&event);
                }
                std::future::ready(())
            });
        // The client ignores credentials inside URLs, so they are passed on here.
        let credentials = self
            .servers
            .iter()
            .find_map(|server| Some((server.username()?, server.password())));
        match credentials {
            Some((user, Some(password))) => {
                options =
                    options.user_and_password(percent_decoded(user), percent_decoded(password));
            }
            Some((token, None)) => options = options.token(percent_decoded(token)),
            None => {}
        }
        options
    }
}

fn is_refusal(kind: ConnectErrorKind) -> bool {
    matches!(
        kind,
        ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation
    )
}
