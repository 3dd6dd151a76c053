//! One line a request.
//!
//! Failures of ours (500 and up) are warnings; everything else is at debug, because at 100,000
//! calls a second a line each would cost more than the calls. `RUST_LOG=http_bridge::access=debug`
//! shows them all. Never in it: bodies, queries, paths that a client made up.

use std::net::IpAddr;
use std::sync::Arc;

use hyper::Method;
use rpc_core::Method as RpcMethod;
use tokio::time::Instant;

use crate::layers::request_id::RequestId;
use crate::metrics::{self, Labels, Measured};

/// The target of the lines, for filters.
pub(crate) const TARGET: &str = "http_bridge::access";

/// What nginx logs when the client went away before it was answered.
const CLIENT_CLOSED: u16 = 499;

/// The line of one request, written when that ends, however it ends.
#[derive(Debug)]
pub(crate) struct AccessLog {
    method: Method,
    route: &'static str,
    /// The path of a method's own route as its service writes it, once that is known.
    pub(crate) template: Option<Arc<str>>,
    client: IpAddr,
    /// The service's method, once discovery knows it.
    pub(crate) rpc: Option<Arc<RpcMethod>>,
    /// The same for `/metrics`, where that is on.
    pub(crate) measured: Option<Measured>,
    started: Instant,
    id: RequestId,
    status: Option<u16>,
    code: Option<String>,
}

impl AccessLog {
    /// Begins the line of a request.
    pub(crate) fn new(method: Method, route: &'static str, client: IpAddr, id: RequestId) -> Self {
        Self {
            method,
            route,
            template: None,
            client,
            rpc: None,
            measured: None,
            started: Instant::now(),
            id,
            status: None,
            code: None,
        }
    }

    /// Returns where the request comes from.
    pub(crate) fn client(&self) -> IpAddr {
        self.client
    }

    /// Returns when the request's head was complete.
    pub(crate) fn started(&self) -> Instant {
        self.started
    }

    /// Notes an answer.
    pub(crate) fn answered(&mut self, status: u16) {
        self.status = Some(status);
    }

    /// Notes a failure, with the id under which services log it.
    pub(crate) fn failed(&mut self, code: &str, id: &RequestId) {
        self.code = Some(code.to_owned());
        self.id = id.clone();
    }
}

impl Drop for AccessLog {
    fn drop(&mut self) {
        let status = self.status.unwrap_or(CLIENT_CLOSED);
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    target: TARGET,
                    method = %self.method,
                    route = self.template.as_deref().unwrap_or(self.route),
                    client = %self.client,
                    rpc = self.rpc.as_ref().map(|rpc| rpc.subject.as_str()),
                    status,
                    code = self.code.as_deref(),
                    duration_us = self.started.elapsed().as_micros() as u64,
                    request_id = self.id.as_str(),
                )
            };
        }
        if let Some(measured) = self.measured.take() {
            let labels = Labels {
                method: metrics::method_name(&self.method),
                route: self.route,
                template: self.template.clone(),
                rpc: self.rpc.clone(),
                status,
            };
            measured.end(labels, self.started.elapsed());
        }
        if status >= 500 {
            line!(warn);
        } else {
            line!(debug);
        }
    }
}
