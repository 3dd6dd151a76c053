//! A call: `[args, kwargs]` on its way out, a message on its way in.

use std::time::{Duration, Instant};

use bytes::Bytes;
use serde::Serialize;

use super::Headers;

/// How long a call may take when nobody says otherwise; any other time travels in a header.
pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// A request as it arrived: what a method's arguments, deadline and context are read from.
#[derive(Clone, Debug)]
pub struct Call {
    /// The headers, without those of the NATS protocol.
    pub headers: Headers,
    /// The undecoded payload, `[args, kwargs]`.
    pub payload: Bytes,
    /// When the message was received; deadlines count from here, because two clocks may disagree.
    pub received: Instant,
    /// Whether it came without a reply subject, so that nobody waits for an answer.
    pub one_way: bool,
}

impl Call {
    /// Creates a call that arrives now.
    pub fn new(headers: Headers, payload: impl Into<Bytes>) -> Self {
        Self {
            headers,
            payload: payload.into(),
            received: Instant::now(),
            one_way: false,
        }
    }
}

/// The arguments of an outgoing call, written as JSON while they are added.
///
/// # Examples
/// ```
/// use rpc_core::protocol::Arguments;
/// let payload = Arguments::new().arg("Bob").kwarg("last_name", "Ross").into_payload().unwrap();
/// assert_eq!(payload, r#"[["Bob"], {"last_name": "Ross"}]"#);
/// ```
#[derive(Debug, Default)]
pub struct Arguments {
    positional: Vec<u8>,
    keyword: Vec<u8>,
    failure: Option<serde_json::Error>,
}

impl Arguments {
    /// Creates an empty list: `[[], {}]`.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a positional argument.
    #[must_use]
    pub fn arg(mut self, value: impl Serialize) -> Self {
        separate(&mut self.positional);
        let written = serde_json::to_writer(&mut self.positional, &value);
        self.note(written);
        self
    }

    /// Adds a keyword argument.
    #[must_use]
    pub fn kwarg(mut self, name: &str, value: impl Serialize) -> Self {
        separate(&mut self.keyword);
        let written = serde_json::to_writer(&mut self.keyword, name).and_then(|()| {
            self.keyword.extend_from_slice(b": ");
            serde_json::to_writer(&mut self.keyword, &value)
        });
        self.note(written);
        self
    }

    /// Returns the payload, `[args, kwargs]`.
    ///
    /// # Errors
    /// The first error of a value's `Serialize`.
    pub fn into_payload(mut self) -> Result<Bytes, serde_json::Error> {
        self.payload()
    }

    /// Returns the payload; the arguments stay, for a call that is sent again.
    pub(crate) fn payload(&mut self) -> Result<Bytes, serde_json::Error> {
        match self.failure.take() {
            Some(error) => Err(error),
            None => Ok([
                b"[[",
                &self.positional[..],
                b"], {",
                &self.keyword[..],
                b"}]",
            ]
            .concat()
            .into()),
        }
    }

    fn note(&mut self, written: Result<(), serde_json::Error>) {
        if let Err(error) = written {
            self.failure.get_or_insert(error);
        }
    }
}

fn separate(buffer: &mut Vec<u8>) {
    match buffer.is_empty() {
        // Values are written in small pieces; growing with each would cost an allocation or two.
        true => buffer.reserve(64),
        false => buffer.extend_from_slice(b", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn no_arguments_are_two_empty_containers() {
        assert_eq!(Arguments::new().into_payload().unwrap(), "[[], {}]");
    }

    #[test]
    fn a_value_that_cannot_be_written_fails_the_call_and_not_the_process() {
        let unwritable = BTreeMap::from([(vec![1], "json keys are text")]);
        assert!(Arguments::new().arg(unwritable).into_payload().is_err());
    }
}
