//! How often one client may call.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

/// How many requests one client may send in a time; written `100/1s`.
///
/// All of them may come at once. After that, each part of the time that one request stands for
/// allows one more.
///
/// # Examples
/// ```
/// use http_bridge::Rate;
/// let rate: Rate = "100/10s".parse().unwrap();
/// assert_eq!((rate.requests.get(), rate.window.as_secs()), (100, 10));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// The number of requests.
    pub requests: NonZeroU32,
    /// The time they are spread over; at most a day counts.
    pub window: Duration,
}

/// Why a text is no rate.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is no rate: expected requests in a time, such as `100/1s` or `1000/1m`")]
pub struct RateError(String);

impl FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        let parse = || {
            let (requests, window) = text.split_once('/')?;
            let window = humantime::parse_duration(window).ok()?;
            let requests: NonZeroU32 = requests.parse().ok()?;
            // A share of less than a nanosecond is no share.
            let fits = window.as_nanos() >= u128::from(requests.get())
                && window <= Duration::from_secs(24 * 60 * 60);
            fits.then_some(Self { requests, window })
        };
        parse().ok_or_else(|| RateError(text.to_owned()))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let window = humantime::format_duration(self.window);
        write!(f, "{}/{window}", self.requests)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_requests_in_a_time() {
        for text in ["1/1s", "100/10s", "1000/1m", "5/250ms"] {
            assert_eq!(text.parse::<Rate>().unwrap().to_string(), text);
        }
        for text in [
            "", "1", "0/1s", "-1/1s", "1/", "1/s", "1/0s", "/1s", "5/1ns", "1/2days",
        ] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }
}
