//! How long the client gives the call.

use std::time::Duration;

use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};

use crate::problem::Problem;
use crate::status::Refusal;

const RPC_TIMEOUT: HeaderName = HeaderName::from_static("rpc-timeout");
const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// Returns the time the client asks for, `longest` at most and by default.
///
/// It is a duration: the two clocks may disagree. Ours (`Rpc-Timeout: 1500`, milliseconds) goes
/// before gRPC's (`grpc-timeout: 1500m`).
pub(crate) fn of(headers: &HeaderMap, longest: Duration) -> Result<Duration, Problem> {
    let (name, value, parsed) = match (headers.get(RPC_TIMEOUT), headers.get(GRPC_TIMEOUT)) {
        (None, None) => return Ok(longest),
        (Some(value), _) => (RPC_TIMEOUT, value, millis(value)),
        (None, Some(value)) => (GRPC_TIMEOUT, value, grpc(value)),
    };
    match parsed {
        Some(asked) => Ok(asked.min(longest)),
        None => Err(Problem::refused(
            Refusal::BadRequest,
            format!(
                "`{name}: {}` is not a time: expected `Rpc-Timeout: 1500` (milliseconds) or \
                 `grpc-timeout: 1500m`",
                value.to_str().unwrap_or("…").escape_default()
            ),
        )),
    }
}

fn millis(value: &HeaderValue) -> Option<Duration> {
    digits(value.to_str().ok()?, 18).map(Duration::from_millis)
}

/// gRPC's syntax: at most eight digits and a unit.
fn grpc(value: &HeaderValue) -> Option<Duration> {
    let text = value.to_str().ok()?;
    let (count, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let count = digits(count, 8)?;
    Some(match unit {
        "H" => Duration::from_secs(count * 3_600),
        "M" => Duration::from_secs(count * 60),
        "S" => Duration::from_secs(count),
        "m" => Duration::from_millis(count),
        "u" => Duration::from_micros(count),
        "n" => Duration::from_nanos(count),
        _ => return None,
    })
}

fn digits(text: &str, most: usize) -> Option<u64> {
    let fits = (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    fits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONGEST: Duration = Duration::from_secs(30);

    fn ask(name: HeaderName, value: &'static str) -> Option<Duration> {
        let headers = HeaderMap::from_iter([(name, HeaderValue::from_static(value))]);
        of(&headers, LONGEST).ok()
    }

    #[test]
    fn both_syntaxes_are_read_and_capped() {
        assert_eq!(of(&HeaderMap::new(), LONGEST).ok(), Some(LONGEST));
        let ms = |ms| Some(Duration::from_millis(ms));
        assert_eq!(ask(RPC_TIMEOUT, "1500"), ms(1_500));
        assert_eq!(ask(RPC_TIMEOUT, "999999999"), Some(LONGEST));
        for (text, time) in [
            ("2S", ms(2_000)),
            ("250m", ms(250)),
            ("5000u", ms(5)),
            ("7000000n", ms(7)),
            ("1M", Some(LONGEST)),
            ("99999999H", Some(LONGEST)),
        ] {
            assert_eq!(ask(GRPC_TIMEOUT, text), time, "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in ["", "-1", "+1", "1.5", "1s", " 1", "9999999999999999999"] {
            assert_eq!(ask(RPC_TIMEOUT, text), None, "{text}");
        }
        for text in ["", "S", "1", "1s", "123456789S", "-1S", "1 S"] {
            assert_eq!(ask(GRPC_TIMEOUT, text), None, "{text}");
        }
    }
}
