//! The values of options as people write them.

use std::time::Duration;

use secrecy::SecretString;

/// Reads a time such as `2s` or `500ms`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
    match humantime::parse_duration(text) {
        Ok(time) if !time.is_zero() && time <= LONGEST => Ok(time),
        Ok(_) => Err("expected more than nothing and at most a day".to_owned()),
        Err(_) => Err("expected a time such as 2s or 500ms".to_owned()),
    }
}

/// Reads a time that may be none.
pub(super) fn time_or_none(text: &str) -> Result<Duration, String> {
    match text {
        "0" | "0s" => Ok(Duration::ZERO),
        text => duration(text),
    }
}

/// Reads a size such as `1MiB`, `16KiB` or `1000`.
pub(super) fn size(text: &str) -> Result<usize, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit: usize = match &text[digits.len()..] {
        "" | "B" => 1,
        "KiB" => 1024,
        "MiB" => 1024 * 1024,
        "GiB" => 1024 * 1024 * 1024,
        _ => return Err("expected a size such as 1000, 16KiB or 1MiB".to_owned()),
    };
    digits
        .parse::<usize>()
        .ok()
        .and_then(|count| count.checked_mul(unit))
        .filter(|size| *size > 0)
        .ok_or_else(|| "expected a size such as 1000, 16KiB or 1MiB".to_owned())
}

/// Reads a number of things, at least one.
pub(super) fn count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("expected a number, at least 1".to_owned()),
        Ok(count) => Ok(count),
    }
}

/// Takes what nobody may print.
pub(super) fn secret(text: &str) -> Result<SecretString, std::convert::Infallible> {
    Ok(SecretString::from(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units_of_1024() {
        for (text, bytes) in [
            ("1", Some(1)),
            ("1000", Some(1_000)),
            ("8KiB", Some(8_192)),
            ("1MiB", Some(1_048_576)),
            ("0", None),
            ("1KB", None),
            ("1.5MiB", None),
            ("-1", None),
            ("MiB", None),
            ("", None),
            ("99999999999999999999", None),
            ("99999999999GiB", None),
        ] {
            assert_eq!(size(text).ok(), bytes, "{text}");
        }
    }
}
