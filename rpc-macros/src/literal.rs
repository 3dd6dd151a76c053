//! Texts in options that have a grammar of their own: durations, versions, subject tokens.

use std::time::Duration;

/// The units of a duration, in milliseconds.
const UNITS: [(&str, u64); 4] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];

/// Reads `500ms`, `15s`, `2m` or `1h`; nothing else, and not zero.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let (_, millis) = UNITS.into_iter().find(|(name, _)| *name == unit)?;
    let millis = number.parse::<u64>().ok()?.checked_mul(millis)?;
    (millis > 0).then(|| Duration::from_millis(millis))
}

/// Returns whether a text is a semantic version: `1.2.3`, `1.2.3-rc.1`, `1.2.3+build`.
pub(crate) fn is_version(text: &str) -> bool {
    let (text, build) = match text.split_once('+') {
        Some((text, build)) => (text, Some(build)),
        None => (text, None),
    };
    let (numbers, pre) = match text.split_once('-') {
        Some((numbers, pre)) => (numbers, Some(pre)),
        None => (text, None),
    };
    let is_number = |part: &str| {
        let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        digits && (part == "0" || !part.starts_with('0'))
    };
    let is_word = |part: &str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !part.is_empty() && part.bytes().all(allowed)
    };
    // A word of digits alone counts as a number, which may not begin with 0.
    let is_pre = |part: &str| {
        is_word(part) && (is_number(part) || !part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    numbers.split('.').count() == 3
        && numbers.split('.').all(is_number)
        && pre.is_none_or(|pre| pre.split('.').all(is_pre))
        && build.is_none_or(|build| build.split('.').all(is_word))
}

/// Returns whether a text is one token of a subject.
pub(crate) fn is_token(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    !text.is_empty() && text.bytes().all(allowed)
}

/// Returns whether a text is an error code: `not_found`, `user.not_found`.
pub(crate) fn is_code(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    text.split('.')
        .all(|word| !word.is_empty() && word.bytes().all(allowed))
}

/// Returns whether a text is one scope: `user:write`.
pub(crate) fn is_scope(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b',' | b'"' | b'\\');
    !text.is_empty() && text.bytes().all(allowed)
}

/// Turns `GreetingService` into `greeting_service`, and `HTTPServer2` into `http_server2`.
pub(crate) fn snake_case(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut snake = String::with_capacity(name.len() + 4);
    for (index, &char) in chars.iter().enumerate() {
        let before = index.checked_sub(1).map(|before| chars[before]);
        let after = chars.get(index + 1);
        let starts_word = match before {
            None | Some('_') => false,
            Some(before) if before.is_uppercase() => {
                after.is_some_and(|after| after.is_lowercase())
            }
            Some(_) => true,
        };
        if char.is_uppercase() && starts_word {
            snake.push('_');
        }
        snake.extend(char.to_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_a_number_and_a_unit() {
        for (text, millis) in [
            ("500ms", 500),
            ("15s", 15_000),
            ("2m", 120_000),
            ("1h", 3_600_000),
        ] {
            assert_eq!(
                duration(text),
                Some(Duration::from_millis(millis)),
                "{text}"
            );
        }
        for text in [
            "",
            "15",
            "s",
            "0s",
            "-1s",
            "1.5s",
            "15 s",
            "15S",
            "1d",
            "99999999999999999h",
            "é",
        ] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn versions_are_semantic() {
        for text in [
            "0.1.0",
            "1.2.3",
            "10.20.30",
            "1.2.3-rc.1",
            "1.2.3-0a",
            "1.2.3+007",
            "1.2.3-x-y+z.1",
        ] {
            assert!(is_version(text), "{text}");
        }
        for text in [
            "", "1", "1.2", "1.2.3.4", "v1.2.3", "01.2.3", "1.2.3-", "1.2.3-01", "1.2.3+", "1.2.x",
            "1..3",
        ] {
            assert!(!is_version(text), "{text}");
        }
    }

    #[test]
    fn tokens_are_ascii_words() {
        assert!(is_token("greeting_service-2"));
        for text in ["", "a.b", "a b", "a*", ">", "$SRV", "grüße"] {
            assert!(!is_token(text), "{text}");
        }
    }

    #[test]
    fn codes_are_words_joined_by_dots() {
        for text in ["not_found", "user.not_found", "v2.a", "_"] {
            assert!(is_code(text), "{text}");
        }
        for text in ["", ".", "a.", ".a", "a..b", "a b", "A", "a-b", "größe"] {
            assert!(!is_code(text), "{text}");
        }
    }

    #[test]
    fn scopes_are_words_without_separators() {
        for text in ["user:write", "a", "https://example.com/all", "Files.Read'"] {
            assert!(is_scope(text), "{text}");
        }
        for text in ["", " ", "a b", "a,b", "a\"", "a\\", "größe", "a\n"] {
            assert!(!is_scope(text), "{text}");
        }
    }

    #[test]
    fn type_names_become_snake_case() {
        for (name, snake) in [
            ("GreetingService", "greeting_service"),
            ("HTTPServer2", "http_server2"),
            ("UserV2Service", "user_v2_service"),
            ("A", "a"),
            ("Snake_Case", "snake_case"),
            ("lower", "lower"),
        ] {
            assert_eq!(snake_case(name), snake);
        }
    }
}
