//! `SUB filter [queue] sid`: a subscription, visible to every other
//! connection before the next operation is read.

use bytes::Bytes;

use crate::protocol::{Args, Closing, ProtocolError};
use crate::session::Session;
use crate::subject;

/// The queue group servers keep to themselves.
const RESERVED_QUEUE: &[u8] = b"_sys_";

#[derive(Debug)]
pub(crate) struct Sub<'a> {
    filter: &'a [u8],
    queue: Option<&'a [u8]>,
    sid: &'a [u8],
}

impl<'a> Sub<'a> {
    pub(crate) fn parse(line: &'a [u8]) -> Result<Self, Closing> {
        match *Args::split_with_returns(line)?.as_slice() {
            [filter, sid] => Ok(Self {
                filter,
                queue: None,
                sid,
            }),
            [filter, queue, sid] => Ok(Self {
                filter,
                queue: Some(queue),
                sid,
            }),
            _ => Err(Closing::Silent("SUB takes two or three arguments")),
        }
    }

    /// Subscribes; a sid already in use keeps its subscription.
    pub(crate) fn apply(self, session: &mut Session) {
        session.note_activity();
        match self.check(session) {
            Err(error) => session.send_error(&error),
            Ok(()) => {
                session.subscribe(
                    Bytes::copy_from_slice(self.filter),
                    self.queue.map(Bytes::copy_from_slice),
                    Bytes::copy_from_slice(self.sid),
                );
                session.send_ok();
            }
        }
    }

    fn check(&self, session: &Session) -> Result<(), ProtocolError> {
        if let Some(queue) = self.queue.filter(|queue| *queue == RESERVED_QUEUE) {
            return Err(ProtocolError::QueueDenied {
                filter: String::from_utf8_lossy(self.filter).into_owned(),
                queue: String::from_utf8_lossy(queue).into_owned(),
            });
        }
        if session.is_at_subscription_limit() {
            return Err(ProtocolError::TooManySubscriptions);
        }
        if !subject::is_filter(self.filter) && !session.has_subscription(self.sid) {
            return Err(ProtocolError::InvalidSubject);
        }
        Ok(())
    }
}
