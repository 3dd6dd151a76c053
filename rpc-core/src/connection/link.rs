//! One physical connection, and how it is made.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_nats::connection::State;
use async_nats::{ConnectErrorKind, ConnectOptions, ServerAddr, Subscriber};
use bytes::Bytes;
use futures_util::StreamExt as _;
use tokio::time::{sleep, timeout};
use tracing::warn;

use super::events::Events;
use super::servers::{delay, parse_servers, percent_decoded};
use crate::config::Config;
use crate::error::ConnectError;

/// One physical connection.
pub(crate) struct Link {
    pub(crate) nats: async_nats::Client,
    pub(super) generation: u64,
    /// The subscription of the reply inbox. It is there before anything can be sent on the link,
    /// because a reply may come as soon as a request has gone.
    replies: Mutex<Option<Subscriber>>,
}

impl Link {
    /// Returns the subscription of the reply inbox, to the first who asks.
    pub(crate) fn take_replies(&self) -> Option<Subscriber> {
        self.replies
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    /// Makes a round trip through the server on this very link, and returns whether it came back
    /// within `limit`.
    pub(crate) async fn echo(&self, limit: Duration) -> bool {
        // While it connects again, nothing would come back.
        if self.nats.connection_state() != State::Connected {
            return false;
        }
        let round_trip = async {
            let inbox = self.nats.new_inbox();
            let mut echo = self.nats.subscribe(inbox.clone()).await.ok()?;
            self.nats.publish(inbox, Bytes::new()).await.ok()?;
            echo.next().await
        };
        matches!(timeout(limit, round_trip).await, Ok(Some(_)))
    }
}

/// Connects, retrying with jitter and saying so.
pub(super) async fn connect_with_retries(
    config: &Config,
    inbox: &str,
    events: &Arc<Events>,
    generation: u64,
    give_up_after: Option<Duration>,
) -> Result<Link, ConnectError> {
    let started = Instant::now();
    let servers = parse_servers(&config.servers)?;
    let names = config.to_string();
    for attempt in 1.. {
        let error = match options(config, events, generation, &servers)
            .connect(&servers[..])
            .await
        {
            Ok(nats) => {
                // One token below the inbox, so that what callers publish deeper is not heard here.
                if let Ok(replies) = nats.subscribe(format!("{inbox}.*")).await {
                    events.connected.store(true, Relaxed);
                    let replies = Mutex::new(Some(replies));
                    return Ok(Link {
                        nats,
                        generation,
                        replies,
                    });
                }
                warn!("the connection to NATS broke at once, connecting anew");
                sleep(delay(attempt)).await;
                continue;
            }
            Err(error) => error,
        };
        let reason = error.to_string();
        if matches!(
            error.kind(),
            ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation
        ) {
            return Err(ConnectError::Refused {
                servers: names,
                reason,
            });
        }
        if give_up_after.is_some_and(|limit| started.elapsed() >= limit) {
            return Err(ConnectError::Unreachable {
                servers: names,
                reason,
            });
        }
        warn!(servers = names, attempt, "waiting for NATS: {reason}");
        sleep(delay(attempt)).await;
    }
    unreachable!("the loop above ends only by returning")
}

fn options(
    config: &Config,
    events: &Arc<Events>,
    generation: u64,
    servers: &[ServerAddr],
) -> ConnectOptions {
    let events = events.clone();
    let mut options = ConnectOptions::new()
        .name(&config.name)
        .custom_inbox_prefix(&config.inbox_prefix)
        .ping_interval(Duration::from_secs(2))
        .connection_timeout(Duration::from_secs(2))
        .request_timeout(None)
        .reconnect_delay_callback(delay)
        .event_callback(move |event| {
            if events.generation.load(Relaxed) == generation {
                events.note(&event);
            }
            std::future::ready(())
        });
    // The client ignores credentials inside URLs, so they are passed on here.
    let credentials = servers
        .iter()
        .find_map(|server| Some((server.username()?, server.password())));
    match credentials {
        Some((user, Some(password))) => {
            options = options.user_and_password(percent_decoded(user), percent_decoded(password));
        }
        Some((token, None)) => options = options.token(percent_decoded(token)),
        None => {}
    }
    options
}
