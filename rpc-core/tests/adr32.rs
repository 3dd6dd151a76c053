//! Discovery replies beside the JSON schemas of ADR-32, and counters that are exact.
//!
//! The schemas are those of the module by which the `nats` command line judges replies; `make tools`
//! finds them in the version that it is pinned to, and `NATS_SCHEMAS` names their folder. They are
//! no part of this repository, so that they follow the command line and their licence stays theirs.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::env;
use std::io::Write as _;
use std::path::PathBuf;

use jsonschema::Validator;
use rpc_core::prelude::*;
use rpc_core::testing::TestApp;
use serde_json::{Value, json};
use support::{Probe, ask, eventually, stats};

/// A service without documentation, arguments or results, and without calls.
struct Quiet;

#[rpc(name = "quiet_service")]
impl Quiet {
    #[rpc]
    async fn nothing(&self) {}
}

/// Returns the folder of the schemas; without one the test is left out, which is said on the
/// terminal and is a failure in CI.
fn schemas() -> Option<PathBuf> {
    let folder = env::var_os("NATS_SCHEMAS").filter(|path| !path.is_empty());
    if folder.is_none() {
        let message = "NATS_SCHEMAS is not set, so discovery is not checked against the schemas of \
                       ADR-32; `make tools` gets them";
        assert!(env::var("CI").as_deref() != Ok("true"), "{message}");
        // Not `eprintln!`: the harness hides what a passing test prints that way.
        let _ = writeln!(std::io::stderr(), "skipped: {message}");
    }
    folder.map(PathBuf::from)
}

fn errors(schema: &Validator, body: &Value) -> Vec<String> {
    let errors = schema.iter_errors(body);
    errors
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

#[tokio::test]
async fn discovery_replies_are_what_the_schemas_demand() {
    let Some(folder) = schemas() else { return };
    let app = TestApp::run(|runner| runner.service(Probe::default()).service(Quiet)).await;
    // Counters and last errors of every kind.
    for (method, payload) in [
        ("echo", r#"[["a"]]"#),
        ("echo", "{"),
        ("find", "[[7]]"),
        ("panic_at_once", ""),
        ("impatient", ""),
    ] {
        let _ = app.raw(&format!("probe_service.{method}"), payload).await;
    }
    for kind in ["ping", "info", "stats"] {
        let path = folder.join(format!("{kind}_response.json"));
        let schema = std::fs::read(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        let schema: Value = serde_json::from_slice(&schema).unwrap();
        let options = jsonschema::options().should_validate_formats(true);
        let schema = options.build(&schema).unwrap();
        for service in ["probe_service", "quiet_service"] {
            let subject = format!("$SRV.{}.{service}", kind.to_uppercase());
            let body = ask(app.url(), &subject, "").await;
            assert_eq!(errors(&schema, &body), [""; 0], "{body:#}");
            // What the schemas leave open and clients rely on.
            assert!(body["metadata"].is_object(), "{body:#}");
            for endpoint in body["endpoints"].as_array().into_iter().flatten() {
                match kind {
                    "info" => assert!(endpoint["metadata"].is_object(), "{endpoint:#}"),
                    _ => assert!(endpoint["last_error"].is_string(), "{endpoint:#}"),
                }
            }
            // The schema does judge: without a version it is no reply.
            let mut broken = body;
            broken.as_object_mut().unwrap().remove("version");
            assert_eq!(errors(&schema, &broken).len(), 1);
        }
    }
}

#[tokio::test]
async fn counters_are_exact_after_calls_one_way_calls_and_panics() {
    let app = TestApp::start(Probe::default()).await;
    let nats = async_nats::connect(app.url()).await.unwrap();
    let expected = [
        ("count", 100, 0, 0),
        ("panic_at_once", 40, 40, 40),
        ("find", 40, 40, 0),
    ];
    for (method, requests, ..) in expected {
        let subject = format!("probe_service.{method}");
        for n in 0..requests {
            let payload = match method {
                "find" => "[[7]]",
                _ => "",
            };
            match n % 2 {
                0 => drop(app.raw(&subject, payload).await.reply()),
                _ => nats.publish(subject.clone(), payload.into()).await.unwrap(),
            }
        }
    }
    for (method, requests, errors, panics) in expected {
        eventually("the one-way calls are counted", async || {
            stats(app.url(), method).await["num_requests"] == requests
        })
        .await;
        let counted = stats(app.url(), method).await;
        assert_eq!(
            (
                &counted["num_requests"],
                &counted["num_errors"],
                &counted["data"]["panics"]
            ),
            (&json!(requests), &json!(errors), &json!(panics)),
            "{method}"
        );
        assert_eq!(counted["data"]["in_flight"], 0, "{method}");
    }
}
