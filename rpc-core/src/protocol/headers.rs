//! Headers of a message, and the only place where their names are spelled.

use std::fmt;

/// The numeric code of an error reply (ADR-32).
pub const ERROR_CODE: &str = "Nats-Service-Error-Code";
/// The one-line text of an error reply (ADR-32).
pub const ERROR: &str = "Nats-Service-Error";
/// Names one request in every log line and error body.
pub const REQUEST_ID: &str = "X-Request-Id";
/// What is left of the caller's deadline, in milliseconds.
pub const TIMEOUT: &str = "Rpc-Timeout";
/// Who says it is calling: `service/instance`. A claim, never an identity.
pub const CALLER: &str = "Rpc-Caller";
/// The subject of the token that the bridge has verified; it drops one that a client sends.
pub const SUBJECT: &str = "Rpc-Sub";
/// The scopes of the token that the bridge has verified, separated by spaces; it drops those that a
/// client sends.
pub const SCOPES: &str = "Rpc-Scopes";
/// Where the call stands in its trace (W3C Trace Context); read in any case.
pub const TRACEPARENT: &str = "traceparent";
/// What tracing systems add to `traceparent`, and of no meaning without it.
pub const TRACESTATE: &str = "tracestate";
/// What an application hands down its calls (W3C Baggage).
pub const BAGGAGE: &str = "baggage";
/// The media type of the payload; absent means `application/json`.
pub const CONTENT_TYPE: &str = "Content-Type";
/// The status that a method wants HTTP to answer its success with.
pub const STATUS: &str = "Rpc-Status";
/// How deep the call is nested in other calls; absent means 0.
pub const DEPTH: &str = "Rpc-Depth";

/// The headers of one message: few, in order, found case-insensitively.
///
/// Values are one line of text without control characters; what is not is refused on
/// [`insert`](Self::insert), so that nothing a caller sends can end a header and begin another.
///
/// # Examples
/// ```
/// use rpc_core::protocol::Headers;
/// let mut headers = Headers::new();
/// headers.insert("X-Request-Id", "7");
/// assert_eq!(headers.get("x-request-id"), Some("7"));
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// Returns no headers; allocates nothing.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the first value of `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// Adds a header, unless its name or value could break the framing of a message; returns
    /// whether it was added.
    pub fn insert(&mut self, name: impl Into<String>, value: impl Into<String>) -> bool {
        let (name, value) = (name.into(), value.into());
        let fits = !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && byte != b':')
            && !value.chars().any(char::is_control);
        if fits {
            self.0.push((name, value));
        }
        fits
    }

    /// Sets a header in place of all that have its name; returns whether it was set, which it is not
    /// where [`insert`](Self::insert) would not add it.
    ///
    /// # Examples
    /// ```
    /// use rpc_core::protocol::Headers;
    /// let mut headers = Headers::new();
    /// headers.insert("rpc-timeout", "500");
    /// headers.set("Rpc-Timeout", "100");
    /// assert_eq!(headers.iter().collect::<Vec<_>>(), [("Rpc-Timeout", "100")]);
    /// ```
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<String>) -> bool {
        let old = self.0.len();
        if !self.insert(name, value) {
            return false;
        }
        // The new one came last; it stays, and takes the place of the first of its name.
        let new = self.0.swap_remove(old);
        let is_named = |(key, _): &(String, String)| key.eq_ignore_ascii_case(&new.0);
        let place = self.0.iter().position(is_named).unwrap_or(old);
        self.0.retain(|header| !is_named(header));
        self.0.insert(place, new);
        true
    }

    /// Returns the headers in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Returns their size on the wire in bytes, the status line and the empty line included.
    pub fn wire_len(&self) -> usize {
        const STATUS_AND_END: usize = "NATS/1.0\r\n\r\n".len();
        const SEPARATORS: usize = ": \r\n".len();
        match self.is_empty() {
            true => 0,
            false => {
                STATUS_AND_END
                    + self
                        .iter()
                        .map(|(name, value)| name.len() + value.len() + SEPARATORS)
                        .sum::<usize>()
            }
        }
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// Makes `text` fit for a header: one line of printable ASCII, at most 500 bytes.
pub fn one_line(text: &str) -> String {
    const LONGEST: usize = 500;
    text.chars()
        .take(LONGEST)
        .map(|c| match c {
            ' '..='~' => c,
            _ if c.is_control() => ' ',
            _ => '?',
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_begin_another_header() {
        let mut headers = Headers::new();
        assert!(!headers.insert("X", "a\r\nNats-Trace-Dest: b"));
        assert!(!headers.insert("X: y", "a"));
        assert!(!headers.insert("", "a"));
        assert!(headers.is_empty());
    }

    #[test]
    fn a_header_is_set_in_place_of_all_with_its_name() {
        let of = |pairs: &[(&str, &str)]| {
            let mut headers = Headers::new();
            for (name, value) in pairs {
                assert!(headers.insert(*name, *value));
            }
            headers
        };
        for (before, after) in [
            (&[][..], &[("X", "new")][..]),
            (&[("Y", "1")], &[("Y", "1"), ("X", "new")]),
            (&[("x", "1"), ("Y", "1")], &[("X", "new"), ("Y", "1")]),
            (
                &[("Y", "1"), ("x", "1"), ("X", "2")],
                &[("Y", "1"), ("X", "new")],
            ),
        ] {
            let mut headers = of(before);
            assert!(headers.set("X", "new"));
            assert_eq!(headers, of(after));
            assert!(!headers.set("X", "a\r\nb"));
            assert_eq!(headers, of(after), "what does not fit changes nothing");
        }
    }

    #[test]
    fn one_line_is_printable_ascii() {
        assert_eq!(one_line("no user\r\n„7“"), "no user  ?7?");
        assert_eq!(one_line(&"x".repeat(9_000)).len(), 500);
    }
}
