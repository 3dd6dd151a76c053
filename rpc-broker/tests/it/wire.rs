//! A raw connection that sends and expects exact bytes.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

/// Only a failing test waits this long.
const PATIENCE: Duration = Duration::from_secs(10);

/// INFO keys that transcripts show; the others depend on the server.
const SHOWN_INFO_KEYS: [&str; 4] = ["auth_required", "connect_info", "ldm", "remote_account"];

/// One connection to a broker or server.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: TcpStream,
    received: Vec<u8>,
    /// Up to here `received` holds no start of an INFO or PING.
    scanned: usize,
    /// A server pings two seconds after CONNECT: whether a slow machine sees
    /// it must not matter, except where pings are the subject.
    hides_pings: bool,
    first_info: serde_json::Value,
}

impl Wire {
    /// Connects and reads the first INFO.
    pub(crate) fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the server listens");
        stream
            .set_read_timeout(Some(PATIENCE))
            .expect("a positive timeout");
        let mut wire = Self {
            stream,
            received: Vec::new(),
            scanned: 0,
            hides_pings: true,
            first_info: serde_json::Value::Null,
        };
        while !wire.received.ends_with(b"\n") {
            let mut byte = [0];
            wire.stream.read_exact(&mut byte).expect("INFO comes first");
            wire.received.push(byte[0]);
        }
        let json = wire
            .received
            .strip_prefix(b"INFO ")
            .and_then(|rest| rest.strip_suffix(b" \r\n"))
            .expect("INFO, an object, a space and the line end");
        wire.first_info = serde_json::from_slice(json).expect("a JSON object");
        wire.received.clear();
        wire
    }

    /// Connects quietly: no `+OK`, no pedantic checks.
    pub(crate) fn open_quiet(address: SocketAddr) -> Self {
        let mut wire = Self::open(address);
        wire.send(b"CONNECT {\"verbose\":false,\"pedantic\":false}\r\n");
        wire.sync();
        wire
    }

    pub(crate) fn show_pings(&mut self) {
        self.hides_pings = false;
    }

    pub(crate) fn first_info(&self) -> &serde_json::Value {
        &self.first_info
    }

    /// Sends bytes; a connection the server has closed swallows them.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Waits until everything sent so far has taken effect.
    pub(crate) fn sync(&mut self) {
        self.send(b"PING\r\n");
        self.expect(b"PONG\r\n").expect("a PONG");
    }

    /// Reads exactly these bytes.
    pub(crate) fn expect(&mut self, expected: &[u8]) -> Result<(), String> {
        loop {
            let known = self.received.len().min(expected.len());
            let came = &self.received[..known];
            if came == expected {
                self.received.drain(..known);
                self.scanned = self.scanned.saturating_sub(known);
                return Ok(());
            }
            let end = if came != &expected[..known] {
                "instead"
            } else if !self.read_some()? {
                "and the end"
            } else {
                continue;
            };
            return Err(format!(
                "expected\n      {}\n    got {end}\n      {}",
                excerpt(expected),
                excerpt(&self.received)
            ));
        }
    }

    /// Reads this many bytes, whatever they are.
    pub(crate) fn skip(&mut self, mut count: usize) -> Result<(), String> {
        while count > 0 {
            if self.scanned == 0 && self.received.len() < count && !self.read_some()? {
                return Err(format!("the end, {count} bytes early"));
            }
            let known = if self.received.len() < count {
                self.scanned
            } else {
                count
            };
            self.received.drain(..known);
            self.scanned = self.scanned.saturating_sub(known);
            count -= known;
        }
        Ok(())
    }

    /// Reads to the end of the connection.
    pub(crate) fn read_to_end(&mut self) -> Result<Vec<u8>, String> {
        while self.read_some()? {}
        Ok(std::mem::take(&mut self.received))
    }

    /// Stops sending, and returns all that still comes.
    pub(crate) fn finish(&mut self) -> Result<Vec<u8>, String> {
        let _ = self.stream.shutdown(Shutdown::Write);
        self.read_to_end()
    }

    /// Reads once; tells whether there was something before the end.
    fn read_some(&mut self) -> Result<bool, String> {
        let mut chunk = [0; 64 * 1024];
        match self.stream.read(&mut chunk) {
            Ok(0) => Ok(false),
            Ok(count) => {
                self.received.extend_from_slice(&chunk[..count]);
                self.hide_pings();
                self.shorten_infos();
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => Ok(false),
            Err(error) => Err(format!(
                "no more bytes after\n      {}\n    ({error})",
                excerpt(&self.received)
            )),
        }
    }

    fn hide_pings(&mut self) {
        const PING: &[u8] = b"PING\r\n";
        let mut from = self.scanned;
        while let Some(start) = find(&self.received[from..], PING).filter(|_| self.hides_pings) {
            let start = from + start;
            if start == 0 || self.received[start - 1] == b'\n' {
                self.received.drain(start..start + PING.len());
                from = start;
            } else {
                from = start + 1;
            }
        }
    }

    /// Replaces the JSON of INFO by the keys that transcripts show.
    fn shorten_infos(&mut self) {
        const START: &[u8] = b"INFO {";
        const END: &[u8] = b"} \r\n";
        while let Some(start) = find(&self.received[self.scanned..], START) {
            let start = self.scanned + start;
            let Some(length) = find(&self.received[start..], END) else {
                return;
            };
            let json = &self.received[start + START.len() - 1..=start + length];
            let info: serde_json::Value = serde_json::from_slice(json).expect("a JSON object");
            let mut short = b"INFO".to_vec();
            for key in SHOWN_INFO_KEYS {
                if let Some(value) = info.get(key) {
                    short.extend_from_slice(format!(" {key}={value}").as_bytes());
                }
            }
            short.extend_from_slice(b"\r\n");
            self.received
                .splice(start..start + length + END.len(), short);
        }
        self.scanned = self
            .scanned
            .max(self.received.len().saturating_sub(START.len()));
    }
}

/// The first bytes, readable.
fn excerpt(bytes: &[u8]) -> String {
    const SHOWN: usize = 400;
    let shown = bytes[..bytes.len().min(SHOWN)].escape_ascii();
    match bytes.len().checked_sub(SHOWN) {
        None | Some(0) => shown.to_string(),
        Some(more) => format!("{shown} … and {more} more bytes"),
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}
