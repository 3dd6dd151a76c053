//! The servers of the list, what their URLs say, and how often they are tried.

use std::time::Duration;

use async_nats::ServerAddr;

use crate::config::{Config, without_password};
use crate::error::ConnectError;

/// Two tries to connect are never further apart.
pub(super) const LONGEST_DELAY: Duration = Duration::from_millis(500);

/// Reads what a URL must escape: `p%40ss` is `p@ss`.
pub(super) fn percent_decoded(text: &str) -> String {
    let mut pieces = text.split('%');
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        let escaped = piece
            .get(..2)
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match escaped {
            Some(byte) => {
                bytes.push(byte);
                bytes.extend_from_slice(&piece.as_bytes()[2..]);
            }
            // A stray `%` means itself.
            None => {
                bytes.push(b'%');
                bytes.extend_from_slice(piece.as_bytes());
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

pub(super) fn parse_servers(urls: &[String]) -> Result<Vec<ServerAddr>, ConnectError> {
    let parse = |url: &String| {
        url.parse()
            .map_err(|error: std::io::Error| ConnectError::Url {
                url: without_password(url),
                reason: error.to_string(),
            })
    };
    match urls {
        [] => Err(ConnectError::Url {
            url: String::new(),
            reason: format!("expected something like `{}`", Config::DEFAULT_SERVER),
        }),
        urls => urls.iter().map(parse).collect(),
    }
}

/// How long to wait before try `attempt`: the first comes at once, later ones apart by a growing
/// and jittered delay, so that a thousand clients do not return in the same millisecond.
pub(super) fn delay(attempt: usize) -> Duration {
    match attempt {
        0 | 1 => Duration::ZERO,
        _ => {
            let ceiling = Duration::from_millis(25) * (1 << attempt.min(5));
            LONGEST_DELAY
                .min(ceiling)
                .mul_f64(0.5 + fastrand::f64() / 2.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_url_escapes_is_read() {
        for (text, meant) in [
            ("", ""),
            ("p%40ss%3a", "p@ss:"),
            ("%c3%A9", "é"),
            ("100%", "100%"),
            ("%zz%2", "%zz%2"),
            ("%é1", "%é1"),
        ] {
            assert_eq!(percent_decoded(text), meant);
        }
    }

    #[test]
    fn the_first_try_comes_at_once_and_later_ones_within_half_a_second() {
        assert_eq!(delay(1), Duration::ZERO);
        for attempt in 2..1_000 {
            assert!((Duration::from_millis(25)..=LONGEST_DELAY).contains(&delay(attempt)));
        }
    }
}
