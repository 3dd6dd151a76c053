//! What a method may know of its call besides the arguments.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use serde_json::Value;
use tracing::debug;
use uuid::Uuid;

use crate::client::Client;
#[cfg(feature = "server")]
use crate::codec::{self, Codec};
use crate::origin::Origin;
#[cfg(feature = "server")]
use crate::protocol::WireReply;
use crate::protocol::{Code, Headers, RpcError, TraceParent, headers};

/// A longer id would fill logs and error bodies, so it is replaced.
const LONGEST_REQUEST_ID: usize = 128;
/// Calls are never nested deeper; services that call each other in a circle end here.
const DEEPEST: u32 = 32;
/// What calls hand down to those that they make, beside what each says anew; a value that is longer,
/// in bytes, is left out: it would travel through every service below.
const LONGEST_BAGGAGE: usize = 8_192;
const LONGEST_TRACESTATE: usize = 512;
/// Who calls and what they may do: both or neither, because scopes are somebody's.
const IDENTITY: [(&str, usize); 2] = [(headers::SUBJECT, 1_024), (headers::SCOPES, 4_096)];

/// The context of one call: its headers, request id, trace, deadline, and a client for nested calls.
///
/// A method gets it by taking a parameter of type `&Context`.
#[derive(Debug)]
pub struct Context {
    headers: Headers,
    deadline: Instant,
    request_id: OnceLock<String>,
    trace: OnceLock<TraceParent>,
    /// Shared, because every call has it and few use it.
    client: Option<Arc<Client>>,
    one_way: bool,
    origin: Origin,
    /// The subject of the event that fired the method.
    event: Option<String>,
}

impl Context {
    /// Creates the context of a call that was received at `received`; its deadline is the caller's
    /// `Rpc-Timeout` or `longest`, whichever ends first.
    pub(crate) fn new(
        headers: Headers,
        received: Instant,
        longest: Duration,
        client: Option<Arc<Client>>,
    ) -> Self {
        let timeout = match headers
            .get(headers::TIMEOUT)
            .and_then(|text| text.parse().ok())
        {
            Some(millis) => longest.min(Duration::from_millis(millis)),
            None => longest,
        };
        Self {
            headers,
            deadline: after(received, timeout),
            request_id: OnceLock::new(),
            trace: OnceLock::new(),
            client,
            one_way: false,
            origin: Origin::default(),
            event: None,
        }
    }

    /// Notes whether the call came without a reply subject.
    pub(crate) fn with_one_way(mut self, one_way: bool) -> Self {
        self.one_way = one_way;
        self
    }

    /// Creates the context of what an instance does by itself; it has no deadline.
    pub(crate) fn of_instance(origin: Origin, client: Arc<Client>) -> Self {
        let now = Instant::now();
        Self::new(Headers::new(), now, Duration::MAX, Some(client)).with_origin(origin)
    }

    /// Says of which service the method is.
    pub(crate) fn with_origin(mut self, origin: Origin) -> Self {
        self.origin = origin;
        self
    }

    /// Says that the call is an event on `subject`.
    pub(crate) fn of_event(mut self, subject: String) -> Self {
        self.event = Some(subject);
        self
    }

    /// Returns the headers of the call.
    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    /// Returns when the call must have ended.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Returns how much of the deadline is left.
    pub fn time_left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Returns the id that names this call in logs and error bodies: the caller's `X-Request-Id`,
    /// or one that is made when first asked for.
    pub fn request_id(&self) -> &str {
        match self.headers.get(headers::REQUEST_ID) {
            Some(id) if (1..=LONGEST_REQUEST_ID).contains(&id.len()) => id,
            _ => self.request_id.get_or_init(|| Uuid::now_v7().to_string()),
        }
    }

    /// Returns the place of this call in its trace: below the caller's where `traceparent` names
    /// one, else in a trace that is made when first asked for.
    ///
    /// Calls that it makes say where they come from when the caller did, or when this was asked.
    pub fn trace(&self) -> TraceParent {
        *self.trace.get_or_init(|| {
            let callers = self.callers_trace();
            callers.map_or_else(TraceParent::new, TraceParent::child)
        })
    }

    fn callers_trace(&self) -> Option<TraceParent> {
        self.headers.get(headers::TRACEPARENT)?.parse().ok()
    }

    /// Returns who says it is calling, `service/instance`: a claim, never an identity.
    pub fn caller(&self) -> Option<&str> {
        self.headers.get(headers::CALLER)
    }

    /// Returns the subject of the event that a handler got, which a wildcard does not tell; none in
    /// a call.
    pub fn event(&self) -> Option<&str> {
        self.event.as_deref()
    }

    /// Returns how deep the call is nested in other calls; a call from outside is at 0.
    pub fn depth(&self) -> u32 {
        let depth = self
            .headers
            .get(headers::DEPTH)
            .and_then(|text| text.parse().ok());
        depth.unwrap_or(0)
    }

    /// Returns whether nobody waits for the reply.
    pub fn is_one_way(&self) -> bool {
        self.one_way
    }

    /// Returns who calls, as the bridge has read it from a verified token; `None` when nobody said.
    ///
    /// Whoever may publish on the method's subject could write it as well: it is as true as the
    /// rights on the NATS server are strict.
    pub fn subject(&self) -> Option<&str> {
        self.headers.get(headers::SUBJECT)
    }

    /// Returns what the caller may do, from the same token as [`subject`](Self::subject).
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        let scopes = self.headers.get(headers::SCOPES).unwrap_or_default();
        scopes.split(' ').filter(|scope| !scope.is_empty())
    }

    /// Returns a client whose calls carry on what this call has: what is left of its deadline, its
    /// request id, trace and baggage, the verified subject and scopes, and its depth.
    ///
    /// # Errors
    /// `failed_precondition` when the call is nested 32 deep already, and `unavailable` when it
    /// came without a network, as [`testing::call`] makes it.
    ///
    /// [`testing::call`]: crate::testing::call
    pub fn client(&self) -> Result<Client, RpcError> {
        if self.depth() >= DEEPEST {
            let text = format!(
                "calls are nested {DEEPEST} deep, which is the limit: do services call each other in a circle?"
            );
            return Err(RpcError::new(Code::FailedPrecondition, text));
        }
        let client = self.client.as_ref().ok_or_else(|| {
            let text = "this call came without a network, so it can make no calls of its own";
            RpcError::new(Code::Unavailable, text)
        })?;
        Ok(client.inherit(self))
    }

    /// Returns the service that the method is of.
    pub(crate) fn origin(&self) -> Origin {
        self.origin
    }

    /// Returns what discovery's STATS says of the instance that runs this call: how often each of its
    /// methods ran, failed, expired before it ran (ADR-32, with more under `data`).
    ///
    /// # Errors
    /// Those of [`client`](Self::client), and `unavailable` or `deadline_exceeded` when the instance
    /// could not be asked over the network.
    pub async fn stats(&self) -> Result<Value, RpcError> {
        Ok(self.client()?.stats_of_caller(self.time_left()).await?)
    }

    /// Returns the headers of the calls that this call makes.
    pub(crate) fn handed_down(&self) -> Headers {
        let mut nested = Headers::new();
        nested.insert(headers::REQUEST_ID, self.request_id());
        nested.insert(headers::DEPTH, (self.depth() + 1).to_string());
        let mut hand_down = |name, longest: usize| {
            let value = self.headers.get(name);
            if let Some(value) = value.filter(|value| value.len() <= longest) {
                nested.insert(name, value);
            }
        };
        hand_down(headers::BAGGAGE, LONGEST_BAGGAGE);
        let fits = |(name, longest)| {
            let value = self.headers.get(name);
            value.is_none_or(|value| value.len() <= longest)
        };
        if IDENTITY.into_iter().all(fits) {
            IDENTITY
                .into_iter()
                .for_each(|(name, longest)| hand_down(name, longest));
        } else {
            let request_id = self.request_id();
            debug!(
                request_id,
                "neither `{}` nor `{}` is handed down: one of them is too long",
                headers::SUBJECT,
                headers::SCOPES
            );
        }
        // Without the trace that it belongs to, the state of one says nothing.
        if self.callers_trace().is_some() {
            hand_down(headers::TRACESTATE, LONGEST_TRACESTATE);
        }
        if self.trace.get().is_some() || self.headers.get(headers::TRACEPARENT).is_some() {
            nested.insert(headers::TRACEPARENT, self.trace().to_string());
        }
        nested
    }

    /// Turns a reply that the server would not take into an error that says both sizes.
    #[cfg(feature = "server")]
    pub(crate) fn fitting(&self, reply: WireReply) -> Result<WireReply, RpcError> {
        let client = self.client.as_ref();
        let limit = client.map_or(usize::MAX, |it| it.max_payload());
        let size = reply.headers.wire_len() + reply.payload.len();
        if size > limit {
            let text = format!("the reply has {size} bytes, the server takes at most {limit}");
            return Err(RpcError::new(Code::PayloadTooLarge, text));
        }
        Ok(reply)
    }

    /// Returns the codec of the request, which is also that of its reply.
    #[cfg(feature = "server")]
    pub(crate) fn codec(&self) -> Result<Codec, RpcError> {
        codec::by_content_type(self.headers.get(headers::CONTENT_TYPE))
    }
}

/// Adds a time that may be `Duration::MAX`, which would be past the end of the clock.
pub(crate) fn after(start: Instant, time: Duration) -> Instant {
    const DECADE: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
    start + time.min(DECADE)
}
