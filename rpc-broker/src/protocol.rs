//! The NATS wire protocol: bytes to operations and back, without IO.
//!
//! ```text
//! PUB greet.hello _INBOX.7 3\r\nBob\r\n     what a client sends
//! MSG greet.hello 1 _INBOX.7 3\r\nBob\r\n   what a subscriber receives
//! -ERR 'Unknown Protocol Operation'\r\n     what the broker says before it closes
//! ```

mod args;
mod error;
mod info;
mod message;
mod op;
mod parser;

pub(crate) use args::{Args, parse_size};
pub(crate) use error::{Closing, ProtocolError};
pub(crate) use info::{ConnectionInfo, ServerInfo};
pub(crate) use message::{write_error, write_message, write_no_responders};
pub(crate) use op::{Op, Verb};
pub(crate) use parser::{Parser, Rules};
