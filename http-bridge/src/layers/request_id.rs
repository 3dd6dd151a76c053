//! The name of a request: in every answer, every log line and every error.

use std::time::SystemTime;

use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};

/// The header that carries it, both ways.
pub(crate) const HEADER: HeaderName = HeaderName::from_static("x-request-id");

const LONGEST: usize = 128;

/// The id of one request: printable ASCII.
#[derive(Clone, Debug)]
pub(crate) struct RequestId {
    value: HeaderValue,
    given: bool,
}

impl RequestId {
    /// Takes the client's id where it gave a valid one, else makes one.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        match headers.get(HEADER) {
            Some(value) if is_valid(value.as_bytes()) => Self {
                value: value.clone(),
                given: true,
            },
            _ => Self::new(),
        }
    }

    /// Makes an id: a UUID version 7, so that ids sort by time.
    pub(crate) fn new() -> Self {
        // Names, not secrets: a fast generator will do.
        let mut random = [0; 10];
        fastrand::fill(&mut random);
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let id = uuid::Builder::from_unix_timestamp_millis(now.as_millis() as u64, &random);
        let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
        let text = id.as_uuid().hyphenated().encode_lower(&mut text);
        Self {
            value: HeaderValue::from_str(text).expect("hexadecimal digits and hyphens"),
            given: false,
        }
    }

    /// Takes an id that came back from a service; `None` when it is not valid.
    pub(crate) fn from_text(text: &str) -> Option<Self> {
        let valid = is_valid(text.as_bytes()).then(|| HeaderValue::from_str(text).ok());
        valid.flatten().map(|value| Self {
            value,
            given: false,
        })
    }

    /// Returns whether the client gave it, and so expects to find it in the services' logs.
    pub(crate) fn is_given(&self) -> bool {
        self.given
    }

    /// Returns it as text.
    pub(crate) fn as_str(&self) -> &str {
        self.value.to_str().expect("checked to be printable ASCII")
    }

    /// Returns it as a header's value.
    pub(crate) fn to_header(&self) -> HeaderValue {
        self.value.clone()
    }
}

fn is_valid(id: &[u8]) -> bool {
    (1..=LONGEST).contains(&id.len()) && id.iter().all(|byte| (b' '..=b'~').contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_ids_are_version_7_and_differ() {
        let (a, b) = (RequestId::new(), RequestId::new());
        assert_ne!(a.as_str(), b.as_str());
        assert_eq!(
            uuid::Uuid::parse_str(a.as_str()).unwrap().get_version_num(),
            7
        );
    }

    #[test]
    fn only_short_printable_ids_are_taken() {
        for (given, taken) in [
            ("abc 1~", true),
            ("", false),
            ("tab\there", false),
            ("ümlaut", false),
        ] {
            assert_eq!(RequestId::from_text(given).is_some(), taken, "{given:?}");
        }
        assert!(RequestId::from_text(&"x".repeat(128)).is_some());
        assert!(RequestId::from_text(&"x".repeat(129)).is_none());
    }
}
