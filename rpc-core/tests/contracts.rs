//! Contracts: a trait that services implement, and its client.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use rpc_core::prelude::*;
use rpc_core::testing::{self, TestApp};
use rpc_core::{CallError, WhenFull};
use serde_json::json;

#[derive(Debug, PartialEq, RpcError)]
#[rpc(code = "greeting.rude", status = 409)]
struct Rude {
    word: String,
}

impl std::fmt::Display for Rude {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}` is rude", self.word)
    }
}

/// Greets people.
#[rpc(version = "2.1.0", prefix = "v2", queue_group = "g")]
trait Greeting {
    /// Says hello.
    #[rpc(timeout = "15s", limit = 3, when_full = "step_aside", safe)]
    async fn hello(&self, first_name: &str, #[rpc(default = "Ross")] last_name: &str) -> String;

    #[rpc(name = "say")]
    async fn repeat(
        &self,
        context: &Context,
        #[rpc(rename = "from")] word: String,
    ) -> Result<String, Rude>;

    /// What an implementation need not write.
    #[rpc]
    async fn twice(&self, mut word: String, #[rpc(args)] rest: Vec<u8>) -> String {
        word += &self.mark();
        format!("{}{}", self.hello(&word, "").await, rest.len())
    }

    /// No concern of callers.
    fn mark(&self) -> String {
        "!".to_owned()
    }
}

struct Polite;

#[rpc]
impl Greeting for Polite {
    async fn hello(&self, first_name: &str, last_name: &str) -> String {
        tokio::task::yield_now().await;
        format!("Hello, {first_name} {last_name}").trim().to_owned()
    }

    async fn repeat(&self, context: &Context, word: String) -> Result<String, Rude> {
        match context.time_left() > Duration::from_secs(20) && word != "no" {
            true => Ok(word),
            false => Err(Rude { word }),
        }
    }
}

struct Short<T>(T);

// Another implementation, generic and with a version of its own, which writes its futures out.
#[rpc(version = "3.0.0-rc.1")]
impl<T: Send + Sync + 'static> Greeting for Short<T> {
    fn hello(&self, first_name: &str, _: &str) -> impl Future<Output = String> + Send {
        ready(first_name.to_owned())
    }

    async fn repeat(&self, _: &Context, word: String) -> Result<String, Rude> {
        Ok(word)
    }

    fn mark(&self) -> String {
        "?".to_owned()
    }
}

#[tokio::test]
async fn an_implementation_is_served_as_its_contract_says() {
    let app = TestApp::start(Polite).await;
    let client = GreetingClient::new(app.client());
    assert_eq!(client.hello("Bob").await.unwrap(), "Hello, Bob Ross");
    assert_eq!(
        client.hello("Bob").last_name("R\"").await.unwrap(),
        "Hello, Bob R\""
    );
    assert_eq!(client.repeat("yes").await.unwrap(), "yes");
    let error = client.repeat("no").await.unwrap_err();
    assert!(
        matches!(&error, CallError::Service(Rude { word }) if word == "no"),
        "{error:?}"
    );
    assert_eq!(client.twice("a").rest([1, 2]).await.unwrap(), "Hello, a!2");
    app.raw("v2.greeting.say", r#"{"from": "here"}"#)
        .await
        .expect(r#"[["here"], {}]"#);
    app.raw("v2.greeting.hello", r#"{"first": 1}"#)
        .await
        .expect_error("invalid_argument");
}

#[tokio::test]
async fn two_implementations_differ_in_what_they_do() {
    let short = Arc::new(Short(5));
    for (method, payload, expected) in [
        ("hello", json!([["Bob"]]), json!([["Bob"], {}])),
        ("twice", json!([["Bob"]]), json!([["Bob?0"], {}])),
    ] {
        assert_eq!(
            testing::call(&short, method, payload).await.unwrap(),
            expected
        );
    }
}

#[test]
fn names_options_and_docs_come_from_the_contract() {
    assert_eq!(
        (Polite::NAME, Polite::PREFIX, Polite::QUEUE_GROUP),
        ("greeting", "v2", "g")
    );
    assert_eq!((Polite::VERSION, Polite::DOC), ("2.1.0", "Greets people."));
    assert_eq!(Short::<u8>::VERSION, "3.0.0-rc.1");
    let endpoints = Polite::endpoints();
    let names: Vec<_> = endpoints.iter().map(|it| it.subject()).collect();
    assert_eq!(
        names,
        ["v2.greeting.hello", "v2.greeting.say", "v2.greeting.twice"]
    );
    let hello = &endpoints[0].spec;
    assert_eq!(
        (hello.doc, hello.options.timeout),
        ("Says hello.", Duration::from_secs(15))
    );
    assert_eq!(
        (hello.options.limit, hello.options.when_full),
        (3, WhenFull::StepAside)
    );
    assert!(hello.options.safe && hello.options.idempotent);
}
