//! The description at `/openapi.json`: complete, valid, and as old as the services.

use std::collections::HashSet;
use std::io::Write as _;
use std::process::Command;

use rpc_core::Running;
use rpc_core::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::support::Setup;

/// A thing that refers to others of its kind.
#[derive(Deserialize, Serialize, JsonSchema)]
struct Thing {
    name: String,
    #[serde(default)]
    parts: Vec<Thing>,
    size: Option<Size>,
}

/// How large it is.
#[derive(Deserialize, Serialize, JsonSchema)]
enum Size {
    Small,
    Large(u8),
}

struct Shop;

/// Sells things.
#[rpc(name = "openapi_shop", version = "1.0.0")]
impl Shop {
    /// Adds a thing.
    ///
    /// ```json
    /// {"name": "lamp", "size": null}
    /// ```
    #[rpc(http(POST, "/v1/openapi/thing", status = 201))]
    async fn add(&self, #[rpc(body)] thing: Thing, #[rpc(default)] dry: bool) -> Thing {
        let _ = dry;
        thing
    }

    /// Finds a thing.
    #[rpc(http(GET, "/v1/openapi/thing/{id}"))]
    async fn find(&self, id: u64, fields: Option<Vec<String>>) -> Option<Thing> {
        let _ = (id, fields);
        None
    }

    #[rpc(http(DELETE, "/v1/openapi/thing/{thing_id}"))]
    async fn remove(&self, thing_id: u64, #[rpc(default = "no reason")] why: &str) {
        let _ = (thing_id, why);
    }

    #[rpc(http(PUT, "/v1/openapi/thing/{id}/name"))]
    async fn rename(
        &self,
        id: u64,
        name: String,
        #[rpc(sensitive, default)] token: String,
    ) -> Reply {
        let _ = (id, token);
        Reply::new().result(name)
    }

    #[rpc]
    async fn many(
        &self,
        first: u8,
        #[rpc(args)] rest: Vec<i32>,
        #[rpc(kwargs)] more: serde_json::Map<String, Value>,
    ) {
        let _ = (first, rest, more);
    }

    #[rpc(internal)]
    async fn hidden(&self) {}
}

struct Store;

#[rpc(name = "openapi_store")]
impl Store {
    #[rpc]
    async fn put(&self, thing: other::Thing) -> other::Thing {
        thing
    }
}

/// A type of the same name.
mod other {
    #[derive(serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
    pub struct Thing(u8);
}

async fn start(setup: &Setup) -> Running {
    let runner = Runner::new(rpc_core::Config::new(&setup.nats_url));
    runner.service(Shop).service(Store).start().await.unwrap()
}

async fn document(setup: &Setup) -> Value {
    let answer = setup
        .send("GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await;
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, Some("application/json"))
    );
    serde_json::from_slice(&answer.body).unwrap()
}

/// Returns the description once it has the services of this file.
async fn complete(setup: &Setup) -> Value {
    for path in ["openapi_shop.many", "openapi_store.put"] {
        setup
            .send(crate::support::post(&format!("/{path}"), "", "[]"))
            .await;
    }
    document(setup).await
}

/// Collects every reference of a document.
fn references<'a>(value: &'a Value, found: &mut HashSet<&'a str>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str));
            members
                .values()
                .for_each(|member| references(member, found));
        }
        Value::Array(elements) => elements.iter().for_each(|it| references(it, found)),
        _ => {}
    }
}

#[tokio::test]
async fn both_forms_of_calls_and_every_route_are_described() {
    let setup = Setup::new().await;
    let _running = start(&setup).await;
    let document = complete(&setup).await;
    assert_eq!(document["openapi"], "3.1.0");
    let paths = document["paths"].as_object().unwrap();
    let verbs = |path: &str| {
        paths[path]
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(verbs("/openapi_shop.add"), ["post"]);
    assert_eq!(verbs("/openapi_shop.find"), ["get", "post"]);
    // One path has one name for its parameter, whatever each method calls it.
    assert_eq!(verbs("/v1/openapi/thing/{id}"), ["delete", "get"]);
    let remove = &paths["/v1/openapi/thing/{id}"]["delete"];
    assert_eq!(remove["parameters"][0]["name"], "id");
    assert_eq!(remove["parameters"][1]["name"], "why");
    assert_eq!(remove["tags"], json!(["openapi_shop"]));
    let statuses = |operation: &Value| {
        let keys = operation["responses"].as_object().unwrap().keys().cloned();
        keys.filter(|status| status.starts_with('2'))
            .collect::<Vec<_>>()
    };
    assert_eq!(statuses(remove), ["204"]);
    assert_eq!(
        statuses(&paths["/v1/openapi/thing/{id}"]["get"]),
        ["200", "204"]
    );
    assert_eq!(
        statuses(&paths["/v1/openapi/thing/{id}/name"]["put"]),
        ["204", "2XX"]
    );

    let add = &paths["/v1/openapi/thing"]["post"];
    assert_eq!(statuses(add), ["201"]);
    let content = &add["requestBody"]["content"]["application/json"];
    assert_eq!(content["example"], json!({ "name": "lamp", "size": null }));
    assert_eq!(add["parameters"][0]["name"], "dry");
    assert!(!paths.contains_key("/openapi_shop.hidden"));
    assert!(!document.to_string().contains("hidden"));

    // The services' own types do not meet.
    let call = &paths["/openapi_store.put"]["post"]["requestBody"]["content"]["application/json"];
    let forms = call["schema"]["anyOf"].as_array().unwrap();
    let thing = json!({ "$ref": "#/components/schemas/openapi_store.Thing" });
    assert_eq!(forms[0]["properties"]["thing"], thing);
    assert_eq!(forms[1]["prefixItems"][1]["properties"]["thing"], thing);
    assert_eq!(forms[2]["prefixItems"][0]["prefixItems"], json!([thing]));
    assert_eq!(forms[2]["prefixItems"][1]["properties"], json!({}));

    let mut found = HashSet::new();
    references(&document, &mut found);
    for reference in found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(
            document.pointer(pointer).is_some(),
            "{reference} leads nowhere"
        );
    }
}

#[tokio::test]
async fn a_foreign_service_is_described_as_calls_that_take_anything() {
    let setup = Setup::new().await;
    setup.assert_healthy().await;
    let document = document(&setup).await;
    let hello = &document["paths"][setup.path("hello")]["post"];
    let body = &hello["requestBody"]["content"]["application/json"]["schema"];
    assert_eq!(body["type"], json!(["array", "object"]));
    assert_eq!(document["paths"][setup.path("secret")], Value::Null);
}

#[tokio::test]
async fn the_description_is_valid() {
    let setup = Setup::new().await;
    let _running = start(&setup).await;
    let document = complete(&setup).await.to_string();
    let Some(python) = std::env::var_os("OPENAPI_PY").filter(|it| !it.is_empty()) else {
        let message = "OPENAPI_PY is not set, so openapi-spec-validator does not judge \
                       /openapi.json; `make tools` gets it";
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{message}");
        // Not `eprintln!`: the harness hides what a passing test prints that way.
        let _ = writeln!(std::io::stderr(), "skipped: {message}");
        return;
    };
    let file = std::env::temp_dir().join(format!("openapi-{:016x}.json", fastrand::u64(..)));
    std::fs::write(&file, &document).unwrap();
    let judged = Command::new(python)
        .args(["-m", "openapi_spec_validator"])
        .arg(&file)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&judged.stdout).into_owned();
    std::fs::remove_file(&file).unwrap();
    assert!(
        judged.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&judged.stderr)
    );
}
