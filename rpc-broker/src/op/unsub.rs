//! `UNSUB sid [max]`: the end of a subscription, now or after `max` messages.

use crate::protocol::{Args, Closing, parse_size};
use crate::session::Session;

#[derive(Debug)]
pub(crate) struct Unsub<'a> {
    sid: &'a [u8],
    /// Zero means now, and so does a number that cannot be read.
    max: u64,
}

impl<'a> Unsub<'a> {
    pub(crate) fn parse(line: &'a [u8]) -> Result<Self, Closing> {
        match *Args::split_with_returns(line)?.as_slice() {
            [sid] => Ok(Self { sid, max: 0 }),
            [sid, max] => Ok(Self {
                sid,
                max: parse_size(max).unwrap_or_default() as u64,
            }),
            _ => Err(Closing::Silent("UNSUB takes one or two arguments")),
        }
    }

    /// Unsubscribes; an unknown sid is fine.
    pub(crate) fn apply(self, session: &mut Session) {
        session.note_activity();
        session.unsubscribe(self.sid, self.max);
        session.send_ok();
    }
}
