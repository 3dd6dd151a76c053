//! Where a method answers over plain HTTP: `GET /v1/user/{id}`.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// One path and verb of HTTP that a method answers, as `#[rpc(http(GET, "/v1/user/{id}"))]` says.
///
/// Discovery shows all of a method's as `rpc.http`, a JSON array of these.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct HttpRoute {
    /// The verb: `GET`, `POST`, `PUT`, `PATCH` or `DELETE`.
    pub method: Cow<'static, str>,
    /// The path, where `{name}` stands for one segment: `/v1/user/{id}`.
    pub path: Cow<'static, str>,
    /// The status of a success, where it is not 200, or 204 for no result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The parameter that the whole body is; without one, the members of a JSON object are
    /// keyword arguments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Cow<'static, str>>,
}

/// One part of a path between two slashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Segment<'a> {
    /// Text that must be there as it is.
    Literal(&'a str),
    /// Any text, which becomes this argument.
    Parameter(&'a str),
}

/// The first segments that belong to the HTTP bridge itself.
const RESERVED: [&str; 12] = [
    "livez",
    "readyz",
    "metrics",
    "routes",
    "errors",
    "docs",
    "clients",
    "events",
    "websocket",
    "openapi.json",
    "asyncapi.json",
    "favicon.ico",
];

impl HttpRoute {
    /// The verbs that a route may have; `HEAD` and `OPTIONS` are derived from them.
    pub const METHODS: [&'static str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

    /// Creates a route; for expansions.
    #[doc(hidden)]
    pub const fn new(
        method: &'static str,
        path: &'static str,
        status: Option<u16>,
        body: Option<&'static str>,
    ) -> Self {
        Self {
            method: Cow::Borrowed(method),
            path: Cow::Borrowed(path),
            status,
            body: match body {
                Some(name) => Some(Cow::Borrowed(name)),
                None => None,
            },
        }
    }

    /// Returns the parts of the path, if the route is one that may be served: of a known verb, with
    /// a path of plain segments and distinct parameters that the bridge does not need itself.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn segments(&self) -> Result<Vec<Segment<'_>>, String> {
        if !Self::METHODS.contains(&&*self.method) {
            return Err(format!("expected one of {}", Self::METHODS.join(", ")));
        }
        if self
            .status
            .is_some_and(|status| !(200..300).contains(&status))
        {
            return Err("expected a status from 200 to 299".to_owned());
        }
        segments(&self.path)
    }
}

/// The longest path of a route, in bytes.
const MOST_BYTES: usize = 512;

fn segments(path: &str) -> Result<Vec<Segment<'_>>, String> {
    let rest = path.strip_prefix('/').filter(|rest| !rest.is_empty());
    let rest = rest.ok_or_else(|| format!("`{path}` is not a path such as `/v1/user/{{id}}`"))?;
    if path.len() > MOST_BYTES {
        return Err(format!("a path has at most {MOST_BYTES} bytes"));
    }
    let mut segments: Vec<Segment<'_>> = Vec::new();
    for text in rest.split('/') {
        let segment = segment(text)?;
        if let Segment::Parameter(name) = segment
            && segments.contains(&segment)
        {
            return Err(format!("`{{{name}}}` is there twice"));
        }
        segments.push(segment);
    }
    match segments[..] {
        [Segment::Literal(first), ..] if RESERVED.contains(&first) => {
            Err(format!("`/{first}` belongs to the HTTP bridge"))
        }
        [Segment::Literal(only)] if only.contains('.') => Err(format!(
            "`{path}` reads as the call of a method; a path of one segment has no `.`"
        )),
        [Segment::Parameter(_), ..] => {
            Err("a path begins with a text of its own, such as `/v1`".to_owned())
        }
        _ => Ok(segments),
    }
}

fn segment(text: &str) -> Result<Segment<'_>, String> {
    if let Some(name) = text.strip_prefix('{').and_then(|it| it.strip_suffix('}')) {
        return match name.is_empty() || name.contains(['{', '}', '*']) {
            true => Err(format!(
                "`{text}` does not name a parameter, as `{{id}}` does"
            )),
            false => Ok(Segment::Parameter(name)),
        };
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    match text {
        "" => Err("a path has no empty segment, and no `/` at its end".to_owned()),
        "." | ".." => Err(format!(
            "`{text}` is not a name: clients take it out of a path"
        )),
        _ if text.bytes().all(allowed) => Ok(Segment::Literal(text)),
        _ => Err(format!(
            "`{text}` is neither `{{name}}` nor made of letters, digits and `-._~`"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_texts_and_parameters() {
        assert_eq!(
            segments("/v1/user/{id}"),
            Ok(vec![
                Segment::Literal("v1"),
                Segment::Literal("user"),
                Segment::Parameter("id"),
            ])
        );
        for good in ["/users", "/a/b.c", "/v1/{a}/{b}", "/v1/{größe}", "/~a-b_c"] {
            assert!(segments(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn what_is_no_path_of_a_route_says_why() {
        for (bad, why) in [
            ("", "is not a path"),
            ("/", "is not a path"),
            ("users", "is not a path"),
            ("/v1/", "empty segment"),
            ("/v1//x", "empty segment"),
            ("/v1/../x", "is not a name"),
            ("/v1/{}", "does not name"),
            ("/v1/{*rest}", "does not name"),
            ("/v1/a{id}", "is neither"),
            ("/v1/ü", "is neither"),
            ("/v1/a?b=c", "is neither"),
            ("/v1/{a}/{a}", "twice"),
            ("/livez", "belongs to"),
            ("/docs/mine", "belongs to"),
            ("/greeting_service.hello", "call of a method"),
            ("/{anything}", "text of its own"),
        ] {
            let error = segments(bad).unwrap_err();
            assert!(error.contains(why), "{bad}: {error}");
        }
        assert!(segments(&format!("/{}", "a".repeat(600))).is_err());
        let route = |method, status| HttpRoute::new(method, "/a", status, None);
        assert!(route("GET", Some(204)).segments().is_ok());
        for route in [
            route("get", None),
            route("HEAD", None),
            route("GET", Some(404)),
        ] {
            assert!(route.segments().is_err(), "{route:?}");
        }
    }
}
