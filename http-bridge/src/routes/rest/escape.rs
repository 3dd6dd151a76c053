//! Percent-escapes in paths, queries and forms.

use crate::problem::Problem;
use crate::status::Refusal;

/// How many pairs a query or a form may have.
const MOST_PAIRS: usize = 1_000;

/// Decodes one segment of a path, where `+` is a plus.
pub(super) fn segment(text: &str) -> Result<String, Problem> {
    decode(text, false)
}

/// Decodes `a=1&b=2`, where `+` is a space; a name without `=` has an empty value.
pub(super) fn pairs(text: &str) -> Result<Vec<(String, String)>, Problem> {
    let pieces = text.split('&').filter(|piece| !piece.is_empty());
    let pairs = pieces.take(MOST_PAIRS + 1).map(|piece| {
        let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
        Ok((decode(name, true)?, decode(value, true)?))
    });
    let pairs = pairs.collect::<Result<Vec<_>, Problem>>()?;
    match pairs.len() <= MOST_PAIRS {
        true => Ok(pairs),
        false => Err(bad("there are more than 1,000 parameters")),
    }
}

fn decode(text: &str, plus_is_space: bool) -> Result<String, Problem> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let digits = (rest.next().and_then(digit), rest.next().and_then(digit));
                let (Some(high), Some(low)) = digits else {
                    return Err(bad("expected two hexadecimal digits after `%`"));
                };
                bytes.push(high << 4 | low);
            }
            b'+' if plus_is_space => bytes.push(b' '),
            _ => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).map_err(|_| bad("what `%` escapes is not UTF-8"))
}

fn digit(byte: u8) -> Option<u8> {
    // A hexadecimal digit fits into four bits.
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

fn bad(detail: &str) -> Problem {
    Problem::refused(Refusal::BadRequest, detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn escapes_are_decoded_once() {
        for (text, decoded) in [
            ("Bob", "Bob"),
            ("a%2Fb", "a/b"),
            ("a%2fb", "a/b"),
            ("gr%C3%BC%C3%9Fe", "grüße"),
            ("%2561", "%61"),
            ("a+b", "a+b"),
            ("%00", "\0"),
            ("", ""),
        ] {
            assert_eq!(segment(text).unwrap(), decoded, "{text}");
        }
        for bad in ["%", "%2", "%zz", "%+1", "%c3", "%ff%fe", "a%é"] {
            assert!(segment(bad).is_err(), "{bad}");
            assert!(pairs(&format!("a={bad}")).is_err(), "{bad}");
        }
    }

    #[test]
    fn pairs_are_split_before_they_are_decoded() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            pairs("a=1&b=x+y&a=%26%3D&c&=d&&e==").unwrap(),
            [
                pair("a", "1"),
                pair("b", "x y"),
                pair("a", "&="),
                pair("c", ""),
                pair("", "d"),
                pair("e", "="),
            ]
        );
        assert!(pairs("").unwrap().is_empty());
        assert!(pairs(&"a&".repeat(1_001)).is_err());
    }

    proptest! {
        #[test]
        fn whatever_is_escaped_comes_back(text: String) {
            let escaped: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
            prop_assert_eq!(&segment(&escaped).unwrap(), &text);
            let query = format!("{escaped}={escaped}");
            let expected = if text.is_empty() { vec![(String::new(), String::new())] } else {
                vec![(text.clone(), text)]
            };
            prop_assert_eq!(pairs(&query).unwrap(), expected);
        }

        #[test]
        fn nothing_that_a_client_sends_panics(text: String) {
            let _ = (segment(&text), pairs(&text));
        }
    }
}
