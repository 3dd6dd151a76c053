//! From a path to a subject: never a wildcard, never a subject that is not a method's.

use std::borrow::Cow;
use std::fmt::Display;

use rpc_core::RpcError;
use rpc_core::protocol::subject::check_method;

use crate::problem::Problem;

/// Returns the subject that a path names.
pub(crate) fn subject(path: &str) -> Result<Cow<'_, str>, Problem> {
    let subject = decode_unreserved(path);
    match check_method(&subject) {
        Ok(()) => Ok(subject),
        Err(reason) => Err(no_method(&reason)),
    }
}

/// Returns the answer to a path that cannot be a method's.
pub(crate) fn no_method(reason: impl Display) -> Problem {
    let text = format!("expected POST /<service>.<method>: {reason}");
    RpcError::not_found(text).into()
}

/// Decodes the escapes that mean the same without: RFC 3986 calls letters, digits and `-._~`
/// unreserved. Others stay as they are, and `%` is in no method's name.
pub(crate) fn decode_unreserved(path: &str) -> Cow<'_, str> {
    if !path.contains('%') {
        return Cow::Borrowed(path);
    }
    let mut decoded = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(at) = rest.find('%') {
        decoded.push_str(&rest[..at]);
        let byte = rest
            .get(at + 1..at + 3)
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match byte {
            Some(byte) if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => {
                decoded.push(char::from(byte));
                rest = &rest[at + 3..];
            }
            _ => {
                decoded.push('%');
                rest = &rest[at + 1..];
            }
        }
    }
    decoded.push_str(rest);
    Cow::Owned(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unreserved_escapes_are_decoded_and_others_stay() {
        for (path, decoded) in [
            ("a.b", "a.b"),
            ("%61%2Eb", "a.b"),
            ("a%2eb", "a.b"),
            ("a%0d%0ab", "a%0d%0ab"),
            ("a%2561", "a%2561"),
            ("%", "%"),
            ("a%2", "a%2"),
            ("%+1", "%+1"),
            ("a%é", "a%é"),
        ] {
            assert_eq!(decode_unreserved(path), decoded, "{path}");
        }
    }

    #[test]
    fn only_methods_are_subjects() {
        assert_eq!(
            subject("greeting_service.hello").unwrap(),
            "greeting_service.hello"
        );
        let long = "a.".to_owned() + &"b".repeat(300);
        for path in [
            "",
            "hello",
            ">",
            "a.*",
            "a.>",
            "a..b",
            ".a.b",
            "a.b.",
            "$SYS.REQ.SERVER.PING",
            "_INBOX.x",
            "wamp.x",
            "a b.c",
            "a%20b.c",
            "a/b.c",
            "a.b/c",
            "%24SYS.REQ",
            "%5FINBOX.x",
            &long,
        ] {
            assert!(subject(path).is_err(), "{path}");
        }
    }
}
