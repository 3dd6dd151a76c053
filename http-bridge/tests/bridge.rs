//! The bridge as its clients see it: bytes in, bytes out.
//!
//! Runs on the embedded broker, or with `NATS_URL` set on that server.

// A test crate exports nothing, and its helpers fail by panicking.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

#[path = "bridge/support/mod.rs"]
mod support;

#[path = "bridge/auth.rs"]
mod auth;
#[path = "bridge/calls.rs"]
mod calls;
#[path = "bridge/configuration.rs"]
mod configuration;
#[path = "bridge/cors.rs"]
mod cors;
#[path = "bridge/draining.rs"]
mod draining;
#[path = "bridge/exposure.rs"]
mod exposure;
#[path = "bridge/health.rs"]
mod health;
#[path = "bridge/http2.rs"]
mod http2;
#[path = "bridge/idempotency.rs"]
mod idempotency;
#[path = "bridge/limits.rs"]
mod limits;
#[path = "bridge/live.rs"]
mod live;
#[path = "bridge/metrics.rs"]
mod metrics;
#[path = "bridge/nesting.rs"]
mod nesting;
#[path = "bridge/openapi.rs"]
mod openapi;
#[path = "bridge/program.rs"]
mod program;
#[path = "bridge/rates.rs"]
mod rates;
#[path = "bridge/reading.rs"]
mod reading;
#[path = "bridge/refusals.rs"]
mod refusals;
#[path = "bridge/rest.rs"]
mod rest;
#[path = "bridge/scopes.rs"]
mod scopes;
#[path = "bridge/slowness.rs"]
mod slowness;
#[path = "bridge/tls.rs"]
mod tls;
