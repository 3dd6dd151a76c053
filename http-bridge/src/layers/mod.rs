//! What every request passes; `stack.rs` says in which order and why.

pub(crate) mod access_log;
pub(crate) mod client_address;
pub(crate) mod compression;
pub(crate) mod cors;
pub(crate) mod etag;
pub(crate) mod framing;
pub(crate) mod host;
pub(crate) mod rate_limit;
pub(crate) mod request_id;
pub(crate) mod size;
