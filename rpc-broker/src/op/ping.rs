//! `PING`: answered in order, so a PONG proves that all before it took effect.

use bytes::BufMut;

use crate::session::Session;

#[derive(Debug)]
pub(crate) struct Ping;

impl Ping {
    pub(crate) fn apply(self, session: &mut Session) {
        session.note_activity();
        session.send(|buffer| buffer.put_slice(b"PONG\r\n"));
        session.send_connect_info_once();
    }
}
