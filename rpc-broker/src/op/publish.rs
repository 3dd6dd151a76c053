//! `PUB subject [reply] size` and `HPUB subject [reply] header-size size`.

use crate::protocol::{Args, Closing, ProtocolError, parse_size};
use crate::session::Session;
use crate::subject;

/// Subjects that servers of a cluster publish to, not clients.
const RESERVED_SUBJECTS: [&[u8]; 2] = [b"_GR_.", b"$NRG."];

/// Reply subjects that servers make, not clients.
const RESERVED_REPLIES: [&[u8]; 3] = [b"_R_.", b"_GR_.", b"$JS.ACK."];

/// A message on its way to subscribers.
#[derive(Debug)]
pub(crate) struct Publish<'a> {
    pub(crate) subject: &'a [u8],
    pub(crate) reply: Option<&'a [u8]>,
    pub(crate) header: Option<Header<'a>>,
    /// The size of headers and payload together.
    pub(crate) size: usize,
    /// The same, as the publisher wrote it.
    pub(crate) size_digits: &'a [u8],
    /// Headers, if any, and payload; filled in once they have arrived.
    pub(crate) body: &'a [u8],
}

/// The part of the body that holds headers.
#[derive(Debug)]
pub(crate) struct Header<'a> {
    pub(crate) len: usize,
    /// The length as the publisher wrote it.
    pub(crate) len_digits: &'a [u8],
}

impl<'a> Publish<'a> {
    /// Reads the control line of a PUB.
    pub(crate) fn parse(line: &'a [u8]) -> Result<Self, Closing> {
        match *Args::split(line)?.as_slice() {
            [subject, size] => Self::new(subject, None, None, size),
            [subject, reply, size] => Self::new(subject, Some(reply), None, size),
            _ => Err(Closing::Silent("PUB takes two or three arguments")),
        }
    }

    /// Reads the control line of an HPUB, which only a client that announced
    /// headers may send.
    pub(crate) fn parse_with_header(line: &'a [u8], announced: bool) -> Result<Self, Closing> {
        if !announced {
            return Err(Closing::Silent("HPUB without announcing headers"));
        }
        match *Args::split(line)?.as_slice() {
            [subject, header, size] => Self::new(subject, None, Some(header), size),
            [subject, reply, header, size] => Self::new(subject, Some(reply), Some(header), size),
            _ => Err(Closing::Silent("HPUB takes three or four arguments")),
        }
    }

    fn new(
        subject: &'a [u8],
        reply: Option<&'a [u8]>,
        header: Option<&'a [u8]>,
        size_digits: &'a [u8],
    ) -> Result<Self, Closing> {
        const BAD_SIZE: Closing = Closing::Silent("the size is not a number");
        let size = parse_size(size_digits).ok_or(BAD_SIZE)?;
        let header = header
            .map(|len_digits| {
                let len = parse_size(len_digits).ok_or(BAD_SIZE)?;
                Ok::<_, Closing>(Header { len, len_digits })
            })
            .transpose()?;
        if header.as_ref().is_some_and(|header| header.len > size) {
            return Err(Closing::Silent("the headers are larger than the message"));
        }
        Ok(Self {
            subject,
            reply,
            header,
            size,
            size_digits,
            body: b"",
        })
    }

    /// Routes the message to all it reaches.
    pub(crate) fn apply(self, session: &mut Session) {
        session.note_activity();
        if session.is_pedantic() && !subject::is_literal(self.subject) {
            // Delivered all the same, as stock servers do.
            session.send_error(&ProtocolError::InvalidPublishSubject);
        }
        match self.check_reserved() {
            Err(error) => session.send_error(&error),
            Ok(()) => {
                session.send_ok();
                session.route(&self);
            }
        }
    }

    fn check_reserved(&self) -> Result<(), ProtocolError> {
        let lossy = |subject| String::from_utf8_lossy(subject).into_owned();
        if starts_with_any(self.subject, &RESERVED_SUBJECTS) {
            return Err(ProtocolError::PublishDenied(lossy(self.subject)));
        }
        match self.reply {
            Some(reply) if starts_with_any(reply, &RESERVED_REPLIES) => {
                Err(ProtocolError::ReplyDenied(lossy(reply)))
            }
            _ => Ok(()),
        }
    }
}

fn starts_with_any(subject: &[u8], prefixes: &[&[u8]]) -> bool {
    prefixes.iter().any(|prefix| subject.starts_with(prefix))
}
