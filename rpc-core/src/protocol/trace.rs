//! Where a call stands in a distributed trace: the `traceparent` header of W3C Trace Context.

use std::fmt;
use std::str::FromStr;

/// One place in a trace, as `traceparent` says it.
///
/// # Examples
/// ```
/// use rpc_core::protocol::TraceParent;
/// let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
/// let parent: TraceParent = text.parse().unwrap();
/// assert!(parent.is_sampled());
/// assert_eq!(parent.to_string(), text);
/// assert_eq!(parent.child().trace_id(), "0af7651916cd43dd8448eb211c80319c");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent {
    trace: u128,
    span: u64,
    flags: u8,
}

/// A text that is no `traceparent`.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[error("expected `00-<32 hex digits>-<16>-<2>` in lower case, neither id all zero")]
pub struct TraceParentError;

/// The flag of a trace that is recorded.
const SAMPLED: u8 = 1;

impl TraceParent {
    /// Begins a trace that nobody records yet, with random ids.
    pub fn new() -> Self {
        Self {
            trace: fastrand::u128(1..),
            span: fastrand::u64(1..),
            flags: 0,
        }
    }

    /// Returns a new place below this one, in the same trace.
    #[must_use]
    pub fn child(self) -> Self {
        let span = fastrand::u64(1..);
        Self { span, ..self }
    }

    /// Returns the id that all calls of the trace share: 32 hexadecimal digits.
    pub fn trace_id(self) -> String {
        format!("{:032x}", self.trace)
    }

    /// Returns the id of this place alone: 16 hexadecimal digits.
    pub fn span_id(self) -> String {
        format!("{:016x}", self.span)
    }

    /// Returns whether the trace is recorded.
    pub fn is_sampled(self) -> bool {
        self.flags & SAMPLED != 0
    }
}

impl Default for TraceParent {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { trace, span, flags } = self;
        write!(f, "00-{trace:032x}-{span:016x}-{flags:02x}")
    }
}

impl FromStr for TraceParent {
    type Err = TraceParentError;

    /// Reads version 00, and of later versions what they share with it, as the standard asks.
    fn from_str(text: &str) -> Result<Self, TraceParentError> {
        let mut fields = text.splitn(5, '-');
        let version = hex(fields.next(), 2)?;
        let trace = hex(fields.next(), 32)?;
        let span = hex(fields.next(), 16)?;
        let flags = hex(fields.next(), 2)?;
        let known = match version {
            0xff => false,
            0 => fields.next().is_none(),
            _ => true,
        };
        match known && trace != 0 && span != 0 {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "so many digits fit, and later versions may set more flags than are known"
            )]
            true => Ok(Self {
                trace,
                span: span as u64,
                flags: flags as u8 & SAMPLED,
            }),
            false => Err(TraceParentError),
        }
    }
}

fn hex(field: Option<&str>, digits: usize) -> Result<u128, TraceParentError> {
    let field = field.ok_or(TraceParentError)?;
    let lower = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if field.len() != digits || !field.bytes().all(lower) {
        return Err(TraceParentError);
    }
    u128::from_str_radix(field, 16).map_err(|_| TraceParentError)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn what_is_malformed_is_refused() {
        assert_eq!(PARENT.parse::<TraceParent>().unwrap().to_string(), PARENT);
        for malformed in [
            "",
            "00",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0g",
            "00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            assert!(malformed.parse::<TraceParent>().is_err(), "{malformed}");
        }
    }

    #[test]
    fn a_later_version_may_say_more_and_is_answered_in_the_known_one() {
        let later = "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03-more";
        assert_eq!(later.parse::<TraceParent>().unwrap().to_string(), PARENT);
    }

    #[test]
    fn a_child_stays_in_its_trace_and_has_a_place_of_its_own() {
        let parent = TraceParent::new();
        assert!(!parent.is_sampled());
        assert_eq!(parent.trace_id(), parent.child().trace_id());
        assert_ne!(parent.span_id(), parent.child().span_id());
        assert_eq!(parent.to_string().parse(), Ok(parent));
    }
}
