//! Gets a small document over HTTP or HTTPS: no redirects, no cookies, and not for long.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1;
use hyper::{Request, StatusCode, Uri, header};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::tls;

const PATIENCE: Duration = Duration::from_secs(5);
const MOST_BYTES: usize = 256 * 1024;

/// Says what is wrong with an address, if anything is.
pub(super) fn check(url: &str) -> Result<(), String> {
    target(url).map(|_| ())
}

/// Returns the body of a successful answer.
pub(super) async fn get(url: &str) -> Result<Bytes, String> {
    let target = target(url)?;
    let answer = tokio::time::timeout(PATIENCE, exchange(target));
    answer
        .await
        .map_err(|_| format!("no answer within {PATIENCE:?}"))?
}

struct Target {
    uri: Uri,
    host: String,
    port: u16,
    is_secure: bool,
}

fn target(url: &str) -> Result<Target, String> {
    let uri: Uri = url.parse().map_err(|error| format!("{error}"))?;
    let (is_secure, port) = match uri.scheme_str() {
        Some("https") => (true, 443),
        Some("http") => (false, 80),
        _ => return Err("expected an address with http or https".to_owned()),
    };
    let host = uri.host().filter(|host| !host.is_empty());
    let host = host.ok_or("expected an address with a host")?.to_owned();
    let port = uri.port_u16().unwrap_or(port);
    Ok(Target {
        uri,
        host,
        port,
        is_secure,
    })
}

async fn exchange(target: Target) -> Result<Bytes, String> {
    let host = target.host.trim_matches(['[', ']']);
    let stream = TcpStream::connect((host, target.port)).await;
    let stream = stream.map_err(|error| error.to_string())?;
    if !target.is_secure {
        return request(stream, &target.uri).await;
    }
    let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
    let connector = TlsConnector::from(Arc::new(client_config()?));
    let stream = connector.connect(name, stream).await;
    request(stream.map_err(|error| error.to_string())?, &target.uri).await
}

async fn request<S>(stream: S, uri: &Uri) -> Result<Bytes, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let said = |error: hyper::Error| error.to_string();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(said)?;
    let request = Request::get(uri.path_and_query().map_or("/", |target| target.as_str()))
        .header(
            header::HOST,
            uri.authority().map_or("", |host| host.as_str()),
        )
        .header(header::ACCEPT, "application/json")
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(|error| error.to_string())?;
    let answer = async {
        let response = sender.send_request(request).await.map_err(said)?;
        if response.status() != StatusCode::OK {
            return Err(format!("the answer is {}", response.status()));
        }
        let body = Limited::new(response.into_body(), MOST_BYTES)
            .collect()
            .await;
        Ok(body.map_err(|error| error.to_string())?.to_bytes())
    };
    // The connection moves only while it is polled, and ends with the answer.
    let mut connection = std::pin::pin!(connection);
    let mut answer = std::pin::pin!(answer);
    tokio::select! {
        biased;
        answer = &mut answer => answer,
        ended = &mut connection => match ended {
            Ok(()) => answer.await,
            Err(error) => Err(error.to_string()),
        },
    }
}

/// Trusts whom the machine trusts.
fn client_config() -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        return Err("this machine has no certificates of authorities".to_owned());
    }
    let config = ClientConfig::builder_with_provider(tls::provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
