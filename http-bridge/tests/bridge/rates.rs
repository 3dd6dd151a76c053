//! How often one client may call, and who one client is behind proxies.

use http_bridge::{Config, ForwardedHeader, Proxies};

use crate::support::Setup;
use crate::support::raw::Answer;

async fn limited(rate: &str, trusted: &[&str], header: ForwardedHeader) -> Setup {
    let trusted = trusted
        .iter()
        .map(|network| network.parse().unwrap())
        .collect();
    Setup::with(Config {
        rate_limit: Some(rate.parse().unwrap()),
        proxies: Proxies { trusted, header },
        ..Config::default()
    })
    .await
}

async fn call(setup: &Setup, headers: &str) -> Answer {
    setup.send(setup.post("hello", headers, "[]")).await
}

#[tokio::test]
async fn past_the_rate_calls_are_refused_and_told_when_to_come_again() {
    let setup = limited("3/1h", &[], ForwardedHeader::default()).await;
    for left in [2, 1, 0] {
        let answer = call(&setup, "").await;
        assert_eq!(answer.status, 200);
        let limit = answer.header("ratelimit").unwrap();
        assert!(
            limit.starts_with(&format!("\"default\";r={left};t=")),
            "{limit}"
        );
        assert_eq!(
            answer.header("ratelimit-policy"),
            Some("\"default\";q=3;w=3600")
        );
    }
    let answer = call(&setup, "").await;
    let problem = answer.assert_problem(429, "resource_exhausted");
    assert_eq!(
        (problem["retryable"].as_bool(), problem["outcome"].as_str()),
        (Some(true), Some("not_sent"))
    );
    // A third of an hour, less what the test has taken.
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1_100..=1_200).contains(&wait), "{wait}");
    let expected = format!("\"default\";r=0;t={wait}");
    assert_eq!(answer.header("ratelimit"), Some(&*expected));
    // Errors count and are counted down as well; probes are not counted.
    for _ in 0..5 {
        let answer = setup
            .send("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .await;
        assert_eq!((answer.status, answer.header("ratelimit")), (200, None));
    }
    let unknown = setup.send(setup.post("nope", "", "[]")).await;
    unknown.assert_problem(429, "resource_exhausted");
}

#[tokio::test]
async fn there_is_no_limit_and_no_header_by_default() {
    let setup = Setup::new().await;
    for _ in 0..50 {
        let answer = call(&setup, "").await;
        assert_eq!((answer.status, answer.header("ratelimit")), (200, None));
    }
}

#[tokio::test]
async fn clients_behind_a_trusted_proxy_are_told_apart() {
    let setup = limited("1/1h", &["127.0.0.0/8"], ForwardedHeader::XForwardedFor).await;
    for (headers, status) in [
        ("X-Forwarded-For: 203.0.113.1\r\n", 200),
        ("X-Forwarded-For: 203.0.113.1\r\n", 429),
        ("X-Forwarded-For: 203.0.113.2\r\n", 200),
        // What a client writes in front of what the proxy appends gives it no other name.
        ("X-Forwarded-For: 198.51.100.9, 203.0.113.1\r\n", 429),
        (
            "X-Forwarded-For: 198.51.100.9\r\nX-Forwarded-For: 203.0.113.1\r\n",
            429,
        ),
        ("X-Forwarded-For: 203.0.113.1, 127.0.0.2\r\n", 429),
        (
            "Forwarded: for=198.51.100.9\r\nX-Forwarded-For: 203.0.113.1\r\n",
            429,
        ),
        // One IPv6 network is one client.
        ("X-Forwarded-For: 2001:db8::1\r\n", 200),
        ("X-Forwarded-For: 2001:db8::2\r\n", 429),
        // Without the header, it is the proxy that calls.
        ("", 200),
        ("", 429),
        ("X-Forwarded-For: nonsense\r\n", 429),
    ] {
        assert_eq!(call(&setup, headers).await.status, status, "{headers}");
    }
}

#[tokio::test]
async fn nobody_else_is_believed() {
    for (trusted, header) in [
        (&[][..], ForwardedHeader::XForwardedFor),
        (&["10.0.0.0/8", "::1/128"], ForwardedHeader::XForwardedFor),
        (&["10.0.0.0/8"], ForwardedHeader::Forwarded),
        // Trusted, for the other header.
        (&["127.0.0.1"], ForwardedHeader::Forwarded),
    ] {
        let setup = limited("1/1h", trusted, header).await;
        let first = call(&setup, "X-Forwarded-For: 203.0.113.1\r\n").await;
        let second = call(&setup, "X-Forwarded-For: 203.0.113.2\r\n").await;
        assert_eq!((first.status, second.status), (200, 429), "{trusted:?}");
    }
    let setup = limited("1/1h", &["127.0.0.1"], ForwardedHeader::Forwarded).await;
    for (headers, status) in [
        ("Forwarded: for=203.0.113.1;proto=https\r\n", 200),
        ("Forwarded: for=\"203.0.113.1:99\"\r\n", 429),
        ("Forwarded: for=203.0.113.2\r\n", 200),
    ] {
        assert_eq!(call(&setup, headers).await.status, status, "{headers}");
    }
}
