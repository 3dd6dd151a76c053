//! What a method may know of its call besides the arguments.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::client::Client;
use crate::codec::{self, Codec};
use crate::protocol::{Headers, RpcError, headers};

/// A longer id would fill logs and error bodies, so it is replaced.
const LONGEST_REQUEST_ID: usize = 128;
/// Calls are never nested deeper; services that call each other in a circle end here.
const DEEPEST: u32 = 32;

/// The context of one call: its headers, request id, deadline, and a client for nested calls.
///
/// A method gets it by taking a parameter of type `&Context`.
#[derive(Debug)]
pub struct Context {
    headers: Headers,
    deadline: Instant,
    request_id: OnceLock<String>,
    client: Option<Client>,
}

impl Context {
    /// Creates the context of a call that was received at `received`; its deadline is the caller's
    /// `Rpc-Timeout` or `longest`, whichever ends first.
    pub(crate) fn new(
        headers: Headers,
        received: Instant,
        longest: Duration,
        client: Option<Client>,
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
            client,
        }
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

    /// Returns how deep the call is nested in other calls; a call from outside is at 0.
    pub fn depth(&self) -> u32 {
        let depth = self
            .headers
            .get(headers::DEPTH)
            .and_then(|text| text.parse().ok());
        depth.unwrap_or(0)
    }

    /// Returns a client whose calls inherit this call's request id and what is left of its deadline.
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
            return Err(RpcError::new(crate::Code::FailedPrecondition, text));
        }
        let client = self.client.as_ref().ok_or_else(|| {
            let text = "this call came without a network, so it can make no calls of its own";
            RpcError::new(crate::Code::Unavailable, text)
        })?;
        Ok(client.inherit(self))
    }

    /// Returns the codec of the request, which is also that of its reply.
    pub(crate) fn codec(&self) -> Result<Codec, RpcError> {
        codec::by_content_type(self.headers.get(headers::CONTENT_TYPE))
    }
}

/// Adds a time that may be `Duration::MAX`, which would be past the end of the clock.
pub(crate) fn after(start: Instant, time: Duration) -> Instant {
    const DECADE: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
    start + time.min(DECADE)
}
