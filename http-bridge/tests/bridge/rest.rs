//! Routes that methods have of their own: arguments from path, query and body, and bare results.

use std::sync::atomic::{AtomicU64, Ordering};

use http_bridge::Config;
use rpc_core::Running;
use rpc_core::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::support::Setup;
use crate::support::raw::Answer;

/// A user, as callers give and get it.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct User {
    name: String,
    #[serde(default)]
    age: Option<u8>,
}

/// Each kind of argument, result and status.
#[derive(Default)]
struct Users {
    created: AtomicU64,
}

#[rpc(name = "rest_users")]
impl Users {
    #[rpc(http(GET, "/v1/rest/user/{id}"))]
    async fn get(&self, id: u64, #[rpc(default)] verbose: bool) -> Result<Value, RpcError> {
        match id {
            404 => Err(RpcError::not_found("no user 404")),
            _ => Ok(json!({ "id": id, "verbose": verbose })),
        }
    }

    #[rpc(http(POST, "/v1/rest/user"))]
    async fn create(&self, #[rpc(body)] user: User) -> Reply {
        let id = self.created.fetch_add(1, Ordering::Relaxed);
        let reply = Reply::new().result(user).status(201);
        reply
            .header("Location", format!("/v1/rest/user/{id}"))
            .header("Set-Cookie", "a=b")
    }

    #[rpc(http(PUT, "/v1/rest/user/{id}", status = 202))]
    async fn put(&self, id: u64, name: String, tags: Option<Vec<String>>) -> Value {
        json!([id, name, tags])
    }

    #[rpc(http(DELETE, "/v1/rest/user/{user_id}"))]
    async fn delete(&self, user_id: u64) {
        let _ = user_id;
    }

    #[rpc(http(GET, "/v1/rest/echo/{text}"))]
    async fn echo(
        &self,
        text: &str,
        #[rpc(default = 7)] number: i64,
        #[rpc(default)] ratio: f64,
        #[rpc(default)] list: Vec<u8>,
        #[rpc(default)] none: Option<u8>,
        #[rpc(kwargs)] others: serde_json::Map<String, Value>,
    ) -> Value {
        json!([text, number, ratio, list, none, others])
    }

    #[rpc(http(GET, "/v1/rest/nothing"))]
    async fn nothing(&self) -> Option<u8> {
        None
    }

    #[rpc(safe)]
    async fn add(&self, one: i64, #[rpc(default = 1)] two: i64) -> i64 {
        one + two
    }

    #[rpc(http(POST, "/v1/rest/ping"))]
    async fn ping(&self) -> &'static str {
        "pong"
    }
}

async fn setup() -> (Setup, Running) {
    setup_with(Config::default()).await
}

async fn setup_with(config: Config) -> (Setup, Running) {
    let setup = Setup::with(config).await;
    let runner = Runner::new(rpc_core::Config::new(&setup.nats_url));
    let running = runner.service(Users::default()).start().await.unwrap();
    (setup, running)
}

async fn send(setup: &Setup, verb: &str, path: &str, headers: &str, body: &str) -> Answer {
    let length = match body.is_empty() && headers.is_empty() && verb != "POST" {
        true => String::new(),
        false => format!("Content-Length: {}\r\n", body.len()),
    };
    let head = format!("{verb} {path} HTTP/1.1\r\nHost: localhost\r\n{headers}{length}\r\n");
    setup.send(format!("{head}{body}")).await
}

const JSON: &str = "Content-Type: application/json\r\n";
const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";

#[tokio::test]
async fn path_and_query_become_arguments_as_the_schema_says() {
    let (setup, _running) = setup().await;
    for (path, expected) in [
        ("/v1/rest/user/7", r#"{"id":7,"verbose":false}"#),
        ("/v1/rest/user/7?verbose=true", r#"{"id":7,"verbose":true}"#),
        ("/v1/rest/echo/Bob", r#"["Bob",7,0.0,[],null,{}]"#),
        (
            "/v1/rest/echo/7?number=-5&ratio=1.5",
            r#"["7",-5,1.5,[],null,{}]"#,
        ),
        (
            "/v1/rest/echo/a?list=1&list=2&none=3",
            r#"["a",7,0.0,[1,2],3,{}]"#,
        ),
        ("/v1/rest/echo/a?list=1&none=", r#"["a",7,0.0,[1],null,{}]"#),
        (
            "/v1/rest/echo/a?other=5",
            r#"["a",7,0.0,[],null,{"other":"5"}]"#,
        ),
        (
            "/v1/rest/echo/a%2Fb%20c?x=%26",
            r#"["a/b c",7,0.0,[],null,{"x":"&"}]"#,
        ),
        ("/v1/rest/%65cho/..", r#"["..",7,0.0,[],null,{}]"#),
        (
            "/v1/rest/echo/%3E.*%00",
            r#"[">.*\u0000",7,0.0,[],null,{}]"#,
        ),
    ] {
        let answer = send(&setup, "GET", path, "", "").await;
        assert_eq!((answer.status, answer.text()), (200, expected), "{path}");
        assert_eq!(answer.header("content-type"), Some("application/json"));
    }
}

#[tokio::test]
async fn an_argument_that_does_not_fit_is_named() {
    let (setup, _running) = setup().await;
    for (path, name, place) in [
        ("/v1/rest/user/x", "id", "path"),
        ("/v1/rest/user/1.5", "id", "path"),
        ("/v1/rest/user/7?verbose=yes", "verbose", "query"),
        ("/v1/rest/user/7?id=8", "id", "query"),
        ("/v1/rest/echo/a?number=1&number=2", "number", "query"),
        ("/v1/rest/echo/a?list=1&list=x", "list", "query"),
    ] {
        let answer = send(&setup, "GET", path, "", "").await;
        let problem = answer.assert_problem(422, "invalid_argument");
        assert_eq!(problem["errors"][0]["parameter"], name, "{path}: {problem}");
        assert_eq!(problem["errors"][0]["in"], place, "{path}: {problem}");
    }
    // The service has the last word, and names it as well.
    for (path, said) in [
        ("/v1/rest/user/-1", "id"),
        ("/v1/rest/user/7?unknown=1", "unknown"),
        ("/v1/rest/echo/a?list=256", "list"),
    ] {
        let answer = send(&setup, "GET", path, "", "").await;
        let problem = answer.assert_problem(422, "invalid_argument");
        assert!(
            problem["detail"].as_str().unwrap().contains(said),
            "{problem}"
        );
    }
    for path in [
        "/v1/rest/echo/%ff",
        "/v1/rest/echo/%",
        "/v1/rest/echo/a?x=%zz",
    ] {
        let answer = send(&setup, "GET", path, "", "").await;
        answer.assert_problem(400, "bad_request");
    }
    let answer = send(&setup, "GET", "/v1/rest/user/404", "", "").await;
    answer.assert_problem(404, "not_found");
}

#[tokio::test]
async fn a_body_is_arguments_or_the_one_body_parameter() {
    let (setup, _running) = setup().await;
    for (verb, path, headers, body, expected) in [
        (
            "PUT",
            "/v1/rest/user/7",
            JSON,
            r#"{"name": "Bob"}"#,
            r#"[7,"Bob",null]"#,
        ),
        (
            "PUT",
            "/v1/rest/user/7?name=Bob",
            "",
            "",
            r#"[7,"Bob",null]"#,
        ),
        (
            "PUT",
            "/v1/rest/user/7?tags=x",
            JSON,
            r#"{"name": "B\u006fb"}"#,
            r#"[7,"Bob",["x"]]"#,
        ),
        (
            "PUT",
            "/v1/rest/user/7",
            FORM,
            "name=Bob+Ross&tags=a&tags=b",
            r#"[7,"Bob Ross",["a","b"]]"#,
        ),
        (
            "PUT",
            "/v1/rest/user/7",
            FORM,
            r#"{"name": "curl -d"}"#,
            r#"[7,"curl -d",null]"#,
        ),
        (
            "POST",
            "/v1/rest/user",
            JSON,
            r#" {"name": "Bob", "age": 7} "#,
            r#"{"name":"Bob","age":7}"#,
        ),
        (
            "POST",
            "/v1/rest/user",
            FORM,
            "name=Bob&age=7",
            r#"{"name":"Bob","age":7}"#,
        ),
        ("POST", "/v1/rest/ping", "", "", r#""pong""#),
    ] {
        let answer = send(&setup, verb, path, headers, body).await;
        assert_eq!(
            (answer.status / 100, answer.text()),
            (2, expected),
            "{verb} {path} {body}"
        );
    }
    for (verb, path, headers, body, status, code) in [
        (
            "PUT",
            "/v1/rest/user/7",
            JSON,
            "[]",
            422,
            "invalid_argument",
        ),
        (
            "PUT",
            "/v1/rest/user/7",
            JSON,
            r#"{"id": 8, "name": "a"}"#,
            422,
            "invalid_argument",
        ),
        (
            "PUT",
            "/v1/rest/user/7",
            JSON,
            r#"{"name": "a", "name": "b"}"#,
            422,
            "invalid_argument",
        ),
        (
            "PUT",
            "/v1/rest/user/7",
            JSON,
            r#"{"name": 7}"#,
            422,
            "invalid_argument",
        ),
        (
            "PUT",
            "/v1/rest/user/7",
            JSON,
            r#"{"name": "#,
            400,
            "malformed_json",
        ),
        (
            "PUT",
            "/v1/rest/user/7",
            "Content-Type: text/xml\r\n",
            "<a/>",
            415,
            "unsupported_media_type",
        ),
        (
            "POST",
            "/v1/rest/user",
            JSON,
            r#"{"nmae": "Bob"}"#,
            422,
            "invalid_argument",
        ),
        ("POST", "/v1/rest/user", JSON, "Bob", 400, "malformed_json"),
        (
            "POST",
            "/v1/rest/user",
            FORM,
            "name=Bob&age=old",
            422,
            "invalid_argument",
        ),
        ("POST", "/v1/rest/user", "", "", 422, "invalid_argument"),
        ("GET", "/v1/rest/user/7", JSON, "{}", 400, "bad_request"),
    ] {
        let answer = send(&setup, verb, path, headers, body).await;
        answer.assert_problem(status, code);
    }
}

#[tokio::test]
async fn a_page_of_another_site_cannot_post_without_a_json_type() {
    let (setup, _running) = setup().await;
    let cross = "Sec-Fetch-Site: cross-site\r\n";
    let answer = send(&setup, "POST", "/v1/rest/ping", cross, "").await;
    answer.assert_problem(403, "permission_denied");
    let answer = send(
        &setup,
        "POST",
        "/v1/rest/user",
        &format!("{cross}{FORM}"),
        "name=a",
    )
    .await;
    answer.assert_problem(403, "permission_denied");
    let answer = send(
        &setup,
        "POST",
        "/v1/rest/ping",
        &format!("{cross}{JSON}"),
        "",
    )
    .await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn results_choose_status_and_headers() {
    let (setup, _running) = setup().await;
    let answer = send(&setup, "POST", "/v1/rest/user", JSON, r#"{"name": "Bob"}"#).await;
    assert_eq!(answer.status, 201);
    assert!(
        answer
            .header("location")
            .unwrap()
            .starts_with("/v1/rest/user/")
    );
    assert_eq!(answer.header("set-cookie"), None);
    let answer = send(&setup, "PUT", "/v1/rest/user/1?name=a", "", "").await;
    assert_eq!(answer.status, 202);
    for (verb, path) in [("GET", "/v1/rest/nothing"), ("DELETE", "/v1/rest/user/7")] {
        let answer = send(&setup, verb, path, "", "").await;
        assert_eq!((answer.status, answer.text()), (204, ""), "{verb} {path}");
        assert_eq!(answer.header("content-type"), None);
    }
    // On the call route the same methods answer as ever.
    let body = r#"{"user": {"name": "Bob"}}"#;
    let answer = send(&setup, "POST", "/rest_users.create", "", body).await;
    assert_eq!((answer.status, answer.header("location")), (200, None));
    assert_eq!(answer.text(), r#"[[{"name":"Bob","age":null}], {}]"#);
}

#[tokio::test]
async fn head_options_and_405_follow_from_the_routes() {
    let (setup, _running) = setup().await;
    let allow = "DELETE, GET, HEAD, OPTIONS, PUT";
    let answer = send(&setup, "OPTIONS", "/v1/rest/user/7", "", "").await;
    assert_eq!((answer.status, answer.header("allow")), (204, Some(allow)));
    let answer = send(&setup, "PATCH", "/v1/rest/user/7", "", "").await;
    answer.assert_problem(405, "method_not_allowed");
    assert_eq!(answer.header("allow"), Some(allow));

    let mut connection = crate::support::raw::Connection::open(setup.address).await;
    connection
        .send("HEAD /v1/rest/user/7 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .await;
    let head = String::from_utf8(connection.rest().await).unwrap();
    assert!(
        head.starts_with("HTTP/1.1 200 ") && head.ends_with("\r\n\r\n"),
        "{head}"
    );
    assert!(head.contains("content-length: 24\r\n"), "{head}");
}

#[tokio::test]
async fn a_safe_method_answers_get_with_its_arguments_in_the_query() {
    let (setup, _running) = setup().await;
    let answer = send(&setup, "GET", "/rest_users.add?one=5", "", "").await;
    assert_eq!((answer.status, answer.text()), (200, "[[6], {}]"));
    let answer = send(&setup, "GET", "/rest_users.add?one=5&two=-7", "", "").await;
    assert_eq!((answer.status, answer.text()), (200, "[[-2], {}]"));
    let answer = send(&setup, "GET", "/rest_users.add?one=five", "", "").await;
    answer.assert_problem(422, "invalid_argument");
    let answer = send(&setup, "GET", "/rest_users.add", "", "").await;
    answer.assert_problem(422, "invalid_argument");
    let answer = send(&setup, "OPTIONS", "/rest_users.add", "", "").await;
    assert_eq!(
        (answer.status, answer.header("allow")),
        (204, Some("GET, HEAD, POST"))
    );
    let answer = send(&setup, "GET", "/rest_users.ping", "", "").await;
    answer.assert_problem(405, "method_not_allowed");
}

#[tokio::test]
async fn what_is_no_route_is_not_found() {
    let (setup, _running) = setup().await;
    for path in [
        "/v1/rest",
        "/v1/rest/user",
        "/v1/rest/user/",
        "/v1/rest/user/7/",
        "/v1//rest/user/7",
        "/v1/rest/user/7/x",
        "/V1/rest/user/7",
        "//v1/rest/user/7",
        "/v1/rest%2Fuser/7",
        "/unknown",
    ] {
        let answer = send(&setup, "GET", path, "", "").await;
        let status = if path == "/v1/rest/user" { 405 } else { 404 };
        assert_eq!(answer.status, status, "{path}");
    }
    setup.assert_healthy().await;
}

#[tokio::test]
async fn what_is_not_exposed_has_no_route_and_stands_in_no_document() {
    let (setup, _running) = setup_with(Config {
        expose: vec!["rest_users.*".parse().unwrap()],
        deny: vec![
            "rest_users.get".parse().unwrap(),
            "rest_users.add".parse().unwrap(),
        ],
        ..Config::default()
    })
    .await;
    let answer = send(&setup, "GET", "/v1/rest/echo/Bob", "", "").await;
    assert_eq!(answer.status, 200);
    let answer = send(&setup, "GET", "/rest_users.add?one=1", "", "").await;
    answer.assert_problem(404, "not_found");
    // Its place is also that of other methods, which stay.
    let answer = send(&setup, "GET", "/v1/rest/user/7", "", "").await;
    answer.assert_problem(405, "method_not_allowed");
    assert_eq!(answer.header("allow"), Some("DELETE, OPTIONS, PUT"));
    let answer = send(&setup, "DELETE", "/v1/rest/user/7", "", "").await;
    assert_eq!(answer.status, 204);
    for document in ["/routes", "/openapi.json"] {
        let answer = send(&setup, "GET", document, "", "").await;
        let text = answer.text();
        assert!(text.contains("rest_users.echo"), "{document}");
        for hidden in ["rest_users.get", "rest_users.add"] {
            assert!(!text.contains(hidden), "{document} tells of {hidden}");
        }
        // The other service of the test's set-up is not exposed at all.
        assert!(!text.contains(&setup.service.name), "{document}");
    }
}
