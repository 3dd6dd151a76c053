//! Why a call has no result: one kind for each thing that a caller can do about it.

use thiserror::Error;

use crate::protocol::{Code, Outcome, RpcError, SubjectError};
use crate::wire_error::WireError;

/// Why a call has no result; `E` is the error type of the method, which a typed client knows.
///
/// Where the service answered, what it said is inside: [`reply`](Self::reply) has its message,
/// details and request id. `RpcError::from(error)` is what a method passes on to its own caller.
///
/// # Examples
/// ```
/// use rpc_core::{CallError, RpcError};
/// let error: CallError = CallError::NoService { service: "billing".to_owned() };
/// assert_eq!(error.to_string(), "there is no service `billing`");
/// assert!(error.is_retryable());
/// assert_eq!(RpcError::from(error).code(), "unavailable");
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CallError<E = RpcError> {
    /// The subject cannot name a method; nothing was sent. Mend the name.
    #[error(transparent)]
    InvalidSubject(#[from] SubjectError),
    /// An argument could not be encoded; nothing was sent. Mend its `Serialize`.
    #[error("an argument could not be encoded: {0}")]
    Unencodable(#[source] serde_json::Error),
    /// The request is larger than the server takes; nothing was sent. Send less at a time.
    #[error("the request has {size} bytes, the server takes at most {limit}")]
    TooLarge {
        /// The size of headers and payload in bytes.
        size: usize,
        /// The server's `max_payload` in bytes.
        limit: usize,
    },
    /// The NATS server does not let this client publish on the subject. Give its account or user
    /// the right to; repeating the call does not help.
    #[error("the NATS server does not let this client publish on `{0}`")]
    PermissionDenied(String),
    /// No instance of the service is there, and the server said so at once. Start one, or mend
    /// the name; a call that is sent again later may find one.
    #[error("there is no service `{service}`")]
    NoService {
        /// The service's name, as the subject has it.
        service: String,
    },
    /// The service is there and has no such method. Mend the name, or deploy the version that has
    /// the method.
    #[error("`{service}` has no method `{method}`{}", hint(.did_you_mean.as_deref()))]
    NoMethod {
        /// The service's name.
        service: String,
        /// The method's name, as the subject has it.
        method: String,
        /// The subject of the method whose name is nearest, where one is near.
        did_you_mean: Option<String>,
    },
    /// Nobody takes the call now: the service's instances are stopping, or said that they are
    /// `unavailable`. Send it again after a pause.
    #[error("{0}")]
    Unavailable(RpcError),
    /// The instance has no room, or a rate limit was reached (`resource_exhausted`). Send the call
    /// again after a pause, or send fewer.
    #[error("{0}")]
    Full(RpcError),
    /// The connection to NATS was down, or broke while the call was under way: the outcome says
    /// which. It is made anew by itself; send the call again after a pause if that is safe.
    #[error("the connection to NATS is down")]
    Disconnected(Outcome),
    /// The time ran out. Allow more of it, or ask for less; unless it was
    /// [`Queued`](Stage::Queued), the method may have run.
    #[error("{error}")]
    Deadline {
        /// How far the call had come.
        stage: Stage,
        /// What the service said, or that it said nothing.
        error: RpcError,
    },
    /// The call was given up on the service's side because somebody upstream went away.
    #[error("{0}")]
    Cancelled(RpcError),
    /// The method answered with an error of its own; what to do is between it and the caller.
    /// Without a type, this is everything that a service says and that is no other kind.
    #[error("{0}")]
    Service(E),
    /// The service answered with an error that is none of the method's type, such as
    /// `invalid_argument` or `internal`: caller and service disagree about the method, or it broke.
    /// Only typed calls end so.
    #[error("{0}")]
    Failed(RpcError),
    /// What came back is no reply, or its result is of another type: caller and service disagree
    /// about the method. It did run.
    #[error("`{subject}` sent something that is not the expected reply: {reason}")]
    BadReply {
        /// The subject of the call.
        subject: String,
        /// How it differs.
        reason: String,
    },
}

/// How far a call had come when its time ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stage {
    /// It waited for its turn at the service and never ran.
    Queued,
    /// It ran, and was dropped.
    Running,
    /// Nothing was heard of it.
    NoAnswer,
}

impl CallError {
    /// Tells the error replies of a service apart.
    pub(crate) fn from_reply(error: RpcError) -> Self {
        match Code::from_text(error.code()) {
            Some(Code::Unavailable) => Self::Unavailable(error),
            Some(Code::ResourceExhausted) => Self::Full(error),
            Some(Code::Cancelled) => Self::Cancelled(error),
            Some(Code::DeadlineExceeded) => {
                let stage = match error.outcome() {
                    Some(Outcome::NotSent) => Stage::Queued,
                    _ => Stage::Running,
                };
                Self::Deadline { stage, error }
            }
            _ => Self::Service(error),
        }
    }

    pub(super) fn nobody_listens(subject: &str) -> Self {
        let text = format!("nobody listens on `{subject}`");
        Self::Unavailable(RpcError::new(Code::Unavailable, text).with_outcome(Outcome::NotSent))
    }

    pub(super) fn no_answer(subject: &str) -> Self {
        let text = format!("no answer from `{subject}` in time");
        let error = RpcError::new(Code::DeadlineExceeded, text).with_outcome(Outcome::Unknown);
        let stage = Stage::NoAnswer;
        Self::Deadline { stage, error }
    }

    /// Returns the failure of a typed call: what the service said becomes the method's own error,
    /// if it is one.
    pub(crate) fn typed<E: WireError>(self) -> CallError<E> {
        match self {
            Self::Unavailable(error) => rebuilt(error, CallError::Unavailable),
            Self::Full(error) => rebuilt(error, CallError::Full),
            Self::Cancelled(error) => rebuilt(error, CallError::Cancelled),
            Self::Deadline { stage, error } => {
                rebuilt(error, |error| CallError::Deadline { stage, error })
            }
            other => other.retyped(|error| {
                E::from_rpc_error(error).map_or_else(CallError::Failed, CallError::Service)
            }),
        }
    }
}

impl<E> CallError<E> {
    /// Changes the type of the method's own errors to what `service` makes of them.
    fn retyped<F>(self, service: impl FnOnce(E) -> CallError<F>) -> CallError<F> {
        match self {
            Self::InvalidSubject(error) => CallError::InvalidSubject(error),
            Self::Unencodable(error) => CallError::Unencodable(error),
            Self::TooLarge { size, limit } => CallError::TooLarge { size, limit },
            Self::PermissionDenied(subject) => CallError::PermissionDenied(subject),
            Self::NoService { service } => CallError::NoService { service },
            Self::NoMethod {
                service,
                method,
                did_you_mean,
            } => CallError::NoMethod {
                service,
                method,
                did_you_mean,
            },
            Self::Unavailable(error) => CallError::Unavailable(error),
            Self::Full(error) => CallError::Full(error),
            Self::Disconnected(outcome) => CallError::Disconnected(outcome),
            Self::Deadline { stage, error } => CallError::Deadline { stage, error },
            Self::Cancelled(error) => CallError::Cancelled(error),
            Self::Service(error) => service(error),
            Self::Failed(error) => CallError::Failed(error),
            Self::BadReply { subject, reason } => CallError::BadReply { subject, reason },
        }
    }
}

impl<E: WireError> CallError<E> {
    /// Returns whether the same call may succeed if it is sent again. Of a method's own error its
    /// type says more: match on it.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::NoService { .. } | Self::Disconnected(_) => true,
            Self::InvalidSubject(_)
            | Self::Unencodable(_)
            | Self::TooLarge { .. }
            | Self::PermissionDenied(_)
            | Self::NoMethod { .. }
            | Self::BadReply { .. } => false,
            Self::Unavailable(error)
            | Self::Full(error)
            | Self::Deadline { error, .. }
            | Self::Cancelled(error)
            | Self::Failed(error) => error.is_retryable(),
            Self::Service(error) => error.as_rpc_error().is_some_and(RpcError::is_retryable),
        }
    }

    /// Returns whether the method may have run; `None` means that it answered.
    pub fn outcome(&self) -> Option<Outcome> {
        match self {
            Self::InvalidSubject(_)
            | Self::Unencodable(_)
            | Self::TooLarge { .. }
            | Self::PermissionDenied(_)
            | Self::NoService { .. }
            | Self::NoMethod { .. } => Some(Outcome::NotSent),
            Self::Disconnected(outcome) => Some(*outcome),
            Self::BadReply { .. } => Some(Outcome::Unknown),
            Self::Unavailable(error)
            | Self::Full(error)
            | Self::Deadline { error, .. }
            | Self::Cancelled(error)
            | Self::Failed(error) => error.outcome(),
            Self::Service(error) => error.as_rpc_error().and_then(RpcError::outcome),
        }
    }

    /// Returns what the service said, with its message, details and request id; `None` where it is
    /// the method's own type by now, and where the failure is of the way there and back and has no
    /// more to say than its kind.
    pub fn reply(&self) -> Option<&RpcError> {
        match self {
            Self::Deadline {
                stage: Stage::NoAnswer,
                ..
            } => None,
            Self::Unavailable(error)
            | Self::Full(error)
            | Self::Deadline { error, .. }
            | Self::Cancelled(error)
            | Self::Failed(error) => Some(error),
            Self::Service(error) => error.as_rpc_error(),
            _ => None,
        }
    }
}

/// Returns the method's own error, if that is what the service said. A method may use a code of the
/// contract for one; without a type there is nothing to prefer to the kind.
fn rebuilt<E: WireError>(
    error: RpcError,
    kind: impl FnOnce(RpcError) -> CallError<E>,
) -> CallError<E> {
    match E::IS_TYPED {
        true => E::from_rpc_error(error).map_or_else(kind, CallError::Service),
        false => kind(error),
    }
}

/// What a caller further up reads when a nested call fails.
impl<E: Into<RpcError>> From<CallError<E>> for RpcError {
    fn from(error: CallError<E>) -> Self {
        let error = error.retyped(|error| CallError::<Self>::Service(error.into()));
        let (text, outcome) = (error.to_string(), error.outcome());
        let of_code = |code| match outcome {
            Some(outcome) => Self::new(code, text).with_outcome(outcome),
            None => Self::new(code, text),
        };
        match error {
            CallError::Unavailable(error)
            | CallError::Full(error)
            | CallError::Deadline { error, .. }
            | CallError::Cancelled(error)
            | CallError::Service(error)
            | CallError::Failed(error) => error,
            CallError::Unencodable(cause) => Self::internal(cause).with_outcome(Outcome::NotSent),
            CallError::InvalidSubject(_) | CallError::NoMethod { .. } => of_code(Code::NotFound),
            CallError::TooLarge { .. } => of_code(Code::PayloadTooLarge),
            CallError::PermissionDenied(_) => of_code(Code::PermissionDenied),
            CallError::NoService { .. } | CallError::Disconnected(_) => of_code(Code::Unavailable),
            CallError::BadReply { .. } => of_code(Code::BadReply),
        }
    }
}

fn hint(did_you_mean: Option<&str>) -> String {
    did_you_mean.map_or_else(String::new, |subject| {
        format!(", did you mean `{subject}`?")
    })
}

#[cfg(test)]
mod tests;
