//! JSON Schema of methods: what discovery shows as `rpc.schema`.
//!
//! An expansion describes each parameter and the result with a [`SchemaProbe`]: method resolution
//! picks `schemars` where the type has a schema, and "any" where it has none, so that a type without
//! one costs its users no more than a vaguer page of documentation.

use std::marker::PhantomData;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::bind::ParameterKind;
use crate::endpoint::EndpointSpec;

/// Writes the schema of one type.
pub type Describe = fn(&mut SchemaGenerator) -> Schema;

/// What a method takes and returns, in the words of its types.
#[derive(Debug)]
pub struct Signature {
    /// One for each parameter that comes from the wire, in order.
    pub parameters: Vec<ParameterSchema>,
    /// The result, without the error of a `Result`.
    pub result: Describe,
}

/// What is known of one parameter beside its name and kind.
#[derive(Debug)]
pub struct ParameterSchema {
    /// Its type.
    pub describe: Describe,
    /// Whether a call without it fails.
    pub required: bool,
    /// Its default, where that is a literal.
    pub default: Option<Value>,
}

/// Returns a literal as the default of a parameter.
pub fn literal<T: Serialize + ?Sized>(value: &T) -> Option<Value> {
    serde_json::to_value(value).ok()
}

/// What method resolution looks at; `(&&&&SchemaProbe::<T>::NEW).describe()` describes `T`.
#[derive(Debug)]
pub struct SchemaProbe<T>(PhantomData<T>);

impl<T> SchemaProbe<T> {
    /// The probe of a type.
    pub const NEW: Self = Self(PhantomData);
}

/// Chosen for a `Result` whose value has a schema.
pub trait DescribeValueOfResult {
    /// Returns what describes the type.
    fn describe(&self) -> Describe;
}

impl<T: JsonSchema, E> DescribeValueOfResult for &&&SchemaProbe<Result<T, E>> {
    fn describe(&self) -> Describe {
        |generator| generator.subschema_for::<T>()
    }
}

/// Chosen for any other `Result`.
pub trait DescribeResult {
    /// Returns what describes the type.
    fn describe(&self) -> Describe;
}

impl<T, E> DescribeResult for &&SchemaProbe<Result<T, E>> {
    fn describe(&self) -> Describe {
        any
    }
}

/// Chosen for a type that has a schema.
pub trait DescribeType {
    /// Returns what describes the type.
    fn describe(&self) -> Describe;
}

impl<T: JsonSchema> DescribeType for &SchemaProbe<T> {
    fn describe(&self) -> Describe {
        |generator| generator.subschema_for::<T>()
    }
}

/// Chosen for a type that has none.
pub trait DescribeAny {
    /// Returns what describes the type.
    fn describe(&self) -> Describe;
}

impl<T> DescribeAny for SchemaProbe<T> {
    fn describe(&self) -> Describe {
        any
    }
}

fn any(_: &mut SchemaGenerator) -> Schema {
    Schema::from(true)
}

/// Returns the schemas of a method.
pub(crate) fn of_method(spec: &EndpointSpec) -> Value {
    let Signature { parameters, result } = (spec.signature)();
    let mut generator = SchemaSettings::draft2020_12()
        .for_deserialize()
        .into_generator();
    let (mut properties, mut required, mut positional) = (Map::new(), Vec::new(), Vec::new());
    let mut params = Map::from_iter([
        ("type".to_owned(), json!("object")),
        ("additionalProperties".to_owned(), json!(false)),
    ]);
    for (parameter, described) in spec.parameters.iter().zip(parameters) {
        let schema = (described.describe)(&mut generator);
        match parameter.kind {
            ParameterKind::Args => _ = params.insert("x-args".to_owned(), member(&schema, "items")),
            ParameterKind::Kwargs => {
                let rest = member(&schema, "additionalProperties");
                params.insert("additionalProperties".to_owned(), rest);
            }
            ParameterKind::Plain | ParameterKind::Keyword => {
                if parameter.kind == ParameterKind::Plain {
                    positional.push(parameter.name);
                }
                if described.required {
                    required.push(parameter.name);
                }
                properties.insert(
                    parameter.name.to_owned(),
                    described.annotate(schema, parameter.sensitive),
                );
            }
        }
    }
    params.insert("properties".to_owned(), Value::Object(properties));
    params.insert("required".to_owned(), json!(required));
    params.insert("x-positional".to_owned(), json!(positional));

    let mut of_result = SchemaSettings::draft2020_12()
        .for_serialize()
        .into_generator();
    let result = result(&mut of_result).to_value();
    json!({
        "params": complete(Value::Object(params), generator),
        "result": complete(result, of_result),
    })
}

impl ParameterSchema {
    fn annotate(self, mut schema: Schema, sensitive: bool) -> Value {
        // The default of a secret is one, too: whoever gives no value has that.
        if let Some(default) = self.default.filter(|_| !sensitive) {
            schema.insert("default".to_owned(), default);
        }
        if sensitive {
            schema.insert("writeOnly".to_owned(), json!(true));
            schema.insert("x-sensitive".to_owned(), json!(true));
        }
        schema.to_value()
    }
}

/// Returns the schema of what a collection holds.
fn member(collection: &Schema, key: &str) -> Value {
    collection.get(key).cloned().unwrap_or(json!(true))
}

/// Adds the definitions that a schema refers to.
fn complete(mut schema: Value, mut generator: SchemaGenerator) -> Value {
    let definitions = generator.take_definitions(true);
    if let Value::Object(fields) = &mut schema
        && !definitions.is_empty()
    {
        fields.insert("$defs".to_owned(), Value::Object(definitions));
    }
    schema
}
