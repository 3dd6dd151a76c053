//! Answers that the client has already: 304 instead of the same bytes again.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode};
use ring::digest;

use crate::answer::bytes_of;

/// What of a SHA-256 tells answers apart.
const TAG_BYTES: usize = 16;

/// Returns whether requests of a method read, and so may have their answer already.
pub(crate) fn concerns(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// Tags an answer to GET or HEAD, and leaves out its body when the client names the tag.
///
/// The tag is weak: the same answer may go out compressed, and its bytes are what a tag without `W/`
/// would speak of. It is made of the answer alone, so that all bridges agree on it.
pub(crate) fn apply(head: &Parts, response: Response<Full<Bytes>>) -> Response<Full<Bytes>> {
    if response.status() != StatusCode::OK
        || response.headers().contains_key(header::ETAG)
        || response
            .headers()
            .get(header::CACHE_CONTROL)
            .is_some_and(|value| value == "no-store")
    {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let body = bytes_of(body);
    let hash = digest::digest(&digest::SHA256, &body);
    let tag = format!(
        "W/\"{}\"",
        URL_SAFE_NO_PAD.encode(&hash.as_ref()[..TAG_BYTES])
    );
    let is_known = names(&head.headers, &tag);
    let tag = HeaderValue::from_str(&tag).expect("base64url in quotation marks");
    parts.headers.insert(header::ETAG, tag);
    // Kept by the caller alone, and asked about each time: who may read it can change.
    parts
        .headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("private, no-cache"));
    if is_known {
        parts.status = StatusCode::NOT_MODIFIED;
        parts.headers.remove(header::CONTENT_TYPE);
        return Response::from_parts(parts, Full::default());
    }
    Response::from_parts(parts, Full::new(body))
}

/// Returns whether `If-None-Match` names the tag, strong or weak, or any.
fn names(request: &HeaderMap, tag: &str) -> bool {
    let opaque = tag.trim_start_matches("W/");
    let lines = request.get_all(header::IF_NONE_MATCH).iter();
    let listed = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','));
    // Tags of ours have no comma, so that a cut one matches nothing.
    listed
        .map(str::trim)
        .any(|known| known == "*" || known.trim_start_matches("W/") == opaque)
}
