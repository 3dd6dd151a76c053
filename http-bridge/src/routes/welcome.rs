//! `GET /`: what this is, for whoever opens it in a browser.

use bytes::Bytes;
use http_body_util::Full;
use hyper::Response;
use serde_json::json;

use crate::layers::host;
use crate::problem::Problem;
use crate::routes::{json, read_only};
use crate::stack::Exchange;

/// Says how to call a method.
pub(crate) fn serve(exchange: Exchange<'_>) -> Result<Response<Full<Bytes>>, Problem> {
    let host = host::of(exchange.head).map_or_else(String::new, |host| host.to_string());
    let example = format!(
        r#"curl -X POST http://{host}/greeting_service.hello -d '[["Bob"], {{"last_name": "Ross"}}]'"#
    );
    let body = json!({
        "name": "http-bridge",
        "call": "POST /<service>.<method> with a body of [args, kwargs]",
        "example": example,
        "health": ["/livez", "/readyz"],
    });
    read_only(exchange.head, json(format!("{body:#}\n")))
}
