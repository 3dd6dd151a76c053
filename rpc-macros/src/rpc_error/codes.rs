//! The codes of the wire contract and their statuses.
//!
//! A copy of the library's table, which a macro cannot see: the library depends on this crate. A
//! test of the library compares the two.

/// The code of failures that callers read nothing about.
pub(crate) const OPAQUE: &str = "internal";

/// Every code, and its status.
pub(crate) const CODES: [(&str, u16); 20] = [
    ("malformed_json", 400),
    ("bad_envelope", 400),
    ("unauthenticated", 401),
    ("permission_denied", 403),
    ("not_found", 404),
    ("already_exists", 409),
    ("aborted", 409),
    ("failed_precondition", 412),
    ("payload_too_large", 413),
    ("invalid_argument", 422),
    ("out_of_range", 422),
    ("resource_exhausted", 429),
    ("cancelled", 499),
    (OPAQUE, 500),
    ("unknown", 500),
    ("data_loss", 500),
    ("unimplemented", 501),
    ("bad_reply", 502),
    ("unavailable", 503),
    ("deadline_exceeded", 504),
];

/// Returns the status of a code, when the contract knows it.
pub(crate) fn status(code: &str) -> Option<u16> {
    let mut codes = CODES.into_iter();
    codes.find(|(known, _)| *known == code).map(|(_, it)| it)
}
