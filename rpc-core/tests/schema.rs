//! The JSON Schema of methods in discovery: what it says, and that calls keep to it.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::too_many_arguments, reason = "many forms of one parameter")]
#![allow(dead_code, reason = "what a schema describes is not read here")]

mod support;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use expect_test::{Expect, expect};
use jsonschema::{Draft, Validator};
use rpc_core::prelude::*;
use rpc_core::testing::{self, TestApp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

/// A thing with a price.
#[derive(Deserialize, Serialize, JsonSchema)]
struct Thing {
    name: String,
    price: Option<f64>,
    #[serde(default)]
    parts: Vec<Thing>,
}

/// A type whose author does not know of schemas.
#[derive(Deserialize, Serialize)]
struct Plain {
    a: u8,
}

type Fallible<T> = Result<T, RpcError>;
type Optional = Option<u32>;

struct Shop;

/// Sells things.
#[rpc]
impl Shop {
    /// Says hello.
    #[rpc]
    async fn hello(
        &self,
        first_name: &str,
        #[rpc(default = "Ross")] last_name: Cow<'_, str>,
    ) -> String {
        format!("{first_name} {last_name}")
    }

    #[rpc]
    async fn defaults(
        &self,
        #[rpc(default)] a: u8,
        #[rpc(default = 20)] b: u64,
        #[rpc(default = -1.5)] c: f64,
        #[rpc(default = false)] d: bool,
        #[rpc(default = 6 * 7)] e: i32,
        #[rpc(keyword)] f: Optional,
        #[rpc(keyword)] g: i8,
    ) {
        _ = (a, b, c, d, e, f, g);
    }

    #[rpc]
    async fn collect(
        &self,
        first: u8,
        #[rpc(args)] rest: Vec<u16>,
        #[rpc(kwargs)] extra: BTreeMap<String, bool>,
    ) -> usize {
        usize::from(first) + rest.len() + extra.len()
    }

    #[rpc]
    async fn anything(
        &self,
        plain: Plain,
        raw: &RawValue,
        #[rpc(kwargs)] extra: Map<String, Value>,
    ) -> Result<Plain, RpcError> {
        _ = (raw, extra);
        Ok(plain)
    }

    #[rpc]
    async fn sell(
        &self,
        thing: &Thing,
        #[rpc(sensitive, rename = "pin")] code: String,
    ) -> Fallible<Thing> {
        _ = (thing, code);
        Err(RpcError::not_found("sold out"))
    }

    #[rpc]
    async fn bytes(&self, data: &[u8], more: Option<&[u8]>) -> Vec<Option<&'static str>> {
        _ = (data, more);
        vec![]
    }

    #[rpc]
    async fn borrowed<'a>(&'a self, names: &'a [String]) -> Option<&'a String> {
        names.first()
    }

    #[rpc]
    async fn opaque(&self) -> impl Serialize + use<> {
        7
    }

    #[rpc]
    async fn several(&self) -> Reply {
        Reply::new().result(1).result(2)
    }
}

fn schema(method: &str) -> Value {
    let endpoints = Shop::endpoints();
    let endpoint = endpoints.iter().find(|it| it.spec.name == method);
    endpoint.unwrap().spec.schema()
}

fn check(method: &str, expected: Expect) {
    expected.assert_eq(&serde_json::to_string_pretty(&schema(method)).unwrap());
}

#[test]
fn text_is_a_string_whatever_it_borrows() {
    check(
        "hello",
        expect![[r#"
        {
          "params": {
            "additionalProperties": false,
            "properties": {
              "first_name": {
                "type": "string"
              },
              "last_name": {
                "default": "Ross",
                "type": "string"
              }
            },
            "required": [
              "first_name"
            ],
            "type": "object",
            "x-positional": [
              "first_name",
              "last_name"
            ]
          },
          "result": {
            "type": "string"
          }
        }"#]],
    );
}

#[test]
fn literal_defaults_are_shown_and_options_may_be_left_out() {
    check(
        "defaults",
        expect![[r#"
        {
          "params": {
            "additionalProperties": false,
            "properties": {
              "a": {
                "format": "uint8",
                "maximum": 255,
                "minimum": 0,
                "type": "integer"
              },
              "b": {
                "default": 20,
                "format": "uint64",
                "minimum": 0,
                "type": "integer"
              },
              "c": {
                "default": -1.5,
                "format": "double",
                "type": "number"
              },
              "d": {
                "default": false,
                "type": "boolean"
              },
              "e": {
                "format": "int32",
                "type": "integer"
              },
              "f": {
                "format": "uint32",
                "minimum": 0,
                "type": [
                  "integer",
                  "null"
                ]
              },
              "g": {
                "format": "int8",
                "maximum": 127,
                "minimum": -128,
                "type": "integer"
              }
            },
            "required": [
              "g"
            ],
            "type": "object",
            "x-positional": [
              "a",
              "b",
              "c",
              "d",
              "e"
            ]
          },
          "result": {
            "type": "null"
          }
        }"#]],
    );
}

#[test]
fn collectors_describe_what_they_collect() {
    check(
        "collect",
        expect![[r#"
        {
          "params": {
            "additionalProperties": {
              "type": "boolean"
            },
            "properties": {
              "first": {
                "format": "uint8",
                "maximum": 255,
                "minimum": 0,
                "type": "integer"
              }
            },
            "required": [
              "first"
            ],
            "type": "object",
            "x-args": {
              "format": "uint16",
              "maximum": 65535,
              "minimum": 0,
              "type": "integer"
            },
            "x-positional": [
              "first"
            ]
          },
          "result": {
            "format": "uint",
            "minimum": 0,
            "type": "integer"
          }
        }"#]],
    );
}

#[test]
fn a_type_without_schema_is_any() {
    check(
        "anything",
        expect![[r#"
        {
          "params": {
            "additionalProperties": true,
            "properties": {
              "plain": true,
              "raw": true
            },
            "required": [
              "plain",
              "raw"
            ],
            "type": "object",
            "x-positional": [
              "plain",
              "raw"
            ]
          },
          "result": true
        }"#]],
    );
}

#[test]
fn types_that_contain_themselves_and_secrets_are_described() {
    check(
        "sell",
        expect![[r##"
        {
          "params": {
            "$defs": {
              "Thing": {
                "description": "A thing with a price.",
                "properties": {
                  "name": {
                    "type": "string"
                  },
                  "parts": {
                    "default": [],
                    "items": {
                      "$ref": "#/$defs/Thing"
                    },
                    "type": "array"
                  },
                  "price": {
                    "format": "double",
                    "type": [
                      "number",
                      "null"
                    ]
                  }
                },
                "required": [
                  "name"
                ],
                "type": "object"
              }
            },
            "additionalProperties": false,
            "properties": {
              "pin": {
                "type": "string",
                "writeOnly": true,
                "x-sensitive": true
              },
              "thing": {
                "$ref": "#/$defs/Thing"
              }
            },
            "required": [
              "thing",
              "pin"
            ],
            "type": "object",
            "x-positional": [
              "thing",
              "pin"
            ]
          },
          "result": {
            "$defs": {
              "Thing": {
                "description": "A thing with a price.",
                "properties": {
                  "name": {
                    "type": "string"
                  },
                  "parts": {
                    "default": [],
                    "items": {
                      "$ref": "#/$defs/Thing"
                    },
                    "type": "array"
                  },
                  "price": {
                    "format": "double",
                    "type": [
                      "number",
                      "null"
                    ]
                  }
                },
                "required": [
                  "name",
                  "price",
                  "parts"
                ],
                "type": "object"
              }
            },
            "$ref": "#/$defs/Thing"
          }
        }"##]],
    );
}

#[test]
fn bytes_are_base64() {
    check(
        "bytes",
        expect![[r#"
        {
          "params": {
            "additionalProperties": false,
            "properties": {
              "data": {
                "contentEncoding": "base64",
                "type": "string"
              },
              "more": {
                "contentEncoding": "base64",
                "type": [
                  "string",
                  "null"
                ]
              }
            },
            "required": [
              "data"
            ],
            "type": "object",
            "x-positional": [
              "data",
              "more"
            ]
          },
          "result": {
            "items": {
              "type": [
                "string",
                "null"
              ]
            },
            "type": "array"
          }
        }"#]],
    );
}

#[test]
fn borrowed_results_are_described_and_nameless_ones_are_any() {
    let result = |method| schema(method)["result"].clone();
    assert_eq!(result("borrowed"), json!({ "type": ["string", "null"] }));
    assert_eq!(
        (result("opaque"), result("several")),
        (json!(true), json!(true))
    );
    assert_eq!(result("defaults"), json!({ "type": "null" }));
}

struct Safe;

#[rpc]
impl Safe {
    #[rpc]
    async fn open(
        &self,
        #[rpc(sensitive, default = "0000")] code: &str,
        #[rpc(default = 1)] turns: u8,
    ) {
        _ = (code, turns);
    }
}

#[test]
fn the_default_of_a_secret_is_not_shown() {
    let schema = Safe::endpoints()[0].spec.schema();
    let properties = &schema["params"]["properties"];
    assert_eq!(properties["code"]["x-sensitive"], true);
    assert!(properties["code"].get("default").is_none(), "{schema}");
    assert_eq!(properties["turns"]["default"], 1);
    assert_eq!(schema["params"]["required"], json!([]));
}

/// The keyword form of a call is valid exactly when the call binds.
#[tokio::test]
async fn what_the_schema_allows_is_what_binds() {
    let shop = Arc::new(Shop);
    for (method, kwargs, binds) in [
        ("hello", json!({ "first_name": "Bob" }), true),
        (
            "hello",
            json!({ "first_name": "Bob", "last_name": "x" }),
            true,
        ),
        ("hello", json!({ "last_name": "x" }), false),
        ("hello", json!({ "first_name": 7 }), false),
        ("hello", json!({ "first_name": "Bob", "age": 7 }), false),
        ("defaults", json!({ "g": 1 }), true),
        ("defaults", json!({}), false),
        ("defaults", json!({ "g": 1, "f": null, "b": 3 }), true),
        ("defaults", json!({ "g": 300 }), false),
        ("collect", json!({ "first": 1, "x": true }), true),
        ("collect", json!({ "first": 1, "x": 1 }), false),
        (
            "anything",
            json!({ "plain": { "a": 1 }, "raw": [], "x": 1 }),
            true,
        ),
        (
            "sell",
            json!({ "thing": { "name": "lamp" }, "pin": "1" }),
            true,
        ),
        (
            "sell",
            json!({ "thing": { "price": 1 }, "pin": "1" }),
            false,
        ),
        (
            "sell",
            json!({ "thing": { "name": "a", "parts": [{}] }, "pin": "1" }),
            false,
        ),
        ("borrowed", json!({ "names": ["a"] }), true),
        ("borrowed", json!({ "names": [1] }), false),
    ] {
        let valid = validator(&schema(method)["params"]).is_valid(&kwargs);
        assert_eq!(valid, binds, "schema: {method} {kwargs}");
        let answer = testing::call(&shop, method, kwargs.clone()).await;
        let bound = answer.map_or_else(|error| error.code() != "invalid_argument", |_| true);
        assert_eq!(bound, binds, "call: {method} {kwargs}");
    }
}

fn validator(schema: &Value) -> Validator {
    let options = jsonschema::options().with_draft(Draft::Draft202012);
    options.build(schema).unwrap()
}

#[tokio::test]
async fn every_schema_is_one_and_travels_in_discovery() {
    let app = TestApp::start(Shop).await;
    let info = support::ask(app.url(), "$SRV.INFO.shop", "").await;
    let endpoints = info["endpoints"].as_array().unwrap();
    assert_eq!(endpoints.len(), Shop::endpoints().len());
    for endpoint in endpoints {
        let name = endpoint["name"].as_str().unwrap();
        let text = endpoint["metadata"]["rpc.schema"].as_str().unwrap();
        let travelled: Value = serde_json::from_str(text).unwrap();
        assert_eq!(travelled, schema(name));
        for part in ["params", "result"] {
            jsonschema::meta::validate(&travelled[part]).unwrap();
        }
    }
}

mod changed {
    use super::*;

    pub(super) struct Contract;

    #[rpc(name = "contract")]
    impl Contract {
        #[rpc]
        async fn get(&self, id: u64) -> HashMap<String, u8> {
            HashMap::from([(id.to_string(), 1)])
        }
    }
}

mod original {
    use super::*;

    pub(super) struct Contract;

    #[rpc(name = "contract")]
    impl Contract {
        #[rpc]
        async fn get(&self, id: u32) -> HashMap<String, u8> {
            HashMap::from([(id.to_string(), 1)])
        }
    }
}

#[tokio::test]
async fn the_hash_of_a_contract_moves_with_a_type_and_with_nothing_else() {
    let mut hashes = Vec::new();
    for round in 0..3 {
        let app = match round {
            0 | 1 => TestApp::start(original::Contract).await,
            _ => TestApp::start(changed::Contract).await,
        };
        let ping = support::ask(app.url(), "$SRV.PING.contract", "").await;
        hashes.push(ping["metadata"]["rpc.hash"].as_str().unwrap().to_owned());
    }
    assert_eq!(hashes[0], hashes[1]);
    assert_ne!(hashes[0], hashes[2]);
}
