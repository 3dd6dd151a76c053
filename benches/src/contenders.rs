//! The contenders: who calls whom, and on which runtime.
//!
//! All call the same subject with the same bytes, in the same queue group, and get the same bytes
//! back. Ours encodes, checks, binds and decodes them; the raw ones take them as they are.

use crate::workers::Flavor;
use crate::workers::clients::Caller;
use crate::workers::edges::Edge;
use crate::workers::services::Responder;

/// The subject of every call.
pub(crate) const SUBJECT: &str = "greeting_service.hello";
/// What is sent: 32 bytes.
pub(crate) const REQUEST: &[u8] = br#"[["Bob"], {"last_name": "Ross"}]"#;
/// What comes back.
pub(crate) const REPLY: &[u8] = br#"[["Hello, Bob Ross"], {}]"#;

/// A combination of programs that is measured.
#[derive(Debug)]
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) group: Group,
    pub(crate) service: (Responder, Flavor),
    pub(crate) edge: Option<Edge>,
    pub(crate) client: (Caller, Flavor),
    /// Whether it runs only when asked for.
    pub(crate) optional: bool,
}

/// Contenders that can be compared with each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    /// Over NATS.
    Nats,
    /// Over HTTP, then NATS.
    Http,
}

impl Group {
    /// Returns whom the others are compared with: the first of the group.
    pub(crate) fn yardstick(self) -> &'static Contender {
        match self {
            Self::Nats => &ALL[0],
            Self::Http => &ALL[HTTP],
        }
    }

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Nats => "NATS, client to service",
            Self::Http => "HTTP, load generator to bridge to service",
        }
    }
}

/// Where the contenders over HTTP begin.
const HTTP: usize = 7;

/// Every contender, in the order in which they take turns.
pub(crate) const ALL: &[Contender] = &[
    Contender {
        name: "raw",
        about: "async-nats: `Client::request`, inline responder, current-thread; the yardstick",
        group: Group::Nats,
        service: (Responder::Inline, Flavor::CurrentThread),
        edge: None,
        client: (Caller::Raw, Flavor::CurrentThread),
        optional: false,
    },
    Contender {
        name: "raw-mt",
        about: "the same on the stock multi-thread runtime",
        group: Group::Nats,
        service: (Responder::Inline, Flavor::MultiThread),
        edge: None,
        client: (Caller::Raw, Flavor::MultiThread),
        optional: false,
    },
    Contender {
        name: "usual-mt",
        about: "the usual code: `Client::request`, a task per message, stock multi-thread runtime",
        group: Group::Nats,
        service: (Responder::Spawning, Flavor::MultiThread),
        edge: None,
        client: (Caller::Raw, Flavor::MultiThread),
        optional: false,
    },
    Contender {
        name: "rpc",
        about: "ours: `client.call(…)` to a `Runner`, current-thread",
        group: Group::Nats,
        service: (Responder::Rpc, Flavor::CurrentThread),
        edge: None,
        client: (Caller::Typed, Flavor::CurrentThread),
        optional: false,
    },
    Contender {
        name: "rpc-mt",
        about: "the same on the stock multi-thread runtime",
        group: Group::Nats,
        service: (Responder::Rpc, Flavor::MultiThread),
        edge: None,
        client: (Caller::Typed, Flavor::MultiThread),
        optional: false,
    },
    Contender {
        name: "rpc-bytes-mt",
        about: "rpc-mt with undecoded bytes on the client's side: `client.request(…)`",
        group: Group::Nats,
        service: (Responder::Rpc, Flavor::MultiThread),
        edge: None,
        client: (Caller::Bytes, Flavor::MultiThread),
        optional: true,
    },
    Contender {
        name: "rpc-layered-mt",
        about: "rpc-mt with a layer around the methods that does nothing",
        group: Group::Nats,
        service: (Responder::RpcLayered, Flavor::MultiThread),
        edge: None,
        client: (Caller::Typed, Flavor::MultiThread),
        optional: true,
    },
    Contender {
        name: "http-hyper",
        about: "a hand-written hyper handler around `Client::request`; the yardstick over HTTP",
        group: Group::Http,
        service: (Responder::Rpc, Flavor::CurrentThread),
        edge: Some(Edge::Hyper),
        client: (Caller::Http, Flavor::CurrentThread),
        optional: false,
    },
    Contender {
        name: "http-bridge",
        about: "ours: http-bridge as its program runs it, every check on",
        group: Group::Http,
        service: (Responder::Rpc, Flavor::CurrentThread),
        edge: Some(Edge::Bridge),
        client: (Caller::Http, Flavor::CurrentThread),
        optional: false,
    },
];
