//! A request on its way through layers, out of a client or into a service.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::context::{Context, after};
#[cfg(feature = "server")]
use crate::endpoint::EndpointSpec;
use crate::protocol::subject::names;
use crate::protocol::{Headers, headers};

/// One request, as the layers of either side see it.
///
/// Where it is served, it came with a [`Context`] for a method whose [`endpoint`](Self::endpoint) is
/// known. Where it is made, its headers may still be added to.
pub struct Request {
    payload: Bytes,
    way: Way,
}

/// Which way it goes.
enum Way {
    In {
        context: Arc<Context>,
        method: Arc<Served>,
    },
    Out(Box<Outgoing>),
}

/// The method that a request came for.
pub(crate) struct Served {
    pub(crate) subject: String,
    #[cfg(feature = "server")]
    pub(crate) spec: EndpointSpec,
}

/// A request that a client is about to send.
pub(crate) struct Outgoing {
    pub(crate) subject: String,
    /// Without the deadline, which layers may still shorten.
    pub(crate) headers: Headers,
    pub(crate) began: Instant,
    pub(crate) timeout: Duration,
    pub(crate) one_way: bool,
}

impl Request {
    /// Creates a request that has come in.
    pub(crate) fn incoming(method: Arc<Served>, context: Arc<Context>, payload: Bytes) -> Self {
        let way = Way::In { context, method };
        Self { payload, way }
    }

    /// Creates a request that is going out.
    pub(crate) fn outgoing(outgoing: Outgoing, payload: Bytes) -> Self {
        let way = Way::Out(Box::new(outgoing));
        Self { payload, way }
    }

    /// Returns the subject: `greeting_service.hello`.
    pub fn subject(&self) -> &str {
        match &self.way {
            Way::In { method, .. } => &method.subject,
            Way::Out(outgoing) => &outgoing.subject,
        }
    }

    /// Returns the service's part of the subject: `greeting_service`, or `v2.greeting_service`
    /// where there is a prefix.
    pub fn service(&self) -> &str {
        names(self.subject()).map_or("", |names| names.path)
    }

    /// Returns the last token of the subject: `hello`.
    pub fn method(&self) -> &str {
        names(self.subject()).map_or("", |names| names.method)
    }

    /// Returns the headers: of a request that came in, all of them; of one that goes out, those that
    /// it has so far.
    pub fn headers(&self) -> &Headers {
        match &self.way {
            Way::In { context, .. } => context.headers(),
            Way::Out(outgoing) => &outgoing.headers,
        }
    }

    /// Returns the headers to add to; `None` for a request that came in, which stays what its caller
    /// sent.
    pub fn headers_mut(&mut self) -> Option<&mut Headers> {
        match &mut self.way {
            Way::In { .. } => None,
            Way::Out(outgoing) => Some(&mut outgoing.headers),
        }
    }

    /// Returns the undecoded payload, `[args, kwargs]`.
    pub fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// Returns when the call must have ended.
    pub fn deadline(&self) -> Instant {
        match &self.way {
            Way::In { context, .. } => context.deadline(),
            Way::Out(outgoing) => after(outgoing.began, outgoing.timeout),
        }
    }

    /// Returns how much of the deadline is left.
    pub fn time_left(&self) -> Duration {
        self.deadline().saturating_duration_since(Instant::now())
    }

    /// Returns whether nobody waits for a reply.
    pub fn is_one_way(&self) -> bool {
        match &self.way {
            Way::In { context, .. } => context.is_one_way(),
            Way::Out(outgoing) => outgoing.one_way,
        }
    }

    /// Returns the id that names the call in logs; `None` for a request that goes out without one,
    /// because it is made in no other call.
    pub fn request_id(&self) -> Option<&str> {
        match &self.way {
            Way::In { context, .. } => Some(context.request_id()),
            Way::Out(outgoing) => outgoing.headers.get(headers::REQUEST_ID),
        }
    }

    /// Returns the context that the method will get; `None` for a request that goes out.
    pub fn context(&self) -> Option<&Context> {
        match &self.way {
            Way::In { context, .. } => Some(context),
            Way::Out(_) => None,
        }
    }

    /// Returns what is known of the method, its options among it; `None` for a request that goes
    /// out.
    #[cfg(feature = "server")]
    pub fn endpoint(&self) -> Option<&EndpointSpec> {
        match &self.way {
            Way::In { method, .. } => Some(&method.spec),
            Way::Out(_) => None,
        }
    }

    /// Lets a request that goes out end `limit` from now, if that is earlier: its service learns it.
    /// The deadline of one that came in is known to its method already.
    pub(super) fn shorten(&mut self, limit: Duration) {
        if let Way::Out(outgoing) = &mut self.way {
            let total = outgoing.began.elapsed().saturating_add(limit);
            outgoing.timeout = outgoing.timeout.min(total);
        }
    }

    /// Returns what a method is called with; `None` for a request that goes out.
    pub(crate) fn into_incoming(self) -> Option<(Arc<Context>, Bytes)> {
        match self.way {
            Way::In { context, .. } => Some((context, self.payload)),
            Way::Out(_) => None,
        }
    }

    /// Returns what is sent; `None` for a request that came in.
    pub(crate) fn into_outgoing(self) -> Option<(Outgoing, Bytes)> {
        match self.way {
            Way::In { .. } => None,
            Way::Out(outgoing) => Some((*outgoing, self.payload)),
        }
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Neither arguments nor headers: both may be secret.
        f.debug_struct("Request")
            .field("subject", &self.subject())
            .field("payload", &self.payload.len())
            .field("time_left", &self.time_left())
            .finish_non_exhaustive()
    }
}
