//! A service's own error type: what travels, and what its caller rebuilds.

use std::sync::Arc;

use rpc_core::prelude::*;
use rpc_core::testing::{TestApp, call_raw};
use rpc_core::{Code, WireError};
use serde_json::{Value, json};

// The macros cannot see the library's table, so they have a copy.
#[path = "../../rpc-macros/src/rpc_error/codes.rs"]
mod codes;

#[derive(Debug, PartialEq, thiserror::Error, RpcError)]
enum UserError {
    #[error("no user {id}")]
    #[rpc(code = "user.not_found", status = 404)]
    NotFound { id: i64 },
    #[error("somebody else has this e-mail address")]
    #[rpc(status = 409)]
    Taken,
    #[error("{0} is busy until {1:?}")]
    #[rpc(status = 503, retryable)]
    Busy(String, Option<u32>),
    #[error("the mailer failed")]
    #[rpc(status = 502)]
    Mail {
        attempts: u8,
        #[source]
        cause: std::fmt::Error,
    },
    #[error("too many of them")]
    ResourceExhausted,
    #[error("a map without texts as keys")]
    #[rpc(status = 400)]
    Odd {
        odd: std::collections::BTreeMap<Vec<u8>, u8>,
    },
    #[error("the database said: secret")]
    #[rpc(internal)]
    Db(#[from] DbError),
}

#[derive(Debug, PartialEq, thiserror::Error)]
#[error("secret")]
struct DbError;

struct UserService;

#[rpc]
impl UserService {
    #[rpc]
    async fn get(&self, which: &str) -> Result<u8, UserError> {
        Err(match which {
            "not_found" => UserError::NotFound { id: 7 },
            "taken" => UserError::Taken,
            "busy" => UserError::Busy("Bob".to_owned(), Some(9)),
            "mail" => UserError::Mail {
                attempts: 3,
                cause: std::fmt::Error,
            },
            "full" => UserError::ResourceExhausted,
            "odd" => UserError::Odd {
                odd: [(vec![1], 1)].into(),
            },
            "db" => Err(DbError)?,
            _ => return Ok(1),
        })
    }
}

async fn failure(which: &str) -> RpcError {
    let payload = json!([[which]]).to_string();
    call_raw(&Arc::new(UserService), "get", payload)
        .await
        .expect_err("every word but a success fails")
}

#[tokio::test]
async fn an_error_travels_in_headers_and_body() {
    let app = TestApp::start(UserService).await;
    for (which, number, line, body) in [
        (
            "not_found",
            "404",
            "user.not_found: no user 7",
            json!({"code": "user.not_found", "message": "no user 7", "details": {"id": 7}}),
        ),
        (
            "taken",
            "409",
            "taken: somebody else has this e-mail address",
            json!({"code": "taken", "message": "somebody else has this e-mail address"}),
        ),
        (
            "busy",
            "503",
            "busy: Bob is busy until Some(9)",
            json!({
                "code": "busy", "message": "Bob is busy until Some(9)",
                "details": ["Bob", 9], "retryable": true,
            }),
        ),
        (
            "mail",
            "502",
            "mail: the mailer failed",
            json!({"code": "mail", "message": "the mailer failed", "details": {"attempts": 3}}),
        ),
        (
            "full",
            "429",
            "resource_exhausted: too many of them",
            json!({"code": "resource_exhausted", "message": "too many of them", "retryable": true}),
        ),
        (
            "db",
            "500",
            "internal: internal error; the service's log has the details",
            json!({"code": "internal", "message": "internal error; the service's log has the details"}),
        ),
    ] {
        let payload = json!([[which]]).to_string();
        let reply = app.raw("user_service.get", payload).await.reply();
        assert_eq!(
            reply.headers.get("Nats-Service-Error-Code"),
            Some(number),
            "{which}"
        );
        assert_eq!(
            reply.headers.get("Nats-Service-Error"),
            Some(line),
            "{which}"
        );
        let mut sent: Value = serde_json::from_slice(&reply.payload).unwrap();
        let id = sent.as_object_mut().unwrap().remove("request_id");
        assert!(id.is_some_and(|id| id.is_string()), "{which}");
        assert_eq!(sent, body, "{which}");
    }
}

#[tokio::test]
async fn the_caller_rebuilds_the_variant() {
    for (which, error) in [
        ("not_found", UserError::NotFound { id: 7 }),
        ("taken", UserError::Taken),
        ("busy", UserError::Busy("Bob".to_owned(), Some(9))),
        ("full", UserError::ResourceExhausted),
    ] {
        let rebuilt = UserError::from_rpc_error(failure(which).await);
        assert_eq!(rebuilt.unwrap(), error);
    }
}

#[tokio::test]
async fn what_does_not_travel_whole_is_not_rebuilt() {
    for (which, code) in [("mail", "mail"), ("db", "internal"), ("odd", "odd")] {
        let error = UserError::from_rpc_error(failure(which).await).unwrap_err();
        assert_eq!(error.code(), code);
        assert!(error.request_id().is_some());
    }
    assert!(failure("odd").await.details().is_none());
}

#[test]
fn an_error_that_does_not_fit_stays_as_it_came() {
    let received = |status, body: Value| {
        let error = RpcError::from_wire(status, "", body.to_string().as_bytes());
        UserError::from_rpc_error(error)
    };
    for details in [json!(null), json!({}), json!({"id": "seven"}), json!([7])] {
        let error = received(
            404,
            json!({"code": "user.not_found", "details": details.clone()}),
        );
        let error = error.unwrap_err();
        assert_eq!(
            error.details(),
            Some(&details).filter(|details| !details.is_null())
        );
    }
    let newer = json!({"id": 7, "since": "monday"});
    let newer = received(404, json!({"code": "user.not_found", "details": newer}));
    assert_eq!(newer.unwrap(), UserError::NotFound { id: 7 });
    let older = received(503, json!({"code": "busy", "details": ["Bob"]}));
    assert_eq!(older.unwrap(), UserError::Busy("Bob".to_owned(), None));

    // The service did not say this one: its queue did.
    let full = json!({"code": "resource_exhausted", "outcome": "not_sent"});
    assert!(received(429, full).is_err());
}

#[test]
fn the_log_gets_the_cause() {
    let cause = |error: UserError| {
        let error = RpcError::from(error);
        std::error::Error::source(&error).map(ToString::to_string)
    };
    let secret = "the database said: secret".to_owned();
    assert_eq!(cause(UserError::Db(DbError)), Some(secret));
    let mail = UserError::Mail {
        attempts: 1,
        cause: std::fmt::Error,
    };
    assert_eq!(cause(mail), Some(std::fmt::Error.to_string()));
    assert_eq!(cause(UserError::Taken), None);
}

#[test]
fn the_macros_know_the_codes_of_the_contract() {
    let codes = Code::ALL.map(|code| (code.as_str(), code.number()));
    assert_eq!(codes::CODES, codes);
    assert_eq!(codes::status(codes::OPAQUE), Some(500));
}
