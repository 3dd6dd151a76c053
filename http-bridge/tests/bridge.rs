//! The bridge as its clients see it: bytes in, bytes out.
//!
//! Runs on the embedded broker, or with `NATS_URL` set on that server.

#![allow(missing_docs, unreachable_pub)]

#[path = "bridge/support/mod.rs"]
mod support;

#[path = "bridge/calls.rs"]
mod calls;
