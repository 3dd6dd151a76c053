//! `PONG`: the client is alive.

use crate::session::Session;

#[derive(Debug)]
pub(crate) struct Pong;

impl Pong {
    /// Does not count as activity: a client that only answers pings would
    /// otherwise be pinged half as often.
    pub(crate) fn apply(self, session: &mut Session) {
        session.note_pong();
    }
}
