//! `INFO {…}`: what servers send; from a client it changes nothing.

use std::collections::HashMap;

use serde::de::IgnoredAny;

use crate::protocol::Closing;

/// Checks that the argument is an object, which is all a server asks of it.
///
/// # Errors
/// Ends the connection silently when it is not.
pub(crate) fn check_info(json: &[u8]) -> Result<(), Closing> {
    serde_json::from_slice::<Option<HashMap<String, IgnoredAny>>>(json)
        .map(drop)
        .map_err(|_| Closing::Silent("INFO without an object"))
}
