//! Subjects are bytes: dot-separated tokens, whatever the bytes are.

/// The byte between two tokens.
const SEPARATOR: u8 = b'.';

/// Splits the first token off; there is no rest after the last one.
pub(crate) fn split_first(subject: &[u8]) -> (&[u8], Option<&[u8]>) {
    match memchr::memchr(SEPARATOR, subject) {
        Some(dot) => (&subject[..dot], Some(&subject[dot + 1..])),
        None => (subject, None),
    }
}

/// Tells whether a filter can be subscribed to: no token is empty and `>`
/// comes last.
///
/// A wildcard is a whole token: `foo*` is a literal.
pub(crate) fn is_filter(subject: &[u8]) -> bool {
    has_no_empty_token(subject) && tokens(subject).rev().skip(1).all(|token| token != b">")
}

/// Tells whether a subject can be published to: no token is empty and none is
/// a wildcard.
pub(crate) fn is_literal(subject: &[u8]) -> bool {
    tokens(subject).all(|token| !matches!(token, b"" | b"*" | b">"))
}

/// Tells whether every token has at least one byte.
pub(crate) fn has_no_empty_token(subject: &[u8]) -> bool {
    tokens(subject).all(|token| !token.is_empty())
}

fn tokens(subject: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    subject.split(|&byte| byte == SEPARATOR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_have_no_empty_token_and_the_rest_last() {
        for good in [
            "foo",
            "foo.bar",
            "*",
            ">",
            "foo.*.bar",
            "foo.>",
            "foo*",
            "foo>.bar",
        ] {
            assert!(is_filter(good.as_bytes()), "{good}");
        }
        for bad in [
            "",
            ".",
            "foo.",
            ".foo",
            "foo..bar",
            ">.foo",
            "foo.>.bar",
            ">.>",
        ] {
            assert!(!is_filter(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn published_subjects_have_no_wildcard_token() {
        for good in ["foo", "foo.bar", "foo*", "a>", "\u{e9}.b"] {
            assert!(is_literal(good.as_bytes()), "{good}");
        }
        for bad in ["", "foo.*", ">", "*.a", "a..b", "a."] {
            assert!(!is_literal(bad.as_bytes()), "{bad}");
        }
    }
}
