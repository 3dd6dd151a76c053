//! Which subjects a handler may listen on.

use crate::literal;

/// The longest subject in bytes; the wire contract says so.
const MAX_SUBJECT: usize = 200;

/// Returns what is wrong with the subject of a handler.
pub(super) fn flaw(subject: &str) -> Option<String> {
    let tokens: Vec<&str> = subject.split('.').collect();
    let (first, last) = (tokens[0], tokens.len() - 1);
    if subject.len() > MAX_SUBJECT {
        let length = subject.len();
        return Some(format!(
            "this subject has {length} bytes, at most {MAX_SUBJECT} are allowed"
        ));
    }
    if let Some(early) = tokens[..last].iter().position(|token| *token == ">") {
        let so_far = tokens[..=early].join(".");
        return Some(format!(
            "`>` stands for all the tokens that are left, so it is the last one: `{so_far}`"
        ));
    }
    let fits = |token: &&str| literal::is_token(token) || ["*", ">"].contains(token);
    if first.starts_with('$') || first.starts_with('_') || first == "wamp" {
        return Some(format!(
            "events do not begin with `{first}`, which NATS or the HTTP bridge keeps for itself"
        ));
    }
    if !tokens.iter().all(fits) {
        return Some(format!(
            "`{subject}` is not the subject of events: its tokens are letters, digits, `_` and `-`, \
             or `*`, joined by `.`; the last may be `>`"
        ));
    }
    if first == "*" || first == ">" {
        let text = "the first token names where the events come from: a wildcard there would \
                    match everything on the server, replies to others included";
        return Some(text.to_owned());
    }
    if last == 0 {
        return Some(format!(
            "expected `<source>.<event>`, as in `{first}.created`, or `{first}.*` for all of them"
        ));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_name_their_source_and_may_have_wildcards() {
        for good in ["a.b", "a.*", "a.>", "v2.a.*.c", "A-1.b_2"] {
            assert_eq!(flaw(good), None, "{good}");
        }
        let long = format!("a.{}", "b".repeat(199));
        for (bad, word) in [
            ("", "not the subject"),
            ("a", "`a.created`"),
            (">", "replies"),
            ("*.created", "replies"),
            ("a.>.b", "`a.>`"),
            ("a..b", "not the subject"),
            ("a.b*", "not the subject"),
            ("a b.c", "not the subject"),
            ("größe.neu", "not the subject"),
            ("_INBOX.x", "`_INBOX`"),
            ("$SYS.x", "`$SYS`"),
            ("wamp.x", "`wamp`"),
            (&long, "201 bytes"),
        ] {
            let text = flaw(bad).unwrap_or_default();
            assert!(text.contains(word), "{bad}: {text}");
        }
    }
}
