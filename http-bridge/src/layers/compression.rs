//! Large answers, smaller on the wire.

use std::io::Write as _;

use bytes::Bytes;
use flate2::write::GzEncoder;
use http_body_util::Full;
use hyper::body::Body as _;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Response, StatusCode};

use crate::answer::bytes_of;

/// Less than this fits into one packet either way.
const SMALLEST: u64 = 1024;
/// More than this takes milliseconds, during which the thread would serve nobody.
const LARGEST_INLINE: usize = 32 * 1024;

/// A way to write an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Brotli,
    Gzip,
}

/// Compresses an answer that [is worth it](is_worth_it), for a client that takes it.
pub(crate) async fn apply(
    method: &Method,
    request: &HeaderMap,
    mut response: Response<Full<Bytes>>,
) -> Response<Full<Bytes>> {
    // Also where this client takes none: a cache has to know that others do.
    response
        .headers_mut()
        .append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    let Some(encoding) = chosen(request) else {
        return response;
    };
    // Of the answer to HEAD only the length goes out, and that of the plain one is as true.
    if method == Method::HEAD {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let body = bytes_of(body);
    let compressed = match body.len() <= LARGEST_INLINE {
        true => encoding.compress(&body),
        false => {
            let body = body.clone();
            let compressing = tokio::task::spawn_blocking(move || encoding.compress(&body));
            compressing.await.ok().flatten()
        }
    };
    let Some(compressed) = compressed else {
        return Response::from_parts(parts, Full::new(body));
    };
    parts
        .headers
        .insert(header::CONTENT_ENCODING, encoding.name());
    Response::from_parts(parts, Full::from(compressed))
}

/// Returns whether an answer is text of 1 KiB or more, and complete: streams are not held back.
pub(crate) fn is_worth_it(response: &Response<Full<Bytes>>) -> bool {
    let size = response.body().size_hint().exact().unwrap_or(0);
    let headers = response.headers();
    size >= SMALLEST
        && response.status() != StatusCode::NOT_MODIFIED
        && !headers.contains_key(header::CONTENT_ENCODING)
        && headers
            .get(header::CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok())
            .is_some_and(|kind| {
                let kind = kind.split(';').next().unwrap_or_default().trim();
                let is_text = kind.starts_with("text/") && kind != "text/event-stream";
                is_text || kind == "application/json" || kind.ends_with("+json")
            })
}

/// Returns the encoding that the client likes best; brotli of two that it likes the same.
fn chosen(request: &HeaderMap) -> Option<Encoding> {
    let lines = request.get_all(header::ACCEPT_ENCODING).iter();
    let listed: Vec<(&str, f32)> = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .filter_map(weighed)
        .collect();
    let weight = |names: &[&str]| {
        let of = |name: &str| {
            let found = listed
                .iter()
                .find(|(listed, _)| listed.eq_ignore_ascii_case(name));
            found.map(|(_, weight)| *weight)
        };
        names
            .iter()
            .find_map(|name| of(name))
            .or_else(|| of("*"))
            .unwrap_or(0.0)
    };
    let (brotli, gzip) = (weight(&["br"]), weight(&["gzip", "x-gzip"]));
    match (brotli > 0.0, gzip > 0.0) {
        (true, _) if brotli >= gzip => Some(Encoding::Brotli),
        (_, true) => Some(Encoding::Gzip),
        _ => None,
    }
}

/// Reads `gzip;q=0.5`; what has no readable weight is not taken.
fn weighed(item: &str) -> Option<(&str, f32)> {
    let (name, parameters) = item.split_once(';').unwrap_or((item, ""));
    let weight = match parameters.trim() {
        "" => 1.0,
        text => {
            let (name, value) = text.split_once('=')?;
            let value: f32 = value.trim().parse().ok()?;
            (name.trim().eq_ignore_ascii_case("q") && (0.0..=1.0).contains(&value))
                .then_some(value)?
        }
    };
    Some((name.trim(), weight))
}

impl Encoding {
    fn name(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        })
    }

    /// Returns the bytes, if they have become fewer.
    fn compress(self, body: &[u8]) -> Option<Vec<u8>> {
        let room = Vec::with_capacity(body.len() / 2);
        let written = match self {
            Self::Gzip => {
                let mut encoder = GzEncoder::new(room, flate2::Compression::new(5));
                encoder.write_all(body).and_then(|()| encoder.finish())
            }
            Self::Brotli => {
                // As fast as gzip at 5, and smaller. A window of 256 KiB bounds what it takes.
                let parameters = brotli::enc::BrotliEncoderParams {
                    quality: 4,
                    lgwin: 18,
                    size_hint: body.len(),
                    ..Default::default()
                };
                let (mut from, mut to) = (body, room);
                brotli::BrotliCompress(&mut from, &mut to, &parameters).map(|_| to)
            }
        };
        written
            .ok()
            .filter(|compressed| compressed.len() < body.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_chooses_by_weight() {
        for (accepted, expected) in [
            ("", None),
            ("identity", None),
            ("deflate, zstd", None),
            ("gzip", Some(Encoding::Gzip)),
            ("GZIP", Some(Encoding::Gzip)),
            ("x-gzip", Some(Encoding::Gzip)),
            ("br", Some(Encoding::Brotli)),
            ("gzip, deflate, br, zstd", Some(Encoding::Brotli)),
            ("gzip;q=1.0, br;q=0.9", Some(Encoding::Gzip)),
            ("gzip;q=0.5, br ; q = 0.5", Some(Encoding::Brotli)),
            ("br;q=0, gzip;q=0.1", Some(Encoding::Gzip)),
            ("br;q=0, gzip;q=0", None),
            ("*", Some(Encoding::Brotli)),
            ("*;q=0", None),
            ("br;q=0, *", Some(Encoding::Gzip)),
            ("gzip;q=2", None),
            ("gzip;q=-1, br;q=NaN", None),
            ("gzip;x=1", None),
            ("brotli, gz", None),
        ] {
            let value = HeaderValue::from_static(accepted);
            let headers = HeaderMap::from_iter([(header::ACCEPT_ENCODING, value)]);
            assert_eq!(chosen(&headers), expected, "{accepted}");
        }
        assert_eq!(chosen(&HeaderMap::new()), None);
    }

    #[test]
    fn what_does_not_become_smaller_stays() {
        let mut random = fastrand::Rng::with_seed(7);
        let noise: Vec<u8> = (0..5_000).map(|_| random.u8(..)).collect();
        for encoding in [Encoding::Brotli, Encoding::Gzip] {
            assert!(encoding.compress(&noise).is_none());
            let small = encoding.compress(&[b'a'; 5_000]).unwrap();
            assert!(small.len() < 100, "{encoding:?}: {}", small.len());
        }
    }
}
