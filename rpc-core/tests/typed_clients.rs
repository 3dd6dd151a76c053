//! Generated clients: how arguments travel, what comes back, and what a call may be told.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use rpc_core::prelude::*;
use rpc_core::testing::TestApp;
use rpc_core::{CallError, Client, Stage};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use support::eventually;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Point {
    x: i32,
}

#[derive(Debug, PartialEq, RpcError)]
enum UserError {
    #[rpc(code = "user.not_found", status = 404)]
    NotFound { id: i64 },
    #[rpc(code = "resource_exhausted")]
    TooMany,
}

impl std::fmt::Display for UserError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self:?}")
    }
}

type Found<T> = Result<T, UserError>;

#[derive(Clone, Default)]
struct Everything(Arc<AtomicU64>);

/// Returns what it was given.
#[rpc(name = "everything", prefix = "v2")]
impl Everything {
    #[rpc]
    async fn text(
        &self,
        a: &str,
        b: Cow<'_, str>,
        c: String,
        #[rpc(default = "d")] d: &str,
        e: Option<String>,
    ) -> String {
        format!("{a}{b}{c}{d}{}", e.unwrap_or_default())
    }

    #[rpc]
    async fn bytes(&self, a: &[u8], b: Option<&[u8]>) -> usize {
        a.len() + 10 * b.map_or(0, <[u8]>::len)
    }

    #[rpc]
    async fn lent(&self, a: &Point, b: &[u8], raw: &RawValue, c: Option<&Point>) -> String {
        format!("{} {} {raw} {c:?}", a.x, b.len())
    }

    #[rpc]
    async fn owned(
        &self,
        a: u8,
        b: Point,
        c: Vec<Point>,
        #[rpc(rename = "from")] sender: Option<Point>,
    ) -> i32 {
        i32::from(a) + b.x + c.iter().chain(&sender).map(|point| point.x).sum::<i32>()
    }

    // A required argument behind one that may be left out, and one that has a name only.
    #[rpc]
    async fn names(
        &self,
        a: Option<u8>,
        b: u8,
        #[rpc(keyword)] c: u8,
        r#type: u8,
    ) -> Vec<Option<u8>> {
        vec![a, Some(b), Some(c), Some(r#type)]
    }

    #[rpc]
    async fn rest(
        &self,
        a: Option<&str>,
        #[rpc(default = 5)] b: u8,
        #[rpc(args)] rest: Vec<Value>,
        c: Option<u8>,
        #[rpc(kwargs)] extra: Map<String, Value>,
    ) -> Value {
        json!([a, b, rest, c, extra])
    }

    #[rpc]
    async fn own_names(&self, #[rpc(default)] timeout: u8, #[rpc(default)] send: u8) -> (u8, u8) {
        (timeout, send)
    }

    #[rpc]
    #[allow(clippy::new_ret_no_self, clippy::wrong_self_convention)]
    async fn new(&self) {}

    #[rpc]
    async fn find(&self, id: i64) -> Found<Point> {
        match id {
            0 => Err(UserError::TooMany),
            1 => Ok(Point { x: 1 }),
            id => Err(UserError::NotFound { id }),
        }
    }

    #[rpc]
    async fn panic(&self) -> Result<u8, UserError> {
        panic!("on purpose")
    }

    #[rpc]
    async fn borrowed<'a>(&self, text: &'a str) -> Option<&'a str> {
        Some(text)
    }

    #[rpc]
    async fn lasting(&self) -> &'static str {
        "for ever"
    }

    #[rpc]
    async fn reply(&self) -> Reply {
        Reply::new().result(7).keyword("exact", true)
    }

    #[rpc]
    async fn opaque(&self) -> impl Serialize {
        BTreeMap::from([("a", 1)])
    }

    #[rpc(safe)]
    async fn count(&self) -> u64 {
        self.0.fetch_add(1, SeqCst) + 1
    }

    #[rpc]
    async fn sleep(&self) {
        tokio::time::sleep(Duration::from_secs(60)).await;
    }

    #[rpc]
    async fn nested(&self, context: &Context) -> Result<String, RpcError> {
        let client = EverythingClient::new(&context.client()?);
        let id = client.request_id().await?;
        Ok(format!("{} {id}", context.request_id()))
    }

    #[rpc]
    async fn request_id(&self, context: &Context) -> String {
        context.request_id().to_owned()
    }

    #[rpc]
    async fn pass_on(&self, context: &Context) -> Result<(), RpcError> {
        EverythingClient::new(&context.client()?).find(7).await?;
        Ok(())
    }
}

async fn start() -> (TestApp, EverythingClient) {
    let app = TestApp::start(Everything::default()).await;
    let client = EverythingClient::new(app.client());
    (app, client)
}

#[tokio::test]
async fn arguments_are_taken_as_callers_have_them() {
    let (_app, client) = start().await;
    let text = client
        .text("a", String::from("b"), Cow::from("\"c\""))
        .await;
    assert_eq!(text.unwrap(), "ab\"c\"d");
    let text = client.text("a", "b", "c").d(String::from("D")).e("e").await;
    assert_eq!(text.unwrap(), "abcDe");
    assert_eq!(client.bytes([0, 255]).b(vec![1; 3]).await.unwrap(), 32);
    let raw = RawValue::from_string("[1 , 2]".to_owned()).unwrap();
    let lent = client
        .lent(&Point { x: 1 }, [1, 2].as_slice(), &raw)
        .c(&Point { x: 3 });
    assert_eq!(lent.await.unwrap(), "1 2 [1 , 2] Some(Point { x: 3 })");
    let owned = client.owned(1, Point { x: 2 }, vec![Point { x: 3 }]);
    assert_eq!(owned.sender(Point { x: 4 }).await.unwrap(), 10);
}

#[tokio::test]
async fn every_argument_arrives_at_its_parameter() {
    let (_app, client) = start().await;
    let names = client.names(2, 3, 4).await.unwrap();
    assert_eq!(names, [None, Some(2), Some(3), Some(4)]);
    let names = client.names(2, 3, 4).a(1).await.unwrap();
    assert_eq!(names, [Some(1), Some(2), Some(3), Some(4)]);
    let rest = client.rest(None, 6).await.unwrap();
    assert_eq!(rest, json!([null, 6, [], null, {}]));
    let rest = client.rest(Some("a"), 6).rest([1, 2]).rest(["x"]).c(3);
    let rest = rest
        .extra([("d", 4)])
        .extra(BTreeMap::from([("e".to_owned(), "5")]));
    let expected = json!(["a", 6, [1, 2, "x"], 3, {"d": 4, "e": "5"}]);
    assert_eq!(rest.await.unwrap(), expected);
}

#[tokio::test]
async fn names_that_all_clients_have_get_an_underscore() {
    let (_app, client) = start().await;
    client.new_().await.unwrap();
    let call = client.own_names().timeout_(1).send_(2);
    assert_eq!(call.timeout(Duration::from_secs(9)).await.unwrap(), (1, 2));
}

#[tokio::test]
async fn a_failure_is_the_methods_own_error_or_none_of_its_own() {
    let (_app, client) = start().await;
    assert_eq!(client.find(1).await.unwrap(), Point { x: 1 });
    let error = client.find(7).await.unwrap_err();
    assert!(
        matches!(error, CallError::Service(UserError::NotFound { id: 7 })),
        "{error:?}"
    );
    assert_eq!(error.to_string(), "NotFound { id: 7 }");
    // What a code of the contract means is the method's to say.
    let error = client.find(0).await.unwrap_err();
    assert!(
        matches!(error, CallError::Service(UserError::TooMany)),
        "{error:?}"
    );
    let error = client.panic().await.unwrap_err();
    assert!(
        matches!(&error, CallError::Failed(it) if it.code() == "internal"),
        "{error:?}"
    );
    assert_eq!(RpcError::from(error).code(), "internal");
    let error = client
        .sleep()
        .timeout(Duration::from_millis(50))
        .await
        .unwrap_err();
    assert!(
        matches!(&error, CallError::Deadline { stage, .. } if *stage != Stage::Queued),
        "{error:?}"
    );
    // Passed on by a method, it is on the wire what it was.
    let error = client.pass_on().await.unwrap_err();
    let CallError::Service(error) = error else {
        panic!("{error:?}")
    };
    assert_eq!((error.code(), error.status()), ("user.not_found", 404));
}

#[tokio::test]
async fn results_own_what_they_say() {
    let (_app, client) = start().await;
    assert_eq!(
        client.borrowed("b\n").await.unwrap().as_deref(),
        Some("b\n")
    );
    assert_eq!(client.lasting().await.unwrap(), "for ever");
    let first: u8 = client.reply().await.unwrap();
    assert_eq!(first, 7);
    let map: BTreeMap<String, u8> = client.opaque().await.unwrap();
    assert_eq!(map["a"], 1);
    let error = client.opaque::<u8>().await.unwrap_err();
    assert!(matches!(error, CallError::BadReply { .. }), "{error:?}");
}

#[tokio::test]
async fn a_result_of_another_version_is_a_bad_reply() {
    struct Newer;
    #[rpc(name = "everything", prefix = "v2", client = false)]
    impl Newer {
        #[rpc]
        async fn find(&self, id: i64) -> String {
            format!("point {id}")
        }
    }
    let app = TestApp::start(Newer).await;
    let error = EverythingClient::new(app.client())
        .find(1)
        .await
        .unwrap_err();
    let text = error.to_string();
    assert!(
        matches!(error, CallError::BadReply { .. }) && text.contains("v2.everything.find"),
        "{text}"
    );
}

#[tokio::test]
async fn a_method_that_is_safe_is_hedged_and_repeated_without_asking() {
    let (_app, client) = start().await;
    // `hedge` exists of calls that may run twice only.
    let call = client.count().hedge(Duration::from_secs(5)).max_tries(2);
    assert_eq!(call.await.unwrap(), 1);
    let call = client
        .find(1)
        .retry_not_sent()
        .idempotent()
        .hedge(Duration::from_secs(5));
    call.await.unwrap();
}

#[tokio::test]
async fn a_call_that_is_sent_runs_and_is_not_answered() {
    let everything = Everything::default();
    let app = TestApp::start(everything.clone()).await;
    let client = EverythingClient::new(app.client());
    for _ in 0..100 {
        client.count().send().await.unwrap();
    }
    app.client()
        .call("v2.everything.count")
        .send()
        .await
        .unwrap();
    eventually("all ran", async || everything.0.load(SeqCst) == 101).await;
    assert_eq!(app.client().in_flight(), 0);
    // Nobody says that nobody listens.
    app.client().call("nobody.home").send().await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_sent_is_an_error_also_one_way() {
    let (app, _client) = start().await;
    let call = |subject: &'static str| app.client().call::<()>(subject);
    let size = app.client().max_payload();
    let error = call("a.b").arg("x".repeat(size)).send().await.unwrap_err();
    assert!(matches!(error, CallError::TooLarge { .. }), "{error:?}");
    let error = call("a.*").send().await.unwrap_err();
    assert!(matches!(error, CallError::InvalidSubject(_)), "{error:?}");
    let unwritable = BTreeMap::from([(vec![1], 1)]);
    let error = call("a.b").arg(unwritable).send().await.unwrap_err();
    assert!(matches!(error, CallError::Unencodable(_)), "{error:?}");
}

#[tokio::test]
async fn clients_inside_a_method_carry_the_request_id() {
    let (_app, client) = start().await;
    let ids = client.nested().await.unwrap();
    let (outer, inner) = ids.split_once(' ').unwrap();
    assert_eq!(outer, inner);
}

#[tokio::test]
async fn a_client_is_cheap_to_clone_and_says_what_it_is() {
    let (_app, client) = start().await;
    let text = format!("{:?}", client.clone());
    assert!(text.starts_with("EverythingClient(Client {"), "{text}");
    let moved = tokio::spawn(async move { client.lasting().await });
    assert_eq!(moved.await.unwrap().unwrap(), "for ever");
}

#[tokio::test]
async fn a_call_is_a_future_that_is_sent_when_it_is_polled() {
    let (app, client) = start().await;
    let calls: Vec<_> = (1..=50)
        .map(|n| client.owned(n, Point { x: 0 }, vec![]))
        .collect();
    assert_eq!(app.client().in_flight(), 0);
    let sums = futures_util::future::join_all(calls).await;
    let sums: Vec<_> = sums.into_iter().map(Result::unwrap).collect();
    assert_eq!(sums, (1..=50).collect::<Vec<_>>());
    // Dropped while it waits, it is given up.
    let slept = tokio::time::timeout(Duration::from_millis(50), client.sleep()).await;
    assert!(slept.is_err());
    assert_eq!(app.client().in_flight(), 0);
}

/// What the page of the design shows.
mod as_written {
    use super::*;

    struct GreetingService;

    #[rpc]
    impl GreetingService {
        #[rpc]
        async fn hello(&self, first_name: &str, #[rpc(default)] last_name: &str) -> String {
            format!("Hello, {first_name} {last_name}").trim().to_owned()
        }
    }

    fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[tokio::test]
    async fn the_sketches_run() -> Result<(), CallError> {
        let app = TestApp::start(GreetingService).await;
        let client: Client = app.client().clone();
        let greeting = GreetingServiceClient::new(&client);
        assert_eq!(
            greeting.hello("Bob").last_name("Ross").await?,
            "Hello, Bob Ross"
        );
        assert_eq!(greeting.hello("Bob").timeout(secs(2)).await?, "Hello, Bob");
        greeting.hello("Bob").send().await?;
        let text: String = call!(client, greeting_service.hello("Bob", last_name = "Ross")).await?;
        assert_eq!(text, "Hello, Bob Ross");
        let text: String = client
            .call("greeting_service.hello")
            .arg("Bob")
            .kwarg("last_name", "Ross")
            .await?;
        assert_eq!(text, "Hello, Bob Ross");
        Ok(())
    }
}
