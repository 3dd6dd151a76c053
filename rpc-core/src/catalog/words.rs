//! What services say of themselves on the wire (ADR-32), read with distrust.
//!
//! Anybody on the server can answer a question. So nothing here is believed further than its form
//! is checked: names and ids become tokens of subjects, and texts are bounded before they are kept.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use tracing::debug;

use super::method::Method;

/// The longest message that is read at all, in bytes.
const MOST_BYTES: usize = 4 * 1024 * 1024;
/// The longest name, id or version of a service, in bytes.
const MOST_NAME: usize = 128;
/// The longest description of a service that is kept, in bytes.
const MOST_DOC: usize = 16 * 1024;
/// How many endpoints one service may have.
const MOST_ENDPOINTS: usize = 1_000;

/// Which contract an instance follows: a version and the hash of all that it says of its methods.
///
/// Services built without this library have no hash; two of their instances with one version are
/// taken to have one contract.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Edition {
    pub(super) version: String,
    pub(super) hash: String,
}

/// An instance that said that it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Presence {
    pub(super) service: String,
    pub(super) id: String,
    pub(super) edition: Edition,
}

/// One message of a service.
#[derive(Debug)]
pub(super) enum Said {
    /// A PING reply, or an announcement of a start: who is there.
    Here(Presence),
    /// An announcement of a stop.
    Stopping(Presence),
    /// An INFO reply: who is there, and what can be called.
    Info(Presence, Contract),
}

/// What a service says can be called.
#[derive(Debug, Default)]
pub(super) struct Contract {
    pub(super) doc: String,
    pub(super) methods: Vec<Method>,
    /// What it costs to remember, in bytes.
    pub(super) size: usize,
}

#[derive(Deserialize)]
struct Message<'a> {
    name: String,
    id: String,
    #[serde(default)]
    version: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default, borrow)]
    metadata: Option<&'a RawValue>,
    #[serde(default)]
    state: Option<String>,
    #[serde(default, borrow)]
    endpoints: Option<Vec<Endpoint<'a>>>,
}

#[derive(Deserialize)]
struct Endpoint<'a> {
    name: String,
    subject: String,
    #[serde(default, borrow)]
    metadata: Option<&'a RawValue>,
}

/// Reads one message.
///
/// # Errors
/// Why it is not believed.
pub(super) fn read(payload: &[u8]) -> Result<Said, String> {
    if payload.len() > MOST_BYTES {
        return Err(format!("it has more than {MOST_BYTES} bytes"));
    }
    let message: Message<'_> =
        serde_json::from_slice(payload).map_err(|error| error.to_string())?;
    if !is_token(&message.name) || !is_token(&message.id) {
        return Err("its name and id must be letters, digits, `_` and `-`".to_owned());
    }
    if message.version.len() > MOST_NAME {
        return Err(format!("its version has more than {MOST_NAME} bytes"));
    }
    let mut metadata = texts(&message.name, message.metadata);
    let presence = Presence {
        service: message.name,
        id: message.id,
        edition: Edition {
            version: message.version,
            hash: metadata.remove("rpc.hash").unwrap_or_default(),
        },
    };
    if presence.edition.hash.len() > MOST_NAME {
        return Err(format!("its hash has more than {MOST_NAME} bytes"));
    }
    Ok(match (message.endpoints, message.state.as_deref()) {
        (_, Some("stopping")) => Said::Stopping(presence),
        (None, _) => Said::Here(presence),
        (Some(endpoints), _) => {
            let doc = message.description.unwrap_or_default();
            let contract = Contract::of(&presence.service, doc, endpoints);
            Said::Info(presence, contract)
        }
    })
}

impl Contract {
    fn of(service: &str, mut doc: String, mut endpoints: Vec<Endpoint<'_>>) -> Self {
        if endpoints.len() > MOST_ENDPOINTS {
            debug!(
                service,
                "only its first {MOST_ENDPOINTS} endpoints are kept"
            );
            endpoints.truncate(MOST_ENDPOINTS);
        }
        if doc.len() > MOST_DOC {
            debug!(
                service,
                "its description is left out: more than {MOST_DOC} bytes"
            );
            doc.clear();
        }
        let methods = endpoints.into_iter().filter_map(|endpoint| {
            let metadata = texts(service, endpoint.metadata);
            match Method::announced(service, endpoint.name, endpoint.subject, metadata) {
                Ok(method) => Some(method),
                Err(reason) => {
                    debug!(service, "an endpoint is left out: {reason}");
                    None
                }
            }
        });
        let methods: Vec<_> = methods.collect();
        let size = doc.len() + methods.iter().map(Method::size).sum::<usize>();
        Self { doc, methods, size }
    }
}

/// Reads metadata, which is text by text; what is not is as good as absent.
fn texts(service: &str, metadata: Option<&RawValue>) -> BTreeMap<String, String> {
    let Some(metadata) = metadata else {
        return BTreeMap::new();
    };
    match serde_json::from_str::<Option<_>>(metadata.get()) {
        Ok(texts) => texts.unwrap_or_default(),
        Err(error) => {
            debug!(service, "its metadata is left out: {error}");
            BTreeMap::new()
        }
    }
}

/// Returns whether a text can be a token of a subject that we ask on.
fn is_token(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    (1..=MOST_NAME).contains(&text.len()) && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn of(value: &Value) -> Result<Said, String> {
        read(value.to_string().as_bytes())
    }

    #[test]
    fn what_would_break_a_subject_is_not_believed() {
        for (name, id) in [
            ("a.b", "x"),
            ("a", "x.>"),
            ("a", "*"),
            ("", "x"),
            ("a", ""),
            ("a b", "x"),
            ("$SYS", "x"),
            ("é", "x"),
            (&"a".repeat(200), "x"),
        ] {
            let said = of(&json!({ "name": name, "id": id, "version": "1.0.0" }));
            assert!(said.is_err(), "{name} {id}: {said:?}");
        }
        for not_json in [
            "",
            "{",
            "[]",
            "null",
            r#"{"name": "a"}"#,
            r#"{"name": 7, "id": "x"}"#,
        ] {
            assert!(read(not_json.as_bytes()).is_err(), "{not_json}");
        }
        assert!(read(&vec![b' '; MOST_BYTES + 1]).is_err());
    }

    #[test]
    fn malformed_metadata_is_as_good_as_none() {
        for metadata in [json!(null), json!([]), json!({ "rpc.hash": 7 }), json!("x")] {
            let said = of(&json!({ "name": "a", "id": "x", "metadata": metadata,
                "endpoints": [{ "name": "b", "subject": "a.b", "metadata": metadata }] }));
            let Ok(Said::Info(presence, contract)) = said else {
                panic!("{metadata}: {said:?}");
            };
            assert_eq!(presence.edition.hash, "");
            assert_eq!(contract.methods.len(), 1, "{metadata}");
        }
    }

    #[test]
    fn a_contract_has_a_bounded_number_of_methods() {
        let endpoints: Vec<_> = (0..3_000)
            .map(|n| json!({ "name": "m", "subject": format!("a.m{n}") }))
            .collect();
        let said = of(&json!({ "name": "a", "id": "x", "endpoints": endpoints }));
        let Ok(Said::Info(_, contract)) = said else {
            panic!("{said:?}");
        };
        assert_eq!(contract.methods.len(), MOST_ENDPOINTS);
    }
}
