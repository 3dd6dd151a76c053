//! What the log says of a call that failed, and its caller does not read.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

use rpc_broker::EmbeddedBroker;
use rpc_core::prelude::*;
use rpc_core::protocol::Headers;
use rpc_core::testing::call_raw;
use rpc_core::{Config, Runner, Running};
use serde_json::Value;
use support::log::capture;

#[derive(Debug, thiserror::Error)]
#[error("the query failed")]
struct QueryFailed(#[source] io::Error);

struct Users;

#[rpc]
impl Users {
    #[rpc]
    async fn fail(&self, #[rpc(context)] _endless: &Endless) -> Result<(), RpcError> {
        Err(RpcError::not_found("nobody"))
    }

    /// Fails because of what failed because of what failed.
    #[rpc]
    async fn get(&self, status: u16) -> Result<u8, RpcError> {
        let refused = io::Error::new(io::ErrorKind::ConnectionRefused, Rooted);
        let error = RpcError::custom("users.gone", status, "no users now");
        Err(error.with_source(QueryFailed(refused)))
    }
}

/// An error with a cause of its own.
#[derive(Debug)]
struct Rooted;

impl fmt::Display for Rooted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("10.0.0.7:5432 refused the connection")
    }
}

impl Error for Rooted {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&fmt::Error)
    }
}

/// A type that decodes itself, and says of a value what it pleases.
#[derive(serde::Deserialize)]
#[serde(try_from = "String")]
struct Password;

impl TryFrom<String> for Password {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Err(format!("{text} is too short"))
    }
}

/// What cannot be ended.
struct Endless;

impl FromContext<Users> for Endless {
    async fn from_context(_: &Users, _: &Context) -> Result<Self, RpcError> {
        Ok(Self)
    }

    async fn finish(self, _: &Users, _: bool) -> Result<(), RpcError> {
        let refused = io::Error::new(io::ErrorKind::ConnectionRefused, Rooted);
        Err(RpcError::internal(QueryFailed(refused)))
    }
}

struct Door;

#[rpc]
impl Door {
    /// Takes a secret.
    #[rpc]
    async fn unlock(&self, #[rpc(sensitive)] pin: u32, #[rpc(default)] more: Value) {
        _ = (pin, more);
    }

    #[rpc]
    async fn enter(&self, #[rpc(sensitive)] password: Password) {
        _ = password;
    }

    /// Takes none.
    #[rpc]
    async fn paint(&self, coats: u32, #[rpc(default)] more: Value) {
        _ = (coats, more);
    }

    #[event_handler("door.kicked")]
    async fn hold(&self, #[rpc(sensitive)] force: u32) {
        _ = force;
    }
}

/// Serves the door in this thread: a test app's services log in another one.
async fn opened() -> (rpc_broker::Handle, String, Running) {
    let config = rpc_broker::Config {
        port: 0,
        ..rpc_broker::Config::default()
    };
    let broker = EmbeddedBroker::start(config).unwrap();
    let url = broker.url();
    let config = Config::new(&url).give_up_after(support::PATIENCE);
    let door = Runner::new(config).service(Door).start().await.unwrap();
    (broker, url, door)
}

/// What the decoder says of a value that does not fit used to be read in the log and in STATS.
#[tokio::test]
async fn arguments_are_neither_logged_nor_counted_and_secrets_are_not_answered() {
    const ENVELOPE: &str = "bad_envelope: expected `[args, kwargs]`: a list";
    const TWICE: &str = "invalid_argument: a key occurs twice in one object";
    let (log, _logging) = capture();
    let (_broker, url, door) = opened().await;
    let client = support::connect(&url).await;
    for (method, payload, told) in [
        (
            "unlock",
            r#"[["hunter2"]]"#,
            "invalid_argument: argument `pin`: expected u32",
        ),
        (
            "unlock",
            r#"[[], {"pin": {"hunter2": 1}}]"#,
            "invalid_argument: argument `pin`: expected u32",
        ),
        ("unlock", r#"["hunter2"]"#, ENVELOPE),
        ("unlock", r#"[[1, {"hunter2": 1, "hunter2": 2}]]"#, TWICE),
        (
            "enter",
            r#"[["hunter2"]]"#,
            "invalid_argument: argument `password` does not fit its type",
        ),
        (
            "paint",
            r#"[["hunter2"]]"#,
            "invalid_argument: argument `coats`: expected u32",
        ),
        ("paint", r#"["hunter2"]"#, ENVELOPE),
        ("paint", r#"[[1, {"hunter2": 1, "hunter2": 2}]]"#, TWICE),
    ] {
        let (subject, payload) = (format!("door.{method}"), payload.into());
        let asked = client.request(&subject, Headers::new(), payload, support::PATIENCE);
        let reply = asked.await.unwrap();
        let read = format!("{:?} {:?}", reply.headers, reply.payload);
        let is_secret = method != "paint";
        assert_eq!(!read.contains("hunter2"), is_secret, "{read}");
        let read = reply.error().unwrap().to_string();
        assert_eq!(read.starts_with(told), is_secret || read == told, "{read}");
        let counted = support::stats_of(&url, "door", method).await;
        let counted = counted["last_error"].as_str().unwrap();
        assert!(
            counted.contains(told) && !counted.contains("hunter2"),
            "{counted}"
        );
        let logged = log.text();
        assert!(
            logged.contains(told) && !logged.contains("hunter2"),
            "{logged}"
        );
    }
    client.emit("door.kicked", ("hunter2",)).await.unwrap();
    support::eventually("the handler has failed", async || {
        log.text()
            .contains("event failed: invalid_argument: argument `force`: expected u32")
    })
    .await;
    assert!(!log.text().contains("hunter2"), "{}", log.text());
    door.stop().await;
}

#[tokio::test]
async fn the_log_has_every_cause_and_the_reply_has_none() {
    for (status, level) in [(503, "ERROR"), (410, "DEBUG")] {
        let (log, _logging) = capture();
        let payload = format!("[[{status}]]");
        let error = call_raw(&Arc::new(Users), "get", payload).await;
        let error = error.unwrap_err();

        let line = log.text();
        let causes = format!(
            "cause=the query failed: 10.0.0.7:5432 refused the connection: {}",
            fmt::Error
        );
        assert!(line.contains(level) && line.contains(&causes), "{line}");
        assert!(line.contains(error.request_id().unwrap()), "{line}");
        let read = error.to_json(None);
        assert!(!read.contains("query") && !read.contains("5432"), "{read}");
    }
}

#[tokio::test]
async fn the_log_has_every_cause_of_an_end_that_failed() {
    let (log, _logging) = capture();
    let error = call_raw(&Arc::new(Users), "fail", "").await.unwrap_err();
    assert_eq!(error.message(), "nobody");
    let logged = log.text();
    let line = logged.lines().find(|line| line.contains("WARN")).unwrap();
    let causes = "cause=the query failed: 10.0.0.7:5432 refused the connection: ";
    assert!(
        line.contains("was not ended well: internal") && line.contains(causes),
        "{line}"
    );
}

/// The log had them as `DEBUG`, and nobody else could read them.
#[tokio::test]
async fn one_way_calls_that_are_refused_are_logged_and_a_flood_of_them_is_a_few_lines() {
    let (log, _logging) = capture();
    let (_broker, url, door) = opened().await;
    let client = support::connect(&url).await;
    for _ in 0..20 {
        client.call("door.paint").arg("often").send().await.unwrap();
    }
    support::eventually("all are counted", async || {
        support::stats_of(&url, "door", "paint").await["num_errors"] == 20
    })
    .await;
    let text = log.text();
    let lines = text
        .lines()
        .filter(|line| line.contains("WARN") && line.contains("door.paint"));
    let lines: Vec<_> = lines.collect();
    assert_eq!(lines.len(), 5, "{text}");
    for (line, times) in lines.iter().zip([1, 2, 4, 8, 16]) {
        let told = "one-way call refused: invalid_argument: argument `coats`: expected u32";
        assert!(
            line.contains(told) && line.contains(&format!("times={times}")),
            "{line}"
        );
    }
    door.stop().await;
}
