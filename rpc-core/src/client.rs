//! Calls: from any place, to any method, by name.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::Subject;
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::{timeout, timeout_at};

use crate::config::Config;
use crate::connection::Connection;
use crate::context::{Context, after};
use crate::endpoint::Options;
use crate::error::{CallError, ConnectError};
use crate::mux::{Mux, Unanswered, Waiting};
use crate::outbox::{Outbox, Outgoing};
use crate::protocol::subject::check_method;
use crate::protocol::{Arguments, Headers, Outcome, WireReply, headers};

/// Deadlines shorter than this get a timer of their own; the mux notices longer ones within 25 ms.
const SHORT: Duration = Duration::from_secs(1);

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
}

struct Core {
    // In this order: the reply inbox and the outbox end before the connection does.
    mux: Mux,
    outbox: Outbox,
    connection: Arc<Connection>,
}

/// What nested calls take over from the call they are made in.
struct Inherited {
    deadline: Instant,
    request_id: String,
    depth: u32,
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
            }),
            inherited: None,
        })
    }

    /// Begins a call of `subject`, `<service>.<method>`; awaiting it sends it.
    pub fn call<T>(&self, subject: impl Into<String>) -> OutgoingCall<'_, T> {
        OutgoingCall {
            client: self,
            subject: subject.into(),
            arguments: Arguments::new(),
            timeout: None,
            result: PhantomData,
        }
    }

    /// Sends undecoded bytes to a method and returns its undecoded reply, an error reply included.
    ///
    /// # Errors
    /// Every [`CallError`] but `Arguments`, `Service` and `BadReply`. Dropping the future gives the
    /// call up and frees all it holds.
    pub async fn request(
        &self,
        subject: &str,
        headers: Headers,
        payload: Bytes,
        timeout: Duration,
    ) -> Result<WireReply, CallError> {
        check_method(subject)?;
        self.exchange(subject, headers, payload, timeout).await
    }

    /// Makes a round trip through the server and returns how long it took.
    ///
    /// # Errors
    /// [`CallError::Disconnected`] or [`CallError::Deadline`].
    pub async fn round_trip(&self, timeout: Duration) -> Result<Duration, CallError> {
        let sent = Instant::now();
        let deadline = after(sent, timeout);
        self.ensure_connected()?;
        let waiting = self.core.mux.wait(sent, deadline);
        let own_inbox = self.core.mux.reply_subject(&waiting);
        let send = self.send(own_inbox, None, Headers::new(), Bytes::new());
        self.answer(send, waiting, "the server", deadline, timeout)
            .await?;
        Ok(sent.elapsed())
    }

    /// Waits until the server has received everything that was sent before.
    pub(crate) async fn flush(&self) {
        const LONGEST: Duration = Duration::from_secs(2);
        // While there is no connection there is nothing that waiting could help.
        let _ = timeout(LONGEST, self.core.outbox.flush()).await;
        let _ = self.round_trip(LONGEST).await;
    }

    /// Returns the largest message that the server takes, headers and payload together, in bytes.
    pub fn max_payload(&self) -> usize {
        self.core.connection.link().nats.max_payload()
    }

    /// Returns how many calls wait for their reply now.
    pub fn in_flight(&self) -> usize {
        self.core.mux.in_flight()
    }

    /// Returns a client whose calls inherit from the call that `context` is of.
    pub(crate) fn inherit(&self, context: &Context) -> Self {
        let inherited = Inherited {
            deadline: context.deadline(),
            request_id: context.request_id().to_owned(),
            depth: context.depth() + 1,
        };
        Self {
            core: self.core.clone(),
            inherited: Some(Arc::new(inherited)),
        }
    }

    pub(crate) fn connection(&self) -> &Arc<Connection> {
        &self.core.connection
    }

    pub(crate) fn outbox(&self) -> &Outbox {
        &self.core.outbox
    }

    /// Sends a request to any subject, the framework's own included, and waits for one reply.
    pub(crate) async fn exchange(
        &self,
        subject: &str,
        headers: Headers,
        payload: Bytes,
        timeout: Duration,
    ) -> Result<WireReply, CallError> {
        let limit = self.max_payload();
        let size = headers.wire_len() + payload.len();
        if size > limit {
            return Err(CallError::TooLarge { size, limit });
        }
        self.ensure_connected()?;
        let now = Instant::now();
        let deadline = after(now, timeout);
        let waiting = self.core.mux.wait(now, deadline);
        let reply = self.core.mux.reply_subject(&waiting);
        let send = self.send(Subject::from(subject), Some(reply), headers, payload);
        self.answer(send, waiting, subject, deadline, timeout).await
    }

    fn ensure_connected(&self) -> Result<(), CallError> {
        match self.core.connection.is_connected() {
            true => Ok(()),
            false => Err(CallError::Disconnected(Outcome::NotSent)),
        }
    }

    /// Sends at once when no other call is under way, and with the others when there are some.
    async fn send(
        &self,
        subject: Subject,
        reply: Option<Subject>,
        headers: Headers,
        payload: Bytes,
    ) {
        let message = Outgoing {
            subject,
            reply,
            headers,
            payload,
        };
        match self.core.mux.in_flight() {
            // Boxed, or every call that is queued would carry the room that this takes. Futures
            // above 1 KiB are also those that the usual allocators are slow with.
            0 | 1 => Box::pin(self.core.outbox.publish(message)).await,
            _ => self.core.outbox.enqueue(message).await,
        }
    }

    /// Sends, and waits for the answer. The deadline holds for both: sending waits while the
    /// connection's queue is full, and that of a frozen server stays full.
    async fn answer(
        &self,
        send: impl Future<Output = ()>,
        mut waiting: Waiting,
        subject: &str,
        deadline: Instant,
        timeout: Duration,
    ) -> Result<WireReply, CallError> {
        let answer = async {
            tokio::select! {
                biased;
                () = send => {}
                answer = &mut waiting => return answer,
            }
            waiting.await
        };
        let answer = match timeout < SHORT {
            true => timeout_at(deadline.into(), answer)
                .await
                .unwrap_or(Err(Unanswered::Deadline)),
            false => answer.await,
        };
        answer.map_err(|reason| match reason {
            Unanswered::NoResponders => CallError::NoResponders(subject.to_owned()),
            Unanswered::Disconnected => CallError::Disconnected(Outcome::Unknown),
            Unanswered::Deadline => CallError::Deadline(subject.to_owned()),
        })
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

/// A call that is being put together; awaiting it sends it and returns its first result.
#[must_use = "a call is sent when it is awaited"]
pub struct OutgoingCall<'a, T> {
    client: &'a Client,
    subject: String,
    arguments: Arguments,
    timeout: Option<Duration>,
    result: PhantomData<fn() -> T>,
}

impl<T> OutgoingCall<'_, T> {
    /// Appends a positional argument.
    pub fn arg(mut self, value: impl Serialize) -> Self {
        self.arguments = self.arguments.arg(value);
        self
    }

    /// Adds a keyword argument.
    pub fn kwarg(mut self, name: &str, value: impl Serialize) -> Self {
        self.arguments = self.arguments.kwarg(name, value);
        self
    }

    /// Sets how long to wait for the reply; 30 s by default, and never longer than what is left of
    /// the call that this one is made in.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    async fn exchange(&mut self) -> Result<WireReply, CallError> {
        let mut timeout = self.timeout.unwrap_or(Options::DEFAULT.timeout);
        let mut headers = Headers::new();
        if let Some(inherited) = &self.client.inherited {
            timeout = timeout.min(inherited.deadline.saturating_duration_since(Instant::now()));
            headers.insert(headers::REQUEST_ID, inherited.request_id.as_str());
            headers.insert(headers::DEPTH, inherited.depth.to_string());
        }
        // Headers cost time on both sides, so the deadline travels only when it is not the default.
        if timeout != Options::DEFAULT.timeout {
            headers.insert(headers::TIMEOUT, timeout.as_millis().to_string());
        }
        let payload = std::mem::take(&mut self.arguments)
            .into_payload()
            .map_err(CallError::Arguments)?;
        let reply = self
            .client
            .request(&self.subject, headers, payload, timeout)
            .await?;
        match reply.error() {
            Some(error) => Err(CallError::Service(error)),
            None => Ok(reply),
        }
    }
}

impl<'a, T: DeserializeOwned + 'a> IntoFuture for OutgoingCall<'a, T> {
    type Output = Result<T, CallError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(mut self) -> Self::IntoFuture {
        Box::pin(async move {
            let reply = self.exchange().await?;
            reply.result().map_err(|error| CallError::BadReply {
                subject: self.subject,
                reason: error.to_string(),
            })
        })
    }
}
