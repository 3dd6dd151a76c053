//! The broker from the outside: raw bytes, a real client, the real server.

mod async_nats_client;
mod delivery;
mod differential;
mod lifecycle;
mod overload;
#[cfg(feature = "cli")]
mod program;
mod reference;
mod transcript;
mod transcripts;
mod wire;
