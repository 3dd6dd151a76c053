//! An embedded NATS broker: core NATS over loopback TCP, on one thread of your
//! process, for runs and tests that install nothing.
//!
//! ```
//! use rpc_broker::{Config, EmbeddedBroker};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # use futures_util::StreamExt;
//! let broker = EmbeddedBroker::start(Config { port: 0, ..Config::default() })?;
//!
//! let client = async_nats::connect(broker.url()).await?;
//! let mut greetings = client.subscribe("greet.*").await?;
//! client.publish("greet.bob", "hello".into()).await?;
//! assert_eq!(greetings.next().await.expect("one message").payload, "hello");
//! # Ok(())
//! # }
//! ```
//!
//! # What it speaks
//! INFO, CONNECT, PING, PONG, SUB, UNSUB, PUB, HPUB, MSG and HMSG, as
//! nats-server 2.15 does, byte for byte: wildcards, queue groups, headers,
//! "no responders", auto-unsubscribe, user/password or token, lame duck. Any
//! NATS client works with it unchanged.
//!
//! # What it is not
//! It has no JetStream, no cluster and no TLS, it keeps nothing, and it serves
//! this machine only: it refuses other addresses than loopback, and refuses to
//! start when `APP_ENV` is `production`. For those, run nats-server.
//!
//! # How it works
//! A connection reads operations from its input and routes each at once: it
//! looks the subject up in a shared trie and appends the message to the
//! outboxes of the subscribers. Each subscriber's writer sends its outbox as
//! one batch. An outbox is bounded: a publisher that fills it is slowed down
//! for a few milliseconds, and a client that still does not read is closed.
//!
//! # Features
//! * `cli` (default): the `rpc-broker` program. Libraries turn it off.

mod broker;
mod config;
mod connection;
mod keepalive;
mod match_cache;
mod op;
mod outbox;
mod protocol;
mod routing;
mod server;
mod session;
mod start_error;
mod subject;
mod sublist;
mod subscriber;

pub use config::{Auth, Config};
pub use server::{EmbeddedBroker, Handle};
pub use start_error::StartError;
