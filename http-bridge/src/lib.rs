//! Puts NATS services on the web: `POST /<service>.<method>` with `[args, kwargs]` becomes a NATS
//! request, and the reply comes back.
//!
//! ```console
//! $ http-bridge --listen 127.0.0.1:5000
//! $ curl -X POST http://127.0.0.1:5000/greeting_service.hello -d '[["Bob"], {"last_name": "Ross"}]'
//! [["Hello, Bob Ross"], {}]
//! ```
//!
//! # What is callable
//! Methods that services announce, and nothing else: no raw subjects, nothing marked `internal`. A
//! new service is found when it is first called; the bridge is not restarted. [`Config::expose`] and
//! [`Config::deny`] narrow it down.
//!
//! # Errors
//! RFC 9457 `application/problem+json`, with the service's own code, message and details:
//!
//! ```json
//! {"type": "/errors#not_found", "title": "Not found", "status": 404, "detail": "no user 7",
//!  "instance": "/user_service.get", "code": "not_found", "request_id": "…", "retryable": false}
//! ```
//!
//! # Limits
//! [`Limits`] bounds what one client, and all together, may use. The defaults are meant for a
//! listener that anybody can reach.
//!
//! # At the edge
//! TLS, tokens, CORS, rate limits, trusted proxies, idempotency keys, compression and metrics are
//! fields of [`Config`], off or harmless by default.
//!
//! # How to read it
//! `server.rs` accepts, `connection.rs` speaks HTTP, `stack.rs` lists what every request passes,
//! `router.rs` picks the route, `routes/call` makes the call.
//!
//! # Features
//! * `mimalloc`: the program's allocator; of no use to a library.

mod config;
mod pattern;
mod server;

mod admission;
mod answer;
mod auth;
mod connection;
mod edge;
mod idempotency;
mod layers;
mod metrics;
mod problem;
mod pulse;
mod router;
mod routes;
mod socket;
mod stack;
mod status;
mod tls;

pub use config::{
    Algorithm, AlgorithmError, Auth, Config, ConfigError, Cors, ForwardedHeader, Idempotency,
    KeySource, Limits, MetricsAt, Network, NetworkError, Origin, OriginError, Proxies, Rate,
    RateError, Tls, TokenRequired,
};
pub use pattern::{Pattern, PatternError};
pub use server::{BindError, Bridge};
