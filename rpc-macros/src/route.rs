//! Routes over plain HTTP: `http(GET, "/v1/user/{id}", status = 201)`.

use std::collections::HashMap;

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::parse::{ParseStream, Parser as _};
use syn::{Error, LitInt, LitStr, Result, Token};

use crate::errors::Errors;
use crate::model::{Kind, Method, Parameter, Service};
use crate::options::Entry;

/// The verbs of a route.
const VERBS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];
/// The verbs of requests that have no body to read.
const WITHOUT_BODY: [&str; 2] = ["GET", "DELETE"];
/// The longest path, in bytes; the bridge takes no longer one.
const MOST_BYTES: usize = 512;
/// The first segments that the HTTP bridge needs for itself.
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

/// One path and verb of a method.
#[derive(Clone)]
pub(crate) struct Route {
    key: Ident,
    verb: Ident,
    path: LitStr,
    status: Option<u16>,
}

impl Route {
    /// Reads the option.
    pub(crate) fn read(entry: &Entry) -> Result<Self> {
        let inside = entry.inside("expects a verb and a path: `http(GET, \"/v1/user/{id}\")`")?;
        let key = entry.key.clone();
        let read = |input: ParseStream<'_>| {
            let (verb, path) = verb_and_path(input).map_err(|error| {
                let text = "expected a verb and a path: `http(GET, \"/v1/user/{id}\")`";
                // What is missing stands nowhere.
                let span = if input.is_empty() {
                    entry.span()
                } else {
                    error.span()
                };
                Error::new(span, text)
            })?;
            let status = status(input)?;
            Ok(Self {
                key,
                verb,
                path,
                status,
            })
        };
        read.parse2(inside)
    }

    /// Returns whether the verb promises that nothing is changed.
    pub(crate) fn is_get(&self) -> bool {
        self.verb == "GET"
    }

    fn takes_body(&self) -> bool {
        !WITHOUT_BODY.iter().any(|verb| self.verb == verb)
    }

    /// Expands it to the library's `HttpRoute`.
    pub(crate) fn expand(&self, method: &Method, private: &TokenStream) -> TokenStream {
        let (verb, path) = (self.verb.to_string(), &self.path);
        let status = match self.status {
            Some(status) => quote!(::core::option::Option::Some(#status)),
            None => quote!(::core::option::Option::None),
        };
        let body = match body_of(method).filter(|_| self.takes_body()) {
            Some(body) => {
                let name = &body.name.text;
                quote!(::core::option::Option::Some(#name))
            }
            None => quote!(::core::option::Option::None),
        };
        quote!(#private::HttpRoute::new(#verb, #path, #status, #body))
    }
}

fn verb_and_path(input: ParseStream<'_>) -> Result<(Ident, LitStr)> {
    let verb = input.parse()?;
    input.parse::<Token![,]>()?;
    Ok((verb, input.parse()?))
}

/// Reads `, status = 201`, if it is there.
fn status(input: ParseStream<'_>) -> Result<Option<u16>> {
    let mut status = None;
    while !input.is_empty() {
        input.parse::<Token![,]>()?;
        if input.is_empty() {
            break;
        }
        let key: Ident = input.parse()?;
        if key != "status" {
            let text = format!("unknown option `{key}` of a route, expected `status`");
            return Err(Error::new(key.span(), text));
        }
        let expected = "expected one status of a success, from 200 to 299: `status = 201`";
        let number = input
            .parse::<Token![=]>()
            .and_then(|_| input.parse::<LitInt>());
        let number = number.map_err(|_| Error::new(key.span(), expected))?;
        match number.base10_parse() {
            Ok(number @ 200..300) if status.is_none() => status = Some(number),
            _ => return Err(Error::new(number.span(), expected)),
        }
    }
    Ok(status)
}

/// Checks the routes of one method, and the parameter that is their body.
pub(crate) fn of_method(method: &Method, errors: &mut Errors) {
    let routes = &method.options.routes;
    if let (true, Some(route)) = (method.options.internal, routes.first()) {
        let text =
            "an `internal` method is never callable over HTTP: take `internal` away, or the route";
        errors.add(&route.key, text);
    }
    for route in routes {
        verb(&route.verb, errors);
        path(route, method, errors);
    }
    body(method, errors);
}

fn verb(verb: &Ident, errors: &mut Errors) {
    let text = verb.to_string();
    if VERBS.contains(&&*text) {
        return;
    }
    let upper = text.to_ascii_uppercase();
    let text = match &*upper {
        "HEAD" | "OPTIONS" => format!("`{upper}` is answered by itself: name the other verbs only"),
        _ if VERBS.contains(&&*upper) => format!("verbs are written in capitals: `{upper}`"),
        _ => format!(
            "unknown verb `{text}`, expected one of: `{}`",
            VERBS.join("`, `")
        ),
    };
    errors.add(verb, text);
}

fn path(route: &Route, method: &Method, errors: &mut Errors) {
    let path = route.path.value();
    let names = match parameters_of(&path) {
        Ok(names) => names,
        Err(text) => return errors.add(&route.path, text),
    };
    for name in names {
        let parameter = method.parameters().find(|it| it.name.text == name);
        let text = match parameter {
            None => {
                let known: Vec<_> = nameable(method).map(|it| it.name.text.as_str()).collect();
                match known.is_empty() {
                    true => format!("`{{{name}}}` is not a parameter, and the method has none"),
                    false => format!(
                        "`{{{name}}}` is not a parameter, expected one of: `{}`",
                        known.join("`, `")
                    ),
                }
            }
            Some(it) if matches!(it.kind, Kind::Args | Kind::Kwargs) => {
                format!("`{{{name}}}` collects arguments; a segment of a path is one value")
            }
            Some(it) if it.body => format!("`{name}` is the body, and cannot be in the path too"),
            Some(_) => continue,
        };
        errors.add(&route.path, text);
    }
}

/// Returns the parameters that callers know by name.
fn nameable(method: &Method) -> impl Iterator<Item = &Parameter> {
    let has_name = |it: &&Parameter| !matches!(it.kind, Kind::Args | Kind::Kwargs);
    method.parameters().filter(has_name)
}

fn body_of(method: &Method) -> Option<&Parameter> {
    method.parameters().find(|parameter| parameter.body)
}

fn body(method: &Method, errors: &mut Errors) {
    let mut bodies = method.parameters().filter(|parameter| parameter.body);
    let Some(first) = bodies.next() else {
        return;
    };
    let key = |parameter: &Parameter| {
        let key = parameter.keys.iter().find(|key| *key == "body");
        key.unwrap_or(&parameter.ident).clone()
    };
    for second in bodies {
        let text = format!("`{}` is the whole body already", first.ident);
        errors.add(key(second), text);
    }
    if !method.options.routes.iter().any(Route::takes_body) {
        let text = "no route of this method has a body: add one such as `http(POST, \"/v1/…\")`, or take `body` away";
        errors.add(key(first), text);
    }
    for route in method.options.routes.iter().filter(|it| !it.takes_body()) {
        let text = format!(
            "a `{}` request has no body, so `{}` could not be given",
            route.verb, first.ident
        );
        errors.add(&route.verb, text);
    }
}

/// Two methods cannot answer at one place.
pub(crate) fn distinct(service: &Service, errors: &mut Errors) {
    let mut known: HashMap<String, &Method> = HashMap::new();
    for method in &service.methods {
        for route in &method.options.routes {
            let place = format!("{} {}", route.verb, shape(&route.path.value()));
            // Of two methods under `#[cfg]`, the compiler may see only one.
            let first = known.get(place.as_str()).copied();
            match first.filter(|first| first.cfg.is_empty() || method.cfg.is_empty()) {
                Some(first) => {
                    let text = format!(
                        "`{} {}` is already the route of `{}`",
                        route.verb,
                        route.path.value(),
                        first.sig.ident
                    );
                    errors.add(&route.path, text);
                }
                None => _ = known.insert(place, method),
            }
        }
    }
}

/// Returns the path without the names of its parameters.
fn shape(path: &str) -> String {
    let segments = path.split('/');
    let segments: Vec<_> = segments
        .map(|segment| {
            if segment.starts_with('{') {
                "{}"
            } else {
                segment
            }
        })
        .collect();
    segments.join("/")
}

/// Returns the names in the braces of a path.
///
/// # Errors
/// Why it is not a path that the bridge would serve.
fn parameters_of(path: &str) -> std::result::Result<Vec<&str>, String> {
    let rest = path.strip_prefix('/').filter(|rest| !rest.is_empty());
    let rest = rest.ok_or("a path begins with `/` and a text of its own, as in `/v1/user/{id}`")?;
    if path.len() > MOST_BYTES {
        return Err(format!("a path has at most {MOST_BYTES} bytes"));
    }
    let mut names = Vec::new();
    for segment in rest.split('/') {
        if let Some(name) = segment
            .strip_prefix('{')
            .and_then(|it| it.strip_suffix('}'))
        {
            if name.is_empty() || name.contains(['{', '}', '*']) {
                return Err(format!(
                    "`{segment}` does not name a parameter, as `{{id}}` does"
                ));
            }
            if names.contains(&name) {
                return Err(format!("`{{{name}}}` is there twice"));
            }
            names.push(name);
        } else {
            literal(segment)?;
        }
    }
    let first = rest.split('/').next().unwrap_or_default();
    if first.starts_with('{') {
        let text = "a path begins with a text of its own, such as `/v1`: a parameter would take every path";
        return Err(text.to_owned());
    }
    if RESERVED.contains(&first) {
        return Err(format!(
            "`/{first}` belongs to the HTTP bridge: begin with another text"
        ));
    }
    if first == rest && first.contains('.') {
        return Err(format!(
            "`{path}` reads as the call of a method: a path of one segment has no `.`"
        ));
    }
    Ok(names)
}

fn literal(segment: &str) -> std::result::Result<(), String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    match segment {
        "" => Err("a path has no empty segment, and no `/` at its end".to_owned()),
        "." | ".." => Err(format!(
            "`{segment}` is not a name: clients take it out of a path"
        )),
        _ if segment.bytes().all(allowed) => Ok(()),
        _ => Err(format!(
            "`{segment}` is neither a parameter, `{{name}}`, nor made of letters, digits and `-._~`"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_found_and_bad_paths_refused() {
        assert_eq!(parameters_of("/v1/user/{id}"), Ok(vec!["id"]));
        assert_eq!(parameters_of("/a/{b}/c.d/{e}"), Ok(vec!["b", "e"]));
        for (bad, why) in [
            ("", "begins with `/`"),
            ("/", "begins with `/`"),
            ("v1", "begins with `/`"),
            ("/v1/", "empty segment"),
            ("/v1//a", "empty segment"),
            ("/v1/..", "not a name"),
            ("/v1/{}", "does not name"),
            ("/v1/{*all}", "does not name"),
            ("/v1/x{id}", "neither"),
            ("/v1/a b", "neither"),
            ("/v1/{a}/{a}", "twice"),
            ("/{id}", "text of its own"),
            ("/docs", "belongs to"),
            ("/livez/{id}", "belongs to"),
            ("/greeting_service.hello", "call of a method"),
        ] {
            let error = parameters_of(bad).unwrap_err();
            assert!(error.contains(why), "{bad}: {error}");
        }
    }

    #[test]
    fn the_names_of_parameters_make_no_other_place() {
        assert_eq!(shape("/v1/{a}/b/{c}"), shape("/v1/{x}/b/{y}"));
        assert_ne!(shape("/v1/{a}"), shape("/v1/a"));
    }
}
