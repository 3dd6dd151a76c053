//! A service as any NATS program might write it (ADR-32): nothing of this workspace in it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_nats::{Client, HeaderMap, Message};
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// Methods by name, whether they are announced as internal, and whether somebody listens.
const METHODS: [(&str, bool, bool); 11] = [
    ("hello", false, true),
    ("echo", false, true),
    ("headers", false, true),
    ("count", false, true),
    ("fail", false, true),
    ("junk", false, true),
    ("wait", false, true),
    ("never", false, true),
    ("gone", false, false),
    ("secret", true, true),
    // Has scopes.
    ("guarded", false, false),
];

/// How often `count` was called, by all tests of this process.
static RUNS: AtomicU64 = AtomicU64::new(0);

/// A running service with a name of its own, so that tests on one server do not meet.
pub struct Service {
    pub name: String,
    /// Hears of each call of `wait` that has arrived.
    pub arrived: Arc<Notify>,
    /// Lets one call of `wait` answer.
    pub release: Arc<Notify>,
    _tasks: JoinSet<()>,
}

impl Service {
    pub async fn start(url: &str) -> Self {
        Self::start_as(format!("test_{:016x}", fastrand::u64(..)), url).await
    }

    pub async fn start_as(name: String, url: &str) -> Self {
        let nats = async_nats::connect(url).await.unwrap();
        let (arrived, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let mut tasks = JoinSet::new();

        let (ping, info) = (about(&name, None), about(&name, Some(endpoints(&name))));
        for (subject, answer) in [
            ("$SRV.PING".to_owned(), ping),
            (format!("$SRV.INFO.{name}.{name}"), info),
        ] {
            let mut asked = nats.subscribe(subject).await.unwrap();
            let client = nats.clone();
            tasks.spawn(async move {
                while let Some(message) = asked.next().await {
                    let (reply, answer) = (message.reply.unwrap(), answer.clone());
                    client.publish(reply, answer.into()).await.unwrap();
                }
            });
        }
        for (method, _, listens) in METHODS {
            if !listens {
                continue;
            }
            let subject = format!("{name}.{method}");
            let mut calls = nats.queue_subscribe(subject, "q".to_owned()).await.unwrap();
            let (client, arrived, release) = (nats.clone(), arrived.clone(), release.clone());
            tasks.spawn(async move {
                let mut waiting = JoinSet::new();
                while let Some(call) = calls.next().await {
                    if method == "wait" {
                        arrived.notify_one();
                        let (client, release) = (client.clone(), release.clone());
                        waiting.spawn(async move {
                            release.notified().await;
                            reply(&client, method, call).await;
                        });
                    } else {
                        reply(&client, method, call).await;
                    }
                }
            });
        }
        // A round trip: once it is back, the server knows all subscriptions.
        let inbox = nats.new_inbox();
        let mut own = nats.subscribe(inbox.clone()).await.unwrap();
        nats.publish(inbox, "".into()).await.unwrap();
        own.next().await.unwrap();
        Self {
            name,
            arrived,
            release,
            _tasks: tasks,
        }
    }
}

fn endpoints(name: &str) -> Vec<Value> {
    METHODS
        .iter()
        .map(|(method, internal, _)| {
            let flags = if *internal { "internal" } else { "" };
            let scopes = if *method == "guarded" {
                "thing:read,thing:write"
            } else {
                ""
            };
            json!({ "name": method, "subject": format!("{name}.{method}"), "queue_group": "q",
                    "metadata": { "rpc.flags": flags, "rpc.scopes": scopes } })
        })
        .collect()
}

/// What it says of itself: to PING, and with its endpoints to INFO.
fn about(name: &str, endpoints: Option<Vec<Value>>) -> String {
    let kind = if endpoints.is_some() { "info" } else { "ping" };
    let mut about = json!({ "type": format!("io.nats.micro.v1.{kind}_response"), "name": name,
        "id": name, "version": "1.0.0", "metadata": {} });
    if let Some(endpoints) = endpoints {
        about["description"] = json!("");
        about["endpoints"] = json!(endpoints);
    }
    about.to_string()
}

async fn reply(nats: &Client, method: &str, call: Message) {
    let body = call.payload.clone();
    let mut headers = HeaderMap::new();
    let payload = match method {
        // The method's own arguments are not the subject of these tests: one name will do.
        "hello" | "wait" => {
            let name = std::str::from_utf8(&body)
                .unwrap()
                .split('"')
                .nth(1)
                .unwrap_or("World");
            format!(r#"[["Hello, {name}"], {{}}]"#).into()
        }
        "echo" => [b"[[", &body[..], b"], {}]"].concat().into(),
        "headers" => {
            let names: Vec<String> = call
                .headers
                .iter()
                .flat_map(|headers| headers.iter())
                .map(|(name, values)| format!("{name}: {}", values[0]))
                .collect();
            json!([[names], {}]).to_string().into()
        }
        // `[[410, {…}]]`: the status and the body of the error.
        "fail" => {
            let Value::Array(arguments) = serde_json::from_slice::<Value>(&body).unwrap()[0].take()
            else {
                panic!("expected arguments");
            };
            headers.insert("Nats-Service-Error-Code", arguments[0].to_string());
            headers.insert("Nats-Service-Error", "went wrong");
            arguments[1].to_string().into()
        }
        // Another number each time.
        "count" => {
            let number = RUNS.fetch_add(1, Ordering::Relaxed);
            format!("[[{number}], {{}}]").into()
        }
        "junk" => "this is not a reply".into(),
        "never" => return,
        other => panic!("{other} was called"),
    };
    if let Some(reply) = call.reply {
        nats.publish_with_headers(reply, headers, payload)
            .await
            .unwrap();
    }
}
