//! Which subjects a call may name.
//!
//! NATS accepts far more than a method's name may be: wildcards, `$SYS`, white space that cuts
//! shared connections, lines of megabytes. Everything that publishes for a caller asks here first.

use thiserror::Error;

/// The longest subject in bytes. A NATS server closes connections at 4,096; this leaves room for
/// prefixes, and no name a person writes comes near it.
pub const MAX_SUBJECT: usize = 200;

/// First tokens nobody may call: the bridge speaks WAMP's own procedures under `wamp`.
const RESERVED_FIRST: &str = "wamp";

/// Why a subject cannot name a method.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SubjectError {
    /// It has no service or no method: `hello`, or nothing at all.
    #[error("expected `<service>.<method>`, got `{0}`")]
    NotAMethod(String),
    /// A token has a character outside `A-Z a-z 0-9 _ -`, or is empty.
    #[error("`{0}` is not a method: names are letters, digits, `_` and `-`, joined by `.`")]
    Characters(String),
    /// The first token is reserved: it begins with `_` or `$`, or is `wamp`.
    #[error("`{0}` is reserved")]
    Reserved(String),
    /// It is longer than [`MAX_SUBJECT`] bytes.
    #[error("a subject of {0} bytes is too long: at most {MAX_SUBJECT}")]
    TooLong(usize),
}

/// Checks that `subject` can name a method: `<service>.<method>`, with an optional prefix.
///
/// # Errors
/// [`SubjectError`], whose text is fit for the caller.
///
/// # Examples
/// ```
/// use rpc_core::protocol::subject::check_method;
/// assert!(check_method("greeting_service.hello").is_ok());
/// assert!(check_method("v2.greeting_service.hello").is_ok());
/// assert_eq!(check_method("a.*").unwrap_err().to_string(),
///     "`a.*` is not a method: names are letters, digits, `_` and `-`, joined by `.`");
/// ```
pub fn check_method(subject: &str) -> Result<(), SubjectError> {
    if subject.len() > MAX_SUBJECT {
        return Err(SubjectError::TooLong(subject.len()));
    }
    let first = subject.split('.').next().unwrap_or_default();
    if first.starts_with(['_', '$']) || first == RESERVED_FIRST {
        return Err(SubjectError::Reserved(subject.escape_default().to_string()));
    }
    if !subject
        .bytes()
        .all(|byte| byte == b'.' || is_token_byte(byte))
    {
        return Err(SubjectError::Characters(
            subject.escape_default().to_string(),
        ));
    }
    if !subject.contains('.') {
        return Err(SubjectError::NotAMethod(subject.to_owned()));
    }
    if subject.split('.').any(str::is_empty) {
        return Err(SubjectError::Characters(subject.to_owned()));
    }
    Ok(())
}

/// What the subject of a method names: `v2.greeting_service.hello`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Names<'a> {
    /// The service with its prefix, where it has one: `v2.greeting_service`.
    pub(crate) path: &'a str,
    /// The service as discovery knows it: `greeting_service`.
    pub(crate) service: &'a str,
    /// The method: `hello`.
    pub(crate) method: &'a str,
}

/// Returns what a subject names; nothing where it cannot be that of a method.
pub(crate) fn names(subject: &str) -> Option<Names<'_>> {
    check_method(subject).ok()?;
    let (path, method) = subject.rsplit_once('.')?;
    let service = path.rsplit('.').next()?;
    Some(Names {
        path,
        service,
        method,
    })
}

/// Returns whether `reply` is an inbox: the only place a reply may go, so that nobody makes a
/// service publish to a subject of their choice by naming it as the reply subject.
pub fn is_inbox(reply: &str, prefix: &str) -> bool {
    reply
        .strip_prefix(prefix)
        .and_then(|rest| rest.strip_prefix('.'))
        .is_some_and(|rest| !rest.is_empty())
}

/// Returns whether `reply` is an inbox under the configured `prefix` or under `_INBOX`, which every
/// other client uses.
pub(crate) fn is_reply_inbox(reply: &str, prefix: &str) -> bool {
    is_inbox(reply, prefix) || is_inbox(reply, "_INBOX")
}

/// Returns whether `subject` is one on which a caller says that it has given up: `<inbox>.c`.
pub(crate) fn is_cancellation(subject: &str, prefix: &str) -> bool {
    is_reply_inbox(subject, prefix) && subject.ends_with(".c")
}

const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_pass_and_everything_else_says_why() {
        for good in ["a.b", "v2.greeting_service.hello", "A-1.b_2"] {
            assert_eq!(check_method(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "hello",
            ">",
            "a.*",
            "a..b",
            ".a",
            "a.",
            "$SYS.REQ.USER.INFO",
            "_INBOX.x",
            "wamp.session",
            "a.b\r\nPUB x 0",
            "a.b c",
            "a.\u{a0}b",
            "é.b",
        ] {
            assert!(check_method(bad).is_err(), "{bad:?}");
        }
        assert_eq!(
            check_method(&format!("a.{}", "b".repeat(199))),
            Err(SubjectError::TooLong(201))
        );
    }

    #[test]
    fn the_last_two_tokens_are_service_and_method() {
        for (subject, expected) in [
            ("a.b", Some(("a", "a", "b"))),
            ("v2.a.b", Some(("v2.a", "a", "b"))),
            ("eu.v2.a.b", Some(("eu.v2.a", "a", "b"))),
            ("a", None),
            ("$SRV.INFO", None),
            ("a.*", None),
        ] {
            let named = names(subject);
            let named = named.map(|it| (it.path, it.service, it.method));
            assert_eq!(named, expected, "{subject}");
        }
    }

    #[test]
    fn only_inboxes_are_answered() {
        assert!(is_inbox("_INBOX.abc.1", "_INBOX"));
        for other in [
            "$JS.API.STREAM.DELETE.X",
            "_INBOX",
            "_INBOX.",
            "_INBOXES.x",
            "orders.new",
        ] {
            assert!(!is_inbox(other, "_INBOX"), "{other}");
        }
    }
}
