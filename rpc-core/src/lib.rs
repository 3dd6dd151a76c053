//! RPC microservices on NATS: put `#[rpc]` on an `impl` block, and its methods answer on NATS
//! subjects such as `greeting_service.hello`.
//!
//! ```no_run
//! use rpc_core::prelude::*;
//!
//! struct GreetingService;
//!
//! #[rpc]
//! impl GreetingService {
//!     /// Says hello.
//!     #[rpc]
//!     async fn hello(&self, first_name: &str, #[rpc(default)] last_name: &str) -> String {
//!         format!("Hello, {first_name} {last_name}").trim().to_owned()
//!     }
//! }
//!
//! #[tokio::main]
//! async fn main() -> rpc_core::Result<()> {
//!     Runner::from_env()?.service(GreetingService).run().await
//! }
//! ```
//!
//! A call's payload is Python's: `[["Bob"], {"last_name": "Ross"}]` answers
//! `[["Hello, Bob Ross"], {}]`.
//!
//! # Services
//! [`rpc`](macro@rpc) is the reference of the attribute. A method takes any `serde` type, borrowed
//! ones included, and a [`&Context`](Context) that is not on the wire; it returns a value, `()`, a
//! `Result` whose error converts into [`RpcError`](struct@RpcError), or a [`Reply`].
//!
//! # Errors
//! [`derive(RpcError)`](derive@RpcError) gives an enum's variants codes and statuses of the wire, and
//! rebuilds them where the method was called. A [`Code`] of the contract needs no enum.
//!
//! # Events, timers, lifecycle
//! [`event_handler`], [`timer`], [`cron`], [`on_start`] and [`on_stop`] fire methods of the same `impl`
//! block without a call; [`Context::emit`] and [`Client::emit`] publish events.
//!
//! # Running
//! [`Runner`] connects, subscribes, proves the subscriptions, serves, and on SIGTERM stops without
//! losing a call. `NATS_URL` names the servers.
//!
//! # Calling
//! `#[rpc]` also writes a typed client, `GreetingServiceClient`, and a trait with `#[rpc]` is a
//! contract that several crates share. [`Client`] and [`call!`] call methods by name;
//! [`Context::client`] does so inside a method and carries the deadline and the request id on.
//! [`Catalog`] knows which methods exist.
//!
//! # Middleware
//! [`Runner::layer`] puts layers around methods and [`Client::layer`] around requests; [`middleware`] has
//! ready-made ones, and shows how to write one. `#[rpc(scopes("…"))]` says who may call.
//!
//! # Testing
//! A service is a plain struct whose methods a test can call. `testing::call` goes through
//! arguments and reply without a network; `testing::TestApp` has a broker of its own.
//!
//! # Features
//! * `server` (default): serving. Without it the crate is a client's: `#[rpc]` writes typed clients
//!   only, and fewer crates are compiled.
//! * `cron` (default, with `server`): `#[cron]`, with the time zones of the IANA database.
//! * `embedded` (default, with `server`): the in-process broker that [`Runner`] starts when `NATS_URL`
//!   is unset.
//! * `metrics` (with `server`): `middleware::MetricsLayer`, which counts calls for Prometheus.
//! * `testing` (with `embedded`): the module `testing`.

#![cfg_attr(
    not(feature = "server"),
    allow(
        dead_code,
        unused_imports,
        reason = "what only serving needs stays where it belongs"
    ),
    allow(
        rustdoc::broken_intra_doc_links,
        reason = "links to what only serving has"
    )
)]

// What a service is.
mod context;
#[cfg(feature = "server")]
mod endpoint;
#[cfg(feature = "server")]
mod entrypoint;
#[cfg(feature = "server")]
mod extract;
mod origin;
mod route;
#[cfg(feature = "server")]
mod service;

// What travels, and how it becomes arguments and results.
#[cfg(feature = "server")]
mod bind;
#[cfg(feature = "server")]
mod codec;
#[cfg(feature = "server")]
mod outcome;
pub mod protocol;
#[cfg(feature = "server")]
mod schema;
#[cfg(feature = "server")]
mod slot;
#[cfg(feature = "server")]
mod text;
mod wire_error;

// Serving calls.
#[cfg(feature = "server")]
mod causes;
#[cfg(feature = "server")]
mod discovery;
#[cfg(feature = "server")]
mod dispatch;
#[cfg(feature = "server")]
mod instance;
#[cfg(feature = "server")]
mod lifecycle;
#[cfg(feature = "server")]
mod runner;
#[cfg(feature = "server")]
mod serve;
#[cfg(feature = "server")]
mod signals;
#[cfg(feature = "server")]
mod stats;

// Around calls, on both sides.
pub mod middleware;

// Making calls.
mod catalog;
mod client;
mod connection;
mod info;
mod mux;
mod outbox;

mod config;
mod error;
#[cfg(feature = "server")]
pub mod log;
pub mod prelude;
mod rarely;
#[cfg(feature = "testing")]
pub mod testing;

#[doc(hidden)]
pub mod __private;

pub use catalog::{Catalog, Conflict, KnownInstance, KnownService, Method, Snapshot};
pub use client::{
    CallError, Client, Emit, EmitError, EventArgs, Idempotent, OutgoingCall, Plain, Stage,
};
pub use config::Config;
pub use connection::ConnectionStats;
pub use context::Context;
#[cfg(feature = "server")]
pub use endpoint::{Endpoint, EndpointSpec, Options, WhenFull};
#[cfg(feature = "server")]
pub use entrypoint::EntrypointReport;
pub use error::{ConnectError, RunError};
#[cfg(feature = "server")]
pub use extract::FromContext;
pub use protocol::{Code, Reply, RpcError};
pub use route::{HttpRoute, Segment};
/// Makes an enum or a struct the error of rpc methods; the tables below list every option.
///
/// # Examples
/// ```
/// use rpc_core::{RpcError, WireError};
/// use thiserror::Error;
///
/// #[derive(Debug, Error, PartialEq, RpcError)]
/// enum UserError {
///     #[error("no user {id}")]
///     #[rpc(code = "user.not_found", status = 404)]
///     NotFound { id: i64 },
///     #[error("somebody else has this e-mail address")]
///     #[rpc(status = 409)]
///     Taken,
///     #[error(transparent)]
///     #[rpc(internal)]
///     Db(#[from] std::fmt::Error),
/// }
///
/// let error = RpcError::from(UserError::NotFound { id: 7 });
/// assert_eq!(
///     error.to_json(None),
///     r#"{"code":"user.not_found","message":"no user 7","details":{"id":7}}"#
/// );
/// assert_eq!(UserError::from_rpc_error(error).unwrap(), UserError::NotFound { id: 7 });
///
/// let error = RpcError::from(UserError::Taken);
/// assert_eq!((error.code(), error.status()), ("taken", 409));
///
/// let error = RpcError::from(UserError::Db(std::fmt::Error));
/// assert_eq!(error.code(), "internal");
/// assert!(UserError::from_rpc_error(error).is_err());
/// ```
pub use rpc_macros::RpcError;
/// Turns an `impl` block into a service; the tables below list every option.
///
/// # Examples
/// ```
/// use rpc_core::prelude::*;
///
/// struct Greeter;
///
/// /// Greets people.
/// #[rpc(name = "greeting_service", version = "1.0.0")]
/// impl Greeter {
///     /// Says hello.
///     #[rpc(timeout = "15s", safe)]
///     async fn hello(&self, name: &str, #[rpc(default = "Hello")] greeting: &str) -> String {
///         format!("{greeting}, {name}")
///     }
/// }
///
/// assert_eq!(Greeter::endpoints()[0].subject(), "greeting_service.hello");
/// ```
/// It answers `[["Bob"]]` and `[["Bob"], {"greeting": "Salut"}]`: arguments bind as in Python.
pub use rpc_macros::rpc;
#[cfg(feature = "server")]
pub use rpc_macros::{cron, event_handler, on_start, on_stop, timer};
#[cfg(feature = "server")]
pub use runner::{Runner, Running};
#[cfg(feature = "server")]
pub use service::Service;
#[cfg(feature = "server")]
pub use signals::stop_signal;
pub use wire_error::WireError;

/// The result of [`Runner::run`], for `main`.
pub type Result<T, E = RunError> = std::result::Result<T, E>;

/// The README's code compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct ReadmeExamples;

/// The code of the page about events compiles.
#[cfg(doctest)]
#[doc = include_str!("../../docs/events.md")]
struct EventsPage;

/// The code of the page about errors compiles.
#[cfg(doctest)]
#[doc = include_str!("../../docs/errors.md")]
struct ErrorsPage;

/// The code of the page about clients compiles.
#[cfg(doctest)]
#[doc = include_str!("../../docs/clients.md")]
struct ClientsPage;

/// The code of the page about schemas compiles.
#[cfg(doctest)]
#[doc = include_str!("../../docs/schema.md")]
struct SchemaPage;

/// The code of the page about middleware compiles.
#[cfg(doctest)]
#[doc = include_str!("../../docs/middleware.md")]
struct MiddlewarePage;

/// The code of the page for users of Nameko compiles.
#[cfg(doctest)]
#[doc = include_str!("../../docs/coming-from-nameko.md")]
struct NamekoPage;

/// The code of the page about the bridge compiles.
#[cfg(doctest)]
#[doc = include_str!("../../docs/bridge.md")]
struct BridgePage;
