//! Requests, and services that answer them as a test wants.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{LayerError, Outgoing, Request, RpcService, Served};
use crate::context::Context;
use crate::endpoint::{EndpointSpec, Options};
use crate::protocol::{Headers, WireReply};

/// Answers by a function.
pub(super) struct Stub<F>(pub(super) F);

impl<F, A, E> RpcService for Stub<F>
where
    F: Fn() -> A + Send + Sync + 'static,
    A: Future<Output = Result<(), E>> + Send,
    E: LayerError,
{
    type Error = E;

    async fn call(&self, _: Request) -> Result<WireReply, E> {
        (self.0)().await.map(|()| WireReply::success("[[], {}]"))
    }
}

/// Returns a request that goes out.
pub(super) fn outgoing(subject: &str) -> Request {
    let outgoing = Outgoing {
        subject: subject.to_owned(),
        headers: Headers::new(),
        began: Instant::now(),
        timeout: Duration::from_secs(30),
        one_way: false,
    };
    Request::outgoing(outgoing, Bytes::new())
}

/// Returns a request that has come in.
pub(super) fn incoming(subject: &str, headers: Headers) -> Request {
    let timeout = Duration::from_secs(30);
    let context = Context::new(headers, Instant::now(), timeout, None);
    let spec = EndpointSpec {
        name: "",
        doc: "",
        parameters: &[],
        signature: || unreachable!("no layer asks for it"),
        options: Options::DEFAULT,
    };
    let subject = subject.to_owned();
    let served = Arc::new(Served { subject, spec });
    Request::incoming(served, Arc::new(context), Bytes::new())
}
