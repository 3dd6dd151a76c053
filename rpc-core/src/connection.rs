//! A NATS connection that is watched.
//!
//! The client below reconnects by itself when a socket closes. This module adds what it lacks:
//! jitter, credentials inside URLs, and a heartbeat of our own, because a connection whose task died
//! or whose server froze still calls itself connected. A dead link is replaced by a new one; those
//! who subscribe wait for [`Connection::replaced`] and subscribe again.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use async_nats::{ConnectErrorKind, ConnectOptions, Event, ServerAddr, Subscriber};
use bytes::Bytes;
use futures_util::StreamExt as _;
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};
use uuid::Uuid;

use crate::config::{Config, without_password};
use crate::error::ConnectError;

/// How often the heartbeat makes a round trip, and how long it waits for it.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// After so many lost heartbeats in a row the link is replaced.
const LOST_HEARTBEATS: u32 = 2;
/// Two tries to connect are never further apart.
const LONGEST_DELAY: Duration = Duration::from_millis(500);
/// How many refusals wait to be heard. One more is dropped, and its call ends at its deadline.
const MOST_REFUSALS: usize = 1_024;

/// One physical connection.
pub(crate) struct Link {
    pub(crate) nats: async_nats::Client,
    generation: u64,
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
}

/// The connection of one client: always one current [`Link`].
pub(crate) struct Connection {
    config: Config,
    inbox: String,
    link: ArcSwap<Link>,
    generation: watch::Sender<u64>,
    events: Arc<Events>,
    supervisor: OnceLock<AbortHandle>,
}

/// What the link's events told us.
#[derive(Default)]
struct Events {
    /// Whose events count: a link that was replaced may live on for a moment, and what happens to
    /// it then says nothing of the current one.
    generation: AtomicU64,
    connected: AtomicBool,
    closing: AtomicBool,
    reconnects: AtomicU64,
    disconnects: watch::Sender<u64>,
    violations: watch::Sender<Option<String>>,
    refusals: Refusals,
}

/// Subjects that the server did not let us publish on.
struct Refusals {
    sender: mpsc::Sender<String>,
    receiver: Mutex<Option<mpsc::Receiver<String>>>,
}

impl Default for Refusals {
    fn default() -> Self {
        let (sender, receiver) = mpsc::channel(MOST_REFUSALS);
        let receiver = Mutex::new(Some(receiver));
        Self { sender, receiver }
    }
}

impl Connection {
    /// Connects, retrying with jitter and saying so, and starts watching.
    pub(crate) async fn connect(config: Config) -> Result<Arc<Self>, ConnectError> {
        let events = Arc::new(Events::default());
        let inbox = format!("{}.{}", config.inbox_prefix, Uuid::new_v4().simple());
        let link = connect_with_retries(&config, &inbox, &events, 0, config.give_up_after).await?;
        let connection = Arc::new(Self {
            config,
            inbox,
            link: ArcSwap::from_pointee(link),
            generation: watch::Sender::new(0),
            events,
            supervisor: OnceLock::new(),
        });
        let supervisor = tokio::spawn(supervise(Arc::downgrade(&connection)));
        connection
            .supervisor
            .get_or_init(|| supervisor.abort_handle());
        Ok(connection)
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// Returns the reply inbox: replies come on `<inbox>.<token>`.
    pub(crate) fn inbox(&self) -> &str {
        &self.inbox
    }

    /// Returns the current link; hold it for one operation only.
    pub(crate) fn link(&self) -> arc_swap::Guard<Arc<Link>> {
        self.link.load()
    }

    /// Returns whether a server is connected, as far as events have told.
    pub(crate) fn is_connected(&self) -> bool {
        self.events.connected.load(Relaxed)
    }

    /// Notes that the connection ends because this process does, so that its end is no warning.
    pub(crate) fn closing(&self) {
        self.events.closing.store(true, Relaxed);
    }

    /// Resolves when `link` is no longer the current one.
    pub(crate) async fn replaced(&self, link: &Link) {
        let mut generation = self.generation.subscribe();
        // The sender lives in `self`, so this only ends when the generation moves.
        let _ = generation
            .wait_for(|current| *current != link.generation)
            .await;
    }

    /// Returns a counter that moves at each disconnection.
    pub(crate) fn disconnects(&self) -> watch::Receiver<u64> {
        self.events.disconnects.subscribe()
    }

    /// Returns the subjects that the server does not let us publish on, as it tells them, to the
    /// first who asks.
    pub(crate) fn take_refusals(&self) -> Option<mpsc::Receiver<String>> {
        let refusals = &self.events.refusals.receiver;
        refusals
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    /// Returns the last permission violation that the server reported.
    pub(crate) fn violations(&self) -> watch::Receiver<Option<String>> {
        self.events.violations.subscribe()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(supervisor) = self.supervisor.get() {
            supervisor.abort();
        }
    }
}

/// Watches the heartbeat of every link in turn and replaces the dead.
///
/// It holds the connection for moments only, so that one which nobody uses any more ends, also while
/// no server can be reached.
async fn supervise(connection: Weak<Connection>) {
    let Some((config, inbox, events)) = connection.upgrade().map(|connection| {
        let Connection {
            config,
            inbox,
            events,
            ..
        } = &*connection;
        (config.clone(), inbox.clone(), events.clone())
    }) else {
        return;
    };
    while let Some(link) = connection
        .upgrade()
        .map(|connection| connection.link.load_full())
    {
        let reason = heartbeat(&link.nats).await;
        warn!(reason, "the connection to NATS is dead, connecting anew");
        let generation = link.generation + 1;
        events.generation.store(generation, Relaxed);
        events.disconnected();
        // Without a limit a try fails only where credentials were withdrawn.
        let next = loop {
            match connect_with_retries(&config, &inbox, &events, generation, None).await {
                Ok(next) => break next,
                Err(error) => warn!("{error}; trying again"),
            }
            sleep(LONGEST_DELAY).await;
        };
        let Some(connection) = connection.upgrade() else {
            return;
        };
        connection.link.store(Arc::new(next));
        connection.generation.send_replace(generation);
    }
}

/// Makes round trips until the link is dead, and says why it is.
async fn heartbeat(nats: &async_nats::Client) -> &'static str {
    let inbox = nats.new_inbox();
    let Ok(mut beats) = nats.subscribe(inbox.clone()).await else {
        return "its task has ended";
    };
    let mut lost = 0;
    loop {
        // A beat that comes now is a late one; the end of the stream is the end of the link.
        let ended = async { while beats.next().await.is_some() {} };
        if timeout(HEARTBEAT, ended).await.is_ok() {
            return "its task has ended";
        }
        let sent = Instant::now();
        // Sending is inside the time limit: it waits where the connection's queue is full, and that
        // of a frozen server stays full.
        let round_trip = async {
            nats.publish(inbox.clone(), Bytes::new()).await.ok()?;
            beats.next().await
        };
        match timeout(HEARTBEAT, round_trip).await {
            Ok(Some(_)) => lost = 0,
            Ok(None) => return "its task has ended",
            // While it reconnects by itself there is nothing to hear and nothing to replace.
            Err(_) if nats.connection_state() != async_nats::connection::State::Connected => {
                lost = 0;
            }
            Err(_) => lost += 1,
        }
        if lost >= LOST_HEARTBEATS {
            return "the server does not answer";
        }
        tracing::trace!(round_trip = ?sent.elapsed(), "heartbeat");
    }
}

async fn connect_with_retries(
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

impl Events {
    fn note(&self, event: &Event) {
        match event {
            Event::Connected => {
                self.connected.store(true, Relaxed);
                let reconnects = self.reconnects.fetch_add(1, Relaxed);
                if reconnects > 0 {
                    info!("connected to NATS again");
                }
            }
            Event::Disconnected | Event::Closed => {
                if !self.closing.load(Relaxed) {
                    warn!("disconnected from NATS");
                }
                self.disconnected();
            }
            Event::LameDuckMode => warn!("the NATS server is about to shut down"),
            Event::SlowConsumer(sid) => warn!(sid, "a subscription is full, messages were lost"),
            Event::ServerError(error) => {
                warn!("NATS: {error}");
                if let Some(subject) = refused_subject(&error.to_string()) {
                    let _ = self.refusals.sender.try_send(subject.to_owned());
                }
                self.violations.send_replace(Some(error.to_string()));
            }
            other => info!("NATS: {other}"),
        }
    }

    fn disconnected(&self) {
        self.connected.store(false, Relaxed);
        self.disconnects.send_modify(|count| *count += 1);
    }
}

/// Returns the subject of `Permissions Violation for Publish to "a.b"`.
fn refused_subject(error: &str) -> Option<&str> {
    let (_, rest) = error.split_once("Permissions Violation for Publish to \"")?;
    rest.split_once('"').map(|(subject, _)| subject)
}

/// How long to wait before try `attempt`: the first comes at once, later ones apart by a growing
/// and jittered delay, so that a thousand clients do not return in the same millisecond.
fn delay(attempt: usize) -> Duration {
    match attempt {
        0 | 1 => Duration::ZERO,
        _ => {
            let ceiling = Duration::from_millis(25) * (1 << attempt.min(5));
            LONGEST_DELAY
                .min(ceiling)
                .mul_f64(0.5 + fastrand::f64() / 2.0)
        }
    }
}

/// Reads what a URL must escape: `p%40ss` is `p@ss`.
fn percent_decoded(text: &str) -> String {
    let mut pieces = text.split('%');
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        let escaped = piece
            .get(..2)
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match escaped {
            Some(byte) => {
                bytes.push(byte);
                bytes.extend_from_slice(&piece.as_bytes()[2..]);
            }
            // A stray `%` means itself.
            None => {
                bytes.push(b'%');
                bytes.extend_from_slice(piece.as_bytes());
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn parse_servers(urls: &[String]) -> Result<Vec<ServerAddr>, ConnectError> {
    let parse = |url: &String| {
        url.parse()
            .map_err(|error: std::io::Error| ConnectError::Url {
                url: without_password(url),
                reason: error.to_string(),
            })
    };
    match urls {
        [] => Err(ConnectError::Url {
            url: String::new(),
            reason: format!("expected something like `{}`", Config::DEFAULT_SERVER),
        }),
        urls => urls.iter().map(parse).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_subject_of_a_refusal_is_read() {
        for (text, subject) in [
            (
                r#"nats: Permissions Violation for Publish to "a.b""#,
                Some("a.b"),
            ),
            (r#"nats: Permissions Violation for Publish to "a.b"#, None),
            (
                r#"nats: Permissions Violation for Subscription to "a.b""#,
                None,
            ),
            ("nats: Maximum Connections Exceeded", None),
        ] {
            assert_eq!(refused_subject(text), subject, "{text}");
        }
    }

    #[test]
    fn what_a_url_escapes_is_read() {
        for (text, meant) in [
            ("", ""),
            ("p%40ss%3a", "p@ss:"),
            ("%c3%A9", "é"),
            ("100%", "100%"),
            ("%zz%2", "%zz%2"),
            ("%é1", "%é1"),
        ] {
            assert_eq!(percent_decoded(text), meant);
        }
    }

    #[test]
    fn the_first_try_comes_at_once_and_later_ones_within_half_a_second() {
        assert_eq!(delay(1), Duration::ZERO);
        for attempt in 2..1_000 {
            assert!((Duration::from_millis(25)..=LONGEST_DELAY).contains(&delay(attempt)));
        }
    }
}
