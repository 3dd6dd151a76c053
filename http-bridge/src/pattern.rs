//! Patterns of methods, as NATS writes those of subjects.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A pattern of methods: `greeting_service.*`, `billing.>`, `user_service.get`.
///
/// Tokens are separated by dots. `*` stands for one token, `>` at the end for one or more.
///
/// # Examples
/// ```
/// use http_bridge::Pattern;
/// let pattern: Pattern = "greeting_service.*".parse().unwrap();
/// assert!(pattern.matches("greeting_service.hello"));
/// assert!(!pattern.matches("greeting_service.v2.hello"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(String);

/// Why a text is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is no pattern of methods: expected such as `greeting_service.*` or `billing.>`")]
pub struct PatternError(String);

impl Pattern {
    /// Returns whether the method on `subject` is meant.
    pub fn matches(&self, subject: &str) -> bool {
        let mut tokens = subject.split('.');
        for wanted in self.0.split('.') {
            match (wanted, tokens.next()) {
                (">", Some(_)) => return true,
                ("*", Some(_)) => {}
                (wanted, Some(token)) if wanted == token => {}
                _ => return false,
            }
        }
        tokens.next().is_none()
    }
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let is_name = |token: &str| {
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
            !token.is_empty() && token.bytes().all(fits)
        };
        let last = text.split('.').count() - 1;
        let fits = |(at, token)| is_name(token) || token == "*" || (token == ">" && at == last);
        match text.split('.').enumerate().all(fits) {
            true => Ok(Self(text.to_owned())),
            false => Err(PatternError(text.to_owned())),
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_stand_for_whole_tokens() {
        for (pattern, subject, matches) in [
            ("a.b", "a.b", true),
            ("a.b", "a.c", false),
            ("a.b", "a.b.c", false),
            ("a.b.c", "a.b", false),
            ("a.*", "a.b", true),
            ("a.*", "a.b.c", false),
            ("a.*", "ab.c", false),
            ("*.b", "a.b", true),
            ("*.b", "a.bb", false),
            ("a.>", "a.b", true),
            ("a.>", "a.b.c", true),
            ("a.>", "a", false),
            ("a.>", "b.a", false),
            (">", "a.b", true),
            ("*", "a.b", false),
            ("A.b", "a.b", false),
        ] {
            let parsed: Pattern = pattern.parse().unwrap();
            assert_eq!(parsed.matches(subject), matches, "{pattern} {subject}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for text in [
            "", ".", "a.", ".a", "a..b", "a.>.b", ">.a", "a.b*", "a b", "$SYS.x", "a/b", "ä.b",
        ] {
            assert!(text.parse::<Pattern>().is_err(), "{text}");
        }
    }
}
