//! Answers that go out smaller, or not at all: compression and tags.

use std::io::Read;

use http_bridge::Config;

use crate::support::raw::Answer;
use crate::support::{Setup, get};

const BR: &str = "Accept-Encoding: gzip, deflate, br\r\n";

fn plain(answer: &Answer) -> Vec<u8> {
    let mut body = Vec::new();
    match answer.header("content-encoding") {
        None => body.clone_from(&answer.body),
        Some("gzip") => {
            flate2::read::GzDecoder::new(&*answer.body)
                .read_to_end(&mut body)
                .unwrap();
        }
        Some("br") => {
            brotli::BrotliDecompress(&mut &*answer.body, &mut body).unwrap();
        }
        Some(other) => panic!("{other}"),
    }
    body
}

#[tokio::test]
async fn large_replies_are_compressed_for_clients_that_take_it() {
    let setup = Setup::new().await;
    // `echo` puts 10 bytes around its arguments.
    let around = r#"[["#.len() + r#"], {}]"#.len();
    for (accept, size, encoding) in [
        (BR, 1_024, Some("br")),
        (BR, 1_023, None),
        ("Accept-Encoding: gzip\r\n", 1_024, Some("gzip")),
        ("Accept-Encoding: gzip\r\n", 500_000, Some("gzip")),
        (BR, 900_000, Some("br")),
        ("", 10_000, None),
        ("Accept-Encoding: identity\r\n", 10_000, None),
        ("Accept-Encoding: br;q=0\r\n", 10_000, None),
    ] {
        let body = format!("[\"{}\"]", "x".repeat(size - around - 4));
        let answer = setup.send(setup.post("echo", accept, &body)).await;
        assert_eq!(answer.status, 200);
        assert_eq!(
            answer.header("content-encoding"),
            encoding,
            "{accept} {size}"
        );
        assert_eq!(plain(&answer), format!("[[{body}], {{}}]").into_bytes());
        assert_eq!(
            encoding.is_some(),
            answer.body.len() < size,
            "{accept} {size}"
        );
        let vary = (size >= 1_024).then_some("Accept-Encoding");
        assert_eq!(answer.header("vary"), vary, "{accept} {size}");
    }
    // What is random is not worth it.
    let noise: String = (0..4_000).map(|_| fastrand::char('!'..='~')).collect();
    let body = serde_json::json!([noise]).to_string();
    let answer = setup.send(setup.post("echo", BR, &body)).await;
    assert_eq!(plain(&answer), format!("[[{body}], {{}}]").into_bytes());
}

#[tokio::test]
async fn compression_can_be_switched_off() {
    let setup = Setup::with(Config {
        compression: false,
        ..Config::default()
    })
    .await;
    let body = format!("[\"{}\"]", "x".repeat(10_000));
    let answer = setup.send(setup.post("echo", BR, &body)).await;
    assert_eq!(
        (answer.header("content-encoding"), answer.header("vary")),
        (None, None)
    );
}

#[tokio::test]
async fn what_the_client_has_is_not_sent_again() {
    let setup = Setup::new().await;
    let request = |more: &str| get("/errors").replace("\r\n\r\n", &format!("\r\n{more}\r\n"));
    let whole = setup.send(request("")).await;
    let tag = whole.header("etag").unwrap().to_owned();
    assert!(tag.starts_with("W/\"") && tag.ends_with('"'), "{tag}");
    assert_eq!(whole.header("cache-control"), Some("private, no-cache"));
    let opaque = tag.strip_prefix("W/").unwrap();
    for (known, expected) in [
        (tag.clone(), 304),
        (opaque.to_owned(), 304),
        ("*".to_owned(), 304),
        (format!("\"a\", {tag}, \"b\""), 304),
        (format!("\"a\"\r\nIf-None-Match: {tag}"), 304),
        ("\"other\"".to_owned(), 200),
        (opaque.trim_matches('"').to_owned(), 200),
        (opaque.to_lowercase().replace('"', "\"x"), 200),
        (String::new(), 200),
    ] {
        let answer = setup
            .send(request(&format!("If-None-Match: {known}\r\n{BR}")))
            .await;
        assert_eq!(answer.status, expected, "{known}");
        assert_eq!(answer.header("etag"), Some(&*tag));
        assert!(answer.header("x-request-id").is_some());
        match expected {
            304 if answer.header("content-length").is_some() => panic!("{answer:?}"),
            304 => assert!(answer.body.is_empty() && answer.header("content-encoding").is_none()),
            _ => assert_eq!(plain(&answer), whole.body, "the same tag, other bytes"),
        }
    }
    // Calls and failures have no tag.
    for request in [
        setup.post("hello", "If-None-Match: *\r\n", "[]"),
        get("/livez"),
        get("/nope.x"),
    ] {
        let answer = setup.send(request).await;
        assert_ne!(answer.status, 304);
        assert_eq!(answer.header("etag"), None, "{answer:?}");
    }
}
