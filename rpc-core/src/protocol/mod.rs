//! The wire contract: subjects, headers, calls, replies and errors as they travel.
//!
//! Nothing here does IO: no tokio, no NATS client. What a page of text can say about a message is
//! decided here and tested without a network.

pub mod call;
pub mod error;
pub mod headers;
pub mod reply;
pub mod subject;
pub mod trace;

pub(crate) use call::DEFAULT_TIMEOUT;
pub use call::{Arguments, Call};
pub use error::{Code, Outcome, RpcError};
pub use headers::Headers;
pub use reply::{Reply, WireReply};
pub use subject::SubjectError;
pub use trace::TraceParent;
