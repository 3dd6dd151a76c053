//! One method as its service announces it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use tracing::debug;

use crate::info::{FLAGS, IDEMPOTENT, INTERNAL, SAFE, SCOPES};
use crate::protocol::subject::check_method;
use crate::route::HttpRoute;

/// The longest name of an endpoint, in bytes.
const MOST_NAME: usize = 200;
/// The longest text of a method's metadata that is kept, in bytes: room for a schema of a thousand
/// properties.
const MOST_TEXT: usize = 128 * 1024;
/// How many routes and scopes one method may have.
const MOST_LISTED: usize = 32;
/// What each method takes in memory besides its texts, in bytes; a generous guess.
const OVERHEAD: usize = 512;

/// One method as its service announces it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Method {
    /// The service's name.
    pub service: String,
    /// The endpoint's name: `hello`.
    pub name: String,
    /// The subject: `greeting_service.hello`.
    pub subject: String,
    /// Its documentation; empty where there is none.
    pub doc: String,
    /// Never callable over HTTP.
    pub internal: bool,
    /// Changes nothing.
    pub safe: bool,
    /// May be repeated.
    pub idempotent: bool,
    /// Better not called any more.
    pub deprecated: bool,
    /// What a caller must be allowed to do, all of it.
    pub scopes: Vec<String>,
    /// Where it answers over plain HTTP; each was checked with [`HttpRoute::segments`].
    pub routes: Vec<HttpRoute>,
    /// JSON text; empty where there is none.
    schema: String,
}

impl Method {
    /// Returns the JSON Schemas of parameters and result, `{"params": …, "result": …}`; services
    /// built without this library have none.
    pub fn schema(&self) -> Option<Value> {
        serde_json::from_str(&self.schema).ok()
    }

    /// Reads an endpoint. What is malformed in its metadata is left out, and the rest stays.
    pub(super) fn announced(
        service: &str,
        name: String,
        subject: String,
        mut metadata: BTreeMap<String, String>,
    ) -> Result<Self, String> {
        check_method(&subject).map_err(|error| error.to_string())?;
        if !belongs(service, &subject) {
            return Err(format!("`{subject}` does not belong to `{service}`"));
        }
        if name.len() > MOST_NAME {
            return Err(format!("the name of `{subject}` is too long"));
        }
        let mut text = |key: &str| {
            let text = metadata.remove(key).unwrap_or_default();
            if text.len() > MOST_TEXT {
                debug!(subject, "`{key}` is left out: more than {MOST_TEXT} bytes");
                return String::new();
            }
            text
        };
        let flags = text(FLAGS);
        let has = |flag| list(&flags).any(|set| set == flag);
        let scopes = text(SCOPES);
        let mut schema = text("rpc.schema");
        if !schema.is_empty() && serde_json::from_str::<IsSchema>(&schema).is_err() {
            debug!(
                subject,
                "its schema is left out: not `{{\"params\": …, \"result\": …}}`"
            );
            schema.clear();
        }
        Ok(Self {
            service: service.to_owned(),
            doc: text("rpc.doc"),
            internal: has(INTERNAL),
            safe: has(SAFE),
            idempotent: has(IDEMPOTENT),
            deprecated: has("deprecated"),
            scopes: list(&scopes).take(MOST_LISTED).map(str::to_owned).collect(),
            routes: routes(&subject, &text("rpc.http")),
            schema,
            name,
            subject,
        })
    }

    /// Returns what it costs to remember, in bytes.
    pub(super) fn size(&self) -> usize {
        let scopes = self.scopes.iter().map(|scope| scope.len() + OVERHEAD / 8);
        let routes = self.routes.iter().map(|it| it.path.len() + OVERHEAD / 4);
        let texts = [
            &self.service,
            &self.name,
            &self.subject,
            &self.doc,
            &self.schema,
        ];
        let texts = texts.iter().map(|text| text.len());
        OVERHEAD + texts.chain(scopes).chain(routes).sum::<usize>()
    }
}

/// The form of a schema, without what it says.
#[derive(Deserialize)]
struct IsSchema {
    #[serde(rename = "params")]
    _params: IgnoredAny,
    #[serde(rename = "result")]
    _result: IgnoredAny,
}

/// Returns whether a subject is one that a service of this name may announce:
/// `[prefix.]service.method`, or `service.group.method` as other libraries group endpoints.
fn belongs(service: &str, subject: &str) -> bool {
    let Some((path, _)) = subject.rsplit_once('.') else {
        return false;
    };
    path.rsplit('.').next() == Some(service) || path.split('.').next() == Some(service)
}

/// Returns the words of a comma-separated list.
fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty())
}

fn routes(subject: &str, text: &str) -> Vec<HttpRoute> {
    if text.is_empty() {
        return Vec::new();
    }
    match serde_json::from_str::<Vec<HttpRoute>>(text) {
        Ok(mut routes) => {
            routes.truncate(MOST_LISTED);
            routes.retain(|route| match route.segments() {
                Ok(_) => true,
                Err(reason) => {
                    debug!(
                        subject,
                        path = &*route.path,
                        "a route is left out: {reason}"
                    );
                    false
                }
            });
            routes
        }
        Err(error) => {
            debug!(subject, "its routes are left out: {error}");
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn method(subject: &str, metadata: &[(&str, &str)]) -> Result<Method, String> {
        let metadata = metadata.iter();
        let metadata = metadata.map(|(key, text)| ((*key).to_owned(), (*text).to_owned()));
        Method::announced(
            "shop",
            "buy".to_owned(),
            subject.to_owned(),
            metadata.collect(),
        )
    }

    #[test]
    fn a_service_speaks_only_for_its_own_subjects() {
        for own in ["shop.buy", "v2.shop.buy", "shop.cart.buy", "eu.v2.shop.buy"] {
            assert!(method(own, &[]).is_ok(), "{own}");
        }
        for foreign in [
            "greeting_service.hello",
            "buy.shop",
            "shopping.buy",
            "a.shop.b.buy",
            "shop",
            "$SYS.shop.buy",
            "_INBOX.shop.buy",
            "shop.*",
        ] {
            assert!(method(foreign, &[]).is_err(), "{foreign}");
        }
    }

    #[test]
    fn metadata_is_read_and_what_is_malformed_is_left_out() {
        let whole = method(
            "shop.buy",
            &[
                ("rpc.doc", "Buys."),
                ("rpc.flags", "safe, idempotent"),
                ("rpc.scopes", "shop:read,shop:buy"),
                (
                    "rpc.schema",
                    r#"{"params": {"type": "object"}, "result": true}"#,
                ),
                (
                    "rpc.http",
                    r#"[{"method": "GET", "path": "/v1/buy/{id}", "status": 201, "new": 1},
                    {"method": "GET", "path": "/livez"}, {"method": "BREW", "path": "/v1/tea"}]"#,
                ),
            ],
        )
        .unwrap();
        assert_eq!(
            (&*whole.doc, whole.safe, whole.idempotent),
            ("Buys.", true, true)
        );
        assert_eq!(whole.scopes, ["shop:read", "shop:buy"]);
        assert_eq!(
            whole.routes,
            [HttpRoute::new("GET", "/v1/buy/{id}", Some(201), None)]
        );
        assert_eq!(whole.schema().unwrap()["result"], true);

        let long = "x".repeat(MOST_TEXT + 1);
        let none = method(
            "shop.buy",
            &[
                ("rpc.doc", &long),
                ("rpc.schema", r#"{"params": {}"#),
                ("rpc.http", r#"{"method": "GET"}"#),
            ],
        )
        .unwrap();
        assert_eq!(none, method("shop.buy", &[]).unwrap());
        assert_eq!(none.schema(), None);
    }
}
