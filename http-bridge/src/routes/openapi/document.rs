//! The whole description.

use std::collections::HashMap;

use rpc_core::Snapshot;
use serde_json::{Map, Value, json};

use super::components::Components;
use super::operation::{Described, TOKEN};
use super::schema::Schemas;
use crate::config::{Config, TokenRequired};
use crate::routes::rest::table::Table;

/// Describes everything that can be called.
pub(super) fn compose(snapshot: &Snapshot, table: &Table, config: &Config) -> Value {
    let mut components = Components::default();
    let mut schemas = HashMap::new();
    let (mut paths, mut tags) = (Map::new(), Vec::new());
    for service in snapshot.services() {
        let methods = service.methods.iter().filter(|it| config.offers(it));
        let mut methods = methods.peekable();
        if methods.peek().is_none() {
            continue;
        }
        tags.push(match service.doc.is_empty() {
            true => json!({ "name": service.name }),
            false => json!({ "name": service.name, "description": service.doc }),
        });
        for method in methods {
            let of_method = Schemas::of(method, &mut components);
            let described = Described {
                method,
                schemas: &of_method,
                checks_tokens: config.auth.is_some(),
            };
            let mut item = Map::from_iter([("post".to_owned(), described.call())]);
            if method.safe {
                item.insert("get".to_owned(), described.call_by_query());
            }
            paths.insert(format!("/{}", method.subject), Value::Object(item));
            schemas.insert(method.subject.clone(), of_method);
        }
    }
    add_routes(table, &schemas, config, &mut paths);
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Services",
            "description": "Composed of what the running services say of themselves.",
            "version": snapshot.generation().to_string(),
        },
        "servers": [{ "url": "/" }],
        "tags": tags,
        "paths": paths,
        "components": {
            "schemas": with_problem(components),
            "responses": { "Problem": {
                "description": "A failure (RFC 9457)",
                "content": { "application/problem+json": {
                    "schema": { "$ref": "#/components/schemas/Problem" },
                } },
            } },
        },
    });
    if let Some(auth) = &config.auth {
        document["components"]["securitySchemes"] = json!({
            TOKEN: { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" },
        });
        // What each operation asks for besides stands there.
        document["security"] = match auth.required {
            TokenRequired::Everywhere => json!([{ TOKEN: [] }]),
            TokenRequired::ForScopes => json!([]),
        };
    }
    document
}

fn add_routes(
    table: &Table,
    schemas: &HashMap<String, Schemas>,
    config: &Config,
    paths: &mut Map<String, Value>,
) {
    let mut of_subject: HashMap<&str, usize> = HashMap::new();
    for (template, verb, route) in table.iter() {
        let method = &*route.method;
        let Some(of_method) = schemas.get(&method.subject) else {
            continue;
        };
        let number = of_subject.entry(&method.subject).or_default();
        *number += 1;
        let id = format!("{}.route{number}", method.subject);
        let described = Described {
            method,
            schemas: of_method,
            checks_tokens: config.auth.is_some(),
        };
        let shown = template.split('/').filter_map(|segment| {
            let name = segment.strip_prefix('{')?;
            name.strip_suffix('}')
        });
        let names: Vec<_> = shown.zip(route.names.iter().map(String::as_str)).collect();
        let status = route.status.map(|status| status.as_u16());
        let body = route.body.as_ref().map(|(name, _)| name.as_str());
        let operation = described.route(&id, verb, &names, status, body);
        let item = paths.entry(template).or_insert_with(|| json!({}));
        item[verb.as_str().to_ascii_lowercase()] = operation;
    }
}

fn with_problem(components: Components) -> Value {
    let mut schemas: Map<String, Value> = components.into_schemas().into_iter().collect();
    schemas.insert(
        "Problem".to_owned(),
        json!({
            "description": "A failure (RFC 9457)",
            "type": "object",
            "properties": {
                "type": { "type": "string", "description": "Where the code is explained" },
                "title": { "type": "string" },
                "status": { "type": "integer", "minimum": 400, "maximum": 599 },
                "detail": { "type": "string", "description": "What is wrong, for people" },
                "instance": { "type": "string" },
                "code": { "type": "string", "description": "What is wrong, for programs" },
                "request_id": { "type": "string" },
                "retryable": { "type": "boolean" },
                "outcome": { "enum": ["not_sent", "unknown"] },
                "errors": { "type": "array" },
                "details": {},
            },
            "required": ["type", "title", "status", "detail", "code", "request_id", "retryable"],
        }),
    );
    Value::Object(schemas)
}
