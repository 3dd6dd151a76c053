//! How large the head of a request may be.

use hyper::http::request::Parts;

use crate::config::Limits;
use crate::problem::Problem;
use crate::status::Refusal;

/// Refuses a head over the limits.
///
/// hyper has limits of its own a little above these; they bound what is buffered.
pub(crate) fn check(head: &Parts, limits: &Limits) -> Result<(), Problem> {
    let uri = head
        .uri
        .path_and_query()
        .map_or(0, |target| target.as_str().len());
    if uri > limits.uri_bytes {
        return Err(Problem::refused(
            Refusal::UriTooLong,
            format!(
                "path and query have {uri} bytes, at most {} are taken",
                limits.uri_bytes
            ),
        ));
    }
    let count = head.headers.len();
    if count > limits.headers {
        return Err(Problem::refused(
            Refusal::HeadersTooLarge,
            format!("{count} headers, at most {} are taken", limits.headers),
        ));
    }
    let bytes: usize = head
        .headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    if bytes > limits.header_bytes {
        return Err(Problem::refused(
            Refusal::HeadersTooLarge,
            format!(
                "the headers have {bytes} bytes, at most {} are taken",
                limits.header_bytes
            ),
        ));
    }
    Ok(())
}
