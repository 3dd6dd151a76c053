//! The files of a certificate.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, pem};

use super::{CertificateError, HTTP1, HTTP2, provider};
use crate::config::Tls;

/// When and how long the files are: what tells that they have changed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stamp([Option<(SystemTime, u64)>; 2]);

impl Stamp {
    pub(super) fn of(files: &Tls) -> Self {
        let look = |path: &Path| {
            let found = fs::metadata(path).ok()?;
            Some((found.modified().ok()?, found.len()))
        };
        Self([look(&files.certificate), look(&files.key)])
    }
}

/// Reads both files.
pub(super) fn load(files: &Tls) -> Result<ServerConfig, CertificateError> {
    let wrong = |file: &Path, reason: String| CertificateError {
        file: file.to_owned(),
        reason,
    };
    let in_certificate = |reason| wrong(&files.certificate, reason);
    let chain = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| in_certificate(words(&error)))?;
    if chain.is_empty() {
        let text = "expected a certificate in PEM, `-----BEGIN CERTIFICATE-----`";
        return Err(in_certificate(text.to_owned()));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| {
        let text = match error {
            pem::Error::NoItemsFound => {
                "expected a private key in PEM, without a password, `-----BEGIN PRIVATE KEY-----`"
                    .to_owned()
            }
            error => words(&error),
        };
        wrong(&files.key, text)
    })?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| in_certificate(error.to_string()))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| {
            let key = files.key.display();
            in_certificate(format!("it does not go with the key in {key}: {error}"))
        })?;
    config.alpn_protocols = vec![HTTP2.to_vec(), HTTP1.to_vec()];
    Ok(config)
}

fn words(error: &pem::Error) -> String {
    match error {
        pem::Error::Io(error) => error.to_string(),
        error => format!("it is not PEM as it should be: {error}"),
    }
}
