//! Why a call has no result: one kind for each thing that a caller can do about it.

use thiserror::Error;

use crate::protocol::{Code, Outcome, RpcError, SubjectError};

/// Why a call has no result.
///
/// Where the service answered, what it said is inside: [`reply`](Self::reply) has its message,
/// details and request id. `RpcError::from(error)` is what a method passes on to its own caller.
///
/// # Examples
/// ```
/// use rpc_core::{CallError, RpcError};
/// let error = CallError::NoService { service: "billing".to_owned() };
/// assert_eq!(error.to_string(), "there is no service `billing`");
/// assert!(error.is_retryable());
/// assert_eq!(RpcError::from(error).code(), "unavailable");
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CallError {
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
    #[error("{0}")]
    Service(RpcError),
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
    pub(super) fn from_reply(error: RpcError) -> Self {
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

    /// Returns whether the same call may succeed if it is sent again.
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
            | Self::Service(error) => error.is_retryable(),
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
            | Self::Service(error) => error.outcome(),
        }
    }

    /// Returns what the service said, with its message, details and request id; `None` where the
    /// failure is of the way there and back, and has no more to say than its kind.
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
            | Self::Service(error) => Some(error),
            _ => None,
        }
    }
}

/// What a caller further up reads when a nested call fails.
impl From<CallError> for RpcError {
    fn from(error: CallError) -> Self {
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
            | CallError::Service(error) => error,
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
