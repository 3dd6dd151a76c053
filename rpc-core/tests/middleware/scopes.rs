//! Who may call what.

use std::sync::Arc;

use rpc_core::middleware::RequireScopesLayer;
use rpc_core::prelude::*;
use rpc_core::protocol::Headers;
use rpc_core::testing::{TestApp, call_with_headers};
use serde_json::{Value, json};

use crate::support::{ask, headers};

struct Users;

#[rpc(name = "user_service")]
impl Users {
    /// Anybody may ask.
    #[rpc]
    async fn who(&self, context: &Context) -> Value {
        let scopes: Vec<_> = context.scopes().collect();
        json!([context.subject(), scopes])
    }

    #[rpc(scopes("user:write"))]
    async fn rename(&self, name: String) -> String {
        name
    }

    #[rpc(scopes("user:write", "admin"), idempotent)]
    async fn delete(&self) {}
}

/// Returns the headers of a caller, as the bridge would write them.
fn caller(subject: Option<&str>, scopes: Option<&str>) -> Headers {
    let mut headers = Headers::new();
    let said = [("Rpc-Sub", subject), ("Rpc-Scopes", scopes)];
    for (name, value) in said {
        if let Some(value) = value {
            assert!(headers.insert(name, value));
        }
    }
    headers
}

#[tokio::test]
async fn a_method_runs_for_callers_with_all_of_its_scopes() {
    let users = Arc::new(Users);
    for (method, headers, code, missing) in [
        (
            "rename",
            caller(None, None),
            "unauthenticated",
            json!(["user:write"]),
        ),
        (
            "rename",
            caller(Some("bob"), None),
            "permission_denied",
            json!(["user:write"]),
        ),
        (
            "rename",
            caller(Some("bob"), Some("")),
            "permission_denied",
            json!(["user:write"]),
        ),
        (
            "rename",
            caller(None, Some("admin")),
            "permission_denied",
            json!(["user:write"]),
        ),
        (
            "rename",
            caller(None, Some("user:write2 user:writ")),
            "permission_denied",
            json!(["user:write"]),
        ),
        (
            "rename",
            caller(None, Some("USER:WRITE")),
            "permission_denied",
            json!(["user:write"]),
        ),
        (
            "rename",
            caller(None, Some("a,user:write")),
            "permission_denied",
            json!(["user:write"]),
        ),
        (
            "rename",
            caller(Some("bob"), Some("user:write")),
            "",
            Value::Null,
        ),
        (
            "rename",
            caller(None, Some("  admin  user:write ")),
            "",
            Value::Null,
        ),
        (
            "delete",
            caller(None, Some("user:write")),
            "permission_denied",
            json!(["admin"]),
        ),
        (
            "delete",
            caller(None, None),
            "unauthenticated",
            json!(["user:write", "admin"]),
        ),
        (
            "delete",
            caller(None, Some("admin user:write")),
            "",
            Value::Null,
        ),
        ("who", caller(None, None), "", Value::Null),
    ] {
        let arguments = if method == "rename" {
            r#"[["Bob"]]"#
        } else {
            ""
        };
        let about = format!("{method} {headers:?}");
        match call_with_headers(&users, method, headers, arguments).await {
            Ok(_) => assert_eq!(code, "", "{about}"),
            Err(error) => {
                assert_eq!(error.code(), code, "{about}");
                assert_eq!(
                    error.details(),
                    Some(&json!({ "missing": missing })),
                    "{about}"
                );
                let named = missing.as_array().unwrap().iter();
                for scope in named.map(|scope| scope.as_str().unwrap()) {
                    assert!(error.message().contains(&format!("`{scope}`")), "{error}");
                }
            }
        }
    }
}

#[tokio::test]
async fn scopes_are_asked_for_before_arguments_are_read() {
    let users = Arc::new(Users);
    let error = call_with_headers(&users, "rename", Headers::new(), "no json").await;
    assert_eq!(error.unwrap_err().code(), "unauthenticated");
}

#[tokio::test]
async fn over_nats_they_come_in_headers_and_discovery_shows_them() {
    let app = TestApp::start(Users).await;
    let rename = async |headers| {
        let subject = "user_service.rename";
        app.raw_with_headers(subject, headers, r#"[["Bob"]]"#).await
    };
    let error = rename(headers([])).await.expect_error("unauthenticated");
    assert_eq!(error.status(), 401);
    let error = rename(headers([("Rpc-Sub", "bob")])).await;
    assert_eq!(error.expect_error("permission_denied").status(), 403);
    let allowed = headers([("rpc-sub", "bob"), ("rpc-scopes", "user:read user:write")]);
    rename(allowed.clone()).await.expect(r#"[["Bob"], {}]"#);
    let who = app.raw_with_headers("user_service.who", allowed, "").await;
    who.expect(r#"[[["bob",["user:read","user:write"]]], {}]"#);

    let info = ask(app.url(), "$SRV.INFO.user_service", "").await;
    let scopes_of = |name: &str| {
        let endpoints = info["endpoints"].as_array().unwrap();
        let endpoint = endpoints.iter().find(|endpoint| endpoint["name"] == name);
        endpoint.unwrap()["metadata"]["rpc.scopes"].clone()
    };
    assert_eq!(scopes_of("rename"), "user:write");
    assert_eq!(scopes_of("delete"), "user:write,admin");
    assert_eq!(scopes_of("who"), Value::Null);
}

#[tokio::test]
async fn a_layer_asks_for_scopes_in_front_of_every_method() {
    let layer = RequireScopesLayer::new(["staff"]);
    let app = TestApp::run(move |runner| runner.layer(layer).service(Users)).await;
    let who = async |headers| app.raw_with_headers("user_service.who", headers, "").await;
    who(headers([])).await.expect_error("unauthenticated");
    who(headers([("Rpc-Scopes", "a")]))
        .await
        .expect_error("permission_denied");
    who(headers([("Rpc-Scopes", "staff")]))
        .await
        .expect(r#"[[[null,["staff"]]], {}]"#);
    // The method's own scopes are asked for as well.
    let delete = app.raw_with_headers(
        "user_service.delete",
        headers([("Rpc-Scopes", "staff")]),
        "",
    );
    delete.await.expect_error("permission_denied");
}
