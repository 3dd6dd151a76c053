//! The certificate of the bridge.

use std::path::PathBuf;

/// Makes the bridge speak TLS (1.2 and 1.3), and nothing else, on its port.
///
/// Both files are PEM. They are watched: a new certificate serves new connections, and those that
/// are open go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The certificate, followed by those that lead from it to an authority.
    pub certificate: PathBuf,
    /// Its private key (PKCS#8, PKCS#1 or SEC 1).
    pub key: PathBuf,
}
