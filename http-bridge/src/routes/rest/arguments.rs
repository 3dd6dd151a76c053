//! From the parts of a request to keyword arguments, `{"id": 5, "name": "Bob"}`.

use std::collections::{HashMap, HashSet};
use std::fmt;

use bytes::Bytes;
use rpc_core::{Code, RpcError};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::shape::Shape;
use crate::problem::Problem;

/// What the texts of a request may become, by name.
#[derive(Debug)]
pub(crate) struct Parameters {
    named: HashMap<String, Shape>,
    /// What a name may become that the schema does not list.
    others: Shape,
}

/// Where in a request a text was.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    Path,
    Query,
    Body,
}

impl Place {
    const fn name(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Query => "query",
            Self::Body => "body",
        }
    }
}

impl Parameters {
    /// Reads the schema of an object, whose references lead into `definitions`. Without a schema,
    /// texts stay texts.
    pub(super) fn of(schema: Option<&Value>, definitions: Option<&Value>) -> Self {
        let mut schema = schema;
        // An argument may be described by its name alone.
        for _ in 0..8 {
            let reference = schema.and_then(|schema| schema["$ref"].as_str());
            let Some(name) = reference.and_then(|it| it.strip_prefix("#/$defs/")) else {
                break;
            };
            schema = definitions.and_then(|definitions| definitions.get(name));
        }
        let member = |name: &str| schema.and_then(|schema| schema.get(name));
        let properties = member("properties").and_then(Value::as_object);
        let named = properties.into_iter().flatten();
        let named = named.map(|(name, schema)| (name.clone(), Shape::of(schema, definitions)));
        let others = member("additionalProperties");
        Self {
            named: named.collect(),
            others: others.map_or(Shape::ANY, |schema| Shape::of(schema, definitions)),
        }
    }

    fn shape(&self, name: &str) -> &Shape {
        self.named.get(name).unwrap_or(&self.others)
    }
}

/// Keyword arguments while they are collected.
pub(super) struct Keywords {
    json: Vec<u8>,
    names: HashSet<String>,
}

impl Keywords {
    /// Creates none.
    pub(super) fn new() -> Self {
        Self {
            json: b"{".to_vec(),
            names: HashSet::new(),
        }
    }

    /// Adds texts, those of one name together.
    ///
    /// # Errors
    /// 422, which names the parameter that does not fit.
    pub(super) fn texts(
        &mut self,
        pairs: &[(String, String)],
        parameters: &Parameters,
        place: Place,
    ) -> Result<(), Problem> {
        let mut of_name: HashMap<&str, Vec<&str>> = HashMap::new();
        let mut order = Vec::new();
        for (name, text) in pairs {
            let texts = of_name.entry(name).or_default();
            if texts.is_empty() {
                order.push(name);
            }
            texts.push(text);
        }
        for name in order {
            self.begin(name, place)?;
            let texts = &of_name[name.as_str()];
            parameters
                .shape(name)
                .coerce(texts, &mut self.json)
                .map_err(|reason| misfit(name, place, &reason))?;
        }
        Ok(())
    }

    /// Adds the members of a JSON object.
    ///
    /// # Errors
    /// 400 when it is not JSON, 422 when it is not an object or a name is there twice.
    pub(super) fn members(&mut self, body: &[u8]) -> Result<(), Problem> {
        for (name, value) in members(body)? {
            self.value(&name, value.get(), Place::Body)?;
        }
        Ok(())
    }

    /// Adds one value, given in JSON.
    ///
    /// # Errors
    /// 422 when the name is there already.
    pub(super) fn value(&mut self, name: &str, json: &str, place: Place) -> Result<(), Problem> {
        self.begin(name, place)?;
        self.json.extend_from_slice(json.as_bytes());
        Ok(())
    }

    /// Returns them in JSON.
    pub(super) fn finish(mut self) -> Bytes {
        self.json.push(b'}');
        self.json.into()
    }

    fn begin(&mut self, name: &str, place: Place) -> Result<(), Problem> {
        if !self.names.is_empty() {
            self.json.push(b',');
        }
        if !self.names.insert(name.to_owned()) {
            return Err(misfit(name, place, "it is given more than once"));
        }
        serde_json::to_writer(&mut self.json, name)
            .expect("a text always encodes, and memory takes it");
        self.json.push(b':');
        Ok(())
    }
}

/// Checks that a body is one JSON value, and returns it without the white space around it.
pub(super) fn whole(body: &[u8]) -> Result<&str, Problem> {
    let value: &RawValue = serde_json::from_slice(body).map_err(|error| malformed(&error))?;
    Ok(value.get())
}

fn misfit(name: &str, place: Place, reason: &str) -> Problem {
    let place = place.name();
    let detail = format!("argument `{name}` in the {place}: {reason}");
    let fault = json!({ "detail": reason, "parameter": name, "in": place });
    let error = RpcError::invalid_argument(detail);
    error.with_details(json!({ "errors": [fault] })).into()
}

fn malformed(error: &serde_json::Error) -> Problem {
    RpcError::new(
        Code::MalformedJson,
        format!("the body is not JSON: {error}"),
    )
    .into()
}

/// Reads the members of an object, their values undecoded.
fn members(body: &[u8]) -> Result<Vec<(String, &RawValue)>, Problem> {
    struct Members<'a>(Vec<(String, &'a RawValue)>);

    impl<'de> Deserialize<'de> for Members<'de> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Object;
            impl<'de> Visitor<'de> for Object {
                type Value = Members<'de>;

                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("an object")
                }

                fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                    let mut members = Vec::new();
                    while let Some(member) = map.next_entry()? {
                        members.push(member);
                    }
                    Ok(Members(members))
                }
            }
            deserializer.deserialize_map(Object)
        }
    }

    match serde_json::from_slice::<Members<'_>>(body) {
        Ok(members) => Ok(members.0),
        Err(error) if error.is_data() => {
            let text = "expected a JSON object, whose members are the arguments";
            Err(RpcError::invalid_argument(text).into())
        }
        Err(error) => Err(malformed(&error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parameters() -> Parameters {
        let schema = json!({ "properties": {
            "id": { "type": "integer" },
            "tags": { "type": "array", "items": { "type": "string" } },
        }, "additionalProperties": false });
        Parameters::of(Some(&schema), None)
    }

    fn pair(name: &str, text: &str) -> (String, String) {
        (name.to_owned(), text.to_owned())
    }

    #[test]
    fn path_query_and_body_become_one_object() {
        let mut keywords = Keywords::new();
        keywords
            .texts(&[pair("id", "5")], &parameters(), Place::Path)
            .unwrap();
        let query = [pair("tags", "a"), pair("odd", "1"), pair("tags", "b")];
        keywords.texts(&query, &parameters(), Place::Query).unwrap();
        keywords
            .members(br#" {"name": "B\u006fb", "deep": {"a": [1.50]}} "#)
            .unwrap();
        assert_eq!(
            keywords.finish(),
            r#"{"id":5,"tags":["a","b"],"odd":"1","name":"B\u006fb","deep":{"a": [1.50]}}"#
        );
        assert_eq!(Keywords::new().finish(), "{}");
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let code = |problem: Problem| problem.code().to_owned();
        let mut keywords = Keywords::new();
        let error = keywords.texts(&[pair("id", "x")], &parameters(), Place::Query);
        assert_eq!(code(error.unwrap_err()), "invalid_argument");

        let mut keywords = Keywords::new();
        keywords
            .texts(&[pair("id", "1")], &parameters(), Place::Path)
            .unwrap();
        let again = keywords.texts(&[pair("id", "2")], &parameters(), Place::Query);
        assert_eq!(code(again.unwrap_err()), "invalid_argument");
        for (body, expected) in [
            (r#"{"a": 1, "a": 2}"#, "invalid_argument"),
            (r#"{"id": 1}"#, "invalid_argument"),
            ("[]", "invalid_argument"),
            ("7", "invalid_argument"),
            ("null", "invalid_argument"),
            ("{", "malformed_json"),
            ("{} x", "malformed_json"),
            ("", "malformed_json"),
            ("{\"a\": nil}", "malformed_json"),
        ] {
            let mut keywords = Keywords::new();
            keywords
                .texts(&[pair("id", "1")], &parameters(), Place::Path)
                .unwrap();
            let error = keywords.members(body.as_bytes()).unwrap_err();
            assert_eq!(code(error), expected, "{body}");
        }
        assert!(whole(b"[1").is_err() && whole(b"1 2").is_err() && whole(b"\xff").is_err());
    }

    proptest! {
        // No name and no text can end an argument and begin another.
        #[test]
        fn whatever_is_sent_stays_one_argument(name: String, text: String) {
            let mut keywords = Keywords::new();
            let pairs = [(name.clone(), text)];
            if keywords.texts(&pairs, &parameters(), Place::Query).is_ok() {
                let read: Value = serde_json::from_slice(&keywords.finish()).unwrap();
                prop_assert_eq!(read.as_object().unwrap().len(), 1);
                prop_assert!(read.get(&name).is_some());
            }
        }
    }
}
