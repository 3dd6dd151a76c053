//! What the catalog knows while services start, stop, change and lie.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use rpc_core::prelude::*;
use rpc_core::testing::TestApp;
use rpc_core::{Catalog, KnownService};
use serde_json::{Value, json};
use support::{Probe, connect, eventually, is_silent};
use tokio::task::JoinHandle;

/// The probe's neighbour, which starts and stops during a test.
struct Shop;

#[rpc(name = "shop", version = "1.0.0")]
impl Shop {
    /// Buys a thing.
    #[rpc(idempotent)]
    async fn buy(&self, thing: &str) -> String {
        format!("bought {thing}")
    }
}

/// The shop's next version.
struct NewShop;

#[rpc(name = "shop", version = "1.1.0")]
impl NewShop {
    /// Buys many things.
    #[rpc]
    async fn buy(&self, thing: &str, #[rpc(default = 1)] pieces: u32) -> String {
        format!("bought {pieces} {thing}")
    }

    /// Sells a thing.
    #[rpc]
    async fn sell(&self, thing: &str) -> String {
        format!("sold {thing}")
    }
}

async fn start<S: Service>(app: &TestApp, service: S) -> rpc_core::Running {
    let runner = Runner::new(rpc_core::Config::new(app.url()));
    runner.service(service).start().await.unwrap()
}

fn shop(catalog: &Catalog) -> Option<Arc<KnownService>> {
    let snapshot = catalog.snapshot();
    let mut services = snapshot.services().iter();
    services.find(|service| service.name == "shop").cloned()
}

fn instances(catalog: &Catalog) -> usize {
    shop(catalog).map_or(0, |service| service.instances.len())
}

/// A service as any program might write it: it answers PING and INFO with what it is told to.
struct Foreign(JoinHandle<()>);

impl Foreign {
    async fn start(url: &str, info: Value) -> Self {
        let nats = async_nats::connect(url).await.unwrap();
        let (name, id) = (info["name"].as_str().unwrap(), info["id"].as_str().unwrap());
        let mut asked = Vec::new();
        for subject in ["$SRV.PING".to_owned(), format!("$SRV.INFO.{name}.{id}")] {
            asked.push(nats.subscribe(subject).await.unwrap());
        }
        assert!(is_silent(&nats, &mut asked[0]).await, "it has subscribed");
        let mut ping = info.clone();
        ping.as_object_mut().unwrap().remove("endpoints");
        let mut asked = futures_util::stream::select_all(asked);
        Self(tokio::spawn(async move {
            while let Some(question) = asked.next().await {
                let answer = match &*question.subject {
                    "$SRV.PING" => &ping,
                    _ => &info,
                };
                let reply = question.reply.unwrap();
                nats.publish(reply, answer.to_string().into())
                    .await
                    .unwrap();
            }
        }))
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[tokio::test]
async fn a_service_that_starts_is_found_by_the_next_lookup() {
    let app = TestApp::start(Probe::default()).await;
    let catalog = Catalog::new(app.client().clone());
    assert_eq!(catalog.lookup("shop.buy").await, None);
    // A miss holds for a second, unless somebody announces a start.
    let running = start(&app, Shop).await;
    let method = catalog.lookup("shop.buy").await.unwrap();
    assert_eq!((&*method.doc, method.idempotent), ("Buys a thing.", true));
    assert_eq!(
        method.schema().unwrap()["params"]["required"],
        json!(["thing"])
    );
    running.stop().await;
}

#[tokio::test]
async fn a_service_that_stops_is_known_and_not_there() {
    let app = TestApp::start(Probe::default()).await;
    let catalog = Catalog::new(app.client().clone());
    let running = start(&app, Shop).await;
    eventually("the instance is seen", async || instances(&catalog) == 1).await;
    let began = Instant::now();
    let stopping = tokio::spawn(running.stop());
    eventually("the instance is gone", async || instances(&catalog) == 0).await;
    assert!(
        began.elapsed() < Duration::from_secs(1),
        "{:?}",
        began.elapsed()
    );
    stopping.await.unwrap();
    let began = Instant::now();
    assert!(
        catalog.lookup("shop.buy").await.is_some(),
        "it is still known"
    );
    assert!(
        began.elapsed() < Duration::from_millis(50),
        "nobody is asked"
    );
}

#[tokio::test]
async fn a_rolling_deploy_ends_with_the_contract_of_the_new_version() {
    let app = TestApp::start(Probe::default()).await;
    let catalog = Catalog::new(app.client().clone());
    let mut changes = catalog.changes();
    let old = start(&app, Shop).await;
    eventually("the old version is seen", async || instances(&catalog) == 1).await;
    changes.mark_unchanged();
    let before = catalog.generation();
    let new = start(&app, NewShop).await;
    eventually("both are seen", async || instances(&catalog) == 2).await;
    assert!(catalog.generation() > before && changes.has_changed().unwrap());
    let method = catalog.lookup("shop.buy").await.unwrap();
    assert_eq!(method.doc, "Buys many things.");
    assert!(!method.idempotent);
    old.stop().await;
    eventually("the old version is gone", async || instances(&catalog) == 1).await;
    let service = shop(&catalog).unwrap();
    assert_eq!((&*service.version, service.methods.len()), ("1.1.0", 2));
    new.stop().await;
}

#[tokio::test]
async fn a_method_that_a_new_version_lacks_is_forgotten_with_the_old_one() {
    let app = TestApp::start(Probe::default()).await;
    let catalog = Catalog::new(app.client().clone());
    let new = start(&app, NewShop).await;
    assert!(catalog.lookup("shop.sell").await.is_some());
    let old = start(&app, Shop).await;
    eventually("both are seen", async || instances(&catalog) == 2).await;
    new.stop().await;
    eventually("one is gone", async || instances(&catalog) == 1).await;
    assert_eq!(catalog.lookup("shop.sell").await, None);
    old.stop().await;
}

#[tokio::test]
async fn an_instance_that_dies_without_a_word_is_gone_after_two_polls() {
    let app = TestApp::start(Probe::default()).await;
    let poll = Duration::from_millis(50);
    let catalog = Catalog::with_poll(app.client().clone(), poll);
    let info = json!({ "name": "shop", "id": "one", "version": "0.1.0", "metadata": null,
        "endpoints": [{ "name": "buy", "subject": "shop.buy" }] });
    let foreign = Foreign::start(app.url(), info).await;
    // Nothing announces it: the poll finds it.
    eventually("it is found", async || instances(&catalog) == 1).await;
    let method = catalog.lookup("shop.buy").await.unwrap();
    assert_eq!((&*method.doc, method.schema()), ("", None));
    drop(foreign);
    eventually("it is gone", async || instances(&catalog) == 0).await;
    assert!(catalog.lookup("shop.buy").await.is_some());
}

#[tokio::test]
async fn nobody_is_asked_twice_for_what_has_not_changed() {
    let app = TestApp::start(Probe::default()).await;
    let first = start(&app, Shop).await;
    let spy = async_nats::connect(app.url()).await.unwrap();
    let mut questions = spy.subscribe("$SRV.INFO.>").await.unwrap();
    let mut polls = spy.subscribe("$SRV.PING").await.unwrap();
    assert!(is_silent(&spy, &mut questions).await);
    let client = connect(app.url()).await;
    let catalog = Catalog::with_poll(client, Duration::from_millis(20));
    let second = start(&app, Shop).await;
    eventually("both are seen", async || instances(&catalog) == 2).await;
    for _ in 0..5 {
        polls.next().await.unwrap();
    }
    // An echo: every question that was asked before it has arrived with it.
    let _ = is_silent(&spy, &mut polls).await;
    let mut asked = Vec::new();
    while let Some(Some(question)) = futures_util::FutureExt::now_or_never(questions.next()) {
        asked.push(question.subject.to_string());
    }
    // The two may have announced themselves at once, before either had answered.
    let shops = asked
        .iter()
        .filter(|it| it.starts_with("$SRV.INFO.shop."))
        .count();
    assert!((1..=2).contains(&shops), "{asked:?}");
    assert_eq!(asked.len() - shops, 1, "{asked:?}");
    first.stop().await;
    second.stop().await;
}

#[tokio::test]
async fn nobody_is_taken_for_gone_while_the_server_is_away() {
    let broker = rpc_broker::EmbeddedBroker::start(rpc_broker::Config {
        port: 0,
        ..rpc_broker::Config::default()
    })
    .unwrap();
    let url = broker.url();
    let running = Runner::new(rpc_core::Config::new(&url))
        .service(Shop)
        .start()
        .await;
    let running = running.unwrap();
    let catalog = Catalog::with_poll(connect(&url).await, Duration::from_millis(20));
    eventually("it is seen", async || instances(&catalog) == 1).await;
    drop(broker);
    // Two polls that hear nothing take two seconds each; they must not count.
    let looked = Instant::now();
    while looked.elapsed() < Duration::from_secs(5) {
        assert_eq!(instances(&catalog), 1);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    drop(running);
}

#[tokio::test]
async fn what_a_rogue_says_of_others_does_not_count() {
    let app = TestApp::start(Probe::default()).await;
    let catalog = Catalog::with_poll(app.client().clone(), Duration::from_millis(50));
    let info = json!({ "name": "rogue", "id": "one", "version": "9.0.0", "endpoints": [
        { "name": "echo", "subject": "probe_service.echo", "metadata": { "rpc.flags": "internal" } },
        { "name": "steal", "subject": "$SYS.REQ.rogue.steal" },
        { "name": "own", "subject": "rogue.own", "metadata": { "rpc.http": "not json" } },
    ] });
    let _rogue = Foreign::start(app.url(), info).await;
    let own = catalog.lookup("rogue.own").await.unwrap();
    assert_eq!(own.routes, []);
    let echo = catalog.lookup("probe_service.echo").await.unwrap();
    assert_eq!((&*echo.service, echo.internal), ("probe_service", false));
    // An announcement that names a subject of its own choice makes nobody ask there.
    let nats = async_nats::connect(app.url()).await.unwrap();
    let mut asked = nats.subscribe("$SRV.INFO.*.>").await.unwrap();
    let mut heard = nats.subscribe("$JS.>").await.unwrap();
    for body in [
        "",
        "{}",
        r#"{"name": "a.>", "id": "*"}"#,
        r#"{"name": "$JS", "id": "x y"}"#,
    ] {
        nats.publish("_RPC.announce", body.into()).await.unwrap();
    }
    assert!(catalog.lookup("rogue.unknown").await.is_none());
    assert!(is_silent(&nats, &mut heard).await && is_silent(&nats, &mut asked).await);
}
