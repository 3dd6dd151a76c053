//! Layers around methods and around requests, over a NATS server.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

#[path = "middleware/chain.rs"]
mod chain;
#[path = "middleware/limits.rs"]
mod limits;
#[path = "middleware/metrics.rs"]
mod metrics;
#[path = "middleware/note.rs"]
mod note;
#[path = "middleware/scopes.rs"]
mod scopes;
