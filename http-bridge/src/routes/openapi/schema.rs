//! The schemas of one method, made fit for a document that holds those of many.

use rpc_core::Method as RpcMethod;
use serde_json::{Map, Value, json};

use super::components::Components;

/// What a method takes and returns, with references into the document.
pub(super) struct Schemas {
    /// Each parameter that has a name: name, schema, whether it is required.
    pub(super) parameters: Vec<Parameter>,
    /// Those of them that may be given by position, in order.
    pub(super) positional: Vec<String>,
    /// What further positional arguments may be, if there may be some.
    pub(super) args: Option<Value>,
    /// What further keywords may be, if there may be some.
    pub(super) kwargs: Option<Value>,
    pub(super) result: Value,
    /// Whether the service says so; without, anything goes.
    pub(super) known: bool,
}

/// One parameter.
pub(super) struct Parameter {
    pub(super) name: String,
    pub(super) schema: Value,
    pub(super) required: bool,
}

impl Schemas {
    /// Reads the schemas of a method, and moves what they define to the components.
    pub(super) fn of(method: &RpcMethod, components: &mut Components) -> Self {
        let Some(mut schema) = method.schema() else {
            return Self {
                parameters: Vec::new(),
                positional: Vec::new(),
                args: Some(json!(true)),
                kwargs: Some(json!(true)),
                result: json!(true),
                known: false,
            };
        };
        let params = components.adopt(&method.service, schema["params"].take());
        let result = components.adopt(&method.service, schema["result"].take());
        let texts = |key: &str| -> Vec<String> {
            let list = params[key].as_array().into_iter().flatten();
            list.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let required = texts("required");
        let properties = params["properties"].as_object().cloned();
        let parameters = properties.unwrap_or_default().into_iter();
        let parameters: Vec<_> = parameters
            .map(|(name, schema)| Parameter {
                required: required.contains(&name),
                name,
                schema,
            })
            .collect();
        let mut positional = texts("x-positional");
        positional.retain(|name| parameters.iter().any(|it| it.name == *name));
        let rest = |key: &str| params.get(key).filter(|it| **it != json!(false)).cloned();
        Self {
            args: rest("x-args"),
            kwargs: rest("additionalProperties"),
            parameters,
            positional,
            result,
            known: true,
        }
    }

    /// Describes keyword arguments: the parameters that `keep` says, and further keywords where
    /// the method takes them.
    pub(super) fn keywords(&self, keep: impl Fn(&str) -> bool) -> Value {
        let kept = self.parameters.iter().filter(|it| keep(&it.name));
        let (mut properties, mut required) = (Map::new(), Vec::new());
        for parameter in kept {
            properties.insert(parameter.name.clone(), parameter.schema.clone());
            if parameter.required {
                required.push(parameter.name.as_str());
            }
        }
        let mut schema = json!({ "type": "object", "properties": properties });
        if !required.is_empty() {
            schema["required"] = json!(required);
        }
        schema["additionalProperties"] = self.kwargs.clone().unwrap_or(json!(false));
        schema
    }

    /// Returns whether a call needs no arguments.
    pub(super) fn all_optional(&self) -> bool {
        !self.parameters.iter().any(|parameter| parameter.required)
    }

    pub(super) fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.parameters
            .iter()
            .find(|parameter| parameter.name == name)
    }
}
