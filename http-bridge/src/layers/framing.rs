//! Requests whose end two readers could see at different places, or that mean another server.

use hyper::http::request::Parts;
use hyper::{Method, Version, header};

use crate::problem::Problem;
use crate::status::Refusal;

/// Refuses what a proxy in front might have read differently, and what asks for a proxy.
///
/// `Transfer-Encoding` beside `Content-Length` does not come this far as such: hyper drops the
/// length and ends the connection after the answer, so nothing smuggled behind it is read.
pub(crate) fn check(head: &Parts) -> Result<(), Problem> {
    if head.method == Method::CONNECT {
        return Err(Problem::refused(
            Refusal::MethodNotAllowed,
            "this is no proxy: CONNECT is not available",
        )
        .with_header(header::ALLOW, crate::routes::call::ALLOW)
        .closing());
    }
    // `POST http://other/ HTTP/1.1` speaks to a proxy. It is served here or nowhere, so its host
    // has to be the one that the request is checked for.
    if head.version <= Version::HTTP_11
        && let Some(authority) = head.uri.authority()
        && head
            .headers
            .get(header::HOST)
            .is_some_and(|host| host.as_bytes() != authority.as_str().as_bytes())
    {
        return Err(Problem::refused(
            Refusal::BadRequest,
            "the request names two hosts, in its target and in `Host`",
        )
        .closing());
    }
    Ok(())
}
