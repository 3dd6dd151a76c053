//! TLS: the certificate, watched for changes, and the handshakes under way.

mod certificate;
mod handshakes;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::time::{interval, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::server::TlsStream;

use crate::config::Tls;
use crate::socket::Protocol;
use certificate::Stamp;
use handshakes::Handshakes;

/// How often the files are looked at: two calls of the system, and no byte read.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How many handshakes may be under way; one more ends the one that has taken longest.
const MOST_HANDSHAKES: usize = 1_024;

const HTTP2: &[u8] = b"h2";
const HTTP1: &[u8] = b"http/1.1";

/// Why a certificate cannot be used.
#[derive(Debug, Error)]
#[error("{}: {reason}", .file.display())]
pub(crate) struct CertificateError {
    pub(crate) file: PathBuf,
    pub(crate) reason: String,
}

/// What makes TLS of connections.
#[derive(Debug)]
pub(crate) struct Acceptor {
    files: Tls,
    current: ArcSwap<ServerConfig>,
    handshakes: Handshakes,
    patience: Duration,
}

impl Acceptor {
    /// Reads the certificate; a handshake may take `patience`.
    pub(crate) fn new(files: Tls, patience: Duration) -> Result<Self, CertificateError> {
        let current = certificate::load(&files)?;
        Ok(Self {
            current: ArcSwap::from_pointee(current),
            handshakes: Handshakes::new(MOST_HANDSHAKES),
            files,
            patience,
        })
    }

    /// Makes TLS of a connection, and tells what will be spoken on it.
    pub(crate) async fn accept(
        &self,
        stream: TcpStream,
    ) -> io::Result<(TlsStream<TcpStream>, Protocol)> {
        let turn = self.handshakes.begin();
        let acceptor = TlsAcceptor::from(self.current.load_full());
        let handshake = timeout(self.patience, acceptor.accept(stream));
        let stream = tokio::select! {
            biased;
            done = handshake => done.map_err(|_| io::ErrorKind::TimedOut)??,
            () = turn.over() => return Err(io::ErrorKind::ConnectionAborted.into()),
        };
        let protocol = match stream.get_ref().1.alpn_protocol() {
            Some(HTTP2) => Protocol::Http2,
            _ => Protocol::Http1,
        };
        Ok((stream, protocol))
    }

    /// Takes a new certificate whenever the files hold one; never ends.
    ///
    /// The two files change one after the other. What does not fit together is not taken, and
    /// looked at again once one of them changes again.
    pub(crate) async fn watch(&self) {
        let mut seen = Stamp::of(&self.files);
        let mut looks = interval(LOOK_EVERY);
        loop {
            looks.tick().await;
            let stamp = Stamp::of(&self.files);
            if stamp == seen {
                continue;
            }
            seen = stamp;
            match certificate::load(&self.files) {
                Ok(config) => {
                    self.current.store(Arc::new(config));
                    tracing::info!("new connections get the new certificate");
                }
                Err(error) => tracing::warn!("the certificate at hand stays in use: {error}"),
            }
        }
    }
}

/// Returns the one provider of cryptography, which nobody has to install.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
