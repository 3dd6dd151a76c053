//! One call while it is put together, and its way to a result.

use std::borrow::Cow;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::mem;
use std::pin::Pin;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::retry::Repeat;
use super::{CallError, Client};
use crate::context::after;
use crate::protocol::subject::check_method;
use crate::protocol::{Arguments, DEFAULT_TIMEOUT, Headers, WireReply, headers};

/// Marks a call of which nothing is known: whether it may run twice is up to discovery.
#[derive(Debug)]
pub enum Plain {}

/// Marks a call of which its caller says that it may run twice.
#[derive(Debug)]
pub enum Idempotent {}

/// A call that is being put together; awaiting it sends it and returns its first result.
///
/// # Retries
/// A call runs at most once unless it may be repeated. Calls of methods that discovery marks as
/// `idempotent` may; so may those that are said to be [`idempotent`](Self::idempotent), and, with
/// [`retry_not_sent`](Self::retry_not_sent), those that did not reach their method. Such a call is
/// sent up to three times when its failure [is retryable](CallError::is_retryable), with pauses that
/// grow, inside its deadline, and while retries and hedges are no more than a tenth of the client's
/// calls, apart from ten it may begin with. No call waits for discovery before its first try.
#[must_use = "a call is sent when it is awaited"]
pub struct OutgoingCall<'a, T, K = Plain> {
    pub(super) client: &'a Client,
    pub(super) subject: Cow<'static, str>,
    pub(super) repeat: Repeat,
    pub(super) max_tries: u32,
    arguments: Arguments,
    timeout: Option<Duration>,
    hedge: Option<Duration>,
    result: PhantomData<fn() -> (T, K)>,
}

impl<'a, T> OutgoingCall<'a, T> {
    pub(crate) fn new(client: &'a Client, subject: Cow<'static, str>) -> Self {
        Self {
            client,
            subject,
            repeat: Repeat::AsAnnounced,
            max_tries: client.max_tries,
            arguments: Arguments::new(),
            timeout: None,
            hedge: None,
            result: PhantomData,
        }
    }

    /// Says that running the call twice does no more than running it once, so that it is sent again
    /// also when it may have run.
    pub fn idempotent(self) -> OutgoingCall<'a, T, Idempotent> {
        OutgoingCall {
            client: self.client,
            subject: self.subject,
            repeat: Repeat::Always,
            max_tries: self.max_tries,
            arguments: self.arguments,
            timeout: self.timeout,
            hedge: self.hedge,
            result: PhantomData,
        }
    }

    /// Sends the call again when its failure says that the method did not run (`not_sent`): nobody
    /// listened, the instance was full, there was no connection. It still runs at most once.
    ///
    /// gRPC does this unasked; here a caller asks, because such a call takes longer to fail.
    pub fn retry_not_sent(mut self) -> Self {
        self.repeat = Repeat::WhenNotSent;
        self
    }
}

impl<T> OutgoingCall<'_, T, Idempotent> {
    /// Sends a second request when no answer came `after` some time; the first good answer wins
    /// and the other request is cancelled. A good value is what 95 % of the calls take.
    ///
    /// Only for calls that are [`idempotent`](OutgoingCall::idempotent):
    /// ```compile_fail,E0599
    /// # fn example(client: &rpc_core::Client) {
    /// client.call::<u64>("counter.next").hedge(std::time::Duration::from_millis(50));
    /// # }
    /// ```
    pub fn hedge(mut self, after: Duration) -> Self {
        self.hedge = Some(after);
        self
    }
}

// Of calls without a result, so that nobody has to say which type it would have.
impl<K> OutgoingCall<'_, (), K> {
    /// Sends the call one way: the method runs, and nobody answers.
    ///
    /// Returns when the request was handed to the connection. What becomes of it is not known here:
    /// that nobody listens, that the server denies the subject, and that the method fails are no
    /// errors. Before a process ends, a [`round_trip`](Client::round_trip) makes sure that the
    /// server has the request. It is sent once, whatever was said of tries; a
    /// [`timeout`](Self::timeout) is also the method's.
    ///
    /// # Errors
    /// [`InvalidSubject`](CallError::InvalidSubject), [`Unencodable`](CallError::Unencodable),
    /// [`TooLarge`](CallError::TooLarge), or [`Disconnected`](CallError::Disconnected), also when the
    /// connection took nothing in time: nothing was sent then.
    pub async fn send(self) -> Result<(), CallError> {
        self.send_one_way().await
    }
}

impl<'a, T, K> OutgoingCall<'a, T, K> {
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

    /// Appends positional arguments.
    pub fn args(self, values: impl IntoIterator<Item = impl Serialize>) -> Self {
        values.into_iter().fold(self, Self::arg)
    }

    /// Adds keyword arguments.
    pub fn kwargs(
        self,
        values: impl IntoIterator<Item = (impl AsRef<str>, impl Serialize)>,
    ) -> Self {
        values
            .into_iter()
            .fold(self, |call, (name, value)| call.kwarg(name.as_ref(), value))
    }

    /// Sets how long to wait for the reply, retries included; 30 s by default, and never longer
    /// than what is left of the call that this one is made in.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets how often the call is sent at most, where it may be repeated; once is no retry.
    pub fn max_tries(mut self, tries: u32) -> Self {
        self.max_tries = tries;
        self
    }

    pub(super) async fn send_one_way(mut self) -> Result<(), CallError> {
        check_method(&self.subject)?;
        let timeout = self.time_left(Instant::now());
        let payload = self.arguments.payload().map_err(CallError::Unencodable)?;
        let (client, mut headers) = (self.client, self.headers());
        if let Some(layered) = &client.layered {
            let one_way = true;
            let sent = layered.send(&self.subject, headers, payload, timeout, one_way);
            return sent.await.map(drop);
        }
        timeout_header(&mut headers, timeout, Duration::ZERO);
        client
            .publish(&self.subject, headers, payload, timeout)
            .await
    }

    /// Returns how long the call may take: never longer than the call that it is made in.
    fn time_left(&self, began: Instant) -> Duration {
        let timeout = self.timeout.unwrap_or(DEFAULT_TIMEOUT);
        self.client.capped(timeout, began)
    }

    /// Takes the call out, without the type of its result; what stays is spent.
    pub(super) fn take(&mut self) -> OutgoingCall<'a, ()> {
        OutgoingCall {
            client: self.client,
            subject: mem::take(&mut self.subject),
            repeat: self.repeat,
            max_tries: self.max_tries,
            arguments: mem::take(&mut self.arguments),
            timeout: self.timeout,
            hedge: self.hedge,
            result: PhantomData,
        }
    }

    /// Sends the call and returns its reply, and who sent that.
    pub(super) async fn reply(mut self) -> Result<Answered, CallError> {
        let reply = self.exchange().await?;
        let subject = self.subject;
        Ok(Answered { reply, subject })
    }

    async fn exchange(&mut self) -> Result<WireReply, CallError> {
        check_method(&self.subject)?;
        let began = Instant::now();
        let timeout = self.time_left(began);
        self.client.core.budget.earn();
        let answer = match self.hedge {
            // What `attempt` does, without the room that one more future takes in every call.
            None => {
                let payload = self.arguments.payload().map_err(CallError::Unencodable)?;
                self.send_once(payload, began, timeout).await
            }
            Some(_) => Box::pin(self.attempt(began, timeout)).await,
        };
        match answer {
            // Boxed, like all that follows a failure: every call would carry the room it takes.
            Err(error) if error.is_retryable() => {
                Box::pin(self.again(error, after(began, timeout))).await
            }
            answer => answer,
        }
    }

    /// Sends the call once, or, if it is hedged, perhaps twice.
    pub(super) async fn attempt(
        &mut self,
        began: Instant,
        timeout: Duration,
    ) -> Result<WireReply, CallError> {
        // Encoded for each try: keeping the bytes for a second one would cost every call.
        let payload = self.arguments.payload().map_err(CallError::Unencodable)?;
        match self.hedge {
            None => self.send_once(payload, began, timeout).await,
            Some(after) => Box::pin(self.hedged(payload, began, timeout, after)).await,
        }
    }

    pub(super) async fn send_once(
        &self,
        payload: Bytes,
        began: Instant,
        timeout: Duration,
    ) -> Result<WireReply, CallError> {
        let (client, subject, mut headers) = (self.client, &*self.subject, self.headers());
        if let Some(layered) = &client.layered {
            return layered
                .send(subject, headers, payload, timeout, false)
                .await;
        }
        timeout_header(&mut headers, timeout, Duration::ZERO);
        client
            .try_once(subject, headers, payload, began, timeout)
            .await
    }

    /// Returns what the call takes over from the one that it is made in.
    fn headers(&self) -> Headers {
        self.client.inherited_headers()
    }
}

impl Client {
    /// Sends one request; what comes back as an error reply is an error.
    pub(super) async fn try_once(
        &self,
        subject: &str,
        headers: Headers,
        payload: Bytes,
        began: Instant,
        timeout: Duration,
    ) -> Result<WireReply, CallError> {
        let sent = self.transmit(subject, headers, payload, began, timeout);
        let reply = match sent.await {
            Ok(reply) => reply,
            Err(CallError::Unavailable(_)) => {
                return Err(Box::pin(self.explain(subject, after(began, timeout))).await);
            }
            Err(error) => return Err(error),
        };
        match reply.error() {
            Some(error) => Err(CallError::from_reply(error)),
            None => Ok(reply),
        }
    }
}

/// Sets the header that tells a service what is left of a deadline, some of which was `spent`. One
/// that stands there already is replaced, unless it ends the call sooner.
///
/// Headers cost time on both sides, so the deadline travels only when it is not the default.
pub(super) fn timeout_header(headers: &mut Headers, timeout: Duration, spent: Duration) {
    let there = headers.get(headers::TIMEOUT);
    if there.is_none() && timeout == DEFAULT_TIMEOUT {
        return;
    }
    let left = timeout.saturating_sub(spent).as_millis();
    let sooner = |millis: u128| millis <= left;
    if !there.and_then(|text| text.parse().ok()).is_some_and(sooner) {
        headers.set(headers::TIMEOUT, left.to_string());
    }
}

impl<'a, T: DeserializeOwned + 'a, K: 'a> IntoFuture for OutgoingCall<'a, T, K> {
    type Output = Result<T, CallError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.reply().await?.result() })
    }
}

/// A reply that is no error, and the subject of its call.
pub(super) struct Answered {
    reply: WireReply,
    subject: Cow<'static, str>,
}

impl Answered {
    /// Reads the first result.
    pub(super) fn result<T: DeserializeOwned>(self) -> Result<T, CallError> {
        self.reply.result().map_err(|error| CallError::BadReply {
            subject: self.subject.into_owned(),
            reason: error.to_string(),
        })
    }
}
