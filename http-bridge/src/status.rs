//! Failures that exist in HTTP only; all others carry the code and number of `rpc_core::Code`.

use hyper::StatusCode;

/// Why a request was refused before it could become a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It is not HTTP as it should be: unreadable, no host, two lengths.
    BadRequest,
    /// The path exists, and not with this method.
    MethodNotAllowed,
    /// Headers or body did not arrive in time.
    RequestTimeout,
    /// Path and query are longer than the limit.
    UriTooLong,
    /// The body is not of a type the bridge takes.
    UnsupportedMediaType,
    /// The request is meant for another host.
    MisdirectedRequest,
    /// There are more headers, or larger ones, than the limits allow.
    HeadersTooLarge,
}

impl Refusal {
    /// Returns the `code` of the error's body.
    pub(crate) const fn code(self) -> &'static str {
        self.row().0
    }

    /// Returns the status of the answer.
    pub(crate) const fn status(self) -> StatusCode {
        self.row().1
    }

    const fn row(self) -> (&'static str, StatusCode) {
        match self {
            Self::BadRequest => ("bad_request", StatusCode::BAD_REQUEST),
            Self::MethodNotAllowed => ("method_not_allowed", StatusCode::METHOD_NOT_ALLOWED),
            Self::RequestTimeout => ("request_timeout", StatusCode::REQUEST_TIMEOUT),
            Self::UriTooLong => ("uri_too_long", StatusCode::URI_TOO_LONG),
            Self::UnsupportedMediaType => {
                ("unsupported_media_type", StatusCode::UNSUPPORTED_MEDIA_TYPE)
            }
            Self::MisdirectedRequest => ("misdirected_request", StatusCode::MISDIRECTED_REQUEST),
            Self::HeadersTooLarge => (
                "headers_too_large",
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            ),
        }
    }
}
