//! Why a call failed, as the log tells it: every cause, the nearest first.

use std::error::Error as StdError;
use std::fmt;

/// The longest text in bytes. A cause may quote what a caller sent.
const LONGEST: usize = 4_096;
/// How many causes are told; a chain that is longer says more about itself than about the failure.
const MOST: usize = 32;

/// The causes of a failure, written `a: b: c`; nothing of it travels.
#[derive(Clone, Copy)]
pub(crate) struct Causes<'a>(&'a (dyn StdError + 'static));

impl<'a> Causes<'a> {
    /// Returns the causes of `failure`, where it has some.
    pub(crate) fn of(failure: &'a dyn StdError) -> Option<Self> {
        failure.source().map(Self)
    }

    /// Returns `failure` and its causes.
    pub(crate) fn with(failure: &'a (dyn StdError + 'static)) -> Self {
        Self(failure)
    }
}

impl fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        let causes = std::iter::successors(Some(self.0), |cause| <dyn StdError>::source(*cause));
        for cause in causes.take(MOST) {
            let cause = cause.to_string();
            // Many errors end with the text of their cause, which would be read twice.
            if text.ends_with(&cause) {
                continue;
            }
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&cause);
            if text.len() > LONGEST {
                let whole = |end: &usize| text.is_char_boundary(*end);
                text.truncate((0..=LONGEST).rev().find(whole).unwrap_or(0));
                text.push('…');
                break;
            }
        }
        f.write_str(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An error with a text, and perhaps a cause.
    #[derive(Debug)]
    struct Layered(String, Option<Box<Layered>>);

    impl Layered {
        fn of(texts: &[&str]) -> Self {
            let (first, rest) = texts.split_first().unwrap();
            let cause = (!rest.is_empty()).then(|| Box::new(Self::of(rest)));
            Self((*first).to_owned(), cause)
        }
    }

    impl fmt::Display for Layered {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(&self.0)
        }
    }

    impl StdError for Layered {
        fn source(&self) -> Option<&(dyn StdError + 'static)> {
            let cause = self.1.as_deref();
            cause.map(|cause| cause as &(dyn StdError + 'static))
        }
    }

    fn told(texts: &[&str]) -> String {
        Causes::of(&Layered::of(texts)).map_or_else(String::new, |causes| causes.to_string())
    }

    #[test]
    fn every_cause_is_told_once_and_the_failure_itself_is_not() {
        for (texts, expected) in [
            (&["failed"][..], ""),
            (&["failed", "no rows"], "no rows"),
            (
                &["failed", "query", "connection", "refused"],
                "query: connection: refused",
            ),
            (&["failed", "query: refused", "refused"], "query: refused"),
        ] {
            assert_eq!(told(texts), expected);
        }
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let long = "é".repeat(LONGEST);
        let text = told(&["failed", "query", &long, "never told"]);
        assert!(text.starts_with("query: é") && text.ends_with("é…"));
        assert!(text.len() <= LONGEST + "…".len());
    }

    #[test]
    fn a_long_chain_ends() {
        let texts: Vec<_> = (0..1_000).map(|depth| format!("<{depth}>")).collect();
        let texts: Vec<_> = texts.iter().map(String::as_str).collect();
        assert!(told(&texts).ends_with("<31>: <32>"));
    }
}
