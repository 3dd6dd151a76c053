//! TLS: what is spoken on it, how certificates change, and who does not finish a handshake.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use http_bridge::{BindError, Bridge, Config, Limits, Tls};
use hyper::Request;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rpc_core::Client;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::program::{program, ready};
use crate::support::files::File;
use crate::support::raw::Connection;
use crate::support::tokens::{AUDIENCE, ISSUER, Issuer};
use crate::support::{SOON, Setup, broker, post, service};

/// A certificate of its own authority.
struct Certificate {
    der: CertificateDer<'static>,
    pem: String,
    key: String,
}

impl Certificate {
    fn new() -> Self {
        let names = vec!["localhost".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        Self {
            der: made.cert.der().clone(),
            pem: made.cert.pem(),
            key: made.signing_key.serialize_pem(),
        }
    }

    fn config(&self, protocols: &[&str]) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.der.clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let mut config = builder
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols
            .iter()
            .map(|name| name.as_bytes().to_vec())
            .collect();
        config
    }
}

/// A bridge with a certificate, and its files.
struct Secured {
    setup: Setup,
    certificate: File,
    key: File,
}

async fn secured(certificate: &Certificate, limits: Limits) -> Secured {
    let files = [&certificate.pem, &certificate.key].map(|pem| File::new("tls.pem", pem));
    let [certificate, key] = files;
    let setup = Setup::with(Config {
        tls: Some(Tls {
            certificate: certificate.path().into(),
            key: key.path().into(),
        }),
        limits,
        ..Config::default()
    })
    .await;
    Secured {
        setup,
        certificate,
        key,
    }
}

async fn connect(setup: &Setup, config: ClientConfig) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(setup.address).await?;
    let connector = TlsConnector::from(Arc::new(config));
    let connected = connector.connect("localhost".try_into().unwrap(), stream);
    timeout(SOON, connected).await.expect("the handshake ends")
}

/// Makes a call on a connection that ends with it.
async fn call(setup: &Setup, stream: &mut TlsStream<TcpStream>) -> String {
    let request = setup.post("hello", "Connection: close\r\n", "[[\"Bob\"]]");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    timeout(SOON, stream.read_to_string(&mut answer))
        .await
        .unwrap()
        .unwrap();
    answer
}

#[tokio::test]
async fn calls_are_answered_in_http_1_over_tls_1_2_and_1_3() {
    let certificate = Certificate::new();
    let secured = secured(&certificate, Limits::default()).await;
    for (version, alpn) in [
        (&rustls::version::TLS13, &["http/1.1"][..]),
        (&rustls::version::TLS12, &["h3", "http/1.1"]),
        (&rustls::version::TLS13, &[]),
    ] {
        let mut roots = RootCertStore::empty();
        roots.add(certificate.der.clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let mut config = builder
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        let mut stream = connect(&secured.setup, config).await.unwrap();
        let answer = call(&secured.setup, &mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert!(answer.ends_with(r#"[["Hello, Bob"], {}]"#), "{answer}");
    }
}

#[tokio::test]
async fn http_2_is_chosen_when_the_client_offers_it() {
    let certificate = Certificate::new();
    let secured = secured(&certificate, Limits::default()).await;
    let config = certificate.config(&["h2", "http/1.1"]);
    let stream = connect(&secured.setup, config).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let io = TokioIo::new(stream);
    let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io)
        .await
        .unwrap();
    tokio::spawn(connection);
    for _ in 0..3 {
        let request = Request::post(format!("https://localhost{}", secured.setup.path("hello")))
            .body(Full::<Bytes>::from("[[\"Bob\"]]"))
            .unwrap();
        let response = sender.send_request(request).await.unwrap();
        assert_eq!(response.status(), 200);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, r#"[["Hello, Bob"], {}]"#);
    }
    // Nothing in common is no handshake.
    let error = connect(&secured.setup, certificate.config(&["h3"]))
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("NoApplicationProtocol"),
        "{error}"
    );
}

#[tokio::test]
async fn a_new_certificate_serves_new_connections_and_old_ones_go_on() {
    let (old, new) = (Certificate::new(), Certificate::new());
    let secured = secured(&old, Limits::default()).await;
    let setup = &secured.setup;
    let mut open = connect(setup, old.config(&["http/1.1"])).await.unwrap();

    // Half of it does not fit together: the old one stays.
    secured.certificate.write(&new.pem);
    sleep(Duration::from_millis(1_500)).await;
    assert!(connect(setup, old.config(&[])).await.is_ok());
    secured.key.write(&new.key);
    timeout(SOON, async {
        while connect(setup, new.config(&[])).await.is_err() {
            sleep(Duration::from_millis(100)).await;
        }
    })
    .await
    .expect("the new certificate is taken");
    assert!(connect(setup, old.config(&[])).await.is_err());
    assert!(call(setup, &mut open).await.starts_with("HTTP/1.1 200 "));

    // What cannot be read changes nothing.
    secured.certificate.write("nonsense");
    sleep(Duration::from_millis(1_500)).await;
    assert!(connect(setup, new.config(&[])).await.is_ok());
}

#[tokio::test]
async fn half_open_handshakes_end_in_time_and_keep_nobody_out() {
    let certificate = Certificate::new();
    let header_time = Duration::from_secs(2);
    let limits = Limits {
        header_time,
        ..Limits::default()
    };
    let mut secured = secured(&certificate, limits).await;
    let mut half_open = Vec::new();
    for number in 0..200 {
        let mut connection = Connection::open(secured.setup.address).await;
        // Silent ones, and the first bytes of a hello that never ends.
        if number % 2 == 0 {
            connection.send(b"\x16\x03\x01\x02\x00\x01\x00").await;
        }
        half_open.push(connection);
    }
    let began = std::time::Instant::now();
    let mut stream = connect(&secured.setup, certificate.config(&[]))
        .await
        .unwrap();
    let answer = call(&secured.setup, &mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(began.elapsed() < header_time, "{:?}", began.elapsed());
    for connection in &mut half_open {
        connection.rest().await;
    }
    // A drain waits for no handshake.
    let _silent = Connection::open(secured.setup.address).await;
    secured.setup.stop();
    secured.setup.stopped().await;
}

#[tokio::test]
async fn what_is_not_tls_gets_no_answer() {
    let certificate = Certificate::new();
    let secured = secured(&certificate, Limits::default()).await;
    for bytes in [
        "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let mut connection = Connection::open(secured.setup.address).await;
        connection.send(bytes).await;
        let rest = connection.rest().await;
        assert!(!String::from_utf8_lossy(&rest).contains("HTTP"), "{rest:?}");
    }
    let mut stream = connect(&secured.setup, certificate.config(&[]))
        .await
        .unwrap();
    assert!(
        call(&secured.setup, &mut stream)
            .await
            .starts_with("HTTP/1.1 200 ")
    );
}

#[tokio::test]
async fn files_that_cannot_be_used_are_named() {
    let (one, other) = (Certificate::new(), Certificate::new());
    let encrypted =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let setup = Setup::without_bridge().await;
    for (certificate, key, is_key, words) in [
        ("", &*one.key, false, "BEGIN CERTIFICATE"),
        (&*one.key, &one.key, false, "BEGIN CERTIFICATE"),
        (
            "-----BEGIN CERTIFICATE-----\n???\n-----END CERTIFICATE-----\n",
            &one.key,
            false,
            "PEM",
        ),
        (&one.pem, "", true, "BEGIN PRIVATE KEY"),
        (&one.pem, &one.pem, true, "BEGIN PRIVATE KEY"),
        (&one.pem, encrypted, true, "without a password"),
        (&one.pem, &other.key, false, "does not go with the key"),
    ] {
        let files = [certificate, key].map(|pem| File::new("tls.pem", pem));
        let tls = Tls {
            certificate: files[0].path().into(),
            key: files[1].path().into(),
        };
        let config = Config {
            tls: Some(tls),
            listen: "127.0.0.1:0".parse().unwrap(),
            ..Config::default()
        };
        let said = config.check().unwrap_err().to_string();
        let named = files[usize::from(is_key)].name();
        assert!(said.contains(named) && said.contains(words), "{said}");
        let nats = rpc_core::Config::new(&setup.nats_url);
        let bound = Bridge::bind(config, Client::connect(nats).await.unwrap());
        assert!(matches!(bound, Err(BindError::Config { .. })));
    }
    let tls = Tls {
        certificate: "/no/such/file".into(),
        key: "/no/such/file".into(),
    };
    let config = Config {
        tls: Some(tls),
        ..Config::default()
    };
    let said = config.check().unwrap_err().to_string();
    assert!(
        said.contains("/no/such/file") && said.contains("No such file"),
        "{said}"
    );
}

/// Serves keys over HTTPS.
async fn serve_keys(certificate: &Certificate, body: String) -> u16 {
    let key = PrivateKeyDer::from_pem_slice(certificate.key.as_bytes()).unwrap();
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = builder
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der.clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            // Whoever does not trust the certificate leaves in the middle of this.
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                stream.read_buf(&mut request).await.unwrap();
            }
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            let answer = head + &body;
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.flush().await.unwrap();
        }
    });
    port
}

#[tokio::test]
async fn keys_for_tokens_come_over_tls_from_whom_the_machine_trusts() {
    let (_broker, url) = broker();
    let service = service::Service::start(&url).await;
    let (issuer, certificate) = (Issuer::new(), Certificate::new());
    let port = serve_keys(&certificate, issuer.jwks().to_string()).await;
    let keys = format!("https://localhost:{port}/keys");
    let arguments = [
        "--listen",
        "127.0.0.1:0",
        "--nats-url",
        &url,
        "--jwt-keys",
        &keys,
        "--jwt-issuer",
        ISSUER,
        "--jwt-audience",
        AUDIENCE,
    ];
    let trusted = [(&certificate, 200), (&Certificate::new(), 503)];
    for (authority, status) in trusted {
        let authorities = File::new("authorities.pem", &authority.pem);
        let mut command = program(&arguments);
        command.env("SSL_CERT_FILE", authorities.path());
        let mut child = command.spawn().unwrap();
        let mut connection = Connection::open(ready(&mut child).await).await;
        let token = format!("Authorization: Bearer {}\r\n", issuer.good("bob", ""));
        let path = format!("/{}.hello", service.name);
        let answer = connection.exchange(post(&path, &token, "[]")).await;
        assert_eq!(answer.status, status, "{answer:?}");
    }
}
