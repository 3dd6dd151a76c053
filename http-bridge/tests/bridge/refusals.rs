//! Requests that never become calls. After each of them a good call is answered.

use crate::support::raw::Connection;
use crate::support::{Setup, post};

#[tokio::test]
async fn only_announced_methods_are_callable() {
    let setup = Setup::new().await;
    let service = &setup.service.name;
    let long = format!("/a.{}", "b".repeat(300));
    for path in [
        &*format!("/{service}.nope"),
        &format!("/{service}.secret"),
        "/no_such_service.hello",
        "/hello",
        "/$SYS.REQ.SERVER.PING",
        "/%24SYS.REQ.SERVER.PING",
        "/$SRV.PING",
        "/$JS.API.STREAM.NAMES",
        "/>",
        "/a.*",
        "/a.>",
        "/*.hello",
        "/_INBOX.x",
        "/_RPC.announce",
        "/wamp.x",
        "/wamp.session.count",
        "/a..b",
        "/.a",
        "/a.",
        "/a.b%0D%0APUB%20x%200",
        "/a.b\r\nPUB x 0",
        "/a.b%0d%0a",
        "/a.b%00",
        "/a%20b.c",
        "/a.b%E2%80%83c",
        &format!("/{service}.hello/"),
        &format!("//{service}.hello"),
        &format!("/./{service}.hello"),
        "/livez/x",
        &long,
    ] {
        let answer = setup.send(post(path, "", "[]")).await;
        let problem = answer.assert_problem(404, "not_found");
        assert!(
            !problem["detail"].as_str().unwrap().contains("internal"),
            "{problem}"
        );
        setup.assert_healthy().await;
    }
    let hint = setup.send(post("/hello", "", "[]")).await.problem();
    assert!(
        hint["detail"]
            .as_str()
            .unwrap()
            .contains("expected POST /<service>.<method>")
    );
    // An internal method and one that does not exist read the same.
    let detail = async |method: &str| -> String {
        let problem = setup.send(setup.post(method, "", "[]")).await.problem();
        problem["detail"].as_str().unwrap().replace(method, "?")
    };
    assert_eq!(detail("secret").await, detail("nothing").await);
}

#[tokio::test]
async fn a_method_is_called_with_post_only() {
    let setup = Setup::new().await;
    let path = setup.path("hello");
    for method in ["GET", "PUT", "DELETE", "PATCH", "TRACE", "PURGE"] {
        let answer = setup
            .send(format!(
                "{method} {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"
            ))
            .await;
        answer.assert_problem(405, "method_not_allowed");
        assert_eq!(answer.header("allow"), Some("POST"), "{method}");
    }
    let mut connection = Connection::open(setup.address).await;
    connection
        .send(format!(
            "HEAD {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        ))
        .await;
    let head = String::from_utf8(connection.rest().await).unwrap();
    assert!(
        head.starts_with("HTTP/1.1 405 ") && head.ends_with("\r\n\r\n"),
        "{head}"
    );
    assert!(head.contains("\r\nallow: POST\r\n"), "{head}");

    let answer = setup
        .send(format!(
            "OPTIONS {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"
        ))
        .await;
    assert_eq!((answer.status, answer.header("allow")), (204, Some("POST")));
    for path in [setup.path("secret"), setup.path("nope")] {
        for method in ["GET", "OPTIONS"] {
            let answer = setup
                .send(format!(
                    "{method} {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"
                ))
                .await;
            answer.assert_problem(404, "not_found");
        }
    }
    setup.assert_healthy().await;
}

#[tokio::test]
async fn bodies_have_to_be_arguments_in_json() {
    let setup = Setup::new().await;
    const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";
    for (headers, body, status, code) in [
        ("", "not json", 400, "malformed_json"),
        ("", "<xml/>", 400, "malformed_json"),
        ("", "\0\0", 400, "malformed_json"),
        (
            "Content-Type: application/json\r\n",
            "a=b",
            400,
            "malformed_json",
        ),
        (FORM, "a=b", 415, "unsupported_media_type"),
        (FORM, "\"Bob\"", 415, "unsupported_media_type"),
        (
            "Content-Type: text/plain\r\n",
            "[]",
            415,
            "unsupported_media_type",
        ),
        (
            "Content-Type: multipart/form-data\r\n",
            "[]",
            415,
            "unsupported_media_type",
        ),
        (
            "Content-Type: nonsense\r\n",
            "[]",
            415,
            "unsupported_media_type",
        ),
        (
            "Content-Encoding: gzip\r\n",
            "[]",
            415,
            "unsupported_media_type",
        ),
        (
            "Content-Encoding: identity\r\n",
            "[]",
            415,
            "unsupported_media_type",
        ),
        (
            "Sec-Fetch-Site: cross-site\r\n",
            "[]",
            403,
            "permission_denied",
        ),
        (
            "Sec-Fetch-Site: same-site\r\n",
            "[]",
            403,
            "permission_denied",
        ),
        (
            "Origin: http://evil.example\r\n",
            "[]",
            403,
            "permission_denied",
        ),
        ("Origin: null\r\n", "[]", 403, "permission_denied"),
        (
            &format!("{FORM}Origin: http://evil.example\r\n"),
            "[]",
            403,
            "permission_denied",
        ),
        ("Rpc-Timeout: soon\r\n", "[]", 400, "bad_request"),
        ("grpc-timeout: 5\r\n", "[]", 400, "bad_request"),
    ] {
        let answer = setup.send(setup.post("hello", headers, body)).await;
        answer.assert_problem(status, code);
        assert_eq!(
            answer.header("accept-post").is_some(),
            status == 415,
            "{headers} {body}"
        );
        setup.assert_healthy().await;
    }
    for (headers, body) in [
        (FORM, "[[\"Bob\"]]"),
        (FORM, " {\"name\": \"Bob\"}"),
        (FORM, ""),
        ("", "[[\"Bob\"]]"),
        (
            "Content-Type: application/json; charset=utf-8\r\n",
            "[[\"Bob\"]]",
        ),
        (
            "Content-Type: application/vnd.x+json\r\nOrigin: http://elsewhere.example\r\n",
            "[]",
        ),
        (
            "Sec-Fetch-Site: same-origin\r\nOrigin: http://localhost\r\n",
            "[]",
        ),
        ("Sec-Fetch-Site: none\r\n", "[]"),
    ] {
        let answer = setup.send(setup.post("hello", headers, body)).await;
        assert_eq!(answer.status, 200, "{headers} {body}: {answer:?}");
    }
}

#[tokio::test]
async fn a_request_is_for_this_host() {
    let setup = Setup::new().await;
    let path = setup.path("hello");
    let port = setup.address.port();
    for (hosts, status, code) in [
        ("", 400, "bad_request"),
        ("Host: \r\n", 400, "bad_request"),
        ("Host: a\r\nHost: a\r\n", 400, "bad_request"),
        ("Host: local host\r\n", 400, "bad_request"),
        ("Host: user@localhost\r\n", 400, "bad_request"),
        ("Host: evil.example\r\n", 421, "misdirected_request"),
        (
            &*format!("Host: evil.example:{port}\r\n"),
            421,
            "misdirected_request",
        ),
        ("Host: 127.0.0.1.nip.io\r\n", 421, "misdirected_request"),
    ] {
        let request = format!("POST {path} HTTP/1.1\r\n{hosts}Content-Length: 2\r\n\r\n[]");
        setup.send(request).await.assert_problem(status, code);
        setup.assert_healthy().await;
    }
    for host in ["localhost", "app.localhost:81", "127.0.0.1", "[::1]:5000"] {
        let request =
            format!("POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 2\r\n\r\n[]");
        assert_eq!(setup.send(request).await.status, 200, "{host}");
    }
    for probe in ["/livez", "/readyz"] {
        for host in ["", "Host: evil.example\r\n"] {
            assert_eq!(
                setup
                    .send(format!("GET {probe} HTTP/1.1\r\n{host}\r\n"))
                    .await
                    .status,
                200
            );
        }
    }
}

#[tokio::test]
async fn a_host_that_a_proxy_passes_on_can_be_allowed() {
    let allowed_hosts = vec!["api.example".to_owned()];
    let setup = Setup::with(http_bridge::Config {
        allowed_hosts,
        ..Default::default()
    })
    .await;
    for (host, status) in [
        ("API.example:443", 200),
        ("api.example", 200),
        ("b.api.example", 421),
    ] {
        let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
        assert_eq!(setup.send(request).await.status, status, "{host}");
    }
}

#[tokio::test]
async fn it_is_no_proxy() {
    let setup = Setup::new().await;
    let path = setup.path("hello");
    let answer = setup
        .send("CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n")
        .await;
    answer.assert_problem(405, "method_not_allowed");
    let foreign = format!(
        "POST http://evil.example{path} HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 0\r\n\r\n"
    );
    setup
        .send(foreign)
        .await
        .assert_problem(421, "misdirected_request");
    let two = format!(
        "POST http://localhost{path} HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 0\r\n\r\n"
    );
    setup.send(two).await.assert_problem(400, "bad_request");
    let own = format!(
        "POST http://localhost{path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"
    );
    assert_eq!(setup.send(own).await.status, 200);
    setup.assert_healthy().await;
}

#[tokio::test]
async fn what_is_not_http_is_answered_as_a_problem_too() {
    let setup = Setup::new().await;
    let path = setup.path("hello");
    for garbage in [
        "hello\r\n\r\n".to_owned(),
        "\r\n\r\n \r\n\r\n".to_owned(),
        "GET / HTTP/9.9\r\n\r\n".to_owned(),
        "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n".to_owned(),
        "\x16\x03\x01\x02\0\x01\0\x01\r\n\r\n".to_owned(),
        format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nno colon\r\n\r\n"),
        format!("POST {path} HTTP/1.1\r\nHost : localhost\r\n\r\n"),
        format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nX: a\r\n b\r\n\r\n"),
        format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nX: \0\r\n\r\n"),
        format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n"),
        format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n[]"
        ),
        format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n"),
        format!(
            "POST {path} HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        ),
    ] {
        let mut connection = Connection::open(setup.address).await;
        let answer = connection.exchange(&garbage).await;
        answer.assert_problem(400, "bad_request");
        assert!(
            connection.rest().await.is_empty(),
            "nothing follows {garbage:?}"
        );
        setup.assert_healthy().await;
    }
    // Also as the second request of a connection, and right behind the first.
    let mut connection = Connection::open(setup.address).await;
    assert_eq!(
        connection
            .exchange(setup.post("hello", "", "[]"))
            .await
            .status,
        200
    );
    connection
        .exchange("garbage\r\n\r\n")
        .await
        .assert_problem(400, "bad_request");
}

#[tokio::test]
async fn malformed_chunks_end_the_request_and_the_connection() {
    let setup = Setup::new().await;
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n",
        setup.path("hello")
    );
    for chunks in [
        "zz\r\n[]\r\n0\r\n\r\n",
        "-1\r\n[]",
        "fffffffffffffffff\r\n[]",
        "2\r\n[]XX0\r\n\r\n",
        "2\n[]\n0\n\n",
    ] {
        let mut connection = Connection::open(setup.address).await;
        connection
            .exchange(format!("{head}{chunks}"))
            .await
            .assert_problem(400, "bad_request");
        assert!(connection.rest().await.is_empty());
        setup.assert_healthy().await;
    }
}

#[tokio::test]
async fn two_lengths_smuggle_nothing() {
    let setup = Setup::new().await;
    let path = setup.path("hello");
    let smuggled = setup.post("hello", "", "[[\"smuggled\"]]");
    for lengths in [
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
    ] {
        let mut connection = Connection::open(setup.address).await;
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\n{lengths}\r\n2\r\n[]\r\n0\r\n\r\n{smuggled}"
        );
        let answer = connection.exchange(request).await;
        assert_eq!(
            (answer.status, answer.header("connection")),
            (200, Some("close")),
            "{lengths}"
        );
        assert!(connection.rest().await.is_empty(), "{lengths}");
        setup.assert_healthy().await;
    }
}
