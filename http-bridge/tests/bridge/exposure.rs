//! Which methods the web may call: `expose` and `deny`.

use http_bridge::{Config, Pattern};

use crate::support::Setup;
use crate::support::raw::Answer;

/// A bridge to a service of a random name, whose patterns are written with `{}` for that name.
async fn exposing(expose: &[&str], deny: &[&str]) -> Setup {
    let mut setup = Setup::without_bridge().await;
    let name = setup.service.name.clone();
    let patterns = |texts: &[&str]| -> Vec<Pattern> {
        let parse = |text: &&str| text.replace("{}", &name).parse().unwrap();
        texts.iter().map(parse).collect()
    };
    let (expose, deny) = (patterns(expose), patterns(deny));
    setup
        .start(Config {
            expose,
            deny,
            ..Config::default()
        })
        .await;
    setup
}

async fn call(setup: &Setup, method: &str) -> Answer {
    let body = r#"[["Bob"], {}]"#;
    setup.send(setup.post(method, "", body)).await
}

#[tokio::test]
async fn only_what_is_exposed_and_not_denied_is_callable() {
    for (expose, deny, callable) in [
        (&[][..], &[][..], &["hello", "echo", "headers"][..]),
        (&["{}.*"], &[], &["hello", "echo", "headers"]),
        (&["{}.>"], &["{}.echo"], &["hello", "headers"]),
        (&["{}.hello", "{}.echo"], &[], &["hello", "echo"]),
        (&[], &["*.headers"], &["hello", "echo"]),
        (&["other.*"], &[], &[]),
        (&["{}.hello"], &[">"], &[]),
        (&["{}"], &[], &[]),
    ] {
        let setup = exposing(expose, deny).await;
        for method in ["hello", "echo", "headers"] {
            let answer = call(&setup, method).await;
            match callable.contains(&method) {
                true => assert_eq!(answer.status, 200, "{expose:?} {deny:?} {method}"),
                false => drop(answer.assert_problem(404, "not_found")),
            }
        }
    }
}

#[tokio::test]
async fn what_is_hidden_reads_like_what_does_not_exist() {
    let setup = exposing(&["{}.*"], &["{}.echo"]).await;
    let detail = async |method: &str| -> String {
        let problem = call(&setup, method).await.assert_problem(404, "not_found");
        let detail = problem["detail"].as_str().unwrap();
        detail.replace(method, "?")
    };
    let unknown = detail("nothing").await;
    assert_eq!(detail("echo").await, unknown);
    // Exposing everything exposes nothing that is internal.
    assert_eq!(detail("secret").await, unknown);
    for method in ["GET", "OPTIONS"] {
        let path = setup.path("echo");
        let request = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let answer = setup.send(request).await;
        answer.assert_problem(404, "not_found");
        assert_eq!(answer.header("allow"), None, "{method}");
    }
    setup.assert_healthy().await;
}
