//! Calls: from any place, to any method, by name.

mod budget;
mod call;
mod call_macro;
mod directory;
mod emit;
mod error;
mod exchange;
mod hedge;
mod layered;
mod retry;
pub(crate) mod typed;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::config::Config;
use crate::connection::{Connection, ConnectionStats};
use crate::context::Context;
use crate::error::ConnectError;
use crate::mux::Mux;
use crate::origin::instance_name;
use crate::outbox::Outbox;
use crate::protocol::subject::check_method;
use crate::protocol::{Headers, WireReply, headers};

use budget::Budget;
use call::timeout_header;
pub use call::{Idempotent, OutgoingCall, Plain};
use directory::Directory;
pub use emit::{Emit, EmitError, EventArgs};
pub use error::{CallError, Stage};
use layered::Layered;

/// A client of every service on one NATS connection; cloning it is cheap.
///
/// # Examples
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use rpc_core::{Client, Config};
/// let client = Client::connect(Config::new("nats://127.0.0.1:4222")).await?;
/// let text: String = client.call("greeting_service.hello").arg("Bob").await?;
/// assert_eq!(text, "Hello, Bob");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client {
    core: Arc<Core>,
    inherited: Option<Arc<Inherited>>,
    /// Who calls, in the words of `Rpc-Caller`; none outside of a service.
    caller: Option<Arc<str>>,
    max_tries: u32,
    layered: Option<Arc<Layered>>,
}

struct Core {
    // In this order: the reply inbox and the outbox end before the connection does.
    mux: Mux,
    outbox: Outbox,
    connection: Arc<Connection>,
    directory: Directory,
    budget: Budget,
}

/// What nested calls take over from the call they are made in.
struct Inherited {
    deadline: Instant,
    headers: Headers,
}

impl Client {
    /// Connects; retries with jitter until [`Config::give_up_after`].
    ///
    /// # Errors
    /// [`ConnectError::Refused`] for wrong credentials and [`ConnectError::Url`] for an unreadable
    /// URL at once; [`ConnectError::Unreachable`] when the time is up.
    pub async fn connect(config: Config) -> Result<Self, ConnectError> {
        let connection = Connection::connect(config).await?;
        Ok(Self {
            core: Arc::new(Core {
                mux: Mux::new(connection.clone()),
                outbox: Outbox::new(connection.clone()),
                connection,
                directory: Directory::default(),
                budget: Budget::default(),
            }),
            inherited: None,
            caller: None,
            max_tries: retry::MAX_TRIES,
            layered: None,
        })
    }

    /// Begins a call of `subject`, `<service>.<method>`; awaiting it sends it.
    pub fn call<T>(&self, subject: impl Into<String>) -> OutgoingCall<'_, T> {
        OutgoingCall::new(self, subject.into().into())
    }

    /// Sets how often calls are sent at most, where they may be repeated; 3 by default, and 1 is
    /// no retry. Nested calls try as often as the client that serves their method.
    #[must_use]
    pub fn max_tries(mut self, tries: u32) -> Self {
        self.max_tries = tries;
        self
    }

    /// Sends undecoded bytes to a method, once, and returns its undecoded reply, an error reply
    /// included.
    ///
    /// A client that a method got from its context adds to `headers` what every call inherits, where
    /// they do not say it themselves, and lets the request take no longer than its call. The service
    /// learns the `timeout` of such a client, and of one with [layers](Self::layer); from others it
    /// reads what `headers` say.
    ///
    /// # Errors
    /// [`InvalidSubject`](CallError::InvalidSubject), [`TooLarge`](CallError::TooLarge),
    /// [`PermissionDenied`](CallError::PermissionDenied), [`Disconnected`](CallError::Disconnected),
    /// [`Deadline`](CallError::Deadline), or [`Unavailable`](CallError::Unavailable) when nobody
    /// listens: why is asked only by a client with [layers](Self::layer), which need to know. Dropping
    /// the future gives the call up and frees all it holds.
    pub async fn request(
        &self,
        subject: &str,
        headers: Headers,
        payload: Bytes,
        timeout: Duration,
    ) -> Result<WireReply, CallError> {
        check_method(subject)?;
        let began = Instant::now();
        let timeout = self.capped(timeout, began);
        let mut headers = self.with_inherited(headers);
        let Some(layered) = &self.layered else {
            if self.inherited.is_some() {
                timeout_header(&mut headers, timeout, Duration::ZERO);
            }
            let sent = self.transmit(subject, headers, payload, began, timeout);
            return sent.await;
        };
        let answer = layered
            .send(subject, headers, payload, timeout, false)
            .await;
        // Layers have read the error reply, so it is written anew.
        answer.or_else(|error| match error.reply() {
            Some(said) => Ok(WireReply::failure(said, said.request_id())),
            None => Err(error),
        })
    }

    /// Returns the largest message that the server takes, headers and payload together, in bytes.
    pub fn max_payload(&self) -> usize {
        self.core.connection.link().nats.max_payload()
    }

    /// Returns how many calls wait for their reply now.
    pub fn in_flight(&self) -> usize {
        self.core.mux.in_flight()
    }

    /// Returns the client of a service's instance: the calls that its methods make say so.
    pub(crate) fn of_instance(&self, service: &str, id: &str) -> Self {
        let mut client = self.clone();
        client.caller = Some(instance_name(service, id).into());
        client
    }

    /// Returns what has happened to the connection so far, in numbers.
    pub fn connection_stats(&self) -> ConnectionStats {
        self.core.connection.stats()
    }

    /// Returns a client whose calls inherit from the call that `context` is of.
    pub(crate) fn inherit(&self, context: &Context) -> Self {
        let mut headers = context.handed_down();
        if let Some(caller) = &self.caller {
            headers.insert(headers::CALLER, &**caller);
        }
        let inherited = Inherited {
            deadline: context.deadline(),
            headers,
        };
        let mut client = self.clone();
        client.inherited = Some(Arc::new(inherited));
        client
    }

    /// Returns the headers of what is sent on behalf of the call that this client is of.
    pub(crate) fn inherited_headers(&self) -> Headers {
        let inherited = self.inherited.as_ref();
        inherited.map_or_else(Headers::new, |it| it.headers.clone())
    }

    /// Returns `own` headers with what they do not say of the call that this client is of.
    fn with_inherited(&self, mut own: Headers) -> Headers {
        /// Who calls and what they may do, a trace and its state: one without the other, or each
        /// from another call, would be a lie.
        const TOGETHER: [[&str; 2]; 2] = [
            [headers::SUBJECT, headers::SCOPES],
            [headers::TRACEPARENT, headers::TRACESTATE],
        ];
        let Some(inherited) = &self.inherited else {
            return own;
        };
        let is_said = |name: &str| own.get(name).is_some();
        let more = inherited.headers.iter().filter(|(name, _)| {
            let pair = TOGETHER.iter().find(|pair| pair.contains(name));
            pair.map_or_else(|| !is_said(name), |pair| !pair.iter().copied().any(is_said))
        });
        let more: Vec<_> = more.collect();
        for (name, value) in more {
            own.insert(name, value);
        }
        own
    }

    /// Returns how long what begins at `began` may take: never longer than the call it is made in.
    fn capped(&self, timeout: Duration, began: Instant) -> Duration {
        match &self.inherited {
            Some(inherited) => timeout.min(inherited.deadline.saturating_duration_since(began)),
            None => timeout,
        }
    }

    pub(crate) fn connection(&self) -> &Arc<Connection> {
        &self.core.connection
    }

    pub(crate) fn outbox(&self) -> &Outbox {
        &self.core.outbox
    }

    pub(crate) fn directory(&self) -> &Directory {
        &self.core.directory
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("servers", &self.core.connection.config().servers.len())
            .field("in_flight", &self.in_flight())
            .finish_non_exhaustive()
    }
}
