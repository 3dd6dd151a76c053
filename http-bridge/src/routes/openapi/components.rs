//! The types of all services in one place, under names that do not clash.
//!
//! Each schema of a method is complete in itself and defines its types under `$defs`. In the
//! document a type is named after its service: `shop.Thing`. Two types of one service that share a
//! name and are not the same get a number: the arguments' `Thing` may leave out what the result's
//! always has.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::{Map, Value, json};

/// The types of the document.
#[derive(Default)]
pub(super) struct Components {
    schemas: BTreeMap<String, Value>,
    /// Which name a type has, by service, own name and everything that it refers to.
    names: HashMap<(String, String, String), String>,
}

impl Components {
    /// Moves the definitions of a schema here, and leaves references to them.
    pub(super) fn adopt(&mut self, service: &str, mut schema: Value) -> Value {
        let definitions = schema.as_object_mut().and_then(|it| it.remove("$defs"));
        let definitions = match definitions {
            Some(Value::Object(definitions)) => definitions,
            _ => Map::new(),
        };
        let mut names = HashMap::new();
        let mut fresh = Vec::new();
        for own in definitions.keys() {
            let key = (service.to_owned(), own.clone(), meaning(own, &definitions));
            let name = match self.names.get(&key) {
                Some(name) => name.clone(),
                None => {
                    let name = self.free_name(service, own);
                    // Taken from now on, although what it stands for follows below.
                    self.schemas.insert(name.clone(), json!(true));
                    self.names.insert(key, name.clone());
                    fresh.push(own.clone());
                    name
                }
            };
            names.insert(own.clone(), name);
        }
        for own in fresh {
            let schema = refer(definitions[&own].clone(), &names);
            self.schemas.insert(names[&own].clone(), schema);
        }
        refer(schema, &names)
    }

    /// Returns the types, by name.
    pub(super) fn into_schemas(self) -> BTreeMap<String, Value> {
        self.schemas
    }

    fn free_name(&self, service: &str, own: &str) -> String {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let own = own.replace(|c| !allowed(c), "_");
        let name = format!("{service}.{own}");
        let mut names =
            std::iter::once(name.clone()).chain((2_u64..).map(|number| format!("{name}{number}")));
        names
            .find(|name| !self.schemas.contains_key(name))
            .expect("there are more numbers than types")
    }
}

/// Returns a type and all that it refers to as one text: types that say the same are the same.
fn meaning(own: &str, definitions: &Map<String, Value>) -> String {
    let (mut seen, mut open) = (HashSet::new(), vec![own]);
    let mut texts = BTreeMap::new();
    while let Some(name) = open.pop() {
        if let Some(schema) = definitions.get(name).filter(|_| seen.insert(name)) {
            texts.insert(name, schema.to_string());
            targets(schema, &mut open);
        }
    }
    json!(texts).to_string()
}

/// Collects the names that a schema refers to.
fn targets<'a>(schema: &'a Value, names: &mut Vec<&'a str>) {
    match schema {
        Value::Object(members) => {
            let reference = members.get("$ref").and_then(Value::as_str);
            names.extend(reference.and_then(|it| it.strip_prefix("#/$defs/")));
            for member in members.values() {
                targets(member, names);
            }
        }
        Value::Array(elements) => {
            for element in elements {
                targets(element, names);
            }
        }
        _ => {}
    }
}

/// Lets references lead into the document. One that leads elsewhere means anything: a tool that
/// reads the document must not be sent to an address of a service's choice.
fn refer(schema: Value, names: &HashMap<String, String>) -> Value {
    match schema {
        Value::Object(mut members) => {
            if let Some(reference) = members.remove("$ref") {
                let own = reference
                    .as_str()
                    .and_then(|it| it.strip_prefix("#/$defs/"));
                let Some(name) = own.and_then(|own| names.get(own)) else {
                    return json!({});
                };
                let reference = format!("#/components/schemas/{name}");
                members.insert("$ref".to_owned(), json!(reference));
            }
            for key in ["$id", "$anchor", "$dynamicRef", "$dynamicAnchor", "$schema"] {
                members.remove(key);
            }
            let members = members.into_iter();
            Value::Object(members.map(|(key, it)| (key, refer(it, names))).collect())
        }
        Value::Array(elements) => {
            let elements = elements.into_iter();
            Value::Array(elements.map(|it| refer(it, names)).collect())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(thing: &Value) -> Value {
        json!({ "$ref": "#/$defs/Thing", "$defs": { "Thing": thing,
            "Color": { "enum": ["red"] } } })
    }

    #[test]
    fn types_are_named_after_their_service_and_shared_inside_it() {
        let thing = json!({ "properties": { "color": { "$ref": "#/$defs/Color" } } });
        let mut components = Components::default();
        let first = components.adopt("shop", schema(&thing));
        assert_eq!(first, json!({ "$ref": "#/components/schemas/shop.Thing" }));
        assert_eq!(components.adopt("shop", schema(&thing)), first);
        let other = components.adopt("store", schema(&thing));
        assert_eq!(other, json!({ "$ref": "#/components/schemas/store.Thing" }));
        let changed = json!({ "type": "string" });
        let second = components.adopt("shop", schema(&changed));
        assert_eq!(
            second,
            json!({ "$ref": "#/components/schemas/shop.Thing2" })
        );
        let schemas = components.into_schemas();
        let names: Vec<_> = schemas.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            [
                "shop.Color",
                "shop.Thing",
                "shop.Thing2",
                "store.Color",
                "store.Thing"
            ]
        );
        assert_eq!(
            schemas["shop.Thing"]["properties"]["color"]["$ref"],
            "#/components/schemas/shop.Color"
        );
    }

    #[test]
    fn a_type_that_refers_to_itself_is_adopted() {
        let list = json!({ "properties": { "next": { "$ref": "#/$defs/Thing" } } });
        let mut components = Components::default();
        components.adopt("shop", schema(&list));
        let schemas = components.into_schemas();
        assert_eq!(
            schemas["shop.Thing"]["properties"]["next"]["$ref"],
            "#/components/schemas/shop.Thing"
        );
    }

    #[test]
    fn a_reference_leads_nowhere_but_into_the_document() {
        let mut components = Components::default();
        for reference in [
            json!("http://169.254.169.254/x"),
            json!("file:///etc/passwd"),
            json!("#/$defs/Unknown"),
            json!("#/components/schemas/other.Secret"),
            json!(7),
        ] {
            let schema = json!({ "properties": { "a": { "$ref": reference } } });
            let adopted = components.adopt("rogue", schema);
            assert_eq!(adopted, json!({ "properties": { "a": {} } }));
        }
    }
}
