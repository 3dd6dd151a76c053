//! What the broker answers to a mistake, and why it ends a connection.

use thiserror::Error;

/// A mistake the client is told about, as `-ERR '<this text>'`.
///
/// The texts are part of the protocol: clients compare them.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum ProtocolError {
    #[error("Unknown Protocol Operation")]
    UnknownOperation,
    #[error("maximum control line exceeded")]
    ControlLineTooLong,
    #[error("Maximum Payload Violation")]
    PayloadTooLarge,
    #[error("Authorization Violation")]
    AuthorizationViolation,
    #[error("Authentication Timeout")]
    AuthenticationTimeout,
    #[error("invalid client protocol")]
    InvalidClientProtocol,
    #[error("no responders requires headers support")]
    NoRespondersWithoutHeaders,
    #[error("maximum connections exceeded")]
    TooManyConnections,
    #[error("Stale Connection")]
    StaleConnection,
    #[error("Invalid Subject")]
    InvalidSubject,
    #[error("Invalid Publish Subject")]
    InvalidPublishSubject,
    #[error("maximum subscriptions exceeded")]
    TooManySubscriptions,
    #[error("Permissions Violation for Publish to {0:?}")]
    PublishDenied(String),
    #[error("Permissions Violation for Publish with Reply of {0:?}")]
    ReplyDenied(String),
    #[error("Permissions Violation for Subscription to {filter:?} using queue {queue:?}")]
    QueueDenied { filter: String, queue: String },
}

/// Why the broker ends a connection.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum Closing {
    /// After everything routed so far, the client is told.
    #[error("{0}")]
    Told(#[from] ProtocolError),
    /// After everything routed so far, without a word: the protocol has no
    /// text for this mistake.
    #[error("{0}")]
    Silent(&'static str),
    /// At once: the client does not read what it asked for.
    #[error("{0}")]
    Slow(&'static str),
    /// At once: the client is gone.
    #[error("{0}")]
    Gone(&'static str),
    /// After everything routed so far: the broker stops.
    #[error("broker shutdown")]
    Shutdown,
}
