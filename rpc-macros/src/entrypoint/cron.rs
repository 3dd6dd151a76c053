//! The common part of the grammar of schedules, so that typing errors fail at compile time.
//!
//! Names (`MON`), `L`, `W`, `#` and nicknames (`@daily`) are left to the library that computes the
//! times, which reads every schedule when the service starts.

/// The fields of a schedule, seconds first, and the numbers that each may hold.
const FIELDS: [(&str, u32, u32); 6] = [
    ("second", 0, 59),
    ("minute", 0, 59),
    ("hour", 0, 23),
    ("day of the month", 1, 31),
    ("month", 1, 12),
    ("day of the week", 0, 7),
];

/// Returns what is wrong with a schedule, as far as is seen here.
pub(super) fn flaw(expression: &str) -> Option<String> {
    if expression.starts_with('@') {
        return None;
    }
    let fields: Vec<&str> = expression.split_ascii_whitespace().collect();
    let Some(skip @ 0..=1) = FIELDS.len().checked_sub(fields.len()) else {
        return Some(format!(
            "a schedule has five fields, minute, hour, day of the month, month and day of the week, \
             or six with the second before them; this one has {}",
            fields.len()
        ));
    };
    let fields = fields.into_iter().zip(&FIELDS[skip..]);
    fields
        .filter_map(|(field, meaning)| of_field(field, *meaning))
        .next()
}

fn of_field(field: &str, (name, least, most): (&str, u32, u32)) -> Option<String> {
    let wrong = |part: &str| {
        Some(format!(
            "`{part}` is no {name}: expected `*`, a number from {least} to {most}, a range such as \
             `{least}-{most}`, or steps such as `*/5`"
        ))
    };
    for part in field.split(',') {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"*?-/#+".contains(&byte);
        if part.is_empty() || !part.bytes().all(allowed) {
            return wrong(part);
        }
        // Numbers with a letter beside them, `15W`, mean something else.
        if part
            .bytes()
            .any(|byte| byte.is_ascii_alphabetic() || b"#+".contains(&byte))
        {
            continue;
        }
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(step)),
            None => (part, None),
        };
        let fits = |number: &str| {
            let number = number.parse::<u32>();
            number.is_ok_and(|number| (least..=most).contains(&number))
        };
        let range_fits = match range.split_once('-') {
            Some((from, to)) => fits(from) && fits(to),
            None => range == "*" || range == "?" || (step.is_none() && fits(range)),
        };
        let step_fits = step.is_none_or(|step| step.parse::<u32>().is_ok_and(|step| step > 0));
        if !range_fits || !step_fits {
            return wrong(part);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_errors_are_seen_and_the_rest_is_left_to_the_library() {
        for good in [
            "0 3 * * *",
            "*/5 * * * *",
            "0-30/10 8,12-18 1 1-12 1-5",
            "30 0 3 * * 7",
            "0 0 L * *",
            "0 12 * * MON-FRI",
            "0 12 * * 5#2",
            "0 12 15W * ?",
            "@daily",
        ] {
            assert_eq!(flaw(good), None, "{good}");
        }
        for (bad, word) in [
            ("", "this one has 0"),
            ("0 3 * *", "this one has 4"),
            ("0 0 3 * * * *", "this one has 7"),
            ("60 3 * * *", "`60` is no minute"),
            ("0 24 * * *", "`24` is no hour"),
            ("0 3 0 * *", "`0` is no day of the month"),
            ("0 3 * 13 *", "`13` is no month"),
            ("0 3 * * 8", "`8` is no day of the week"),
            ("60 0 3 * * *", "`60` is no second"),
            ("*/0 * * * *", "`*/0`"),
            ("5/10 * * * *", "`5/10`"),
            ("1,,2 * * * *", "`` is no minute"),
            ("1-99 * * * *", "`1-99`"),
            ("1;2 * * * *", "`1;2`"),
        ] {
            let text = flaw(bad).unwrap_or_default();
            assert!(text.contains(word), "{bad}: {text}");
        }
    }
}
