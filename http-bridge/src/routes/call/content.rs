//! Which bodies a call may have, and from where.

use hyper::header::{self, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use rpc_core::{Code, RpcError};

use crate::config::Cors;
use crate::layers::{cors, host};
use crate::problem::Problem;
use crate::status::Refusal;

const ACCEPT_POST: HeaderName = HeaderName::from_static("accept-post");
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// What the client says the body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// JSON, or nothing said.
    Json,
    /// A form: what `curl -d` says of everything.
    Form,
}

/// Refuses types that are not JSON, and what a page of another site may send unasked.
pub(crate) fn check(head: &Parts, cors: &Cors) -> Result<Kind, Problem> {
    if head.headers.contains_key(header::CONTENT_ENCODING) {
        return Err(unsupported(
            "a body with `Content-Encoding` is not taken; send it as it is",
        ));
    }
    let mut types = head.headers.get_all(header::CONTENT_TYPE).iter();
    let (first, second) = (types.next(), types.next());
    if second.is_some() {
        return Err(unsupported("more than one `Content-Type`"));
    }
    let kind = match first.map(essence) {
        // A browser asks us before it sends JSON across sites, and we say no.
        Some(essence) if is_json(essence) => return Ok(Kind::Json),
        None => Kind::Json,
        Some(essence) if essence.eq_ignore_ascii_case(b"application/x-www-form-urlencoded") => {
            Kind::Form
        }
        Some(_) => return Err(unsupported("expected a body of type application/json")),
    };
    check_site(head, cors)?;
    Ok(kind)
}

/// Refuses a request that a page of another site made.
///
/// A browser sends forms and untyped bodies anywhere without asking, with the user's rights.
/// `same-site` is another site for this purpose: a neighbouring subdomain, or another port of
/// `localhost`, may belong to somebody else. Programs other than browsers send neither header.
/// Pages of configured origins may do what they could do with JSON anyway.
fn check_site(head: &Parts, cors: &Cors) -> Result<(), Problem> {
    if cors::sole_origin(&head.headers).is_some_and(|origin| cors.allows(origin).is_some()) {
        return Ok(());
    }
    let own_site = head
        .headers
        .get(SEC_FETCH_SITE)
        .is_none_or(|site| matches!(site.as_bytes(), b"same-origin" | b"none"));
    let own_origin = head
        .headers
        .get(header::ORIGIN)
        .is_none_or(|origin| is_own(origin, head));
    match own_site && own_origin {
        true => Ok(()),
        false => Err(RpcError::new(
            Code::PermissionDenied,
            "a page of another site made this request; send `Content-Type: application/json`",
        )
        .into()),
    }
}

/// Compares `https://host:port` with the host the request is for; `null` is nobody's own.
fn is_own(origin: &HeaderValue, head: &Parts) -> bool {
    let Some(host) = host::of(head) else {
        return false;
    };
    let Some((scheme, origin)) = origin.to_str().ok().and_then(|text| text.split_once("://"))
    else {
        return false;
    };
    let default_port = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => return false,
    };
    let without = |authority: &str| {
        let short = authority.strip_suffix(default_port).unwrap_or(authority);
        short.to_ascii_lowercase()
    };
    without(origin) == without(host.as_str())
}

/// Refuses a body that cannot be arguments, by its first character.
///
/// What is JSON but no arguments (`"Bob"`) goes on to the service, whose answer can say what was
/// meant.
pub(crate) fn check_shape(body: &[u8], kind: Kind) -> Result<(), Problem> {
    match (first_byte(body), kind) {
        (None | Some(b'[' | b'{'), _) => Ok(()),
        (Some(_), Kind::Form) => Err(unsupported(
            "a form is not arguments: expected `[args, kwargs]`, such as `[[\"Bob\"], {}]`",
        )),
        (Some(b'"' | b'-' | b'0'..=b'9'), Kind::Json) => Ok(()),
        (Some(_), Kind::Json) if matches!(body.trim_ascii(), b"null" | b"true" | b"false") => {
            Ok(())
        }
        (Some(other), Kind::Json) => Err(RpcError::new(
            Code::MalformedJson,
            format!(
                "expected `[args, kwargs]` in JSON, got a body that begins with `{}`",
                other.escape_ascii()
            ),
        )
        .into()),
    }
}

/// Returns the first byte that is no JSON white space.
pub(crate) fn first_byte(body: &[u8]) -> Option<u8> {
    body.iter().copied().find(|byte| !b" \t\r\n".contains(byte))
}

/// Returns the type without its parameters.
fn essence(value: &HeaderValue) -> &[u8] {
    let bytes = value.as_bytes();
    let end = bytes.iter().position(|byte| *byte == b';');
    bytes[..end.unwrap_or(bytes.len())].trim_ascii()
}

fn is_json(essence: &[u8]) -> bool {
    let essence = essence.to_ascii_lowercase();
    essence == b"application/json"
        || (essence.starts_with(b"application/") && essence.ends_with(b"+json"))
}

fn unsupported(detail: &str) -> Problem {
    Problem::refused(Refusal::UnsupportedMediaType, detail)
        .with_header(ACCEPT_POST, HeaderValue::from_static("application/json"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::Request;

    fn status(headers: &[(&str, &str)]) -> Option<u16> {
        let request = headers
            .iter()
            .fold(
                Request::post("/a.b").header("host", "api.example:5000"),
                |request, (name, value)| request.header(*name, *value),
            )
            .body(())
            .unwrap();
        let head = request.into_parts().0;
        let problem = check(&head, &Cors::default()).err()?;
        let id = crate::layers::request_id::RequestId::new();
        Some(problem.into_response(&id, &head).status().as_u16())
    }

    #[test]
    fn json_types_forms_and_none_are_taken() {
        for kind in [
            "application/json",
            "application/vnd.a+json",
            "Application/JSON ; charset=utf-8",
        ] {
            assert_eq!(status(&[("content-type", kind)]), None, "{kind}");
        }
        assert_eq!(status(&[]), None);
        assert_eq!(
            status(&[("content-type", "application/x-www-form-urlencoded")]),
            None
        );
        for kind in [
            "text/plain",
            "multipart/form-data",
            "application/jsonp",
            "text/json+json",
            "",
        ] {
            assert_eq!(status(&[("content-type", kind)]), Some(415), "{kind}");
        }
        let twice = [
            ("content-type", "application/json"),
            ("content-type", "text/plain"),
        ];
        assert_eq!(status(&twice), Some(415));
        assert_eq!(status(&[("content-encoding", "gzip")]), Some(415));
    }

    #[test]
    fn another_sites_page_may_send_json_only() {
        let json = ("content-type", "application/json");
        for (name, value, refused) in [
            ("sec-fetch-site", "same-origin", false),
            ("sec-fetch-site", "none", false),
            ("sec-fetch-site", "same-site", true),
            ("sec-fetch-site", "cross-site", true),
            ("sec-fetch-site", "made-up", true),
            ("origin", "http://api.example:5000", false),
            ("origin", "HTTP://api.example:5000", true),
            ("origin", "http://API.example:5000", false),
            ("origin", "http://api.example", true),
            ("origin", "http://evil.example", true),
            ("origin", "null", true),
            ("origin", "", true),
        ] {
            let expected = refused.then_some(403);
            assert_eq!(status(&[(name, value)]), expected, "{name}: {value}");
            assert_eq!(status(&[(name, value), json]), None, "{name}: {value}");
        }
    }

    #[test]
    fn the_first_character_tells_what_cannot_be_arguments() {
        for body in ["", " \r\n\t", "[]", " {\"a\": 1}", "null", "\"Bob\"", "7"] {
            assert!(check_shape(body.as_bytes(), Kind::Json).is_ok(), "{body}");
        }
        for body in [
            "hello",
            "<a/>",
            "=",
            "\u{feff}[]",
            "\0",
            "not json",
            "nullify",
        ] {
            assert!(check_shape(body.as_bytes(), Kind::Json).is_err(), "{body}");
        }
        for (body, taken) in [
            ("[[1]]", true),
            ("", true),
            ("{}", true),
            ("a=b", false),
            ("null", false),
        ] {
            assert_eq!(
                check_shape(body.as_bytes(), Kind::Form).is_ok(),
                taken,
                "{body}"
            );
        }
    }
}
