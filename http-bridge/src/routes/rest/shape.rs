//! What texts may become, as a method's schema says: `?id=5` is the number 5 where `id` is one.

use serde_json::{Map, Value};

/// How many references and alternatives are followed; a schema may refer to itself.
const DEEPEST: usize = 16;

/// The JSON types that a parameter may have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Shape {
    any: bool,
    null: bool,
    boolean: bool,
    integer: bool,
    number: bool,
    string: bool,
    object: bool,
    /// What each element of a list may be.
    items: Option<Box<Shape>>,
}

impl Shape {
    /// What nothing is known of.
    pub(super) const ANY: Self = Self {
        any: true,
        null: false,
        boolean: false,
        integer: false,
        number: false,
        string: false,
        object: false,
        items: None,
    };

    /// Reads a schema, whose references lead into `definitions`.
    pub(super) fn of(schema: &Value, definitions: Option<&Value>) -> Self {
        let mut shape = Self::default();
        shape.add(schema, definitions, 0);
        match shape == Self::default() {
            true => Self::ANY,
            false => shape,
        }
    }

    fn add(&mut self, schema: &Value, definitions: Option<&Value>, depth: usize) {
        let Some(schema) = schema.as_object().filter(|_| depth < DEEPEST) else {
            return;
        };
        if let Some(target) = target(schema, definitions) {
            self.add(target, definitions, depth + 1);
        }
        for key in ["anyOf", "oneOf", "allOf"] {
            let alternatives = schema.get(key).and_then(Value::as_array);
            for alternative in alternatives.into_iter().flatten() {
                self.add(alternative, definitions, depth + 1);
            }
        }
        match schema.get("type") {
            Some(Value::String(name)) => self.add_type(name, schema, definitions, depth),
            Some(Value::Array(names)) => {
                for name in names.iter().filter_map(Value::as_str) {
                    self.add_type(name, schema, definitions, depth);
                }
            }
            _ => {
                let values = schema.get("enum").and_then(Value::as_array);
                for value in values.into_iter().flatten().chain(schema.get("const")) {
                    self.add_value(value);
                }
            }
        }
    }

    fn add_type(
        &mut self,
        name: &str,
        schema: &Map<String, Value>,
        definitions: Option<&Value>,
        depth: usize,
    ) {
        match name {
            "null" => self.null = true,
            "boolean" => self.boolean = true,
            "integer" => self.integer = true,
            "number" => self.number = true,
            "string" => self.string = true,
            "object" => self.object = true,
            "array" => {
                let mut items = Self::default();
                if let Some(schema) = schema.get("items") {
                    items.add(schema, definitions, depth + 1);
                }
                if items == Self::default() {
                    items = Self::ANY;
                }
                self.items = Some(Box::new(items));
            }
            _ => {}
        }
    }

    fn add_value(&mut self, value: &Value) {
        match value {
            Value::Null => self.null = true,
            Value::Bool(_) => self.boolean = true,
            Value::Number(number) if number.is_f64() => self.number = true,
            Value::Number(_) => self.integer = true,
            Value::String(_) => self.string = true,
            Value::Array(_) => self.items = Some(Box::new(Self::ANY)),
            Value::Object(_) => self.object = true,
        }
    }

    /// Writes the JSON of the texts that were given for one parameter.
    ///
    /// # Errors
    /// What was expected instead.
    pub(super) fn coerce(&self, texts: &[&str], json: &mut Vec<u8>) -> Result<(), String> {
        match (texts, &self.items) {
            ([text], None) => self.one(text, json),
            // What may be a list or one value is one value, where it is given once and fits.
            ([text], Some(_)) if self.one(text, json).is_ok() => Ok(()),
            (_, Some(items)) => {
                json.push(b'[');
                for (index, text) in texts.iter().enumerate() {
                    if index > 0 {
                        json.push(b',');
                    }
                    items.one(text, json)?;
                }
                json.push(b']');
                Ok(())
            }
            (_, None) if self.any => {
                json.push(b'[');
                for (index, text) in texts.iter().enumerate() {
                    if index > 0 {
                        json.push(b',');
                    }
                    write_text(text, json);
                }
                json.push(b']');
                Ok(())
            }
            _ => Err("it is given more than once".to_owned()),
        }
    }

    fn one(&self, text: &str, json: &mut Vec<u8>) -> Result<(), String> {
        let is_literal = (self.integer && is_integer(text))
            || (self.number && is_number(text))
            || (self.boolean && matches!(text, "true" | "false"));
        if is_literal || (self.object && is_object(text)) {
            json.extend_from_slice(text.as_bytes());
        } else if self.string || self.any {
            write_text(text, json);
        } else if self.null && matches!(text, "" | "null") {
            json.extend_from_slice(b"null");
        } else {
            return Err(format!("expected {}", self.words()));
        }
        Ok(())
    }

    /// Names what is expected.
    fn words(&self) -> String {
        let words = [
            (self.integer && !self.number, "a whole number"),
            (self.number, "a number"),
            (self.boolean, "`true` or `false`"),
            (self.string, "a text"),
            (self.object, "a JSON object"),
        ];
        let words = words.iter().filter(|(is, _)| *is).map(|(_, word)| *word);
        let words: Vec<_> = words.collect();
        match (words.is_empty(), &self.items) {
            (false, _) => words.join(" or "),
            (true, Some(items)) => items.words(),
            (true, None) => "nothing".to_owned(),
        }
    }
}

fn target<'a>(schema: &Map<String, Value>, definitions: Option<&'a Value>) -> Option<&'a Value> {
    let reference = schema.get("$ref")?.as_str()?;
    definitions?.get(reference.strip_prefix("#/$defs/")?)
}

fn write_text(text: &str, json: &mut Vec<u8>) {
    serde_json::to_writer(json, text).expect("a text always encodes, and memory takes it");
}

/// Returns whether a text is a whole number as JSON writes it.
fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_plain = digits == "0" || !digits.starts_with('0');
    !digits.is_empty() && is_plain && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_number(text: &str) -> bool {
    let begins = text.starts_with(|first: char| first == '-' || first.is_ascii_digit());
    let ends = text.ends_with(|last: char| last.is_ascii_digit());
    begins && ends && serde_json::from_str::<f64>(text).is_ok()
}

fn is_object(text: &str) -> bool {
    text.starts_with('{')
        && text.ends_with('}')
        && serde_json::from_str::<&serde_json::value::RawValue>(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn coerced(schema: &Value, texts: &[&str]) -> Result<Value, String> {
        let mut json = Vec::new();
        let definitions = json!({ "Color": { "enum": ["red", "blue"] }, "Id": { "type": "integer" },
            "Self": { "anyOf": [{ "$ref": "#/$defs/Self" }, { "type": "boolean" }] } });
        Shape::of(schema, Some(&definitions)).coerce(texts, &mut json)?;
        Ok(serde_json::from_slice(&json).unwrap())
    }

    #[test]
    fn texts_become_what_the_schema_says() {
        for (schema, text, expected) in [
            (json!({ "type": "integer" }), "5", json!(5)),
            (json!({ "type": "integer" }), "-0", json!(-0.0)),
            (json!({ "type": "number" }), "5", json!(5)),
            (json!({ "type": "number" }), "-1.5e3", json!(-1.5e3)),
            (json!({ "type": "boolean" }), "true", json!(true)),
            (json!({ "type": "string" }), "5", json!("5")),
            (json!({ "type": "string" }), "", json!("")),
            (
                json!({ "type": "string" }),
                "\"quoted\"\n",
                json!("\"quoted\"\n"),
            ),
            (json!({ "type": ["integer", "null"] }), "5", json!(5)),
            (json!({ "type": ["integer", "null"] }), "", json!(null)),
            (json!({ "type": ["integer", "null"] }), "null", json!(null)),
            (json!({ "type": ["string", "null"] }), "null", json!("null")),
            (
                json!({ "anyOf": [{ "type": "integer" }, { "type": "string" }] }),
                "x",
                json!("x"),
            ),
            (
                json!({ "anyOf": [{ "type": "integer" }, { "type": "string" }] }),
                "7",
                json!(7),
            ),
            (json!({ "$ref": "#/$defs/Id" }), "7", json!(7)),
            (json!({ "$ref": "#/$defs/Color" }), "red", json!("red")),
            (json!({ "$ref": "#/$defs/Self" }), "true", json!(true)),
            (
                json!({ "oneOf": [{ "const": "a" }, { "const": 1 }] }),
                "1",
                json!(1),
            ),
            (json!({ "type": "object" }), "{\"a\": 1}", json!({ "a": 1 })),
            (
                json!({ "type": "array", "items": { "type": "integer" } }),
                "1",
                json!([1]),
            ),
            (
                json!({ "type": ["array", "string"], "items": {} }),
                "1",
                json!("1"),
            ),
            (json!(true), "5", json!("5")),
            (json!({}), "true", json!("true")),
            (json!({ "$ref": "#/$defs/Unknown" }), "5", json!("5")),
        ] {
            assert_eq!(coerced(&schema, &[text]), Ok(expected), "{schema} {text}");
        }
    }

    #[test]
    fn what_does_not_fit_says_what_was_expected() {
        for (schema, text, expected) in [
            (json!({ "type": "integer" }), "x", "expected a whole number"),
            (json!({ "type": "integer" }), "", "expected a whole number"),
            (
                json!({ "type": "integer" }),
                "1.5",
                "expected a whole number",
            ),
            (
                json!({ "type": "integer" }),
                "007",
                "expected a whole number",
            ),
            (
                json!({ "type": "integer" }),
                " 7",
                "expected a whole number",
            ),
            (
                json!({ "type": "integer" }),
                "1,\"b\":2",
                "expected a whole number",
            ),
            (json!({ "type": "number" }), "NaN", "expected a number"),
            (json!({ "type": "number" }), "1 ", "expected a number"),
            (json!({ "type": "number" }), "1e999", "expected a number"),
            (
                json!({ "type": "boolean" }),
                "yes",
                "expected `true` or `false`",
            ),
            (
                json!({ "type": "object" }),
                "{\"a\"",
                "expected a JSON object",
            ),
            (
                json!({ "type": "array", "items": { "type": "integer" } }),
                "x",
                "expected a whole number",
            ),
        ] {
            let error = coerced(&schema, &[text]).unwrap_err();
            assert_eq!(error, expected, "{schema} {text}");
        }
    }

    #[test]
    fn repetition_makes_a_list_and_nothing_else() {
        let list = json!({ "type": ["array", "null"], "items": { "$ref": "#/$defs/Id" } });
        assert_eq!(coerced(&list, &["1", "2"]), Ok(json!([1, 2])));
        assert_eq!(coerced(&json!(true), &["a", "b"]), Ok(json!(["a", "b"])));
        let error = coerced(&json!({ "type": "string" }), &["a", "b"]).unwrap_err();
        assert_eq!(error, "it is given more than once");
    }

    proptest! {
        #[test]
        fn numbers_texts_and_flags_come_back(number: i64, float in -1e300..1e300_f64, flag: bool, text: String) {
            let number_text = number.to_string();
            prop_assert_eq!(coerced(&json!({ "type": "integer" }), &[&number_text]), Ok(json!(number)));
            let mut json = Vec::new();
            let shape = Shape::of(&json!({ "type": "number" }), None);
            shape.coerce(&[&float.to_string()], &mut json).unwrap();
            prop_assert_eq!(String::from_utf8(json).unwrap(), float.to_string());
            prop_assert_eq!(coerced(&json!({ "type": "boolean" }), &[&flag.to_string()]), Ok(json!(flag)));
            prop_assert_eq!(coerced(&json!({ "type": "string" }), &[&text]), Ok(json!(text)));
        }

        // Whatever a client sends, what is written is one JSON value: it can end no argument early.
        #[test]
        fn a_text_is_one_value_or_refused(text: String, kind in 0..7_usize) {
            let kinds = ["integer", "number", "boolean", "string", "null", "object", "array"];
            let schema = json!({ "type": kinds[kind] });
            let mut json = Vec::new();
            if Shape::of(&schema, None).coerce(&[&text], &mut json).is_ok() {
                prop_assert!(serde_json::from_slice::<Value>(&json).is_ok(), "{}", text);
            }
        }
    }
}
