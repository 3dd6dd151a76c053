//! Which pages of other sites may call.

use std::fmt;
use std::str::FromStr;

use hyper::Uri;
use hyper::header::HeaderValue;
use thiserror::Error;

/// Which pages of other sites may call and read the answers. None by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cors {
    /// The origins of those pages, compared as they are: no wildcard, no suffix.
    pub origins: Vec<Origin>,
    /// Whether browsers may send cookies and let pages read the answers to such requests. Calls
    /// with a token in `Authorization` do not need it.
    pub credentials: bool,
}

impl Cors {
    /// Returns whether there is anything to allow.
    pub(crate) fn is_on(&self) -> bool {
        !self.origins.is_empty()
    }

    /// Returns the configured origin that a request names, byte for byte.
    pub(crate) fn allows(&self, named: &HeaderValue) -> Option<&Origin> {
        self.origins
            .iter()
            .find(|origin| origin.0.as_bytes() == named.as_bytes())
    }
}

/// The origin of a page, as browsers write it: `https://app.example`, `http://localhost:3000`.
///
/// # Examples
/// ```
/// use http_bridge::Origin;
/// let origin: Origin = "https://App.example:443".parse().unwrap();
/// assert_eq!(origin.to_string(), "https://app.example");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(String);

/// Why a text is no origin.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is no origin: expected exactly one, such as `https://app.example`, without a path")]
pub struct OriginError(String);

impl Origin {
    pub(crate) fn to_header(&self) -> HeaderValue {
        HeaderValue::from_str(&self.0).expect("made of a scheme and an authority")
    }
}

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        let no_origin = || OriginError(text.to_owned());
        let uri: Uri = text.parse().map_err(|_| no_origin())?;
        let (scheme, authority) = uri.scheme().zip(uri.authority()).ok_or_else(no_origin)?;
        let default_port = match scheme.as_str() {
            "http" => ":80",
            "https" => ":443",
            _ => return Err(no_origin()),
        };
        let authority = authority.as_str().to_ascii_lowercase();
        let authority = authority.strip_suffix(default_port).unwrap_or(&authority);
        // A final slash reads like a path, and `*` or a user would never match what browsers send.
        let has_path = text.matches('/').count() > 2 || uri.query().is_some();
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
        match has_path || authority.is_empty() || !authority.bytes().all(is_plain) {
            true => Err(no_origin()),
            false => Ok(Self(format!("{scheme}://{authority}"))),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_kept_as_browsers_write_them() {
        for (text, origin) in [
            ("https://app.example", "https://app.example"),
            ("HTTPS://App.Example", "https://app.example"),
            ("https://app.example:443", "https://app.example"),
            ("https://app.example:8443", "https://app.example:8443"),
            ("http://app.example:443", "http://app.example:443"),
            ("http://localhost:3000", "http://localhost:3000"),
            ("http://127.0.0.1:80", "http://127.0.0.1"),
            ("http://[::1]:3000", "http://[::1]:3000"),
        ] {
            assert_eq!(
                text.parse::<Origin>().unwrap().to_string(),
                origin,
                "{text}"
            );
        }
    }

    #[test]
    fn what_no_browser_sends_is_no_origin() {
        for text in [
            "",
            "*",
            "null",
            "app.example",
            "https://",
            "https://*.example",
            "https://app.example/",
            "https://app.example/path",
            "https://app.example?x",
            "https://user@app.example",
            "https://app.example https://b.example",
            "https://bücher.example",
            "file:///x",
            "ftp://app.example",
        ] {
            assert!(text.parse::<Origin>().is_err(), "{text}");
        }
    }
}
