//! From a reply to the answer of a route: the bare result.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{HeaderMap, Response, StatusCode};
use rpc_core::protocol::{Headers, WireReply, headers};
use rpc_core::{Code, RpcError};
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use tracing::debug;

use crate::problem::Problem;
use crate::routes::json;

/// The headers that a method may give an HTTP answer. No cookie among them, and nothing that says
/// how the answer travels: that is the bridge's.
const PASSED_ON: [HeaderName; 10] = [
    header::LOCATION,
    header::CONTENT_LOCATION,
    header::CACHE_CONTROL,
    header::CONTENT_DISPOSITION,
    header::CONTENT_LANGUAGE,
    header::ETAG,
    header::EXPIRES,
    header::LAST_MODIFIED,
    header::LINK,
    header::RETRY_AFTER,
];

/// Returns the first result of a reply as an answer with `status`, where the method says no other.
///
/// # Errors
/// The failure that the reply reports; 502 when it is none.
pub(super) fn answer(
    reply: WireReply,
    status: Option<StatusCode>,
) -> Result<Response<Full<Bytes>>, Problem> {
    if let Some(error) = reply.error() {
        return Err(error.into());
    }
    let result = first(&reply.payload).ok_or_else(|| {
        RpcError::new(Code::BadReply, "the service's reply is not `[results, {}]`")
    })?;
    let status = chosen(&reply.headers).or(status);
    let mut response = match (&result, status) {
        (Some(result), None) if &**result == b"null" => empty(StatusCode::NO_CONTENT),
        (None, None) => empty(StatusCode::NO_CONTENT),
        (Some(result), None) => json(result.clone()),
        (_, Some(status)) if has_no_body(status) => empty(status),
        (None, Some(status)) => empty(status),
        (Some(result), Some(status)) => {
            let mut response = json(result.clone());
            *response.status_mut() = status;
            response
        }
    };
    if !reply.headers.is_empty() {
        pass_on(&reply.headers, response.headers_mut());
    }
    Ok(response)
}

fn empty(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

fn has_no_body(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED
    )
}

/// Returns the status that the method chose.
fn chosen(reply: &Headers) -> Option<StatusCode> {
    let text = reply.get(headers::STATUS)?;
    let status = text.parse().ok().filter(|it| (200..400).contains(it));
    if status.is_none() {
        debug!(
            status = text,
            "a method chose a status that is none of a success"
        );
    }
    status.and_then(|status| StatusCode::from_u16(status).ok())
}

fn pass_on(reply: &Headers, http: &mut HeaderMap) {
    for name in &PASSED_ON {
        if let Some(value) = reply.get(name.as_str())
            && let Ok(value) = HeaderValue::from_str(value)
        {
            http.insert(name, value);
        }
    }
}

/// Returns the bytes of the first result of `[[result, …], {…}]`, without a copy; `None` inside
/// when there is no result, and `None` when it is no reply.
fn first(payload: &Bytes) -> Option<Option<Bytes>> {
    let (results, _): (Vec<&RawValue>, IgnoredAny) = serde_json::from_slice(payload).ok()?;
    Some(
        results
            .first()
            .map(|it| payload.slice_ref(it.get().as_bytes())),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(payload: &'static str, headers: &[(&str, &str)], status: Option<u16>) -> String {
        let mut reply = WireReply::success(payload);
        for (name, value) in headers {
            assert!(reply.headers.insert(*name, *value));
        }
        let status = status.map(|status| StatusCode::from_u16(status).unwrap());
        match answer(reply, status) {
            Ok(response) => {
                let body = format!("{:?}", response.body());
                let names: Vec<_> = response.headers().keys().map(HeaderName::as_str).collect();
                let body = body.split('"').nth(1).unwrap_or_default();
                format!("{} {body} {}", response.status().as_u16(), names.join(" "))
            }
            Err(problem) => problem.code().to_owned(),
        }
    }

    #[test]
    fn the_first_result_is_the_answer() {
        for (payload, expected) in [
            ("[[5], {}]", "200 5 content-type"),
            (" [ [ 5 , 6 ] , {\"a\": 1} ] ", "200 5 content-type"),
            ("[[[]], {}]", "200 [] content-type"),
            ("[[], {}]", "204  "),
            ("[[null], {}]", "204  "),
            ("[[5]]", "bad_reply"),
            ("[[5], {}, 1]", "bad_reply"),
            ("[5, {}]", "bad_reply"),
            ("{}", "bad_reply"),
            ("", "bad_reply"),
            ("[[5], {}] x", "bad_reply"),
        ] {
            assert_eq!(parts(payload, &[], None), expected, "{payload}");
        }
    }

    #[test]
    fn the_route_and_before_it_the_method_choose_the_status() {
        assert_eq!(parts("[[5], {}]", &[], Some(201)), "201 5 content-type");
        assert_eq!(parts("[[], {}]", &[], Some(201)), "201  ");
        assert_eq!(
            parts("[[null], {}]", &[], Some(200)),
            "200 null content-type"
        );
        assert_eq!(parts("[[5], {}]", &[], Some(204)), "204  ");
        let chosen = |status| parts("[[5], {}]", &[("Rpc-Status", status)], Some(201));
        assert_eq!(chosen("202"), "202 5 content-type");
        for no_status in ["99", "404", "500", "1e2", "", "two"] {
            assert_eq!(chosen(no_status), "201 5 content-type", "{no_status}");
        }
    }

    #[test]
    fn only_listed_headers_reach_the_client() {
        let headers = [
            ("Location", "/v1/user/7"),
            ("Set-Cookie", "a=b"),
            ("Content-Length", "1"),
            ("Transfer-Encoding", "chunked"),
            ("Access-Control-Allow-Origin", "*"),
            ("X-Request-Id", "1"),
        ];
        let expected = "201 5 content-type location";
        assert_eq!(parts("[[5], {}]", &headers, Some(201)), expected);
    }
}
