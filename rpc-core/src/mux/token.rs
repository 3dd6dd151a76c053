//! Reply subjects: `<inbox>.<slot>-<generation>`, in hexadecimal.

/// Returns the subject that the reply to the call in a slot must be sent to.
pub(super) fn reply_subject(inbox: &str, slot: usize, generation: u32) -> String {
    // Room for the longest token, and no formatter: every call makes one.
    let mut subject = String::with_capacity(inbox.len() + ".-".len() + 16 + 8);
    subject.push_str(inbox);
    subject.push('.');
    push_hex(&mut subject, slot);
    subject.push('-');
    push_hex(&mut subject, generation as usize);
    subject
}

/// Returns where a service is told that the caller waiting on `reply` has given up.
pub(crate) fn cancel_subject(reply: &str) -> String {
    format!("{reply}.c")
}

/// Returns the slot and the generation that a token names.
pub(super) fn parse(token: &str) -> Option<(usize, u32)> {
    let (slot, generation) = token.split_once('-')?;
    Some((
        usize::from_str_radix(slot, 16).ok()?,
        u32::from_str_radix(generation, 16).ok()?,
    ))
}

fn push_hex(text: &mut String, number: usize) {
    let digits = (usize::BITS - number.leading_zeros()).div_ceil(4).max(1);
    for digit in (0..digits).rev() {
        text.push(char::from(b"0123456789abcdef"[number >> (digit * 4) & 0xf]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_is_what_the_formatter_writes() {
        for number in [0, 1, 0xf, 0x10, 0xdead_beef, usize::MAX] {
            let mut text = String::new();
            push_hex(&mut text, number);
            assert_eq!(text, format!("{number:x}"));
        }
    }
}
