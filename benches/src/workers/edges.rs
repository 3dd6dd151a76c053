//! The HTTP servers: our bridge, and a hyper handler as one writes it by hand.

use std::net::{Ipv4Addr, SocketAddr};

use async_nats::Client;
use bytes::Bytes;
use clap::ValueEnum;
use http_body_util::{BodyExt as _, Full};
use http_bridge::Bridge;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use super::{Failure, control};

/// What stands between HTTP and NATS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Edge {
    /// A handler around `Client::request`: no check, no limit, no deadline, no drain.
    Hyper,
    /// http-bridge with its defaults.
    Bridge,
}

impl Edge {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Hyper => "hyper",
            Self::Bridge => "bridge",
        }
    }
}

/// Serves until the process ends.
pub(crate) async fn serve(edge: Edge, nats: &str) -> Result<(), Failure> {
    let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    match edge {
        Edge::Hyper => serve_hyper(any_port, nats).await,
        Edge::Bridge => {
            let config = http_bridge::Config {
                listen: any_port,
                ..http_bridge::Config::default()
            };
            let client = rpc_core::Client::connect(rpc_core::Config::new(nats)).await?;
            let bridge = Bridge::bind(config, client)?;
            control::ready_until_told(&bridge.local_addr().to_string());
            bridge.serve(std::future::pending()).await;
            Ok(())
        }
    }
}

async fn serve_hyper(address: SocketAddr, nats: &str) -> Result<(), Failure> {
    let client = async_nats::connect(nats).await?;
    let listener = TcpListener::bind(address).await?;
    control::ready_until_told(&listener.local_addr()?.to_string());
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let client = client.clone();
        let service = service_fn(move |request| forward(client.clone(), request));
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        tokio::spawn(connection);
    }
}

async fn forward(
    client: Client,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let subject = request.uri().path().trim_start_matches('/').to_owned();
    let body = request.into_body().collect().await?.to_bytes();
    let mut response = match client.request(subject, body).await {
        Ok(reply) => Response::new(Full::new(reply.payload)),
        Err(error) => {
            let mut response = Response::new(Full::new(error.to_string().into()));
            *response.status_mut() = StatusCode::BAD_GATEWAY;
            response
        }
    };
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    Ok(response)
}
