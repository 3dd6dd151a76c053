//! `GET /errors`: what the codes mean, where the `type` of a problem points.

use bytes::Bytes;
use http_body_util::Full;
use hyper::Response;

use crate::problem::Problem;
use crate::routes::{read_only, text};
use crate::stack::Exchange;

/// Where the page is. The `type` of a problem is this with the code as its fragment, so it leads to
/// the page on whichever host the client called.
pub(crate) const PATH: &str = "/errors";

/// The page in Markdown, which people can read as it is.
const PAGE: &str = include_str!("../../../docs/errors.md");

/// Answers with the page as plain text: browsers show that, and save Markdown to a file.
pub(crate) fn serve(exchange: Exchange<'_>) -> Result<Response<Full<Bytes>>, Problem> {
    read_only(exchange.head, text(PAGE))
}
