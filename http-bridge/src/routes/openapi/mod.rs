//! `GET /openapi.json`: every method that HTTP may call, described as OpenAPI 3.1.
//!
//! The description is composed of what services say of themselves, so it is never older than they
//! are. It is made once for each generation of the catalog.

mod components;
mod document;
mod examples;
mod operation;
mod schema;

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::Full;
use hyper::Response;

use crate::edge::Edge;
use crate::problem::Problem;
use crate::routes::{json, read_only};
use crate::stack::Exchange;

/// Where the description is.
pub(crate) const PATH: &str = "/openapi.json";

/// The description of one generation of the catalog.
#[derive(Debug, Default)]
pub(crate) struct Described(Mutex<Option<(u64, Bytes)>>);

impl Described {
    fn current(&self, edge: &Edge) -> Bytes {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let table = edge.routes.current(edge);
        let snapshot = edge.catalog.snapshot();
        match &*last {
            Some((generation, text)) if *generation == snapshot.generation() => text.clone(),
            _ => {
                let text =
                    Bytes::from(document::compose(&snapshot, &table, &edge.config).to_string());
                *last = Some((snapshot.generation(), text.clone()));
                text
            }
        }
    }
}

/// Answers with the description of what can be called now.
pub(crate) async fn serve(exchange: Exchange<'_>) -> Result<Response<Full<Bytes>>, Problem> {
    let edge = exchange.edge;
    // Nobody else may have asked yet, and nobody announces a service of another library.
    edge.catalog.refresh().await;
    read_only(exchange.head, json(edge.openapi.current(edge)))
}
