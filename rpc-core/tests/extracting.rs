//! Parameters that come from the call and the service: made before the method, ended after it.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rpc_core::prelude::*;
use rpc_core::testing::{self, TestApp};
use serde_json::{Value, json};

/// Notes what happens, in order.
#[derive(Clone, Default)]
struct Journal(Arc<Mutex<Vec<String>>>);

impl Journal {
    fn note(&self, event: impl Into<String>) {
        self.0.lock().unwrap().push(event.into());
    }
}

#[derive(Default)]
struct Ledger {
    journal: Journal,
}

/// A unit of work, as a database has them: rolled back unless it was committed.
struct Tx {
    journal: Journal,
    broken: bool,
    ended: bool,
}

impl FromContext<Ledger> for Tx {
    async fn from_context(service: &Ledger, context: &Context) -> Result<Self, RpcError> {
        // Not made at once: a real one asks the database for a connection.
        tokio::task::yield_now().await;
        if context.headers().get("X-Refuse").is_some() {
            return Err(RpcError::new(Code::Unavailable, "no connection is free"));
        }
        service.journal.note("begin");
        Ok(Self {
            journal: service.journal.clone(),
            broken: false,
            ended: false,
        })
    }

    async fn finish(mut self, _: &Ledger, succeeded: bool) -> Result<(), RpcError> {
        tokio::task::yield_now().await;
        self.ended = true;
        self.journal
            .note(if succeeded { "commit" } else { "rollback" });
        match self.broken {
            true => Err(RpcError::new(Code::Aborted, "the commit failed")),
            false => Ok(()),
        }
    }
}

impl Drop for Tx {
    fn drop(&mut self) {
        if !self.ended {
            self.journal.note("dropped");
        }
    }
}

/// Who calls, for services of every type.
struct RequestId(String);

impl<S: Sync> FromContext<S> for RequestId {
    async fn from_context(_: &S, context: &Context) -> Result<Self, RpcError> {
        Ok(Self(context.request_id().to_owned()))
    }
}

#[rpc]
impl Ledger {
    #[rpc]
    async fn write(&self, #[rpc(context)] tx: &Tx, text: &str) -> Result<usize, RpcError> {
        tx.journal.note(text);
        match text {
            "bad" => Err(RpcError::invalid_argument("bad")),
            _ => Ok(text.len()),
        }
    }

    #[rpc]
    async fn break_it(&self, #[rpc(context)] tx: &mut Tx, fail: bool) -> Result<(), RpcError> {
        tx.broken = true;
        match fail {
            true => Err(RpcError::not_found("the method's own failure")),
            false => Ok(()),
        }
    }

    #[rpc]
    async fn unwritable(&self, #[rpc(context)] _tx: &Tx) -> BTreeMap<Vec<u8>, u8> {
        BTreeMap::from([(vec![1], 1)])
    }

    #[rpc]
    async fn large(&self, #[rpc(context)] _tx: &Tx, size: usize) -> String {
        "x".repeat(size)
    }

    #[rpc]
    async fn keep(&self, #[rpc(context)] tx: Tx) {
        drop(tx);
    }

    #[rpc(timeout = "20ms")]
    async fn stall(&self, #[rpc(context)] _tx: &Tx) {
        tokio::time::sleep(Duration::from_secs(60)).await;
    }

    #[rpc]
    async fn panic(&self, #[rpc(context)] _tx: &Tx) {
        panic!("half-way");
    }

    #[rpc]
    async fn two(
        &self,
        #[rpc(context)] first: &Tx,
        name: &str,
        #[rpc(context)] id: RequestId,
        #[rpc(context)] second: &mut Tx,
    ) -> String {
        first.journal.note("first");
        second.journal.note("second");
        format!("{name} {}", id.0)
    }
}

/// Calls a method; returns its reply or the code of its failure, and what happened.
async fn call(method: &str, payload: Value, headers: &[(&str, &str)]) -> (Value, Vec<String>) {
    let service = Arc::new(Ledger::default());
    let mut sent = rpc_core::protocol::Headers::new();
    for (name, value) in headers {
        sent.insert(*name, *value);
    }
    let reply = testing::call_with_headers(&service, method, sent, payload.to_string()).await;
    let reply = match reply {
        Ok(reply) => serde_json::from_slice(&reply.payload).unwrap(),
        Err(error) => json!(error.code()),
    };
    let journal = service.journal.0.lock().unwrap().clone();
    (reply, journal)
}

#[tokio::test]
async fn a_unit_of_work_ends_as_its_call_does() {
    for (method, payload, reply, events) in [
        (
            "write",
            json!([["abc"]]),
            json!([[3], {}]),
            "begin abc commit",
        ),
        (
            "write",
            json!([["bad"]]),
            json!("invalid_argument"),
            "begin bad rollback",
        ),
        // What the caller cannot read has not succeeded.
        ("unwritable", json!([]), json!("internal"), "begin rollback"),
        // Arguments come first: a call that cannot run begins nothing.
        ("write", json!([[7]]), json!("invalid_argument"), ""),
        // Handed over, it is the method's to end.
        ("keep", json!([]), json!([[], {}]), "begin dropped"),
        (
            "stall",
            json!([]),
            json!("deadline_exceeded"),
            "begin dropped",
        ),
        ("panic", json!([]), json!("internal"), "begin dropped"),
        (
            "break_it",
            json!([[false]]),
            json!("aborted"),
            "begin commit",
        ),
        (
            "break_it",
            json!([[true]]),
            json!("not_found"),
            "begin rollback",
        ),
    ] {
        let (answer, journal) = call(method, payload.clone(), &[]).await;
        assert_eq!(
            (answer, journal.join(" ")),
            (reply, events.to_owned()),
            "{method} {payload}"
        );
    }
}

/// The size used to be looked at after the commit: the caller read a failure, and the work stayed.
#[tokio::test]
async fn a_unit_of_work_whose_reply_is_too_large_is_rolled_back() {
    for (size, code, events) in [
        (1_000, None, "begin commit"),
        (2_000_000, Some("payload_too_large"), "begin rollback"),
    ] {
        let journal = Journal::default();
        let service = Ledger {
            journal: journal.clone(),
        };
        let app = TestApp::start(service).await;
        let payload = json!([[size]]).to_string();
        let error = app.raw("ledger.large", payload).await.reply().error();
        assert_eq!(error.as_ref().map(RpcError::code), code);
        assert_eq!(journal.0.lock().unwrap().join(" "), events);
    }
}

#[tokio::test]
async fn a_value_that_cannot_be_made_fails_the_call_before_it_runs() {
    let (answer, journal) = call("write", json!([["abc"]]), &[("X-Refuse", "1")]).await;
    assert_eq!((answer, journal), (json!("unavailable"), vec![]));
}

#[tokio::test]
async fn several_values_are_made_in_order_and_ended_in_reverse() {
    let (answer, journal) = call("two", json!([["Bob"]]), &[("X-Request-Id", "r-1")]).await;
    assert_eq!(answer, json!([["Bob r-1"], {}]));
    assert_eq!(journal.join(" "), "begin begin first second commit commit");
}
