//! The operations a client can send: their names, and one variant each.
//!
//! What an operation means is in its own file under [`crate::op`].

use super::{Closing, ProtocolError};
use crate::op::{Connect, Ping, Pong, Publish, Sub, Unsub};
use crate::session::Session;

/// The name of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Pub,
    Hpub,
    Ping,
    Pong,
    Sub,
    Unsub,
    Connect,
    Info,
    Ok,
    Err,
}

/// What may follow a verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tail {
    /// Anything, which is skipped up to the line end.
    Skipped,
    /// Arguments, after at least one blank.
    Arguments,
    /// One JSON argument, blank or not.
    Json,
}

impl Verb {
    /// All verbs, the frequent ones first. None begins with another.
    const ALL: [Self; 10] = [
        Self::Pub,
        Self::Hpub,
        Self::Ping,
        Self::Pong,
        Self::Sub,
        Self::Unsub,
        Self::Connect,
        Self::Info,
        Self::Ok,
        Self::Err,
    ];

    /// Reads the verb `input` starts with, in any case; `None` while it could
    /// still become one.
    ///
    /// # Errors
    /// [`ProtocolError::UnknownOperation`], at the first wrong byte.
    pub(crate) fn read(input: &[u8]) -> Result<Option<Self>, ProtocolError> {
        for verb in Self::ALL {
            let name = verb.name();
            let known = name.len().min(input.len());
            if input[..known].eq_ignore_ascii_case(&name[..known]) {
                return Ok((known == name.len()).then_some(verb));
            }
        }
        Err(ProtocolError::UnknownOperation)
    }

    pub(crate) fn name(self) -> &'static [u8] {
        match self {
            Self::Pub => b"PUB",
            Self::Hpub => b"HPUB",
            Self::Ping => b"PING",
            Self::Pong => b"PONG",
            Self::Sub => b"SUB",
            Self::Unsub => b"UNSUB",
            Self::Connect => b"CONNECT",
            Self::Info => b"INFO",
            Self::Ok => b"+OK",
            Self::Err => b"-ERR",
        }
    }

    pub(crate) fn tail(self) -> Tail {
        match self {
            Self::Ping | Self::Pong | Self::Ok => Tail::Skipped,
            Self::Pub | Self::Hpub | Self::Sub | Self::Unsub | Self::Err => Tail::Arguments,
            Self::Connect | Self::Info => Tail::Json,
        }
    }
}

/// One operation of a client, borrowed from the bytes it came in.
#[derive(Debug)]
pub(crate) enum Op<'a> {
    Connect(Box<Connect>),
    Ping(Ping),
    Pong(Pong),
    Sub(Sub<'a>),
    Unsub(Unsub<'a>),
    Publish(Publish<'a>),
    /// `+OK` or `INFO`: meant for clients, harmless here.
    Ignored,
}

impl Op<'_> {
    /// Lets the operation take effect.
    ///
    /// # Errors
    /// Why the connection ends.
    pub(crate) fn apply(self, session: &mut Session) -> Result<(), Closing> {
        match self {
            Self::Connect(connect) => connect.apply(session)?,
            Self::Ping(ping) => ping.apply(session),
            Self::Pong(pong) => pong.apply(session),
            Self::Sub(sub) => sub.apply(session),
            Self::Unsub(unsub) => unsub.apply(session),
            Self::Publish(publish) => publish.apply(session),
            Self::Ignored => {}
        }
        Ok(())
    }
}
