//! One method on one subject, with its metadata.

use std::future::Future;
use std::num::NonZero;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

use crate::bind::Parameter;
use crate::context::Context;
use crate::protocol::{DEFAULT_TIMEOUT, RpcError, WireReply};
use crate::route::HttpRoute;
use crate::schema::Signature;
use crate::service::{Origin, Service};

/// The generated future of one call: owns the message and the service, and decodes inside itself.
pub type HandlerFuture = Pin<Box<dyn Future<Output = Result<WireReply, RpcError>> + Send>>;

/// The generated function that makes the future of one call.
pub type Handler<S> = fn(Arc<S>, Arc<Context>, Bytes) -> HandlerFuture;

/// One method of a service.
pub struct Endpoint<S> {
    /// What callers and discovery may know of it.
    pub spec: EndpointSpec,
    /// Makes the future of one call.
    pub handler: Handler<S>,
}

/// What is known of a method before it runs.
#[derive(Clone, Copy, Debug)]
pub struct EndpointSpec {
    /// The last token of its subject: `hello`.
    pub name: &'static str,
    /// Its doc comment.
    pub doc: &'static str,
    /// Its parameters that come from the wire.
    pub parameters: &'static [Parameter],
    /// Describes its parameters and its result.
    pub signature: fn() -> Signature,
    /// Its options.
    pub options: Options,
}

impl EndpointSpec {
    /// Returns the JSON Schemas (2020-12) of the method: `{"params": …, "result": …}`, each complete in
    /// itself. Discovery shows them as `rpc.schema`.
    ///
    /// `params` describes the keyword form of a call. Its `x-positional` lists, in order, the
    /// parameters that may be given by position as well, and `x-args` is the schema of what `*args`
    /// collects. A type that does not implement `schemars::JsonSchema` is "any", `true`.
    pub fn schema(&self) -> Value {
        crate::schema::of_method(self)
    }
}

/// The options of a method, as `#[rpc(…)]` sets them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// The longest a call may take, counted from receipt; 30 s by default.
    pub timeout: Duration,
    /// How many calls run at once; 1,024 by default, and one a core where calls have threads.
    pub limit: usize,
    /// How many calls wait for a running one to end; 1,024 by default. One more is answered
    /// `resource_exhausted` at once.
    pub queue: usize,
    /// What the instance does besides when calls keep coming that it refuses.
    pub when_full: WhenFull,
    /// Whether each call runs on a thread of its own, where it may compute or block.
    pub blocking: bool,
    /// Never callable over HTTP.
    pub internal: bool,
    /// Changes nothing: HTTP may use GET.
    pub safe: bool,
    /// May be repeated: a second call changes nothing more.
    pub idempotent: bool,
    /// What callers must be allowed to do, all of it; none by default, and then anybody may call.
    pub scopes: &'static [&'static str],
    /// Where it answers over plain HTTP, besides `POST /<service>.<method>`; nowhere by default.
    pub http: &'static [HttpRoute],
}

/// What an instance does when every slot and every waiting place of a method is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// It refuses further calls, and nothing else.
    Busy,
    /// It refuses them as well, but when it stays full for 50 ms it leaves the queue group of the
    /// method until half of its waiting places are free. Meanwhile the server sends calls to other
    /// instances; when there are none, their callers learn at once that nobody listens.
    StepAside,
}

impl Options {
    /// The options of a method that sets none.
    pub const DEFAULT: Self = Self {
        timeout: DEFAULT_TIMEOUT,
        limit: 1024,
        queue: 1024,
        when_full: WhenFull::Busy,
        blocking: false,
        internal: false,
        safe: false,
        idempotent: false,
        scopes: &[],
        http: &[],
    };

    /// Returns the options of a method with threads of its own that sets no others: more calls at
    /// once than the machine has cores would only slow each other down.
    pub fn blocking() -> Self {
        Self {
            limit: std::thread::available_parallelism().map_or(1, NonZero::get),
            blocking: true,
            ..Self::DEFAULT
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl<S: Service> Endpoint<S> {
    /// Returns the subject: `[prefix.]service.method`.
    pub fn subject(&self) -> String {
        Origin::of::<S>().subject(self.spec.name)
    }
}
