//! The arguments of an operation: a line split at blanks.

use super::Closing;

/// The most arguments an operation has (`HPUB subject reply header total`).
const MOST: usize = 4;

/// The arguments of one operation, without allocation.
#[derive(Debug)]
pub(crate) struct Args<'a> {
    items: [&'a [u8]; MOST],
    count: usize,
}

impl<'a> Args<'a> {
    /// Splits at spaces and tabs.
    ///
    /// # Errors
    /// Ends the connection when there are more than any operation has.
    pub(crate) fn split(line: &'a [u8]) -> Result<Self, Closing> {
        Self::split_at(line, |byte| matches!(byte, b' ' | b'\t'))
    }

    /// Splits at spaces, tabs and, as SUB and UNSUB do, carriage returns.
    ///
    /// # Errors
    /// Ends the connection when there are more than any operation has.
    pub(crate) fn split_with_returns(line: &'a [u8]) -> Result<Self, Closing> {
        Self::split_at(line, |byte| matches!(byte, b' ' | b'\t' | b'\r'))
    }

    fn split_at(line: &'a [u8], blank: impl Fn(u8) -> bool) -> Result<Self, Closing> {
        let mut args = Self {
            items: [b""; MOST],
            count: 0,
        };
        for item in line.split(|&byte| blank(byte)) {
            if item.is_empty() {
                continue;
            }
            let slot = args
                .items
                .get_mut(args.count)
                .ok_or(Closing::Silent("too many arguments"))?;
            *slot = item;
            args.count += 1;
        }
        Ok(args)
    }

    pub(crate) fn as_slice(&self) -> &[&'a [u8]] {
        &self.items[..self.count]
    }
}

/// Reads a size: one to nine decimal digits, nothing else.
pub(crate) fn parse_size(digits: &[u8]) -> Option<usize> {
    if digits.is_empty() || digits.len() > 9 {
        return None;
    }
    digits.iter().try_fold(0, |size, digit| {
        digit
            .is_ascii_digit()
            .then(|| size * 10 + usize::from(digit - b'0'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_one_to_nine_digits() {
        for (digits, size) in [
            ("0", Some(0)),
            ("002", Some(2)),
            ("999999999", Some(999_999_999)),
            ("0000000001", None),
            ("", None),
            ("-1", None),
            ("+1", None),
            ("1x", None),
            ("0x1", None),
        ] {
            assert_eq!(parse_size(digits.as_bytes()), size, "{digits:?}");
        }
    }

    #[test]
    fn blanks_separate_however_many() {
        let args = Args::split(b"  foo\t \tbar  2 ").expect("three arguments");
        assert_eq!(args.as_slice(), [b"foo".as_slice(), b"bar", b"2"]);
        let args = Args::split_with_returns(b"foo\r1\r").expect("two arguments");
        assert_eq!(args.as_slice(), [b"foo".as_slice(), b"1"]);
        assert!(Args::split(b"1 2 3 4 5").is_err());
    }
}
