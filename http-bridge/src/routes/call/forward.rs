//! Which headers cross the border into NATS: those on a list, never the others.
//!
//! `Nats-*` headers make a server act (`Nats-Trace-Dest` makes it publish), and `Rpc-*` say what
//! the bridge alone may say. On most calls nothing crosses, because headers cost both sides time.

use std::time::Duration;

use hyper::HeaderMap;
use hyper::header::HeaderName;
use rpc_core::protocol::{Headers, TraceParent, headers};

use crate::auth::Principal;
use crate::layers::request_id::RequestId;

/// What services take for granted when a call does not say how long it may take (wire.md §5).
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

const TRACEPARENT: HeaderName = HeaderName::from_static(headers::TRACEPARENT);

/// Of no meaning without a valid `traceparent`.
const TRACE: [HeaderName; 2] = [
    HeaderName::from_static(headers::TRACESTATE),
    HeaderName::from_static(headers::BAGGAGE),
];

const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

/// Returns the headers of the NATS request.
pub(super) fn headers(
    http: &HeaderMap,
    id: &RequestId,
    principal: Option<&Principal>,
    timeout: Duration,
) -> Headers {
    let mut nats = Headers::new();
    if timeout != DEFAULT_TIMEOUT {
        // Zero would mean that there is none left.
        nats.insert(headers::TIMEOUT, timeout.as_millis().max(1).to_string());
    }
    if let Some(principal) = principal {
        principal.tell(&mut nats);
    }
    if copy(
        http,
        &TRACEPARENT,
        TRACEPARENT.as_str(),
        |value| value.parse::<TraceParent>().is_ok(),
        &mut nats,
    ) {
        for name in &TRACE {
            copy(http, name, name.as_str(), |_| true, &mut nats);
        }
    }
    let key = HeaderName::from_static("idempotency-key");
    copy(
        http,
        &key,
        IDEMPOTENCY_KEY,
        |key| !key.is_empty(),
        &mut nats,
    );
    // An id that nobody knows helps nobody; once there are headers, it costs next to nothing.
    if id.is_given() || !nats.is_empty() {
        nats.insert(headers::REQUEST_ID, id.as_str());
    }
    nats
}

/// Copies a header that is given once, in ASCII, and valid; returns whether it did.
fn copy(
    http: &HeaderMap,
    name: &HeaderName,
    nats_name: &str,
    is_valid: impl Fn(&str) -> bool,
    nats: &mut Headers,
) -> bool {
    match http.get(name).and_then(|value| value.to_str().ok()) {
        Some(value) if is_valid(value) => nats.insert(nats_name, value),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn forwarded(http: &[(&'static str, &'static str)], timeout: Duration) -> Vec<String> {
        let http: HeaderMap = http
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .collect();
        let nats = headers(&http, &RequestId::of(&http), None, timeout);
        nats.iter()
            .map(|(name, value)| format!("{name}: {value}"))
            .collect()
    }

    #[test]
    fn an_ordinary_call_has_no_headers() {
        let http = [
            ("accept", "*/*"),
            ("user-agent", "curl/8"),
            ("cookie", "secret"),
        ];
        assert!(forwarded(&http, DEFAULT_TIMEOUT).is_empty());
    }

    #[test]
    fn what_only_the_bridge_may_say_is_dropped() {
        let http = [
            ("nats-trace-dest", "x"),
            ("rpc-sub", "admin"),
            ("rpc-scopes", "all"),
            ("rpc-caller", "boss"),
            ("rpc-timeout", "1"),
        ];
        assert!(forwarded(&http, DEFAULT_TIMEOUT).is_empty());
    }

    #[test]
    fn a_given_request_id_and_a_valid_trace_cross() {
        assert_eq!(
            forwarded(&[("x-request-id", "r1")], DEFAULT_TIMEOUT),
            ["X-Request-Id: r1"]
        );
        let trace = [
            ("traceparent", PARENT),
            ("tracestate", "a=b"),
            ("x-request-id", "r1"),
        ];
        assert_eq!(
            forwarded(&trace, DEFAULT_TIMEOUT),
            [
                &format!("traceparent: {PARENT}"),
                "tracestate: a=b",
                "X-Request-Id: r1"
            ]
        );
    }

    #[test]
    fn a_deadline_that_is_not_the_default_takes_the_request_id_along() {
        let lines = forwarded(&[], Duration::from_secs(2));
        assert_eq!(lines[0], "Rpc-Timeout: 2000");
        assert!(
            lines[1].starts_with("X-Request-Id: ") && lines.len() == 2,
            "{lines:?}"
        );
    }

    #[test]
    fn a_malformed_trace_does_not_cross() {
        let http = [("traceparent", "00-0"), ("tracestate", "a=b")];
        assert!(forwarded(&http, DEFAULT_TIMEOUT).is_empty());
    }
}
