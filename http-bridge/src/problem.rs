//! Errors as HTTP answers them: RFC 9457, `application/problem+json`.
//!
//! ```json
//! {"type": "/errors#not_found", "title": "Not found", "status": 404, "detail": "no user 7",
//!  "instance": "/user_service.get", "code": "not_found", "request_id": "0198…", "retryable": false}
//! ```

use std::borrow::Cow;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Response, StatusCode, Version};
use rpc_core::RpcError;
use rpc_core::protocol::Outcome;
use serde::Serialize;
use serde_json::Value;

use crate::layers::access_log;
use crate::layers::request_id::{self, RequestId};
use crate::routes::errors;
use crate::status::Refusal;

/// How long to wait before a retry, in seconds: new instances announce themselves well within it.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");
/// A path longer than this is not repeated in the body.
const LONGEST_INSTANCE: usize = 300;

/// A failure on its way to the client.
#[derive(Debug)]
pub(crate) struct Problem(Box<Inner>);

#[derive(Debug)]
struct Inner {
    status: StatusCode,
    code: Cow<'static, str>,
    detail: String,
    details: Option<Value>,
    retryable: bool,
    outcome: Option<Outcome>,
    /// The id under which the service logged the failure, where that is not the bridge's.
    request_id: Option<RequestId>,
    headers: Vec<(HeaderName, HeaderValue)>,
    closing: bool,
}

/// The JSON body.
#[derive(Serialize)]
struct Body<'a> {
    r#type: Cow<'static, str>,
    title: String,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<&'a str>,
    code: &'a str,
    request_id: &'a str,
    retryable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<Outcome>,
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<&'a Value>,
}

impl Problem {
    /// Creates a problem that only HTTP knows.
    pub(crate) fn refused(refusal: Refusal, detail: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            status: refusal.status(),
            code: Cow::Borrowed(refusal.code()),
            detail: detail.into(),
            details: None,
            retryable: false,
            outcome: None,
            request_id: None,
            headers: Vec::new(),
            closing: false,
        }))
    }

    /// Adds a header to the answer.
    #[must_use]
    pub(crate) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    /// Ends an HTTP/1 connection after the answer: the rest of the request was not read.
    #[must_use]
    pub(crate) fn closing(mut self) -> Self {
        self.0.closing = true;
        self
    }

    /// Returns the code, for the log.
    pub(crate) fn code(&self) -> &str {
        &self.0.code
    }

    /// Returns the id under which this failure is found in the logs: the client's, else that of
    /// the service, which was not told of `own`.
    pub(crate) fn request_id<'a>(&'a self, own: &'a RequestId) -> &'a RequestId {
        match &self.0.request_id {
            Some(logged) if !own.is_given() => logged,
            _ => own,
        }
    }

    /// Returns the answer to the request with this id and head.
    pub(crate) fn into_response(self, id: &RequestId, request: &Parts) -> Response<Full<Bytes>> {
        let body = self.body(self.request_id(id), Some(request.uri.path()));
        let mut response = Response::new(Full::new(Bytes::from(body)));
        *response.status_mut() = self.0.status;
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(request_id::HEADER, self.request_id(id).to_header());
        if matches!(
            self.0.status,
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS
        ) {
            headers.insert(header::RETRY_AFTER, RETRY_AFTER);
        }
        // HTTP/2 ends streams, not connections, and forbids the header.
        if self.0.closing && request.version <= Version::HTTP_11 {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        headers.extend(
            self.0
                .headers
                .into_iter()
                .map(|(name, value)| (Some(name), value)),
        );
        response
    }

    fn body(&self, id: &RequestId, path: Option<&str>) -> Vec<u8> {
        let inner = &self.0;
        // A list of faults has its own place in RFC 9457's examples; anything else stays as it is.
        let errors = inner
            .details
            .as_ref()
            .and_then(|details| details.get("errors"))
            .filter(|errors| errors.is_array());
        let body = Body {
            r#type: type_of(&inner.code),
            title: title_of(&inner.code),
            status: inner.status.as_u16(),
            detail: &inner.detail,
            instance: path.filter(|path| !path.is_empty() && path.len() <= LONGEST_INSTANCE),
            code: &inner.code,
            request_id: id.as_str(),
            retryable: inner.retryable,
            outcome: inner.outcome,
            errors,
            details: inner.details.as_ref().filter(|_| errors.is_none()),
        };
        serde_json::to_vec(&body).expect("strings, bools and `Value` always encode")
    }
}

impl From<RpcError> for Problem {
    fn from(error: RpcError) -> Self {
        Self(Box::new(Inner {
            status: StatusCode::from_u16(error.status())
                .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            code: Cow::Owned(error.code().to_owned()),
            detail: error.message().to_owned(),
            details: error.details().cloned(),
            retryable: error.is_retryable(),
            outcome: error.outcome(),
            request_id: error.request_id().and_then(RequestId::from_text),
            headers: Vec::new(),
            closing: false,
        }))
    }
}

/// Returns a whole HTTP/1 answer for a client that never got as far as a request.
pub(crate) fn bare_response(problem: &Problem) -> Vec<u8> {
    let id = RequestId::new();
    let (status, body) = (problem.0.status, problem.body(&id, None));
    tracing::debug!(
        target: access_log::TARGET,
        status = status.as_u16(), code = problem.code(), request_id = id.as_str(),
        "refused before there was a request"
    );
    let retry = match status {
        StatusCode::SERVICE_UNAVAILABLE => "retry-after: 1\r\n",
        _ => "",
    };
    let head = format!(
        "HTTP/1.1 {} {}\r\nconnection: close\r\ncontent-type: application/problem+json\r\n\
         cache-control: no-store\r\n{retry}x-request-id: {}\r\ncontent-length: {}\r\n\r\n",
        status.as_u16(),
        status.canonical_reason().unwrap_or_default(),
        id.as_str(),
        body.len()
    );
    [head.as_bytes(), &body].concat()
}

/// Returns the reference to what the bridge says of `code`; a service's own code may hold what a reference may not.
fn type_of(code: &str) -> Cow<'static, str> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    match !code.is_empty() && code.bytes().all(fits) {
        true => Cow::Owned(format!("{}#{code}", errors::PATH)),
        false => Cow::Borrowed("about:blank"),
    }
}

/// Returns the code as a person reads it: `not_found` is "Not found".
fn title_of(code: &str) -> String {
    let mut title = code.replace(['_', '.', '-'], " ");
    if let Some(first) = title.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    title
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn body_of(error: RpcError) -> Value {
        let id = RequestId::from_text("r1").unwrap();
        serde_json::from_slice(&Problem::from(error).body(&id, Some("/a.b"))).unwrap()
    }

    #[test]
    fn a_service_error_keeps_code_message_and_details() {
        let error = RpcError::custom("user.gone", 410, "user 7 is gone")
            .with_details(json!({ "user": 7 }))
            .with_retryable(true);
        assert_eq!(
            body_of(error),
            json!({
                "type": "/errors#user.gone", "title": "User gone", "status": 410,
                "detail": "user 7 is gone", "instance": "/a.b", "code": "user.gone",
                "request_id": "r1", "retryable": true, "details": { "user": 7 },
            })
        );
    }

    #[test]
    fn a_list_of_errors_has_its_own_member() {
        let errors = json!([{ "detail": "too short", "pointer": "#/name" }]);
        let body = body_of(
            RpcError::invalid_argument("two mistakes").with_details(json!({ "errors": errors })),
        );
        assert_eq!(body["errors"], errors);
        assert!(body.get("details").is_none());
    }

    #[test]
    fn a_code_that_is_no_reference_gets_no_type() {
        assert_eq!(type_of("a\"b c"), "about:blank");
        assert_eq!(title_of("üble"), "üble");
    }
}
