//! Failures of operations: connecting, calling, running. What travels is [`RpcError`].

use thiserror::Error;

use crate::protocol::{Code, Outcome, RpcError, SubjectError};

/// Why there is no connection to NATS.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// A server's URL cannot be read.
    #[error("`{url}` is not the URL of a NATS server: {reason}")]
    Url {
        /// The URL, without its password.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No server answered in time.
    #[error("no NATS server at {servers}: {reason}")]
    Unreachable {
        /// The servers that were tried.
        servers: String,
        /// Why the last try failed.
        reason: String,
    },
    /// A server refused the credentials; trying again would not help.
    #[error("the NATS server at {servers} refused the credentials: {reason}")]
    Refused {
        /// The servers that were tried.
        servers: String,
        /// What the server said.
        reason: String,
    },
}

/// Why a call has no result.
#[derive(Debug, Error)]
pub enum CallError {
    /// The subject cannot name a method; nothing was sent.
    #[error(transparent)]
    Subject(#[from] SubjectError),
    /// An argument could not be encoded; nothing was sent.
    #[error("an argument could not be encoded: {0}")]
    Arguments(#[source] serde_json::Error),
    /// The request is larger than the server takes; nothing was sent.
    #[error("the request has {size} bytes, the server takes at most {limit}")]
    TooLarge {
        /// The size of headers and payload in bytes.
        size: usize,
        /// The server's `max_payload` in bytes.
        limit: usize,
    },
    /// Nobody listens on the subject; the server said so at once.
    #[error("nobody listens on `{0}`")]
    NoResponders(String),
    /// The connection to NATS was down, or broke while the call was under way.
    #[error("the connection to NATS is down")]
    Disconnected(Outcome),
    /// No reply came in time.
    #[error("no answer from `{0}` in time")]
    Deadline(String),
    /// The service answered with an error.
    #[error("{0}")]
    Service(RpcError),
    /// What came back is no reply, or its result is of another type.
    #[error("`{subject}` sent something that is not the expected reply: {reason}")]
    BadReply {
        /// The subject of the call.
        subject: String,
        /// How it differs.
        reason: String,
    },
}

/// What a caller further up reads when a nested call fails.
impl From<CallError> for RpcError {
    fn from(error: CallError) -> Self {
        let text = error.to_string();
        let not_sent = |code| RpcError::new(code, text.clone()).with_outcome(Outcome::NotSent);
        match error {
            CallError::Service(error) => error,
            CallError::Subject(_) => not_sent(Code::NotFound),
            CallError::Arguments(cause) => RpcError::internal(cause),
            CallError::TooLarge { .. } => not_sent(Code::PayloadTooLarge),
            CallError::NoResponders(_) => not_sent(Code::Unavailable),
            CallError::Disconnected(outcome) => {
                RpcError::new(Code::Unavailable, text).with_outcome(outcome)
            }
            CallError::Deadline(_) => {
                RpcError::new(Code::DeadlineExceeded, text).with_outcome(Outcome::Unknown)
            }
            CallError::BadReply { .. } => {
                RpcError::new(Code::BadReply, text).with_outcome(Outcome::Unknown)
            }
        }
    }
}

/// Why a [`Runner`](crate::Runner) stopped, or never started.
#[derive(Debug, Error)]
pub enum RunError {
    /// There is no connection to NATS.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The embedded broker did not start.
    #[cfg(feature = "embedded")]
    #[error(transparent)]
    Broker(#[from] rpc_broker::StartError),
    /// The services cannot be served as they are declared.
    #[error("{0}")]
    Declaration(String),
    /// The server did not take the subscriptions.
    #[error("the server did not take the subscriptions of `{service}`: {reason}")]
    Subscribe {
        /// The service.
        service: String,
        /// What the server said, or did not say.
        reason: String,
    },
}
