//! Failures as they travel: a code, a number, a message for the caller.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The codes every client understands; [`as_str`](Self::as_str) is the text on the wire and
/// [`number`](Self::number) both `Nats-Service-Error-Code` and the HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// The payload is not JSON.
    MalformedJson,
    /// The payload is JSON but not arguments.
    BadEnvelope,
    /// Nobody said who they are.
    Unauthenticated,
    /// Who they are does not allow it.
    PermissionDenied,
    /// No such thing; over HTTP also no such service or method.
    NotFound,
    /// It exists already.
    AlreadyExists,
    /// A concurrent change got in the way.
    Aborted,
    /// The state of things does not allow it now.
    FailedPrecondition,
    /// The request, or the reply, is over the limit.
    PayloadTooLarge,
    /// The arguments do not fit the signature, or validation failed.
    InvalidArgument,
    /// A value is past the valid range.
    OutOfRange,
    /// The instance is full, or a rate limit was reached.
    ResourceExhausted,
    /// The caller went away.
    Cancelled,
    /// A panic or another bug; the log has the details.
    Internal,
    /// An unexpected error of unknown kind.
    Unknown,
    /// Data is lost or corrupt.
    DataLoss,
    /// Not implemented.
    Unimplemented,
    /// What came back is not a reply.
    BadReply,
    /// Nobody listens, not connected, or draining.
    Unavailable,
    /// Time ran out; the message says where.
    DeadlineExceeded,
}

impl Code {
    /// Every code, in the order of their numbers.
    pub const ALL: [Self; 20] = [
        Self::MalformedJson,
        Self::BadEnvelope,
        Self::Unauthenticated,
        Self::PermissionDenied,
        Self::NotFound,
        Self::AlreadyExists,
        Self::Aborted,
        Self::FailedPrecondition,
        Self::PayloadTooLarge,
        Self::InvalidArgument,
        Self::OutOfRange,
        Self::ResourceExhausted,
        Self::Cancelled,
        Self::Internal,
        Self::Unknown,
        Self::DataLoss,
        Self::Unimplemented,
        Self::BadReply,
        Self::Unavailable,
        Self::DeadlineExceeded,
    ];

    /// Returns the text on the wire, such as `not_found`.
    pub const fn as_str(self) -> &'static str {
        self.row().0
    }

    /// Returns the number on the wire, which is also the HTTP status, such as 404.
    pub const fn number(self) -> u16 {
        self.row().1
    }

    /// Returns whether the same call may succeed if it is sent again.
    pub const fn is_retryable(self) -> bool {
        matches!(self, Self::ResourceExhausted | Self::Unavailable)
    }

    /// Returns the code whose text is `text`.
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str() == text)
    }

    /// The table of wire codes; the only place where numbers are written.
    const fn row(self) -> (&'static str, u16) {
        match self {
            Self::MalformedJson => ("malformed_json", 400),
            Self::BadEnvelope => ("bad_envelope", 400),
            Self::Unauthenticated => ("unauthenticated", 401),
            Self::PermissionDenied => ("permission_denied", 403),
            Self::NotFound => ("not_found", 404),
            Self::AlreadyExists => ("already_exists", 409),
            Self::Aborted => ("aborted", 409),
            Self::FailedPrecondition => ("failed_precondition", 412),
            Self::PayloadTooLarge => ("payload_too_large", 413),
            Self::InvalidArgument => ("invalid_argument", 422),
            Self::OutOfRange => ("out_of_range", 422),
            Self::ResourceExhausted => ("resource_exhausted", 429),
            Self::Cancelled => ("cancelled", 499),
            Self::Internal => ("internal", 500),
            Self::Unknown => ("unknown", 500),
            Self::DataLoss => ("data_loss", 500),
            Self::Unimplemented => ("unimplemented", 501),
            Self::BadReply => ("bad_reply", 502),
            Self::Unavailable => ("unavailable", 503),
            Self::DeadlineExceeded => ("deadline_exceeded", 504),
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether a failed call may have run; said only for failures of the way there and back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The method did not run.
    NotSent,
    /// The method may have run.
    Unknown,
}

/// A failure as a caller reads it.
///
/// The message is for the caller. The cause, set with [`with_source`](Self::with_source), goes to
/// the log under the same request id and never to the wire.
///
/// # Examples
/// ```
/// use rpc_core::RpcError;
/// let error = RpcError::not_found("no user 7");
/// assert_eq!((error.code(), error.status()), ("not_found", 404));
/// assert_eq!(error.to_json(None), r#"{"code":"not_found","message":"no user 7"}"#);
/// ```
#[derive(Debug)]
pub struct RpcError(Box<Inner>);

#[derive(Debug)]
struct Inner {
    code: Cow<'static, str>,
    status: u16,
    message: String,
    details: Option<Value>,
    retryable: bool,
    outcome: Option<Outcome>,
    request_id: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
    /// What logs say where the message quotes what a caller sent.
    #[cfg(feature = "server")]
    logged: Option<String>,
}

/// The JSON body of an error reply.
#[derive(Serialize, Deserialize)]
struct Body<'a> {
    code: Cow<'a, str>,
    #[serde(default)]
    message: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    details: Option<Cow<'a, Value>>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    retryable: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    outcome: Option<Outcome>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    request_id: Option<Cow<'a, str>>,
}

impl RpcError {
    /// Creates a failure with one of the codes of the contract.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            code: Cow::Borrowed(code.as_str()),
            status: code.number(),
            message: message.into(),
            details: None,
            retryable: code.is_retryable(),
            outcome: None,
            request_id: None,
            source: None,
            #[cfg(feature = "server")]
            logged: None,
        }))
    }

    /// Creates a failure with a service's own code (`user.not_found`) and a number from 400 to
    /// 599; a number outside becomes 500.
    pub fn custom(
        code: impl Into<Cow<'static, str>>,
        status: u16,
        message: impl Into<String>,
    ) -> Self {
        let mut error = Self::new(Code::Unknown, message);
        error.0.code = code.into();
        error.0.status = if (400..600).contains(&status) {
            status
        } else {
            500
        };
        error
    }

    /// Creates an `invalid_argument` (422): the arguments do not fit.
    pub fn invalid_argument(message: impl Into<String>) -> Self {
        Self::new(Code::InvalidArgument, message)
    }

    /// Creates a `not_found` (404).
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(Code::NotFound, message)
    }

    /// Creates an opaque `internal` (500) whose cause only the log sees.
    pub fn internal(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(
            Code::Internal,
            "internal error; the service's log has the details",
        )
        .with_source(source)
    }

    /// Adds machine-readable details for the caller.
    #[must_use]
    pub fn with_details(mut self, details: Value) -> Self {
        self.0.details = Some(details);
        self
    }

    /// Says whether the same call may succeed if sent again.
    #[must_use]
    pub fn with_retryable(mut self, retryable: bool) -> Self {
        self.0.retryable = retryable;
        self
    }

    /// Says whether the method may have run.
    #[must_use]
    pub fn with_outcome(mut self, outcome: Outcome) -> Self {
        self.0.outcome = Some(outcome);
        self
    }

    /// Keeps the cause for the log; it never travels.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Says what logs and counters read instead of a message that quotes what a caller sent.
    #[cfg(feature = "server")]
    pub(crate) fn logged_as(mut self, text: impl Into<String>) -> Self {
        self.0.logged = Some(text.into());
        self
    }

    /// Returns the failure as logs and counters may tell it, without what a caller sent.
    #[cfg(feature = "server")]
    pub(crate) fn for_log(&self) -> impl fmt::Display + '_ {
        ForLog(self)
    }

    /// Returns the code as text: one of [`Code`]'s or the service's own.
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// Returns the number: `Nats-Service-Error-Code` and the HTTP status.
    pub fn status(&self) -> u16 {
        self.0.status
    }

    /// Returns the text for the caller.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Returns the machine-readable details.
    pub fn details(&self) -> Option<&Value> {
        self.0.details.as_ref()
    }

    /// Returns whether the same call may succeed if sent again.
    pub fn is_retryable(&self) -> bool {
        self.0.retryable
    }

    /// Returns whether the method may have run, where that is known.
    pub fn outcome(&self) -> Option<Outcome> {
        self.0.outcome
    }

    /// Returns the request id under which the service logged the failure.
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// Returns the JSON body of an error reply; `request_id` names it in the log.
    pub fn to_json(&self, request_id: Option<&str>) -> String {
        let body = Body {
            code: Cow::Borrowed(self.code()),
            message: Cow::Borrowed(self.message()),
            details: self.details().map(Cow::Borrowed),
            retryable: self.is_retryable(),
            outcome: self.outcome(),
            request_id: request_id.or(self.request_id()).map(Cow::Borrowed),
        };
        serde_json::to_string(&body).expect("strings, bools and `Value` always encode")
    }

    /// Reads an error reply: `number` and `line` from its headers, `body` where it is ours.
    ///
    /// Services built without this library send only the headers; then the code is `unknown` and
    /// the message is the header's line.
    pub fn from_wire(number: u16, line: &str, body: &[u8]) -> Self {
        match serde_json::from_slice::<Body<'_>>(body) {
            Ok(body) => {
                let mut error = Self::custom(body.code.into_owned(), number, body.message);
                error.0.details = body.details.map(Cow::into_owned);
                error.0.retryable = body.retryable;
                error.0.outcome = body.outcome;
                error.0.request_id = body.request_id.map(Cow::into_owned);
                error
            }
            Err(_) => Self::custom(Code::Unknown.as_str(), number, line),
        }
    }
}

impl fmt::Display for RpcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code(), self.message())
    }
}

/// A failure without what a caller sent.
#[cfg(feature = "server")]
struct ForLog<'a>(&'a RpcError);

#[cfg(feature = "server")]
impl fmt::Display for ForLog<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(error) = self;
        let text = error.0.logged.as_deref().unwrap_or(error.message());
        write!(f, "{}: {text}", error.code())
    }
}

impl StdError for RpcError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0
            .source
            .as_deref()
            .map(|source| source as &(dyn StdError + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_found_by_its_text() {
        for code in Code::ALL {
            assert_eq!(Code::from_text(code.as_str()), Some(code));
            assert!((400..600).contains(&code.number()));
        }
    }

    #[test]
    fn an_error_survives_the_wire() {
        let sent = RpcError::new(Code::Unavailable, "draining")
            .with_details(serde_json::json!({"instance": "a"}))
            .with_outcome(Outcome::NotSent);
        let read = RpcError::from_wire(503, "draining", sent.to_json(Some("r1")).as_bytes());
        assert_eq!(
            (read.code(), read.status(), read.message()),
            ("unavailable", 503, "draining")
        );
        assert_eq!(read.details(), sent.details());
        assert!(read.is_retryable());
        assert_eq!(
            (read.outcome(), read.request_id()),
            (Some(Outcome::NotSent), Some("r1"))
        );
    }

    #[test]
    fn a_foreign_error_keeps_its_header_line() {
        let read = RpcError::from_wire(400, "bad thing", b"");
        assert_eq!(
            (read.code(), read.status(), read.message()),
            ("unknown", 400, "bad thing")
        );
    }

    #[test]
    fn causes_never_travel() {
        let error = RpcError::internal("SELECT secret FROM users");
        assert!(!error.to_json(None).contains("SELECT"));
    }
}
