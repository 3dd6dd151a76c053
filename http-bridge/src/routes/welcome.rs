//! `GET /`: what this is, for whoever opens it in a browser.

use bytes::Bytes;
use http_body_util::Full;
use hyper::Response;

use crate::layers::host;
use crate::problem::Problem;
use crate::routes::{self, read_only};
use crate::stack::Exchange;

/// Says how to call a method, in plain text: it is there to be copied.
pub(crate) fn serve(exchange: Exchange<'_>) -> Result<Response<Full<Bytes>>, Problem> {
    let host = host::of(exchange.head).map_or_else(String::new, |host| host.to_string());
    let text = format!(
        "This is http-bridge: POST /<service>.<method> with a body of [args, kwargs].\n\n\
         curl -X POST http://{host}/greeting_service.hello -d '[[\"Bob\"], {{\"last_name\": \"Ross\"}}]'\n\n\
         Errors: /errors\nHealth: /livez, /readyz\n"
    );
    read_only(exchange.head, routes::text(text))
}
