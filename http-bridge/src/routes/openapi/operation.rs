//! One operation of the description: a method under one path and verb.

use hyper::Method as Verb;
use rpc_core::Method as RpcMethod;
use serde_json::{Map, Value, json};

use super::examples::Examples;
use super::schema::Schemas;

/// Up to so many positional parameters, each number of positional arguments is described alone.
const MOST_POSITIONAL: usize = 6;

/// What the description calls the way in which a client says who it is.
pub(super) const TOKEN: &str = "token";

/// A method and what is said of it, whichever way it is called.
pub(super) struct Described<'a> {
    pub(super) method: &'a RpcMethod,
    pub(super) schemas: &'a Schemas,
    /// Whether the bridge checks tokens, and so the scopes in them.
    pub(super) checks_tokens: bool,
}

impl Described<'_> {
    /// Describes `POST /<service>.<method>`.
    pub(super) fn call(&self) -> Value {
        let examples = Examples::of(&self.method.doc);
        let mut content = json!({ "schema": self.arguments() });
        if let Some(request) = examples.request {
            content["example"] = request;
        }
        let mut operation = self.common(&self.method.subject);
        operation["requestBody"] = json!({
            "description": "Arguments: `[args, kwargs]`, or keyword arguments alone",
            "required": !self.schemas.all_optional(),
            "content": { "application/json": content },
        });
        operation["responses"] = responses([("200", self.reply())]);
        operation
    }

    /// Describes `GET /<service>.<method>`.
    pub(super) fn call_by_query(&self) -> Value {
        let mut operation = self.common(&format!("{}.by_query", self.method.subject));
        operation["parameters"] = Value::Array(self.query(|_| true));
        operation["responses"] = responses([("200", self.reply())]);
        operation
    }

    /// Describes a route of the method's own; `names` are what its path's parameters are called in
    /// the document and by the method.
    pub(super) fn route(
        &self,
        id: &str,
        verb: &Verb,
        names: &[(&str, &str)],
        status: Option<u16>,
        body: Option<&str>,
    ) -> Value {
        let mut operation = self.common(id);
        let mut parameters: Vec<_> = names
            .iter()
            .map(|(shown, own)| self.in_path(shown, own))
            .collect();
        let in_path = |name: &str| names.iter().any(|(_, own)| *own == name);
        let is_read = *verb == Verb::GET;
        if let Some(name) = body {
            let parameter = self.schemas.parameter(name);
            let schema = parameter.map_or(json!(true), |it| it.schema.clone());
            let required = parameter.is_some_and(|it| it.required);
            operation["requestBody"] = self.body(schema, required);
            parameters.extend(self.query(|other| !in_path(other) && other != name));
        } else if is_read || *verb == Verb::DELETE {
            parameters.extend(self.query(|name| !in_path(name)));
        } else {
            let others = self.schemas.keywords(|name| !in_path(name));
            let required = others.get("required").is_some();
            if others["properties"] != json!({}) || others["additionalProperties"] != json!(false) {
                operation["requestBody"] = self.body(others, required);
            }
        }
        operation["parameters"] = Value::Array(parameters);
        operation["responses"] = responses(self.results(status));
        operation
    }

    fn common(&self, id: &str) -> Value {
        let doc = &self.method.doc;
        let mut operation = json!({ "operationId": id, "tags": [self.method.service] });
        if let Some(summary) = doc.lines().next().filter(|line| !line.is_empty()) {
            operation["summary"] = json!(summary);
            operation["description"] = json!(doc);
        }
        if self.method.deprecated {
            operation["deprecated"] = json!(true);
        }
        if !self.method.scopes.is_empty() {
            operation["x-scopes"] = json!(self.method.scopes);
            if self.checks_tokens {
                operation["security"] = json!([{ TOKEN: self.method.scopes }]);
            }
        }
        operation
    }

    fn body(&self, schema: Value, required: bool) -> Value {
        let mut content = json!({ "schema": schema });
        if let Some(request) = Examples::of(&self.method.doc).request {
            content["example"] = request;
        }
        json!({ "required": required, "content": { "application/json": content } })
    }

    fn in_path(&self, shown: &str, own: &str) -> Value {
        let parameter = self.schemas.parameter(own);
        let schema = parameter.map_or(json!({ "type": "string" }), |it| it.schema.clone());
        json!({ "name": shown, "in": "path", "required": true, "schema": schema })
    }

    fn query(&self, keep: impl Fn(&str) -> bool) -> Vec<Value> {
        let kept = self.schemas.parameters.iter().filter(|it| keep(&it.name));
        let parameters = kept.map(|parameter| {
            let mut described = json!({
                "name": parameter.name, "in": "query", "required": parameter.required,
                "schema": parameter.schema,
            });
            if let Some(text) = parameter.schema.get("description").and_then(Value::as_str) {
                described["description"] = json!(text);
            }
            described
        });
        parameters.collect()
    }

    /// Describes the arguments of a call in both forms: keywords alone, and `[args, kwargs]` for
    /// each number of positional arguments, because a positional one is no keyword any more.
    fn arguments(&self) -> Value {
        if !self.schemas.known {
            return json!({ "type": ["array", "object"] });
        }
        let positional = &self.schemas.positional;
        let mut forms = vec![self.schemas.keywords(|_| true)];
        let counts: Vec<_> = match positional.len() {
            few @ 0..=MOST_POSITIONAL => (0..=few).collect(),
            many => vec![0, many],
        };
        for count in counts {
            let (given, rest) = positional.split_at(count);
            let schemas = given.iter().filter_map(|name| self.schemas.parameter(name));
            let schemas: Vec<_> = schemas.map(|it| it.schema.clone()).collect();
            let mut args = json!({ "type": "array", "minItems": count });
            if !schemas.is_empty() {
                args["prefixItems"] = Value::Array(schemas);
            }
            match &self.schemas.args {
                Some(more) if rest.is_empty() => args["items"] = more.clone(),
                _ => args["maxItems"] = json!(count),
            }
            let kwargs = self
                .schemas
                .keywords(|name| !given.iter().any(|it| it == name));
            // What is not needed may be left out from the end.
            let least = match (kwargs.get("required"), count) {
                (Some(_), _) => 2,
                (None, 0) => 0,
                (None, _) => 1,
            };
            forms.push(json!({ "type": "array", "prefixItems": [args, kwargs],
                "minItems": least, "maxItems": 2 }));
        }
        if self.schemas.all_optional() {
            forms.push(json!({ "type": "null" }));
        }
        json!({ "anyOf": forms })
    }

    /// Describes `[[result], {}]`: a pair, each half of it described wherever it stands. Tools read
    /// that more often than `prefixItems`, which newer JSON Schema has for pairs.
    fn reply(&self) -> Value {
        let results = match &self.schemas.result {
            Value::Bool(true) => json!({ "type": "array" }),
            result if is_null(result) => json!({ "type": "array", "maxItems": 0 }),
            result => json!({ "type": "array", "items": result, "minItems": 1, "maxItems": 1 }),
        };
        let halves = json!({ "anyOf": [results, { "type": "object" }] });
        let pair = json!({ "type": "array", "items": halves, "minItems": 2, "maxItems": 2 });
        json!({ "description": "`[results, {}]`",
            "content": { "application/json": { "schema": pair } } })
    }

    /// Describes the bare result of a route, by status.
    fn results(&self, status: Option<u16>) -> Vec<(String, Value)> {
        let result = &self.schemas.result;
        let mut content = json!({ "schema": result });
        if let Some(example) = Examples::of(&self.method.doc).result {
            content["example"] = example;
        }
        let some = json!({ "description": "The result",
            "content": { "application/json": content } });
        let none = json!({ "description": "No result" });
        match status {
            Some(status @ (204 | 205)) => vec![(status.to_string(), none)],
            Some(status) if is_null(result) => vec![(status.to_string(), none)],
            Some(status) => vec![(status.to_string(), some)],
            None if is_null(result) => vec![("204".to_owned(), none)],
            None if *result == json!(true) => {
                // The method may word its whole reply, status included.
                vec![("2XX".to_owned(), some), ("204".to_owned(), none)]
            }
            None if may_be_null(result) => {
                vec![("200".to_owned(), some), ("204".to_owned(), none)]
            }
            None => vec![("200".to_owned(), some)],
        }
    }
}

fn is_null(schema: &Value) -> bool {
    schema["type"] == "null"
}

fn may_be_null(schema: &Value) -> bool {
    let types = schema["type"].as_array().into_iter().flatten();
    let any_of = schema["anyOf"].as_array().into_iter().flatten();
    types
        .chain(any_of.map(|it| &it["type"]))
        .any(|it| it == "null")
}

/// Adds to the answers of a success the failures that every operation may end in.
fn responses<K: Into<String>>(good: impl IntoIterator<Item = (K, Value)>) -> Value {
    let mut responses: Map<String, Value> = good
        .into_iter()
        .map(|(status, it)| (status.into(), it))
        .collect();
    for status in ["400", "404", "422", "503", "504", "default"] {
        let problem = json!({ "$ref": "#/components/responses/Problem" });
        responses.insert(status.to_owned(), problem);
    }
    Value::Object(responses)
}
