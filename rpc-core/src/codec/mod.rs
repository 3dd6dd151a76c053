//! Codecs: how `[args, kwargs]` is written. One file each, and a row in [`by_content_type`].

pub(crate) mod json;

use crate::protocol::{Code, RpcError};

/// A codec of the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Codec {
    /// `application/json`, which an absent `Content-Type` means too.
    #[default]
    Json,
}

/// Returns the codec that a `Content-Type` header names; parameters (`; charset=utf-8`) are ignored.
///
/// # Errors
/// [`Code::BadEnvelope`] when this library does not speak it.
pub(crate) fn by_content_type(content_type: Option<&str>) -> Result<Codec, RpcError> {
    let media_type = content_type.map(|value| value.split(';').next().unwrap_or_default().trim());
    match media_type {
        None => Ok(Codec::Json),
        Some(name) if name.eq_ignore_ascii_case("application/json") => Ok(Codec::Json),
        Some(other) => Err(RpcError::new(
            Code::BadEnvelope,
            format!("content type `{other}` is not spoken here, expected `application/json`"),
        )),
    }
}
