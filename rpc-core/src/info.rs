//! What instances say of themselves, as far as others read it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Where instances say that they start and stop; a hint to read `$SRV.INFO` again.
pub(crate) const ANNOUNCE: &str = "_RPC.announce";

/// What a method may be told apart by in `rpc.flags`.
pub(crate) const INTERNAL: &str = "internal";
pub(crate) const SAFE: &str = "safe";
pub(crate) const IDEMPOTENT: &str = "idempotent";
/// The metadata key of a method's flags.
pub(crate) const FLAGS: &str = "rpc.flags";
/// The metadata key of the scopes that a method asks for; not there where it asks for none.
pub(crate) const SCOPES: &str = "rpc.scopes";

/// An ADR-32 INFO reply, as far as the library reads it.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Info {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) endpoints: Vec<EndpointInfo>,
}

/// One endpoint of an INFO reply.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct EndpointInfo {
    pub(crate) name: String,
    pub(crate) subject: String,
    #[serde(default)]
    pub(crate) queue_group: String,
    /// Absent or null in services that were built without this library.
    #[serde(default)]
    pub(crate) metadata: Option<BTreeMap<String, String>>,
}
